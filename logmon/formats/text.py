"""Lines of text: a leading time in one of the known shapes, a level word, a name, the message.

Each shape is one row of `_SHAPES`. A line that fits none is plain: its whole text is the message.
Text is never malformed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

import msgspec

from logmon.event import LogEvent, event_id, from_ns
from logmon.level import Level, parse_level

if TYPE_CHECKING:
    from collections.abc import Mapping

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}
_MONTH = "(?P<mon>" + "|".join(_MONTHS) + ")"
_CLOCK = r"(?P<h>\d\d):(?P<mi>\d\d):(?P<s>\d\d)"

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("iso 8601", re.compile(
        r"\[?(?P<y>\d{4})[-/](?P<mo>\d\d)[-/](?P<d>\d\d)[T ]" + _CLOCK
        + r"(?:[.,](?P<f>\d{1,9}))?\s?(?P<z>Z|[+-]\d\d:?\d\d)?\]?")),
    ("syslog", re.compile(r"(?:<(?P<pri>\d{1,3})>)?" + _MONTH + r" {1,2}(?P<d>\d{1,2}) " + _CLOCK)),
    ("apache error", re.compile(
        r"\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) " + _MONTH + r" (?P<d>\d\d) " + _CLOCK
        + r"(?:\.(?P<f>\d+))? (?P<y>\d{4})\]")),
    ("yy/mm/dd", re.compile(r"(?P<yy>\d\d)/(?P<mo>\d\d)/(?P<d>\d\d) " + _CLOCK)),
    ("yymmdd", re.compile(
        r"(?P<yy>\d\d)(?P<mo>\d\d)(?P<d>\d\d) (?P<h>\d\d)(?P<mi>\d\d)(?P<s>\d\d)(?= )")),
    ("android", re.compile(r"(?P<mo>\d\d)-(?P<d>\d\d) " + _CLOCK + r"\.(?P<f>\d+)")),
    ("[mm.dd]", re.compile(r"\[(?P<mo>\d\d)\.(?P<d>\d\d) " + _CLOCK + r"\]")),
    ("bgl", re.compile(
        r"\S{1,40} \d{9,10} [\d.]{10} \S{1,80} (?P<y>\d{4})-(?P<mo>\d\d)-(?P<d>\d\d)-"
        r"(?P<h>\d\d)\.(?P<mi>\d\d)\.(?P<s>\d\d)\.(?P<f>\d+) \S{1,80} \S{1,20} "
        r"(?P<name>\S{1,40})(?= )")),
)  # fmt: skip

_WORDS = (
    "TRACE|DEBUG|VERBOSE|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|"
    "ALERT|EMERG|EMERGENCY|FATAL|PANIC"
)
_LEVEL = re.compile(rf"[\s\[(|<-]*(?P<word>{_WORDS})\b[\])>|:]*", re.IGNORECASE)
_PIDS = re.compile(r"\s*\d{1,10}(?:\s+\d{1,10})?(?=\s)")
_LETTER = re.compile(r"\s*(?P<word>[VDIWEF])(?:/|\s+)(?=[\w.$@-]{1,80}\s*:)")
_LOGGER = re.compile(r"\s*\[?(?P<name>[A-Za-z_][\w.$/@-]{0,120})\]?\s?:\s+")
_TAG = re.compile(r" (?P<host>\S{1,255}) (?P<name>[^\s:\[]{1,80})(?:\[(?P<pid>\d+)\])?:\s?")
_TRACE_OPENS = re.compile(
    rb"[ \t]+\S|Traceback \(most recent call last\)|Caused by:|Suppressed:|goroutine \d+ \[|"
    rb"\.\.\. \d+ (?:common frames|more)"
)
_TRACE_GOES_ON = re.compile(
    rb"\r?$|During handling of the above|The above exception was the direct cause|"
    rb"[A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit)\b"
)


class TextDialect:
    """Decodes lines of text."""

    def __init__(self, default_source: str, zone: tzinfo, levels: Mapping[str, Level]) -> None:
        self._source = default_source
        self._zone = zone
        self._levels = {name.lower(): level for name, level in levels.items()}

    def decode(self, raw: bytes, offset: int, fallback_ns: int) -> LogEvent:
        """Decode one line, with the trace lines that were joined to it."""
        text = text_of(raw)
        for shape, pattern in _SHAPES:
            match = pattern.match(text)
            moment = self._moment(match, fallback_ns) if match else None
            if match and moment is not None:
                event = self._headed(shape, text, match, moment)
                return msgspec.structs.replace(event, id=event_id(self._source, offset, raw))
        return self.plain(raw, offset, fallback_ns)

    def plain(self, raw: bytes, offset: int, fallback_ns: int) -> LogEvent:
        """Take the whole line as the message."""
        return LogEvent(
            timestamp=from_ns(fallback_ns),
            level=Level.INFO,
            source=self._source,
            message=text_of(raw),
            id=event_id(self._source, offset, raw),
        )

    def continues(self, raw: bytes, *, in_trace: bool) -> bool:
        """Whether a line goes on with a stack trace: indented, or one of its known openings.

        Inside a trace, blank lines and the line that names the error belong to it too.
        """
        if _TRACE_OPENS.match(raw):
            return True
        return in_trace and _TRACE_GOES_ON.match(raw) is not None

    def explain(self, raw: bytes) -> str:
        """Name the shape of the line's leading time."""
        text = text_of(raw)
        for shape, pattern in _SHAPES:
            if pattern.match(text):
                return f"text · leading time as {shape}"
        return "plain · no leading time is known in it"

    def _headed(self, shape: str, text: str, match: re.Match[str], moment: datetime) -> LogEvent:
        """Read what stands between the time and the message."""
        groups = match.groupdict()
        place = match.end()
        source, host, level = groups.get("name"), None, None
        if shape == "syslog":
            tag = _TAG.match(text, place)
            if tag:
                host, source, place = tag["host"], tag["name"], tag.end()
            level = _syslog_level(groups["pri"])
        elif pids := _PIDS.match(text, place):
            place = pids.end()
        if level is None and shape != "syslog":
            word = _LEVEL.match(text, place) or _LETTER.match(text, place)
            if word:
                level = self._levels.get(word["word"].lower()) or parse_level(word["word"])
                place = word.end()
        if source is None and level is not None:
            logger = _LOGGER.match(text, place)
            if logger:
                source, place = logger["name"], logger.end()
        return LogEvent(
            timestamp=moment,
            level=Level.INFO if level is None else level,
            source=source or self._source,
            host=host,
            message=text[place:].lstrip(" \t-"),
        )

    def _moment(self, match: re.Match[str], fallback_ns: int) -> datetime | None:
        """Return the time a line begins with; a missing year is the newest that is not ahead."""
        groups = match.groupdict()
        fraction = (groups.get("f") or "0")[:6].ljust(6, "0")
        month = _MONTHS[groups["mon"]] if groups.get("mon") else int(groups["mo"])
        year = groups.get("y") or (f"20{groups['yy']}" if groups.get("yy") else None)
        known = from_ns(fallback_ns)
        clock = (int(groups["h"]), int(groups["mi"]), int(groups["s"]), int(fraction))
        for guess in (int(year),) if year else (known.year, known.year - 1, known.year - 2):
            try:
                moment = datetime(guess, month, int(groups["d"]), *clock, tzinfo=self._zone)
                moment = moment.astimezone(UTC) - _offset(groups.get("z"))
            except (ValueError, OverflowError):
                continue
            if year or moment <= known + timedelta(days=1):
                return moment
        return None


def _offset(zone: str | None) -> timedelta:
    """Return what a written offset is ahead of UTC."""
    if not zone or zone == "Z":
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))


def _syslog_level(priority: str | None) -> Level | None:
    if priority is None:
        return None
    order = (Level.EMERGENCY, Level.ALERT, Level.CRITICAL, Level.ERROR, Level.WARN, Level.NOTICE,
             Level.INFO, Level.DEBUG)  # fmt: skip
    return order[int(priority) % 8]


def text_of(raw: bytes) -> str:
    """Decode bytes: line ends become `\\n`, bytes that are no UTF-8 become `\\xNN`."""
    text = raw.decode("utf-8", "backslashreplace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    return text
