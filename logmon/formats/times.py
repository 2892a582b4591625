"""Times as logs write them: RFC 3339, syslog, web servers, numbers since 1970.

A missing year (or day) is the newest that does not lie ahead of the file's modification time.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.errors import MalformedEvent
from logmon.event import from_ns

if TYPE_CHECKING:
    from logmon.formats.line import Line

AHEAD = timedelta(days=1)
"""How far a time whose year is guessed may lie ahead: zones reach 14 h, and clocks differ."""
SKEW = timedelta(minutes=1)
"""How far a time whose day is guessed may lie ahead."""
MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}
MONTH = "(?P<mon>" + "|".join(MONTHS) + ")"
CLOCK = r"(?P<h>\d\d):(?P<mi>\d\d):(?P<s>\d\d)"
ISO = (
    r"(?P<iso>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
    r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)(?![\w:]))?)"
)
_ISO_ZONE = re.compile(r" ?(?:Z|UTC|GMT)$")
_ISO_LEAP = re.compile(r"(?<=:\d\d:)60(?!\d)")
_NUMBER = re.compile(r"-?\d{1,19}(?:\.\d{1,9})?")
_DAY_YEAR = r"(?P<d>\d\d)[ /-]" + MONTH + r"[ /-](?P<y>\d{4})[ :]" + CLOCK
_WRITTEN = (
    re.compile(ISO),
    re.compile(
        r"(?:\w{3}, )?" + _DAY_YEAR + r"(?:\.(?P<f>\d{1,9}))?(?: (?P<z>[+-]\d{4}|GMT|UTC))?"
    ),
    re.compile(r"(?:\w{3} )?" + MONTH + r" {1,2}(?P<d>\d{1,2}) " + CLOCK + r"(?: (?P<y>\d{4}))?"),
)
"""Forms a time may have inside a JSON or logfmt value."""


def read_time(value: Any, line: Line) -> datetime:
    """Return the UTC moment that a value of a field names.

    Raises:
        MalformedEvent: it names none.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise MalformedEvent("bad_time", str(value)[:100])
    if not isinstance(value, str):
        return from_ns(epoch_ns(value))
    text = value.strip()[:100]
    if _NUMBER.fullmatch(text):
        return from_ns(epoch_ns(float(text) if "." in text else int(text)))
    with suppress(ValueError):  # msgspec's ValidationError is one, too
        return line.reading.moment(_parsed(text))
    for pattern in _WRITTEN:
        match = pattern.fullmatch(text)
        moment = read_match(match, line) if match else None
        if moment is not None:
            return moment
    raise MalformedEvent("bad_time", text)


def _parsed(text: str) -> datetime:
    """Parse ISO 8601, digits beyond microseconds cut off; msgspec would round them."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return msgspec.convert(text, datetime)


def read_match(match: re.Match[str], line: Line) -> datetime | None:
    """Return the moment that a pattern's groups name, or None when the calendar has none.

    Groups: `iso`, or `y` (or `yy`) `mo` (or `mon`) `d` `h` `mi` `s` `f` `z`.
    """
    if "iso" in match.re.groupindex and (written := match["iso"]):
        return _iso(written, line)
    groups = match.groupdict()
    year = groups.get("y") or (f"20{groups['yy']}" if groups.get("yy") else None)
    known = from_ns(line.newest_ns).astimezone(line.reading.zone)
    day = groups.get("d")
    month = MONTHS[groups["mon"]] if groups.get("mon") else int(groups.get("mo") or known.month)
    guesses = (int(year),) if year else range(known.year + 1, known.year - 9, -1)
    for guess in guesses if day else (known.year,):
        date = (guess, month, int(day or known.day))
        moment = _moment(date, groups, line)
        if moment is not None and day is None and moment > from_ns(line.newest_ns) + SKEW:
            return moment - timedelta(days=1)
        if moment is not None and (year or moment <= from_ns(line.newest_ns) + AHEAD):
            return moment
    return None


def _iso(written: str, line: Line) -> datetime | None:
    try:
        return line.reading.moment(datetime.fromisoformat(written))
    except ValueError:
        pass
    except MalformedEvent:
        return None
    text = _ISO_ZONE.sub("Z", written.replace("/", "-")).replace(" +", "+").replace(" -", "-")
    leap = _ISO_LEAP.search(text)
    try:
        if leap:  # a leap second: no clock of Python's knows 23:59:60
            text = f"{text[: leap.start()]}59{text[leap.end() :]}"
        moment = line.reading.moment(datetime.fromisoformat(text))
        return moment + timedelta(seconds=1) if leap else moment
    except (ValueError, OverflowError, MalformedEvent):
        return None


def _moment(
    date: tuple[int, int, int], groups: dict[str, str | None], line: Line
) -> datetime | None:
    fraction = (groups.get("f") or "0")[:6].ljust(6, "0")
    clock = (int(groups["h"] or 0), int(groups["mi"] or 0), int(groups["s"] or 0), int(fraction))
    zone = groups.get("z")
    try:
        if zone is None:
            return line.reading.moment(datetime(*date, *clock))  # noqa: DTZ001 - moment() adds it
        return line.reading.moment(datetime(*date, *clock, tzinfo=UTC) - _offset(zone))
    except (ValueError, OverflowError, MalformedEvent):
        return None


def _offset(zone: str) -> timedelta:
    """Return what a written offset such as `+0200` is ahead of UTC."""
    if zone in ("Z", "GMT", "UTC"):
        return timedelta()
    span = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -span if zone[0] == "-" else span


def epoch_ns(value: float) -> int:
    """Return nanoseconds of a number since 1970: seconds, ms, µs or ns by its size.

    Raises:
        MalformedEvent: it is no time of the years 1970 to 2262.
    """
    if not 0 <= value < 2**63:  # neither is NaN
        raise MalformedEvent("bad_time", str(value)[:100])
    for limit, scale in ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3)):
        if value < limit:
            # Microseconds are all an event keeps; a float of seconds holds no more.
            return value * scale if isinstance(value, int) else round(value * scale / 1e3) * 1_000
    return int(value)
