"""How rows are drawn: columns, time display, wrapping, what is highlighted. No Textual here."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Literal

import msgspec

from logmon.errors import ConfigError
from logmon.event import to_ns
from logmon.patterns import Pattern
from logmon.query.fields import as_text, attribute_values

if TYPE_CHECKING:
    from logmon.event import LogEvent

TimeMode = Literal["clock", "date", "utc", "age"]
TIME_MODES: tuple[TimeMode, ...] = ("clock", "date", "utc", "age")
"""Time of day; with its date; in UTC where another zone is shown; before the newest event."""

DEFAULT_COLUMNS = ("time", "level", "source", "message")
COLUMNS: dict[str, str] = {
    "time": "when it happened; `t` changes how it is shown",
    "level": "its level as three letters",
    "source": "who emitted it",
    "host": "its host",
    "trace_id": "its trace",
    "tags": "its tags",
    "template": "the message before its values were put in",
    "message": "the message; always the last one",
}
"""The columns there are, besides one for each attribute: `@http.status`."""


class Look(msgspec.Struct, frozen=True):
    """Everything that changes how a row is drawn, besides its width and the theme."""

    zone: tzinfo = UTC
    columns: tuple[str, ...] = DEFAULT_COLUMNS
    time_mode: TimeMode = "clock"
    deltas: bool = False
    """Whether the time since the row above is shown."""
    wrap: bool = False
    highlights: tuple[Pattern, ...] = ()
    search: Pattern | None = None

    @property
    def changes_with_others(self) -> bool:
        """Whether a row's look depends on other rows, so that it cannot be kept."""
        return self.deltas or self.time_mode == "age"

    def next_time_mode(self) -> Look:
        """Return this look with the next way to show times."""
        modes = [mode for mode in TIME_MODES if mode != "utc" or self.zone is not UTC]
        place = modes.index(self.time_mode) if self.time_mode in modes else 0
        return msgspec.structs.replace(self, time_mode=modes[(place + 1) % len(modes)])


def parse_columns(text: str, *, where: str = "columns") -> tuple[str, ...]:
    """Read names of columns, parted by blanks or commas; the message comes last in any case.

    Raises:
        ConfigError: there is no such column.
    """
    names = [name for name in text.replace(",", " ").split() if name != "message"]
    for name in names:
        if name not in COLUMNS and not (name.startswith("@") and len(name) > 1):
            raise ConfigError(
                f"there is no column {name!r}",
                where=where,
                hint=f"columns are {', '.join(COLUMNS)} and @attribute",
            )
    return (*dict.fromkeys(names), "message")


def value_of(event: LogEvent, name: str) -> str:
    """Return a column's field as text: `host`, `tags`, `@http.status`; empty when absent."""
    if name.startswith("@"):
        return next((as_text(value) for value in attribute_values(name[1:])(event)), "")
    if name == "tags":
        return " ".join(event.tags)
    if name == "template":
        return event.message_template or ""
    return getattr(event, name, None) or ""


def time_text(event: LogEvent, look: Look, newest_ns: int, *, short: bool = False) -> str:
    """Return an event's time as the look has it; `short` leaves milliseconds out."""
    if look.time_mode == "age":
        return f"-{span((newest_ns - to_ns(event.timestamp)) / 1e9)}"
    zone = UTC if look.time_mode == "utc" else look.zone
    moment = in_zone(event.timestamp, zone)
    clock = f"{moment:%H:%M:%S}" if short else f"{moment:%H:%M:%S}.{_milliseconds(moment)}"
    if look.time_mode == "utc":
        return f"{clock}Z"
    return f"{moment.date().isoformat()} {clock}" if look.time_mode == "date" else clock


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment in a zone; one at the edge of the calendar has no other zones."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def _milliseconds(moment: datetime) -> str:
    return f"{moment.microsecond // 1_000:03d}"


def time_cells(look: Look, *, short: bool) -> int:
    """Return how many cells a time takes."""
    if look.time_mode == "age":
        return 8
    clock = 8 if short else 12
    return clock + {"clock": 0, "date": 11, "utc": 1}[look.time_mode]


def span(seconds: float) -> str:
    """Return a span of time in at most seven cells: `3 ms`, `1.25 s`, `12 m`, `5.0 h`, `2.1 d`."""
    size = abs(seconds)
    sign = "-" if seconds < 0 else ""
    if size < 1:
        return f"{sign}{size * 1_000:.0f} ms"
    for limit, unit, one in ((60, "s", 1), (3_600, "m", 60), (86_400, "h", 3_600)):
        if size < limit:
            return f"{sign}{size / one:.2f} {unit}"
    return f"{sign}{size / 86_400:.1f} d"
