"""`logmon replay --dry-run`: the items that rules would make of a recording; nothing is written.

Exit code 1 says that the items are not those of `--expect`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import numpy as np

from logmon.console import quiet_stdout
from logmon.errors import ConfigError
from logmon.event import encode_json
from logmon.rule_files import read_rules, rules_of
from logmon.sentinel.rehearsal import Rehearsal, differences, recorded
from logmon.visible import visible
from logmon.work_item import PRIORITY_MARK, to_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from logmon.batch import Batch
    from logmon.config import Config
    from logmon.event import LogEvent
    from logmon.filter import LogFilter
    from logmon.sentinel.rehearsal import Difference
    from logmon.source import LogEventSource
    from logmon.work_item import WorkItem

_SHOWN_DIFFERENCES = 20


def check_flags(given: Mapping[str, Any]) -> None:
    """Refuse flags that a dry run cannot keep.

    Raises:
        ConfigError: a flag contradicts `--dry-run`, or needs it.
    """
    if not given["dry_run"]:
        for flag in ("diff_rules", "expect"):
            if given[flag]:
                name = f"--{flag.replace('_', '-')}"
                raise ConfigError("needs --dry-run", where=name, hint="add --dry-run")
        return
    for flag, value in (
        ("--store", given["store"]),
        ("--follow", given["follow"]),
        ("--tui", given["tui"]),
    ):
        if value:
            raise ConfigError("contradicts --dry-run", where=flag, hint="leave one of them out")
    if given["output"] == "raw":
        raise ConfigError("items have no raw form", where="--output", hint="text or json")


def dry_run(
    given: Mapping[str, Any],
    config: Config,
    source: LogEventSource,
    log_filter: LogFilter,
    *,
    last: int | None,
) -> int:
    """Rehearse the rules on a source, print the items, and return the exit code.

    Of the events that pass, only the `last` so many are judged; None is all.

    Raises:
        ConfigError: a rule file, or the expected items, cannot be read.
        SourceError: the recording cannot be read.
    """
    rules = read_rules(given["rules"]) if given["rules"] else rules_of(config.sentinel)
    new = Rehearsal(rules)
    old = Rehearsal(read_rules(given["diff_rules"])) if given["diff_rules"] else None
    expected = _expected(given["expect"]) if given["expect"] else None
    judging = [new] if old is None else [new, old]
    dead = asyncio.run(_feed(source, log_filter, judging, last=last))
    as_json = given["output"] == "json"
    if old is not None:
        _print(_differences(differences(old.records(), new.records()), as_json=as_json))
    else:
        _print(_items(new.items(), as_json=as_json))
    if dead:
        sys.stderr.write(f"logmon: {dead} malformed records became dead letters\n")
    return 0 if expected is None else _compare(expected, new.items(), given["expect"])


async def _feed(
    source: LogEventSource,
    log_filter: LogFilter,
    rehearsals: Sequence[Rehearsal],
    *,
    last: int | None,
) -> int:
    """Read a source to its end; return how many records became dead letters."""
    kept: deque[LogEvent] = deque(maxlen=last)
    seq = dead = 0
    async with aclosing(source.observe()) as arrivals:  # type: ignore[type-var]
        async for arrival in arrivals:
            dead += len(arrival.rejected)
            if arrival.batch is None:
                continue
            if last is not None:
                kept.extend(_passing(arrival.batch, log_filter))
                continue
            rows = list(recorded(_passing(arrival.batch, log_filter), seq))
            seq += len(rows)
            for rehearsal in rehearsals:
                rehearsal.feed(rows)
    if kept:
        rows = list(recorded(kept, seq))
        for rehearsal in rehearsals:
            rehearsal.feed(rows)
    return dead


def _passing(batch: Batch, log_filter: LogFilter) -> Iterator[LogEvent]:
    for row in np.flatnonzero(log_filter.mask(batch.columns)).tolist():
        event = batch.event(row)
        if log_filter.matches_rest(event):
            yield event


def _expected(path: Path) -> list[dict[str, Any]]:
    """Read items as `--dry-run -o json` prints them: one a line, or all in one JSON array."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        raise ConfigError(reason, where=f"--expect {path}") from None
    try:
        if text.lstrip().startswith("["):
            found = json.loads(text)
        else:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is no JSON: {error}", where=f"--expect {path}") from None
    if not all(isinstance(item, dict) and {"id", "title"} <= item.keys() for item in found):
        raise ConfigError("holds no items", where=f"--expect {path}", hint="see --dry-run -o json")
    return list(found)


def _compare(expected: list[dict[str, Any]], items: list[WorkItem], path: Path) -> int:
    """Say on stderr what is not as expected; return the exit code."""
    found = [json.loads(encode_json(to_document(item))) for item in items]
    if found == expected:
        return 0
    lines = list(_unlike(expected, found))
    sys.stderr.write(f"logmon: the items are not those of {visible(str(path))}:\n")
    for line in lines[:_SHOWN_DIFFERENCES]:
        sys.stderr.write(f"  {visible(line)}\n")
    if len(lines) > _SHOWN_DIFFERENCES:
        sys.stderr.write(f"  … and {len(lines) - _SHOWN_DIFFERENCES} more\n")
    return 1


def _unlike(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> Iterator[str]:
    wanted = {str(item.get("id")): item for item in expected}
    there = {str(item["id"]): item for item in found}
    for name in dict.fromkeys((*wanted, *there)):
        one, other = wanted.get(name), there.get(name)
        if one is None:
            yield f"+ {name} is not expected: {there[name]['title']}"
        elif other is None:
            yield f"- {name} is missing: {one.get('title')}"
        else:
            for key in dict.fromkeys((*one, *other)):
                if one.get(key) != other.get(key):
                    yield f"~ {name}: {key} is {other.get(key)!r}, expected {one.get(key)!r}"
    if not any(wanted.get(name) != there.get(name) for name in (*wanted, *there)):
        yield "the order of the items, or one that is there twice"


def _items(items: Sequence[WorkItem], *, as_json: bool) -> Iterator[str]:
    for item in items:
        yield encode_json(to_document(item)).decode() if as_json else _line(item)


def _differences(found: Sequence[Difference], *, as_json: bool) -> Iterator[str]:
    for difference in found:
        if as_json:
            yield encode_json(difference.document()).decode()
            continue
        item = difference.after or difference.before
        sign = {"added": "+", "removed": "-", "changed": "~"}[difference.change]
        assert item is not None  # noqa: S101 - one of the two is there
        yield f"{sign} {_line(item)}{_changes(difference)}"


def _changes(difference: Difference) -> str:
    parts = [
        f"{name} {getattr(difference.before, name)} → {getattr(difference.after, name)}"
        for name in difference.fields
        if name != "event_ids"
    ]
    return f"  ({', '.join(parts)})" if parts else ""


def _line(item: WorkItem) -> str:
    seen = item.first_seen.strftime("%Y-%m-%d %H:%M:%S")
    part = f"  (part of {item.part_of})" if item.part_of else ""
    return (
        f"{item.id:<8} {PRIORITY_MARK[item.priority]:<5} ×{item.count:<6} {seen}  "
        f"{item.rule:<12} {item.source:<12} {item.title}{part}"
    )


def _print(lines: Iterator[str]) -> None:
    terminal = sys.stdout.isatty()
    try:
        for line in lines:
            shown = visible(line) if not line.startswith("{") else line
            if terminal and line.startswith("{"):
                shown = json.dumps(json.loads(line), separators=(",", ":"))
            sys.stdout.buffer.write(shown.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:
        quiet_stdout()
