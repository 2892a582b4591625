"""logfmt: `level=info msg="card declined" order=812`, a whole line of nothing but pairs.

Source: Heroku's and Go's `kr/logfmt` grammar, read 2026-11. Trace lines may follow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.formats.fields import Fields, Keys
from logmon.formats.line import Dialect, Line

if TYPE_CHECKING:
    from logmon.event import LogEvent

KEYS = Keys(
    times=("time", "ts", "timestamp", "t", "@timestamp"),
    levels=("level", "lvl", "severity"),
    sources=("source", "service", "logger", "component", "app"),
    messages=("msg", "message"),
)
_PAIR = re.compile(
    r"([A-Za-z_@][\w.@/:-]{0,200})"
    r"(?:=(?:\"([^\"\\\n]*(?:\\.[^\"\\\n]*)*)\"|([^\s\"]*)))?(?:[ \t]+|$)"
)
_FIRST = re.compile(r"[A-Za-z_@][\w.@/:-]{0,200}=(?:\"|[^\s\"]*(?:[ \t]|$))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_KNOWN = frozenset((*KEYS.times[:3], *KEYS.levels, *KEYS.messages))
LONGEST_CHARS = 256 * 1_024
"""A longer line is not taken apart."""
ENOUGH_PAIRS = 3
"""A line of so many pairs is logfmt even when it names neither time, level nor message."""


def _recognise(line: Line) -> dict[str, Any] | None:
    text = line.text.partition("\n")[0].rstrip()
    if not _FIRST.match(text) or len(text) > LONGEST_CHARS:
        return None
    pairs = pairs_of(text)
    if pairs is None or len(pairs) < 2:
        return None
    known = _KNOWN.intersection(pairs)
    return pairs if known or len(pairs) >= ENOUGH_PAIRS else None


def pairs_of(text: str) -> dict[str, Any] | None:
    """Return the pairs of a text that is nothing else, or None; a bare key is true."""
    pairs: dict[str, Any] = {}
    place = bare = 0
    while place < len(text):
        match = _PAIR.match(text, place)
        if match is None:
            return None
        key, quoted, value = match.groups()
        if quoted is not None:
            value = unquoted(quoted)
        bare += value is None
        pairs[key] = True if value is None else value
        place = match.end()
    return pairs if bare * 2 < len(pairs) else None


def unquoted(quoted: str) -> str:
    """Return what a quoted value holds."""
    if "\\" not in quoted:
        return quoted
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), quoted)


def _read(pairs: dict[str, Any], line: Line) -> LogEvent:
    """Read the known keys; the others are attributes.

    Raises:
        MalformedEvent: the time or the level cannot be read.
    """
    event = Fields(pairs, line, KEYS).event()
    trace = line.text.partition("\n")[2]
    if not trace or event.message == line.text:
        return event
    return msgspec.structs.replace(event, message=f"{event.message}\n{trace}")


LOGFMT = Dialect(
    name="logfmt",
    why="the whole line is key=value pairs",
    opens="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_@",
    recognise=_recognise,
    read=_read,
)
