"""What the Stats view says of rules: what each matched, opened, joined, suppressed, failed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from logmon.sentinel.statistics import RuleStatistics
    from logmon.tui.stats import Line

COLUMN = 10


def rule_lines(rules: Mapping[str, RuleStatistics]) -> Iterator[Line]:
    """Yield a heading and a line for each rule; nothing where there are none."""
    if not rules:
        return
    yield []
    yield [("rules", "bold"), (" · matched = fired + joined + repeated + suppressed", "dim")]
    names = [field.name for field in msgspec.structs.fields(next(iter(rules.values())))]
    yield [(f"  {'rule':<20}" + "".join(f"{name:>{COLUMN + 1}}" for name in names), "dim")]
    for name, counts in rules.items():
        line: Line = [(f"  {visible(name[:20]):<20}", "source")]
        for field in names:
            count = getattr(counts, field)
            bad = count and field in ("errors", "noise")
            line.append((f"{count:>{COLUMN + 1},}", "bad" if bad else "text"))
        yield line
