"""Access logs of web servers: the common and the combined format, with or without the vhost.

The level follows the status: 5xx error, 4xx warn, everything else info.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from logmon.formats.line import Dialect, Line
from logmon.formats.times import CLOCK, MONTH, read_match
from logmon.level import Level

if TYPE_CHECKING:
    from logmon.event import LogEvent

_QUOTED = r"\"((?:[^\"\\\n]|\\.)*)\""
_ACCESS = re.compile(
    r"(?:(?P<vhost>[\w.:-]{1,255}) )?(?P<client>[\w.:-]{1,255}) \S{1,255} (?P<user>\S{1,255}) "
    r"\[(?P<d>\d\d)/" + MONTH + r"/(?P<y>\d{4}):" + CLOCK + r" (?P<z>[+-]\d{4})\] "
    + _QUOTED.replace("((", "(?P<request>(", 1)
    + r" (?P<status>[1-5]\d\d) (?P<bytes>\d{1,19}|-)"
    r"(?: " + _QUOTED.replace("((", "(?P<referer>(", 1)
    + " " + _QUOTED.replace("((", "(?P<agent>(", 1) + r")?"
)  # fmt: skip

_PORT = re.compile(r":\d{1,5}$")


def _recognise(line: Line) -> re.Match[str] | None:
    # Every such line holds this, near its beginning; the pattern costs more than the look.
    if line.raw.find(b'] "', 0, 1_024) < 0:
        return None
    return _ACCESS.match(line.text)


def _read(match: re.Match[str], line: Line) -> LogEvent | None:
    moment = read_match(match, line)
    if moment is None:
        return None
    status = int(match["status"])
    level = Level.ERROR if status >= 500 else Level.WARN if status >= 400 else Level.INFO
    attributes: dict[str, Any] = {"client": match["client"], "status": status}
    if match["user"] != "-":
        attributes["user"] = match["user"]
    if match["bytes"] != "-":
        attributes["bytes"] = int(match["bytes"])
    for name in ("referer", "agent"):
        if match[name] and match[name] != "-":
            attributes[name] = match[name]
    rest = line.text[match.end() :].strip()
    if rest:  # what a server's own format adds, e.g. the time the request took
        attributes["rest"] = rest
    return line.event(
        f"{match['request']} {status}",
        timestamp=moment,
        level=level,
        host=_PORT.sub("", match["vhost"]) if match["vhost"] else None,
        attributes=attributes,
    )


ACCESS = Dialect(
    name="access",
    why="client, time in brackets, request in quotes, status and size",
    recognise=_recognise,
    read=_read,
)
