"""Reads bytes as they come, and hands on the rows they hold, to the end or to where they break."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from logmon.sources.inputs import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from logmon.source import Arrival
    from logmon.sources.archives import Unpacked
    from logmon.sources.lines import LineReader

TRACE_AFTER_S = 0.2
"""How long an event waits for trace lines that may follow it."""


async def rows_of(
    reader: LineReader, read: Callable[[], Awaitable[bytes | None]], stream: Unpacked
) -> AsyncGenerator[Arrival, None]:
    """Yield the rows of what `read` gives: b"" ends it, None is nothing yet.

    Raises:
        OSError, EOFError, zlib.error, lzma.LZMAError: an archive is broken; what stood before
            that was yielded.
    """
    while stream.broken is None and (data := await read()) != b"":
        if data is None:
            for arrival in reader.flush():
                yield arrival
            continue
        for piece in stream.feed(data):
            for arrival in reader.feed(piece):
                yield arrival
            await asyncio.sleep(0)
    for arrival in reader.feed(stream.end()):
        yield arrival
    for arrival in reader.flush():
        yield arrival
    if stream.broken is not None:
        raise stream.broken


def _ring(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def read_ready(fd: int, *, holds_event: bool) -> bytes | None:
    """Return bytes as soon as there are some, b"" at the end.

    With an event held back for trace lines, None when no byte came for a moment.
    """
    loop = asyncio.get_running_loop()
    while True:
        ready: asyncio.Future[None] = loop.create_future()
        try:
            loop.add_reader(fd, _ring, ready)
        except PermissionError:  # epoll takes no regular files; those are always ready
            return os.read(fd, READ_BYTES)
        try:
            await asyncio.wait_for(ready, TRACE_AFTER_S if holds_event else None)
        except TimeoutError:
            return None
        finally:
            loop.remove_reader(fd)
        try:
            return os.read(fd, READ_BYTES)
        except BlockingIOError:
            continue
