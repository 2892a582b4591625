"""Line output: one line an event, as text, JSON or the bytes as they came.

stdout is data. Onto a terminal nothing goes that could drive it: text is made visible, JSON is
ASCII, raw shows its control characters. Into a file or pipe JSON and raw go out untouched.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from datetime import tzinfo
from typing import TYPE_CHECKING, BinaryIO, Literal

import msgspec

from logmon.event import encode, encode_ascii
from logmon.filter import build_filter
from logmon.level import Level
from logmon.row_text import mark_text, text_columns
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.hub import LogEventHub
    from logmon.newest_lines import NewestLines
    from logmon.segment import Delivery, Segment, Slice
    from logmon.subscription import Subscription

Output = Literal["text", "json", "raw"]

_SGR = {
    Level.TRACE: "2", Level.DEBUG: "2", Level.INFO: "32", Level.NOTICE: "36", Level.WARN: "33",
    Level.ERROR: "31", Level.CRITICAL: "1;31", Level.ALERT: "1;31", Level.EMERGENCY: "1;31",
}  # fmt: skip


class ConsoleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How lines are written."""

    output: Output = "text"
    terminal: bool = False
    """Whether the lines go to a terminal: then nothing in them may act on it."""
    color: bool = False
    zone: tzinfo
    own_rows: bool = True
    """Whether rows that logmon itself wrote are printed (a replay prints what the file holds)."""


class Console:
    """Writes deliveries to a binary stream."""

    def __init__(self, stream: BinaryIO, options: ConsoleOptions, *, live_from: int = 0) -> None:
        """`live_from` is the `seq` of this run's first row; what is older was said before."""
        self._stream = stream
        self._live_from = live_from
        self._options = options
        writers: dict[Output, Callable[[Delivery, Segment], bytes]] = {
            "json": self._json,
            "raw": self._raw,
            "text": self._text,
        }
        self._line = writers[options.output]
        self._held: NewestLines | None = None
        self._order = asyncio.Lock()
        self.narrated: set[str] = set()
        """Errors of the stream that were said on stderr, so that they need not be said again."""

    async def follow(self, subscription: Subscription) -> None:
        """Write everything a subscription yields.

        Raises:
            BrokenPipeError: the reader went away.
        """
        async for rows in subscription.batches():
            if rows.missed:
                _narrate(f"{rows.missed} rows were missed here")
            await self.write(rows)

    async def tell(self, hub: LogEventHub, first_seq: int) -> None:
        """Say on stderr what logmon itself has to say, whatever the filter of the rows is."""
        own = build_filter(sources=["logmon"])
        reader = hub.subscribe(own, name="notices", after=first_seq - 1)
        reader.position = reader.acknowledged = first_seq  # row 0 may be the store's
        async for rows in reader.batches():
            for row in rows:
                if row.origin == "logmon":
                    self._say(row)

    def hold(self, newest: NewestLines) -> None:
        """Write nothing until `release`, and then only the newest."""
        self._held = newest

    async def release(self) -> None:
        """Write what was held, and from now on everything."""
        async with self._order:
            held, self._held = self._held, None
            if held is not None and (data := held.take()):
                await asyncio.to_thread(self._emit, data)

    async def write(self, rows: Slice) -> None:
        """Write rows and flush them, in a thread: a reader that stalls must not stall us."""
        async with self._order:
            held, lines = self._held, []
            for row in rows if held is None else held.worth(rows):
                if not self._wanted(row):
                    continue
                line = self._line(row, rows.segment)
                if held is None:
                    lines.append(line)
                else:
                    held.add(row, line)
            if data := b"".join(lines):
                await asyncio.to_thread(self._emit, data)

    def _emit(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush()

    def _wanted(self, row: Delivery) -> bool:
        """Return whether a row is data; logmon's own notices are narration (`tell`)."""
        if row.origin == "logmon":
            return False
        return self._options.own_rows or not row.is_own

    def _say(self, row: Delivery) -> None:
        """Say a notice; one of an earlier run with its time, as it may no longer be so."""
        text = visible(row.event.message)
        if row.seq < self._live_from:
            moment = row.event.timestamp.astimezone(self._options.zone)
            _narrate(f"{moment:%Y-%m-%d %H:%M:%S} {text}")
            return
        if row.event.level >= Level.ERROR:
            self.narrated.add(text)
        _narrate(text)

    def _json(self, row: Delivery, _segment: Segment) -> bytes:
        if self._options.terminal:
            return encode_ascii(row.event, work_item=row.work_item).encode() + b"\n"
        return encode(row.event, work_item=row.work_item) + b"\n"

    def _raw(self, row: Delivery, segment: Segment) -> bytes:
        line = segment.raw(row.seq - segment.first_seq)
        if self._options.terminal:
            line = visible(line.decode("utf-8", "backslashreplace")).encode()
        return line + b"\n"

    def _text(self, row: Delivery, _segment: Segment) -> bytes:
        return self._text_line(row).encode("utf-8", "replace")

    def _text_line(self, row: Delivery) -> str:
        event = row.event
        time, code, source, message = text_columns(event, self._options.zone)
        mark = mark_text(row.work_item)
        if not self._options.color:
            return f"{time} {code} {source} {message}{mark}\n"
        level = f"\x1b[{_SGR[event.level]}m{code}\x1b[0m"
        mark = f"\x1b[35m{mark}\x1b[0m" if mark else ""
        return f"\x1b[2m{time}\x1b[0m {level} \x1b[34m{source}\x1b[0m {message}{mark}\n"


def _narrate(text: str) -> None:
    sys.stderr.write(f"logmon: {text}\n")


def quiet_stdout() -> None:
    """Make sure nothing more is written to a stdout whose reader has gone."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
