"""What `logmon patterns` prints: the templates of recorded logs, or each event with its template.

Templates widen while messages come, so nothing is printed before all was read: lines of one group
carry one id. Held meanwhile: a count for each template, and with `--by-line` the bytes read.
"""

from __future__ import annotations

import asyncio
import json
import sys
from array import array
from collections import Counter
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.batch import events_of
from logmon.config import load_config
from logmon.console import quiet_stdout
from logmon.errors import ConfigError, PermanentSourceError
from logmon.event import LogEvent, encode, rfc3339
from logmon.level import Level
from logmon.moments import parse_zone
from logmon.sources.inputs import expand
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.template import TemplateMiner, template_id
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from logmon.batch import Batch


class TemplateSummary(msgspec.Struct):
    """What is known of one template."""

    template: str
    first_seen: datetime
    last_seen: datetime
    count: int = 0
    levels: Counter[Level] = msgspec.field(default_factory=Counter)

    def absorb(self, other: TemplateSummary) -> None:
        """Add what is known of a template that became part of this one."""
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_seen = max(self.last_seen, other.last_seen)
        self.count += other.count
        self.levels += other.levels


class TemplateReport:
    """Groups batches of events; answers when all were added."""

    def __init__(self, *, keep_lines: bool = False) -> None:
        self._miner = TemplateMiner()
        self._places: dict[str, int] = {}
        self._found: list[TemplateSummary] = []
        self._merges: dict[str, str] = {}
        self._keep = keep_lines
        self._batches: list[Batch] = []
        self._rows = array("I")

    def add(self, batch: Batch) -> None:
        """Group a batch; an event that carries a template belongs to that one."""
        for event in events_of(batch):
            template = event.message_template or self._miner.template(event.message)
            place = self._places.get(template)
            if place is None:
                place = self._places[template] = len(self._found)
                self._found.append(TemplateSummary(template, event.timestamp, event.timestamp))
            _count(self._found[place], event)
            if self._keep:
                self._rows.append(place)
        if self._keep:
            self._batches.append(batch)
        self._merges.update(self._miner.merges())

    def summaries(self) -> list[TemplateSummary]:
        """Return the templates as they are now, the most frequent first."""
        final: dict[str, TemplateSummary] = {}
        for found in self._found:
            name = self._final(found.template)
            if name not in final:
                final[name] = TemplateSummary(name, found.first_seen, found.last_seen)
            final[name].absorb(found)
        return sorted(final.values(), key=lambda found: (-found.count, found.template))

    def lines(self) -> Iterator[tuple[LogEvent, str]]:
        """Yield each event with its template, in the order they were added."""
        names = [self._final(found.template) for found in self._found]
        events = (event for batch in self._batches for event in events_of(batch))
        for event, place in zip(events, self._rows, strict=True):
            yield event, names[place]

    def _final(self, template: str) -> str:
        while template in self._merges:
            template = self._merges[template]
        return template


def _count(found: TemplateSummary, event: LogEvent) -> None:
    found.count += 1
    found.levels[event.level] += 1
    found.first_seen = min(found.first_seen, event.timestamp)
    found.last_seen = max(found.last_seen, event.timestamp)


def print_patterns(given: Mapping[str, Any], env: Mapping[str, str]) -> None:
    """Read the files that the flags name and print their templates.

    Raises:
        ConfigError: a flag or the configuration is wrong.
        PermanentSourceError: a file cannot be read.
    """
    if given["output"] not in (None, "text", "json"):
        raise ConfigError(
            f"{given['output']!r} is no output form", where="--output", hint="text or json"
        )
    config = load_config(given["config"], env)
    try:
        expand(given["files"])
    except PermanentSourceError as error:
        raise ConfigError(str(error), hint="check the name") from None
    reading = ReplayOptions(input_format=given["input_format"], levels=config.levels)
    report = TemplateReport(keep_lines=given["by_line"])
    refused = asyncio.run(_read(ReplaySource(given["files"], reading=reading), report))
    if given["by_line"]:
        lines = _by_line(report)
    elif given["output"] == "json":
        lines = map(_as_json, report.summaries())
    else:
        lines = _as_text(report.summaries(), parse_zone(config.tail.timezone))
    ascii_only = sys.stdout.isatty() and (given["by_line"] or given["output"] == "json")
    try:
        for line in lines:
            sys.stdout.buffer.write((_escaped(line) if ascii_only else line) + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:
        quiet_stdout()
    if refused:
        sys.stderr.write(f"logmon: {refused} lines could not be read\n")


async def _read(source: ReplaySource, report: TemplateReport) -> int:
    """Add everything that a source has; return how many lines were refused."""
    refused = 0
    async with aclosing(source.observe()) as arrivals:
        async for arrival in arrivals:
            refused += len(arrival.rejected)
            if arrival.batch is not None:
                report.add(arrival.batch)
    return refused


def _by_line(report: TemplateReport) -> Iterator[bytes]:
    """Return each event's canonical JSON with two more keys."""
    tails: dict[str, bytes] = {}
    for event, template in report.lines():
        tail = tails.get(template)
        if tail is None:
            more = {"template_id": template_id(template), "template": template}
            tail = tails[template] = b"," + msgspec.json.encode(more)[1:]
        yield encode(event)[:-1] + tail


def _as_json(found: TemplateSummary) -> bytes:
    return msgspec.json.encode(
        {
            "template_id": template_id(found.template),
            "template": found.template,
            "count": found.count,
            "first_seen": rfc3339(found.first_seen),
            "last_seen": rfc3339(found.last_seen),
            "levels": {level.label: found.levels[level] for level in sorted(found.levels)},
        }
    )


def _as_text(found: list[TemplateSummary], zone: tzinfo) -> Iterator[bytes]:
    """Return a table: count, first and last seen, levels (the worst first), id, template."""
    levels = [
        " ".join(f"{level.label}:{one.levels[level]}" for level in sorted(one.levels, reverse=True))
        for one in found
    ]
    width = max([len("levels"), *map(len, levels)])
    head = f"{'count':>9}  {'first seen':19}  {'last seen':19}  {'levels':{width}}"
    yield f"{head}  {'id':12}  template".encode()
    for one, level in zip(found, levels, strict=True):
        first, last = (
            moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
            for moment in (one.first_seen, one.last_seen)
        )
        name = template_id(one.template)
        line = f"{one.count:>9}  {first}  {last}  {level:{width}}  {name}  {visible(one.template)}"
        yield line.encode("utf-8", "backslashreplace")


def _escaped(line: bytes) -> bytes:
    """Return a JSON line with every character beyond ASCII escaped, for a terminal."""
    escaped = json.dumps(json.loads(line), separators=(",", ":"))
    return escaped.replace("\x7f", "\\u007f").encode()
