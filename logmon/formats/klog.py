"""klog, the logger of Kubernetes: `I1123 14:02:30.240000   12 pods.go:42] message`.

The year is missing. A structured line quotes its message, which is its template, and puts pairs
behind it. Source: kubernetes/klog, `klog.go` and `textlogger`, read 2026-11.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from logmon.formats.line import Dialect, Line
from logmon.formats.logfmt import pairs_of, unquoted
from logmon.formats.times import CLOCK, read_match
from logmon.level import Level

if TYPE_CHECKING:
    from logmon.event import LogEvent

_HEAD = re.compile(
    r"(?P<letter>[IWEF])(?P<mo>\d\d)(?P<d>\d\d) " + CLOCK + r"\.(?P<f>\d{6}) +(?P<pid>\d{1,10}) "
    r"(?P<caller>[^\s\]]{1,200}:\d{1,7})\] ?"
)
_LEVELS = {"I": Level.INFO, "W": Level.WARN, "E": Level.ERROR, "F": Level.EMERGENCY}
_STRUCTURED = re.compile(r'"((?:[^"\\\n]|\\.){1,2000})"(?: |$)')


def _read(match: re.Match[str], line: Line) -> LogEvent | None:
    moment = read_match(match, line)
    if moment is None:
        return None
    message = line.text[match.end() :]
    attributes: dict[str, Any] = {"pid": int(match["pid"]), "caller": match["caller"]}
    structured = _STRUCTURED.match(message)
    if structured:
        attributes |= pairs_of(message[structured.end() :].partition("\n")[0]) or {}
    return line.event(
        message,
        timestamp=moment,
        level=_LEVELS[match["letter"]],
        attributes=attributes,
        message_template=unquoted(structured[1]) if structured else None,
    )


KLOG = Dialect(
    name="klog",
    why="a letter with month and day, time, thread and file",
    opens="IWEF",
    recognise=lambda line: _HEAD.match(line.text),
    read=_read,
)
