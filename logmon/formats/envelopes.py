"""Envelopes of container runtimes: CRI's prefix and docker's JSON file driver.

The envelope comes off, and the inner line is read by its own dialect. A runtime cuts long lines
into parts (CRI marks them `P`, docker leaves out the line end); parts are one line again.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import msgspec

from logmon.errors import MalformedEvent
from logmon.event import to_ns
from logmon.formats.json_lines import read_object
from logmon.formats.line import Dialect, Line
from logmon.formats.times import read_time

DOCKER_OPENS = b'{"log":"'
"""How docker's driver begins each line (moby 27, `jsonlog`)."""
_CRI = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP])"
    rb"(?::[^ \n]{0,80})?(?: |$)",
    re.MULTILINE,
)


class _Docker(msgspec.Struct):
    log: str
    stream: str
    time: str


_decode_docker = msgspec.json.Decoder(_Docker).decode


class Part(msgspec.Struct, frozen=True):
    """One line of an envelope, as far as joining lines needs to know it."""

    kind: str
    stream: str
    is_partial: bool
    inner: bytes


def peek(raw: bytes) -> Part | None:
    """Return what a line holds, or None: it is no envelope, or a broken one."""
    if raw.startswith(DOCKER_OPENS):
        try:
            held = _decode_docker(raw)
        except (msgspec.MsgspecError, ValueError):
            return None
        inner = held.log.encode()
        return Part("docker", held.stream, not inner.endswith(b"\n"), inner.removesuffix(b"\n"))
    match = _CRI.match(raw) if raw[:1].isdigit() else None
    if match is None:
        return None
    return Part("cri", match[2].decode(), match[3] == b"P", raw[match.end() :])


def is_docker(document: dict[str, Any]) -> bool:
    """Whether an object is a line of docker's driver."""
    return isinstance(document.get("log"), str) and document.get("stream") in ("stdout", "stderr")


def open_docker(document: dict[str, Any], line: Line) -> Line:
    """Return the inner line; parts and trace lines that were joined are put together.

    Raises:
        MalformedEvent: a joined line is no JSON, or the time cannot be read.
    """
    log = document.pop("log", None)
    inner = log if isinstance(log, str) else ""
    for raw in line.raw.split(b"\n")[1:]:
        more = read_object(raw).get("log")
        inner += more if isinstance(more, str) else ""
    time = document.pop("time", None)
    time_ns = line.fallback_ns if time is None else to_ns(read_time(time, line))
    return line.within(inner.encode().removesuffix(b"\n"), time_ns, extra=document)


def _open_cri(_: re.Match[bytes], line: Line) -> Line:
    parts: list[bytes] = []
    time = stream = b""
    for raw in line.raw.split(b"\n"):
        match = _CRI.match(raw)
        if match is None:
            parts += [raw, b"\n"]
            continue
        time, stream = time or match[1], stream or match[2]
        parts += [raw[match.end() :].removesuffix(b"\r"), b"" if match[3] == b"P" else b"\n"]
    time_ns = line.fallback_ns
    with suppress(MalformedEvent):  # it has the form of a time, and the calendar has none such
        time_ns = to_ns(read_time(time.decode(), line))
    inner = b"".join(parts).removesuffix(b"\n")
    return line.within(inner, time_ns, extra={"stream": stream.decode()})


CRI = Dialect(
    name="cri",
    why="time, stream and F or P in front",
    opens="0123456789",
    recognise=lambda line: _CRI.match(line.raw),
    read=_open_cri,
)
