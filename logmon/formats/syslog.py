"""Syslog: RFC 5424, which claims a structure, and the older RFC 3164, which is text.

The level is the priority's severity (RFC 5424 §6.2.1); a line without a priority is info.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from logmon.errors import MalformedEvent
from logmon.formats.line import Dialect, Line
from logmon.formats.times import CLOCK, ISO, MONTH, read_match, read_time
from logmon.level import Level

if TYPE_CHECKING:
    from logmon.event import LogEvent

SEVERITIES = (
    Level.EMERGENCY, Level.ALERT, Level.CRITICAL, Level.ERROR, Level.WARN, Level.NOTICE,
    Level.INFO, Level.DEBUG,
)  # fmt: skip
"""The level of each severity, 0 to 7."""
HIGHEST_PRIORITY = 191
"""Facility 23, severity 7."""

_HEADER = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<time>\S{1,64}) (?P<host>\S{1,255}) (?P<app>\S{1,255}) "
    r"(?P<pid>\S{1,128}) (?P<msgid>\S{1,32}) (?=[-\[])"
)
_ELEMENT = re.compile(
    r"\[(?P<id>[^ =\]\"]{1,255})(?P<params>(?: [^ =\]\"]{1,255}=\"(?:[^\"\\]|\\.)*\")*)\]"
)
_PARAM = re.compile(r" ([^ =\]\"]{1,255})=\"((?:[^\"\\]|\\.)*)\"")
_OLD_TIME = re.compile(
    r"(?:<(?P<pri>\d{1,3})>)?(?:" + MONTH + r" {1,2}(?P<d>\d{1,2})(?: (?P<y>\d{4}))? " + CLOCK
    + r"(?:\.(?P<f>\d{1,9}))?|" + ISO + r")(?= )"
)  # fmt: skip
_OLD_TAG = re.compile(
    r" (?P<host>\S{1,255}) +(?:-- )?(?P<name>[^\s:\[]{1,80}(?: [\d.]{1,12}(?=:))?)"
    r"(?:\[(?P<pid>\w{1,12})\])?(?: \([^)\n]{1,200}\))?: ?"
)
_RSYSLOG = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$")
"""How rsyslog's own file format writes the time: nobody else writes it so before a host."""


def _recognise(line: Line) -> re.Match[str] | None:
    return _HEADER.match(line.text)


def _read(match: re.Match[str], line: Line) -> LogEvent:
    """Read the header, the structured data, and what follows as the message.

    Raises:
        MalformedEvent: the priority or the time cannot be read.
    """
    priority = int(match["pri"])
    if priority > HIGHEST_PRIORITY:
        raise MalformedEvent("unknown_level", f"priority {priority}")
    written = match["time"]
    attributes, place = _structured_data(line.text, match.end())
    for name in ("pid", "msgid"):
        if match[name] != "-":
            attributes[name] = match[name]
    return line.event(
        line.text[place:].removeprefix(" ").removeprefix("\ufeff"),
        timestamp=None if written == "-" else read_time(written, line),
        level=SEVERITIES[priority % 8],
        source=_given(match["app"]),
        host=_given(match["host"]),
        attributes=attributes,
    )


def _structured_data(text: str, place: int) -> tuple[dict[str, Any], int]:
    """Return the elements by their ids, and where they end; what is none is the message."""
    if text.startswith("-", place):
        return {}, place + 1
    elements: dict[str, Any] = {}
    while match := _ELEMENT.match(text, place):
        elements[match["id"]] = {
            name: re.sub(r'\\(["\\\]])', r"\1", value)
            for name, value in _PARAM.findall(match["params"])
        }
        place = match.end()
    return elements, place


def _given(field: str) -> str | None:
    return None if field == "-" else field


Old = tuple[re.Match[str], re.Match[str] | None]


def _recognise_old(line: Line) -> Old | None:
    time = _OLD_TIME.match(line.text)
    if time is None:
        return None
    tag = _OLD_TAG.match(line.text, time.end())
    if time["pri"]:
        return time, tag
    if tag is None or not (time["mon"] or tag["pid"] or _RSYSLOG.match(time["iso"])):
        return None
    # Without a priority it may be a level and a logger that look like a host and a tag.
    return None if line.reading.level(tag["host"].strip("[]")) is not None else (time, tag)


def _read_old(old: Old, line: Line) -> LogEvent | None:
    time, tag = old
    moment = read_match(time, line)
    priority = int(time["pri"] or 0)
    if moment is None or priority > HIGHEST_PRIORITY:
        return None
    return line.event(
        line.text[tag.end() if tag else time.end() + 1 :],
        timestamp=moment,
        level=SEVERITIES[priority % 8] if time["pri"] else None,
        source=tag["name"] if tag else None,
        host=tag["host"] if tag else None,
        attributes={"pid": tag["pid"]} if tag and tag["pid"] else {},
    )


RFC5424 = Dialect(
    name="syslog",
    why="<priority>1 and the header of RFC 5424",
    opens="<",
    recognise=_recognise,
    read=_read,
)
RFC3164 = Dialect(
    name="syslog",
    why="month, day, time, host and tag as in RFC 3164",
    opens="<JFMASOND0123456789",
    recognise=_recognise_old,
    read=_read_old,
)
