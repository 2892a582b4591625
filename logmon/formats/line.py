"""One line on its way to an event: its bytes, where it stood, and what its input is known by.

Every dialect makes its events with `Line.event`, so what a line leaves out is filled in the same
way everywhere: the time of the event before it, level info, the file's name, an id by place.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec

from logmon.errors import MalformedEvent
from logmon.event import LogEvent, event_id, from_ns
from logmon.level import Level, parse_level

_FIRST_YEAR, _LAST_YEAR = 1678, 2261
"""The whole years that 64 bits of nanoseconds reach; Go's zero time (year 1) lies outside."""


class Reading(msgspec.Struct, frozen=True):
    """What all lines of one input have in common."""

    source: str
    """Names events whose line names no source: the file's name."""
    zone: tzinfo = UTC
    """What times that name no zone are in."""
    levels: dict[str, Level] = {}
    """Extra spellings, in lower case."""

    def level(self, word: str) -> Level | None:
        """Return the level a word names, extra spellings first."""
        found = self.levels.get(word.strip().lower()) if self.levels else None
        return parse_level(word) if found is None else found

    def moment(self, written: datetime) -> datetime:
        """Return a written time as UTC; one that names no zone is in the input's own.

        Raises:
            MalformedEvent: the time lies outside the years 1678 to 2261.
        """
        if not _FIRST_YEAR <= written.year <= _LAST_YEAR:
            raise MalformedEvent("bad_time", str(written))
        aware = written if written.tzinfo else written.replace(tzinfo=self.zone)
        return aware if aware.tzinfo is UTC else aware.astimezone(UTC)


class Line:
    """A line, with the trace lines that were joined to it.

    `offset` is its byte in its file; None leaves the event without an id. `fallback_ns` is the
    time it gets when it has none, and a missing year is the newest not ahead of `newest_ns`.
    """

    __slots__ = (
        "_text", "extra", "fallback_ns", "host", "kinds", "level", "newest_ns", "offset", "raw",
        "reading", "source", "whole",
    )  # fmt: skip

    def __init__(
        self,
        raw: bytes,
        reading: Reading,
        *,
        offset: int | None = None,
        fallback_ns: int = 0,
        newest_ns: int = 0,
    ) -> None:
        self.raw = raw
        self.whole = raw
        """The bytes as they came, envelope and all: what the id is made of."""
        self.reading = reading
        self.offset = offset
        self.fallback_ns = fallback_ns
        self.newest_ns = newest_ns
        self.source = reading.source
        """Names the event when the line names no source."""
        self.level: Level | None = None
        """The event's level when the line names none: what an envelope said."""
        self.host: str | None = None
        self.extra: dict[str, Any] = {}
        """Attributes that an envelope brought."""
        self.kinds: list[Kind] = []
        """What it is read as, envelopes first, as far as that is known."""
        self._text: str | None = None

    @property
    def text(self) -> str:
        """The line as text: bytes that are no UTF-8 as `\\xNN`, line ends as `\\n`."""
        if self._text is None:
            self._text = text_of(self.raw)
        return self._text

    def within(
        self,
        raw: bytes,
        time_ns: int,
        *,
        source: str | None = None,
        level: Level | None = None,
        host: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Line:
        """Return what an envelope holds: a line at its place and time, with what it says."""
        inner = Line(raw, self.reading, offset=self.offset, fallback_ns=time_ns, newest_ns=time_ns)
        inner.source = source or self.source
        inner.level = self.level if level is None else level
        inner.host = host or self.host
        inner.extra = {**self.extra, **(extra or {})}
        inner.kinds = self.kinds
        inner.whole = self.whole
        return inner

    def event(
        self,
        message: str,
        *,
        timestamp: datetime | None = None,
        level: Level | None = None,
        source: str | None = None,
        host: str | None = None,
        event_id: str | None = None,
        attributes: dict[str, Any] | None = None,
        **fields: Any,
    ) -> LogEvent:
        """Make the event; what is None or empty is filled in."""
        found = self.level if level is None else level
        return LogEvent(
            timestamp=from_ns(self.fallback_ns) if timestamp is None else timestamp,
            level=Level.INFO if found is None else found,
            has_level=found is not None,
            source=source or self.source,
            message=message,
            host=host or self.host,
            attributes={**self.extra, **(attributes or {})} if self.extra else attributes or {},
            id=event_id or self.id(),
            **fields,
        )

    def id(self) -> str:
        """Return the hash of the line's place and bytes."""
        if self.offset is None:
            return ""
        return event_id(self.reading.source, self.offset, self.whole)


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What a line can be read as."""

    name: str
    why: str
    """By what a line is known to be of this kind, for a person."""


class Dialect(Kind, frozen=True, kw_only=True):
    """One way to write a line of text."""

    recognise: Callable[[Line], Any]
    """Return what was found, for `read`, or None: the line is of another dialect."""
    read: Callable[[Any, Line], LogEvent | Line | None]
    """Return the event, or what an envelope holds, or None: it only looked like one.

    Raises `MalformedEvent`."""
    opens: str = ""
    """The characters such a line may begin with; empty: any."""


def text_of(raw: bytes) -> str:
    """Decode bytes: line ends become `\\n`, bytes that are no UTF-8 become `\\xNN`."""
    text = raw.decode("utf-8", "backslashreplace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    return text.removeprefix("\ufeff")
