"""Python's `logging` without a time: `WARNING:app.db:slow`, and uvicorn's padded `INFO:     up`.

Forms with a leading time are text like any other. Source: `logging.BASIC_FORMAT` (CPython 3.13),
uvicorn 0.30 `DefaultFormatter` (the level and its colon fill ten columns).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logmon.formats.line import Dialect, Line

if TYPE_CHECKING:
    from logmon.event import LogEvent

_LEVEL = r"(?P<word>DEBUG|INFO|WARNING|ERROR|CRITICAL):"
_BASIC = re.compile(_LEVEL + r"(?P<name>[A-Za-z_][\w.$-]{0,200}):")
_PADDED = re.compile(r"(?=[A-Z]{4,8}: {1,5}(?! ))(?=.{9} \S)" + _LEVEL + r" +(?P<name>)")


def _recognise(line: Line) -> re.Match[str] | None:
    return _BASIC.match(line.text) or _PADDED.match(line.text)


def _read(match: re.Match[str], line: Line) -> LogEvent:
    return line.event(
        line.text[match.end() :], level=line.reading.level(match["word"]), source=match["name"]
    )


PYTHON = Dialect(
    name="python",
    why="level, logger and message with colons",
    opens="DIWEC",
    recognise=_recognise,
    read=_read,
)
