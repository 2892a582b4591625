"""`logmon sentinel explain`: why an event became work, or why not, from a store, a file, a pipe.

An event of the store is told as it was judged. A line of a file is told as a replay of the file
would judge it, every line before it included. A line on standard input is told as if it came now.
"""

from __future__ import annotations

import asyncio
import bz2
import gzip
import lzma
import os
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.batch import events_of
from logmon.configured import store_path
from logmon.errors import ConfigError, PermanentSourceError, StoreError
from logmon.event import LogEvent, encode_json, rfc3339
from logmon.hub import LogEventHub
from logmon.rule_files import read_rules, rules_of
from logmon.runtime import LogMonitorService
from logmon.sentinel.pipeline import Sentinel
from logmon.sentinel.rehearsal import recorded
from logmon.sources.inputs import STDIN
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.verdict import Verdict, to_document

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from logmon.config import Config
    from logmon.segment import Delivery
    from logmon.source import Arrival

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_SIGNS = {True: "✓", False: "✗"}


class Explained(msgspec.Struct, frozen=True):
    """An event and its verdict."""

    event: LogEvent
    verdict: Verdict


def explain(
    config: Config, asked: str, *, rules: Path | None, input_format: str
) -> list[Explained]:
    """Return the verdict on an event id of the store, on `FILE:LINE`, or on each line of `-`.

    Raises:
        ConfigError: there is no such event, file or line, or the line is no event.
        StoreError: the store cannot be read.
    """
    wanted = read_rules(rules) if rules else rules_of(config.sentinel)
    reading = ReplayOptions(input_format=input_format, levels=config.levels)
    if asked == STDIN:
        return asyncio.run(_of_lines(config, wanted, reading))
    path, _, number = asked.rpartition(":")
    if path and number.isdecimal() and Path(path).exists():
        return [asyncio.run(_of_line(path, int(number), Sentinel(wanted), reading))]
    return [_of_store(config, asked, Sentinel(wanted))]


# --- an event of the store --------------------------------------------------------------------


def _of_store(config: Config, event_id: str, sentinel: Sentinel) -> Explained:
    from logmon.store.journal import open_reader

    path = store_path(config)
    try:
        store = open_reader(path)
    except StoreError as error:
        hint = "give FILE:LINE, or a line of JSON on standard input"
        raise ConfigError(f"{event_id!r} is no file, and {error}", hint=hint) from None
    service = LogMonitorService(LogEventHub(), [], sentinel=sentinel, store=store)
    try:
        service.take_up()
        after, blocks = -1, store.read_now(-1, 10_000)
        while blocks:
            for block in blocks:
                for row, event in enumerate(events_of(block.batch)):
                    if event.id == event_id:
                        service.hub.show_block(block)
                        seq = block.first_seq + row
                        return Explained(event, service.explain(event, seq=seq))
                after = block.first_seq + len(block.batch) - 1
            blocks = store.read_now(after, 10_000)
    finally:
        service.close_store()
    raise ConfigError(f"there is no event {event_id!r} in {path}", hint="`tail -o json` shows ids")


# --- a line of a file -------------------------------------------------------------------------


async def _of_line(path: str, number: int, sentinel: Sentinel, reading: ReplayOptions) -> Explained:
    place = f"{path}:{number}"
    wanted = await _event_of_line(path, number, reading, place)
    async for row in _rows(ReplaySource([path], reading=reading), place):
        if row.seq < wanted:
            sentinel.process([] if row.is_own else [row])
        elif row.is_own:
            remark = "logmon wrote this row itself; rules never hear it"
            return Explained(row.event, Verdict(row.event.id, "", "", False, True, (), remark))
        else:
            link = sentinel.process([row]).links.get(row.seq)
            return Explained(row.event, sentinel.explain(row.event, seq=row.seq, link=link))
    raise ConfigError("there is no event", where=place)


async def _rows(source: ReplaySource, place: str) -> AsyncGenerator[Delivery, None]:
    seq = 0
    try:
        async with aclosing(source.observe()) as arrivals:
            async for arrival in arrivals:
                if arrival.batch is not None:
                    for row in recorded(events_of(arrival.batch), seq):
                        yield row
                    seq += len(arrival.batch)
    except PermanentSourceError as error:
        raise ConfigError(str(error), where=place) from None


async def _event_of_line(path: str, number: int, reading: ReplayOptions, place: str) -> int:
    """Return which event of a file, from 0, a line belongs to: the file is read up to there."""
    if number < 1:
        raise ConfigError("lines are numbered from 1", where=place)
    opened = _OPENERS.get(Path(path).suffix, open)
    with tempfile.TemporaryFile() as head, opened(path, "rb") as file:
        start = 0
        for count in range(1, number + 1):
            line = file.readline()
            if not line:
                raise ConfigError(f"the file has {count - 1} lines", where=place)
            if count == number:
                start = head.tell()
            head.write(line)
        if not line.strip():
            raise ConfigError("the line is empty", where=place)
        head.seek(0)
        events, letter = 0, None
        async for arrival in _arrivals(head.fileno(), reading):
            events += 0 if arrival.batch is None else len(arrival.batch)
            letter = next(iter(arrival.rejected[::-1]), letter)
    if letter is not None and (letter.offset or 0) >= start:
        raise ConfigError(f"is no event but a dead letter: {letter.reason}", where=place)
    return events - 1


async def _arrivals(fd: int, reading: ReplayOptions) -> AsyncGenerator[Arrival, None]:
    source = ReplaySource([STDIN], reading=reading, stdin_fd=os.dup(fd))
    async with aclosing(source.observe()) as arrivals:
        async for arrival in arrivals:
            yield arrival


# --- lines on standard input ------------------------------------------------------------------


async def _of_lines(config: Config, rules: Any, reading: ReplayOptions) -> list[Explained]:
    """Explain each event of standard input as if it came now, one after another."""
    from logmon.store.journal import open_reader

    sentinel = Sentinel(rules)
    path = store_path(config)
    if path.exists():
        store = open_reader(path)
        LogMonitorService(LogEventHub(), [], sentinel=sentinel, store=store).take_up()
        store.close()
    found = []
    async for row in _rows(ReplaySource([STDIN], reading=reading), "standard input"):
        found.append(Explained(row.event, sentinel.explain(row.event)))
        sentinel.process([row])
    if not found:
        raise ConfigError(
            "there is no event on standard input", hint="pipe a line of a log into it"
        )
    return found


# --- what is printed --------------------------------------------------------------------------


def as_lines(found: list[Explained], *, json: bool) -> Iterator[str]:
    """Yield what is printed: one JSON object a verdict, or a few lines for people."""
    for one in found:
        if json:
            yield encode_json(to_document(one.verdict)).decode()
        else:
            yield from _text(one.event, one.verdict)


def _text(event: LogEvent, verdict: Verdict) -> Iterator[str]:
    yield f"event     {event.id}"
    yield f"          {rfc3339(event.timestamp)} {event.level.label} {event.source}"
    yield f"          {event.message}"
    if verdict.template:
        origin = "carried by the event" if verdict.carried else "mined"
        yield f"template  {verdict.template}  ({origin}, {verdict.template_id})"
    if verdict.remark:
        yield verdict.remark
    width = max((len(rule.rule) for rule in verdict.rules), default=0)
    for rule in verdict.rules:
        yield f"{'◆' if rule.item else '·'} {rule.rule.ljust(width)}  {rule.text}"
        for clause in rule.clauses:
            yield f"    {_SIGNS[clause.holds]} {clause.clause:<28}  {clause.seen}"
