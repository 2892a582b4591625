"""Lines of text: a leading time in one of the known shapes, a level word, a name, the message.

Each shape is one row of `_SHAPES`; each place where a logger's name may stand is one row of
`_LOGGERS`. A line that fits none is plain: its whole text is the message. Text is never malformed.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from logmon.formats.line import Dialect, Line
from logmon.formats.times import CLOCK, ISO, MONTH, read_match

if TYPE_CHECKING:
    from logmon.event import LogEvent
    from logmon.level import Level

_SHAPES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("iso 8601", "[0123456789", re.compile(r"\[?" + ISO + r"\]?")),
    ("syslog", "JFMASOND", re.compile(MONTH + r" {1,2}(?P<d>\d{1,2}) " + CLOCK)),
    ("apache error", "[", re.compile(
        r"\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) " + MONTH + r" (?P<d>\d\d) " + CLOCK
        + r"(?:\.(?P<f>\d+))? (?P<y>\d{4})\]")),
    ("yy/mm/dd", "0123456789", re.compile(r"(?P<yy>\d\d)/(?P<mo>\d\d)/(?P<d>\d\d) " + CLOCK)),
    ("yymmdd", "0123456789", re.compile(
        r"(?P<yy>\d\d)(?P<mo>\d\d)(?P<d>\d\d) (?P<h>\d\d)(?P<mi>\d\d)(?P<s>\d\d)(?= )")),
    ("android", "0123456789", re.compile(
        r"(?P<mo>\d\d)-(?P<d>\d\d) " + CLOCK + r"\.(?P<f>\d+)")),
    ("[mm.dd]", "[", re.compile(r"\[(?P<mo>\d\d)\.(?P<d>\d\d) " + CLOCK + r"\]")),
    ("clock", "[0123456789", re.compile(r"\[?" + CLOCK + r"(?:[.,](?P<f>\d{1,9}))?\]?(?= )")),
    ("bgl", "", re.compile(
        r"\S{1,40} \d{9,10} [\d.]{10} \S{1,80} (?P<y>\d{4})-(?P<mo>\d\d)-(?P<d>\d\d)-"
        r"(?P<h>\d\d)\.(?P<mi>\d\d)\.(?P<s>\d\d)\.(?P<f>\d+) \S{1,80} \S{1,20} "
        r"(?P<name>\S{1,40})(?= )")),
)  # fmt: skip
"""Name, the characters it may open with (empty: any), pattern with the groups of `read_match`."""

_WORDS = frozenset((
    "trace", "debug", "verbose", "info", "information", "informational", "notice", "warn",
    "warning", "error", "err", "severe", "critical", "crit", "alert", "emerg", "emergency",
    "fatal", "panic", "dpanic", "trc", "dbg", "inf", "wrn", "eror", "ftl",
))  # fmt: skip
"""The words that name a level where one may stand; `[levels]` adds others."""
_NAME = r"(?P<name>[A-Za-z_][\w.$/@-]{0,120})"
_BRACKET = r"\[[^\]\n]{0,80}\]"
_WORD = r"(?P<word>[A-Za-z]{3,13})(?![\w.'/-])[\])>|:]*"
_LEVELS: tuple[re.Pattern[str], ...] = (
    re.compile(  # `ERROR`, `[error]`, `[core:error]`, `| WARNING |`, `<info>`, `12 [INFO]`
        r"\s*(?:\[?\d{1,10}(?:[#:]\d{1,10})?\]?(?:\s+\d{1,10})?\s)?"
        r"[\s\[(|<-]*(?:(?<=\[)[\w-]{1,30}:)?" + _WORD
    ),
    re.compile(r"\s*-\s+" + _NAME + r"\s+-\s+" + _WORD),  # the example of Python's documentation
    re.compile(r"(?:\s*" + _BRACKET + r"){1,2}\s*(?:-\s+)?\[?" + _WORD),  # `[main] INFO`
    re.compile(r"\s*(?:\d{1,10}\s+){0,2}(?P<word>[VDIWEF])(?:/|\s+)(?=[\w.$@-]{1,80}\s*[:(])"),
)
_LOGGERS: tuple[re.Pattern[str], ...] = (
    re.compile(r"\s*\|\s*" + _NAME + r":[\w<>]{1,120}:\d{1,7}\s+-\s+"),  # loguru
    re.compile(r"\s*\[?" + _NAME + r"\]?\s?:\s+"),
    re.compile(r"\s+in\s+" + _NAME + r":\s+"),  # Flask
    re.compile(  # `[main] com.shop.Cart - `, `12 --- [app] [main] c.s.Cart : `
        r"\s*(?:\d{1,10}\s+---\s+)?(?:" + _BRACKET + r"\s*){1,2}" + _NAME + r"\s*(?::|\s-)\s+"
    ),
    re.compile(r"\s+(?P<name>[A-Za-z_]\w*(?:\.[\w$]+){1,20})(?:\s+-|:)\s+"),  # logback
)
_BETWEEN = re.compile(r"\s*(?:[-|:]\s+)?")

Head = tuple[str, re.Match[str], datetime]


def _recognise(line: Line) -> Head | None:
    """Find the time; one that has no date counts only where a level follows."""
    text, first = line.text, line.text[:1]
    for shape, opens, pattern in _SHAPES:
        match = pattern.match(text) if not opens or first in opens else None
        moment = read_match(match, line) if match else None
        if match and moment is not None:
            if shape == "clock" and _level(line, match.end()) is None:
                return None
            return shape, match, moment
    return None


def _level(line: Line, place: int) -> tuple[Level, str | None, int] | None:
    """Return level, the name before it if any, and where the level ends."""
    for pattern in _LEVELS:
        match = pattern.match(line.text, place)
        if match is None:
            continue
        word = match["word"].lower()
        if word in _WORDS or word in line.reading.levels or len(word) == 1:
            level = line.reading.level(word)
            if level is not None:
                return level, match.groupdict().get("name"), match.end()
    return None


def _read(head: Head, line: Line) -> LogEvent:
    """Read what stands between the time and the message."""
    _, match, moment = head
    text, place = line.text, match.end()
    source = match.groupdict().get("name")
    found = _level(line, place)
    if found:
        place = found[2]
        source = source or found[1]
        for pattern in () if source else _LOGGERS:
            logger = pattern.match(text, place)
            if logger:
                source, place = logger["name"], logger.end()
                break
    between = _BETWEEN.match(text, place)
    place = between.end() if between else place
    return line.event(
        text[place:], timestamp=moment, level=found[0] if found else None, source=source
    )


TEXT = Dialect(name="text", why="a leading time", recognise=_recognise, read=_read)
PLAIN = Dialect(
    name="plain",
    why="nothing in it is known",
    recognise=lambda _line: True,
    read=lambda _found, line: line.event(line.text),
)
