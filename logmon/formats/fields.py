"""From named fields to an event: which keys hold time, level, source, message and the rest.

One reader for every dialect that has keys. What is not read as something else is an attribute:
nothing of a line is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.errors import MalformedEvent
from logmon.formats.syslog import SEVERITIES
from logmon.formats.times import read_time
from logmon.level import Level

if TYPE_CHECKING:
    from datetime import datetime

    from logmon.event import LogEvent
    from logmon.formats.line import Line

_DURATION = re.compile(r"[\d.]+ ?(?:ns|us|µs|μs|ms|s|m|min|h)")
_DURATION_BELOW = 100_000_000
"""A number under `time` that would lie before 1973 is how long something took."""
_TENS = {1: Level.TRACE, 2: Level.DEBUG, 3: Level.INFO, 4: Level.WARN, 5: Level.ERROR,
         6: Level.EMERGENCY}  # fmt: skip


def syslog_or_tens(number: int) -> Level | None:
    """Return the level of syslog's 0 to 7, or of pino's and bunyan's 10 to 60."""
    return SEVERITIES[number] if 0 <= number <= 7 else tens(number)


def tens(number: int) -> Level | None:
    """Return the level of a number as pino and bunyan count: 30 is info, 60 fatal."""
    return _TENS.get(number // 10)


class Keys(msgspec.Struct, frozen=True):
    """Where a dialect keeps what, the first that is there wins. Dots reach into nested objects."""

    times: tuple[str, ...] = (
        "timestamp", "time", "@timestamp", "ts", "@t",
        "datetime", "date", "asctime", "eventTime", "Timestamp", "Time",
    )  # fmt: skip
    levels: tuple[str, ...] = (
        "level", "severity", "status", "log.level", "levelname", "priority",
        "lvl", "loglevel", "Level", "Severity",
    )  # fmt: skip
    sources: tuple[str, ...] = ("source", "service", "service.name", "logger", "name")
    messages: tuple[str, ...] = (
        "message", "msg", "event", "body", "short_message", "textPayload", "Message",
    )  # fmt: skip
    templates: tuple[str, ...] = (
        "message_template", "messageTemplate", "message.template", "@mt", "MessageTemplate",
    )  # fmt: skip
    hosts: tuple[str, ...] = ("host", "hostname", "host.name", "host.hostname")
    traces: tuple[str, ...] = ("trace_id", "traceId", "trace.id", "dd.trace_id")
    spans: tuple[str, ...] = ("span_id", "spanId", "span.id", "dd.span_id")
    tags: tuple[str, ...] = ("tags", "ddtags")
    ids: tuple[str, ...] = ()
    numbers: Callable[[int], Level | None] = syslog_or_tens


_VAGUE = frozenset(
    {"status", "priority", "Level", "Severity", "loglevel",
     "datetime", "date", "asctime", "eventTime", "Timestamp", "Time", "t"}
)  # fmt: skip
"""Words that mean other things too (`status: 200`): what cannot be read there is an attribute."""


_ROOTS = frozenset(
    name.partition(".")[0]
    for names in (Keys().levels, Keys().sources, Keys().templates, Keys().hosts, Keys().traces,
                  Keys().spans)
    for name in names if "." in name
)  # fmt: skip
"""Objects whose members may be meant by a dotted name."""


class Fields:
    """The fields of one line; each is taken once, what is left are the attributes."""

    def __init__(self, document: dict[str, Any], line: Line, keys: Keys) -> None:
        self._document = document
        self._line = line
        self._keys = keys
        self._nested = {
            f"{root}.{name}": value
            for root in _ROOTS.intersection(document)
            if isinstance(document[root], dict)
            for name, value in document[root].items()
        }

    def event(self) -> LogEvent:
        """Make the event.

        Raises:
            MalformedEvent: the time or the level cannot be read.
        """
        keys = self._keys
        timestamp, level = self._time(), self._level()
        message = self._message()
        template = self._text(keys.templates)
        source, host = self._text(keys.sources), self._text(keys.hosts)
        trace_id, span_id = self._text(keys.traces), self._text(keys.spans)
        event_id, work_item = self._text(keys.ids), self._text(("work_item",))
        tags = self._tags()
        return self._line.event(
            self._line.text if message is None else message,
            timestamp=timestamp,
            level=level,
            source=source,
            event_id=event_id,
            message_template=template,
            attributes=self._attributes(),
            tags=tags,
            host=host,
            trace_id=trace_id,
            span_id=span_id,
            work_item=work_item,
        )

    def _text(self, names: tuple[str, ...]) -> str | None:
        """Take the first of these that is a text with something in it."""
        for name in names:
            value = self._document.get(name)
            if value is None and self._nested:
                value = self._nested.get(name)
            if isinstance(value, str) and value:
                self._document.pop(name, None)
                return value
        return None

    def _time(self) -> datetime | None:
        for name in self._keys.times:
            value = self._document.get(name, self._nested.get(name))
            if value is None or value == "" or _is_duration(name, value):
                continue
            try:
                moment = read_time(value, self._line)
            except MalformedEvent:
                if name in _VAGUE:
                    continue
                raise
            self._document.pop(name, None)
            return moment
        return None

    def _level(self) -> Level | None:
        """Read the level; a name beats a number where a line has both."""
        numbered: tuple[str, Level] | None = None
        for name in self._keys.levels:
            value = self._document.get(name, self._nested.get(name))
            if value is None or value == "" or (numbered and name in _VAGUE):
                continue
            level = self._line.reading.level(value) if isinstance(value, str) else None
            if level is not None:
                self._document.pop(name, None)
                return level
            level = self._number(value)
            if level is not None:
                numbered = numbered or (name, level)
            elif numbered is None and name not in _VAGUE:
                raise MalformedEvent("unknown_level", str(value)[:100])
        if numbered is None:
            return None
        self._document.pop(numbered[0], None)
        return numbered[1]

    def _number(self, value: Any) -> Level | None:
        """Read a number as the dialect counts, the user's own spellings first."""
        own = self._line.reading.levels
        if own and isinstance(value, int) and str(value) in own:
            return own[str(value)]
        if isinstance(value, str):
            return self._keys.numbers(int(value)) if _is_number(value) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            return None
        return self._keys.numbers(int(value))

    def _message(self) -> str | None:
        for name in self._keys.messages:
            value = self._document.get(name)
            if value is not None:
                del self._document[name]
                return value if isinstance(value, str) else json_text(value)
        return None

    def _tags(self) -> tuple[str, ...]:
        tags: list[str] = []
        for name in self._keys.tags:
            value = self._document.pop(name, None)
            if isinstance(value, str):
                tags += [tag.strip() for tag in value.split(",") if tag.strip()]
            elif isinstance(value, dict):
                tags += [f"{key}:{_plain(item)}" for key, item in value.items()]
            elif isinstance(value, list):
                tags += [_plain(item) for item in value]
            elif value is not None:
                self._document[name] = value
        return tuple(dict.fromkeys(tags))

    def _attributes(self) -> dict[str, Any]:
        """Return what is left; an object named `attributes` is laid open unless names clash."""
        inner = self._document.get("attributes")
        if not isinstance(inner, dict):
            return self._document
        if len(self._document) == 1:
            return inner
        if any(name in self._document for name in inner):
            return self._document
        del self._document["attributes"]
        return {**inner, **self._document}


def json_text(value: Any) -> str:
    """Write a value as JSON where JSON can hold it."""
    try:
        return msgspec.json.encode(value).decode()
    except (OverflowError, TypeError, ValueError):
        return str(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _is_number(text: str) -> bool:
    return len(text) < 10 and text.isascii() and text.isdecimal()


def _is_duration(name: str, value: Any) -> bool:
    """Whether a field named like a time tells how long something took."""
    if isinstance(value, str):
        return _DURATION.fullmatch(value) is not None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return name == "time" and is_number and 0 < value < _DURATION_BELOW
