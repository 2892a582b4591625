"""What the Stats view says: the account of every row, the log, its readers; no Textual here.

Lines are pairs of text and the name of a style, so that what is said can be read in a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.tui.spark import local, size_text
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from logmon.event_log import EventLog, Snapshot
    from logmon.hub import HubStatistics
    from logmon.intake import SourceStatistics
    from logmon.subscription import ReaderStatistics

Line = list[tuple[str, str]]
"""Spans: text, and the palette's name of its style."""

PARTS = ("stored", "filtered", "dropped", "dead_lettered", "in_flight")
HEADS = ("stored", "filtered", "dropped", "dead", "in flight")
WIDE_FROM = 92
"""Cells that the account needs to stand in one line."""


def account_lines(sources: Mapping[str, SourceStatistics], width: int) -> Iterator[Line]:
    """Yield the identity for each source: received is the sum of its parts, or by how much not."""
    yield [("accounting", "bold"), (" · every row that was received is somewhere", "dim")]
    if width >= WIDE_FROM:
        heads = "   ".join(f"{head:>10}" for head in HEADS)
        yield [(f"  {'source':<14}{'received':>12} = {heads}   {'repeats':>9}", "dim")]
    for name, source in sources.items():
        yield from _wide(name, source) if width >= WIDE_FROM else _narrow(name, source)
    if not sources:
        yield [("  no source is configured", "dim")]


def _figure(part: str, count: int) -> str:
    if part == "dropped" and count:
        return "bad"
    return "warn" if part == "dead_lettered" and count else "text"


def _verdict(source: SourceStatistics) -> tuple[str, str]:
    if source.difference == 0:
        return " ✓", "good"
    return f" ✗ off by {source.difference:,}", "bad"


def _wide(name: str, source: SourceStatistics) -> Iterator[Line]:
    line: Line = [(f"  {visible(name[:14]):<14}", "source"), (f"{source.received:>12,}", "text")]
    for place, part in enumerate(PARTS):
        count = getattr(source, part)
        line += [(" = " if place == 0 else " + ", "dim"), (f"{count:>10,}", _figure(part, count))]
    yield [*line, (f"   {source.duplicates:>9,}", "dim"), _verdict(source)]


def _narrow(name: str, source: SourceStatistics) -> Iterator[Line]:
    yield [(f"  {visible(name[:30])}", "source")]
    yield [(f"    {source.received:>12,} received", "text"), _verdict(source)]
    for place, (part, head) in enumerate(zip(PARTS, HEADS, strict=True)):
        count = getattr(source, part)
        sign = "=" if place == 0 else "+"
        yield [(f"  {sign} {count:>12,} {head}", _figure(part, count))]
    yield [(f"    {source.duplicates:>12,} repeats, counted apart", "dim")]


def log_lines(
    log: EventLog,
    snapshot: Snapshot,
    tail: tuple[int, int],
    ends: tuple[int, int] | None,
    zone: tzinfo,
) -> Iterator[Line]:
    """Yield what is held, between which times, what was evicted, and what the filter hides.

    `tail` is how many rows are shown, and of how many: of those that came since none is drawn.
    """
    shown, drawn = tail
    held = len(snapshot)
    yield [("log", "bold")]
    yield [
        (f"  {held:>12,} rows held", "text"),
        (f" of at most {log.max_rows:,}", "dim"),
        (f" · {size_text(log.nbytes)} of about {size_text(log.max_bytes)}", "dim"),
    ]
    later = f" + {held - drawn:,} not drawn yet" if held > drawn else ""
    hidden = f" + {drawn - shown:,} hidden by the filter{later}"
    yield [(f"= {shown:>12,} shown", "text"), (hidden, "text")]
    evicted = snapshot.first_seq - log.began_at
    yield [(f"  {evicted:>12,} rows evicted", "text"), (" since the log began", "dim")]
    if ends is not None:
        first, last = (f"{local(moment, zone):%Y-%m-%d %H:%M:%S}" for moment in ends)
        yield [(f"  from {first} to {last}", "dim")]


def reader_lines(readers: tuple[ReaderStatistics, ...]) -> Iterator[Line]:
    """Yield each reader's figures."""
    yield [
        ("readers", "bold"),
        (" · passed + skipped + missed + pending = rows since it began", "dim"),
    ]
    for reader in readers:
        missed = (f"{reader.missed:,} missed", "bad" if reader.missed else "dim")
        yield [
            (f"  {visible(reader.name[:14]):<14}", "source"),
            (f"{reader.passed:,} passed + {reader.skipped:,} skipped + ", "text"),
            missed,
            (f" + {reader.pending:,} pending", "text"),
        ]
    if not readers:
        yield [("  none: the screen reads the log itself and misses nothing", "dim")]


def stats_lines(
    statistics: HubStatistics,
    log: EventLog,
    snapshot: Snapshot,
    *,
    tail: tuple[int, int],
    ends: tuple[int, int] | None,
    zone: tzinfo,
    width: int,
) -> list[Line]:
    """Return the whole page."""
    return [
        *account_lines(statistics.sources, width),
        [("", "text")],
        *log_lines(log, snapshot, tail, ends, zone),
        [("", "text")],
        *reader_lines(statistics.readers),
    ]
