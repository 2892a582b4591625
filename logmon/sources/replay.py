"""Reads files, folders, globs and standard input as events; follows files that grow.

Compressed inputs (gzip, bzip2, xz) are read as what they hold. Files are read with `read`, never
mapped: a mapped file that is cut short kills the process (SIGBUS).
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from contextlib import aclosing
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.errors import PermanentSourceError
from logmon.event import to_ns
from logmon.formats import LineDecoder
from logmon.formats.otlp import SeveralEvents
from logmon.level import Level
from logmon.source import Arrival, LogStreamOptions, LookBack
from logmon.sources.archives import BROKEN, COMPRESSED, Unpacked, packing
from logmon.sources.following import Following
from logmon.sources.inputs import (
    READ_BYTES,
    STDIN,
    are_large,
    expand,
    is_regular,
    members,
    shown,
)
from logmon.sources.lines import LineReader
from logmon.sources.merging import by_beginning, in_order
from logmon.sources.opened import OpenedFile, keep_freed_memory
from logmon.sources.streams import read_ready, rows_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from logmon.dead_letter import DeadLetter
    from logmon.event import LogEvent


class ReplayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How files are read."""

    input_format: str = "auto"
    zone: tzinfo = UTC
    levels: dict[str, Level] = {}
    speed: float | None = None
    """Recorded pace times this; None reads all at once."""
    max_gap_s: float = 5.0
    """Longest recorded gap that is waited for, in seconds of recorded time."""
    follow: bool = False
    look_back: LookBack | None = None
    """With `follow`: where to start in plain files; None starts at their beginning."""
    newest_first: asyncio.Event | None = None
    """Read large plain files from their end: the newest rows at once, the rest when this is set."""


class ReplaySource:
    """Reads inputs in the order of their times; with `follow` it stays.

    Where one is no file, or none begins with a time of its own, they are read one after another.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        *,
        name: str = "replay",
        reading: ReplayOptions | None = None,
        options: LogStreamOptions | None = None,
        stdin_fd: int = 0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._clock_ns = clock_ns
        self._inputs = tuple(inputs)
        self._reading = reading or ReplayOptions()
        self._stdin_fd = stdin_fd
        self._sleep = sleep
        self.name = name
        self.options = options or LogStreamOptions()
        LineDecoder("", input_format=self._reading.input_format)

    @property
    def tells_caught_up(self) -> bool:
        """Whether it follows files, and so will say when it has read what they held."""
        found = [path for name in self._inputs for path in members(name)]
        return self._reading.follow and any(map(is_regular, found))

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Yield what the inputs hold.

        Raises:
            PermanentSourceError: an input is missing or cannot be read; the message names it.
        """
        paths = expand(self._inputs)
        if self._reading.newest_first is not None and are_large(paths):
            paths = await by_beginning(paths, self._input)
            async with aclosing(self._opened(paths, self._reading.newest_first)) as arrivals:
                async for arrival in arrivals:
                    yield arrival
            return
        if self._reading.follow:
            others = [self._input(path) for path in paths if not is_regular(path)]
            files = [name for name in self._inputs if any(map(is_regular, members(name)))]
            readings = [self._following(files), *others] if files else others
            async with aclosing(side_by_side(readings)) as arrivals:
                async for arrival in arrivals:
                    yield arrival
            return
        pace = _Pace(self._reading, self._sleep)
        async with aclosing(in_order(paths, self._input)) as arrivals:
            async for arrival in arrivals:
                async for part in pace.parts(arrival):
                    yield part

    async def _opened(
        self, paths: list[str], begin: asyncio.Event
    ) -> AsyncGenerator[Arrival, None]:
        """Read plain files from their end; with `follow` also what is added to them."""
        files = [self._open(path) for path in paths]
        size = sum(file.size for file in files)
        starts: dict[str, int] = {}
        yield Arrival(share_read=0.0)
        for path, file in zip(paths, files, strict=True):
            arrivals, stop = file.newest(hold=self._reading.follow)
            if file is files[-1]:
                for arrival in arrivals:
                    yield arrival
            else:
                file.left = stop  # an older file's end is no newest screen: it comes in its turn
            starts[path] = stop
        readings = [self._older(files, size, begin)]
        if self._reading.follow:
            readings.append(self._following(self._inputs, starts))
        async with aclosing(side_by_side(readings)) as sides:
            async for arrival in sides:
                yield arrival

    def _following(
        self, inputs: Sequence[str], starts: dict[str, int] | None = None
    ) -> AsyncGenerator[Arrival, None]:
        return Following(
            inputs,
            self._reader,
            name=self.name,
            sleep=self._sleep,
            clock_ns=self._clock_ns,
            opened=self._open,
            look_back=self.options.look_back or self._reading.look_back,
            starts=starts,
            ends=self.options.history_only,
        ).arrivals()

    def _open(self, path: str) -> OpenedFile:
        title = shown(Path(path).name)
        try:
            return OpenedFile(path, title, self._decoder(title), source=self.name)
        except OSError as error:
            raise PermanentSourceError(f"{shown(path)}: {error.strerror}") from None

    async def _older(
        self, files: list[OpenedFile], size: int, begin: asyncio.Event
    ) -> AsyncGenerator[Arrival, None]:
        """Read block after block towards the beginning, in a thread, one ahead of the reader."""
        await begin.wait()
        keep_freed_memory()
        for file in reversed(files):
            ahead: asyncio.Future[list[Arrival]] | None = None
            try:
                while file.left or ahead:
                    arrivals = await (ahead or asyncio.to_thread(file.blocks))
                    left = sum(file.left for file in files)
                    ahead = (
                        asyncio.ensure_future(asyncio.to_thread(file.blocks)) if file.left else None
                    )
                    for arrival in arrivals:
                        yield arrival
                    yield Arrival(share_read=1 - left / size)
            finally:
                if ahead is not None:
                    await asyncio.wait([ahead])
        yield Arrival(share_read=1.0)

    async def _input(self, path: str) -> AsyncGenerator[Arrival, None]:
        try:
            is_stdin = path == STDIN
            reading = self._stream(self._stdin_fd, "stdin") if is_stdin else self._file(path)
            async with aclosing(reading) as arrivals:
                async for arrival in arrivals:
                    yield arrival
        except BROKEN as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            name = "stdin" if is_stdin else shown(path)
            raise PermanentSourceError(f"{name}: {reason}") from None

    def _decoder(self, title: str) -> LineDecoder:
        return LineDecoder(
            title,
            input_format=self._reading.input_format,
            zone=self._reading.zone,
            levels=self._reading.levels,
        )

    def _reader(self, title: str, modified_ns: int, *, packed: bool = False) -> LineReader:
        return LineReader(
            self._decoder(title),
            source=self.name,
            origin=title,
            fallback_ns=modified_ns,
            packed=packed,
        )

    @property
    def _looked_around_in(self) -> bool:
        """Whether rows are held to be looked at again, and not only passed on."""
        return self._reading.newest_first is not None

    def reread(self, letter: DeadLetter) -> list[LogEvent]:
        """Return the events that a dead letter of this source reads as now.

        Raises:
            MalformedEvent: it is still none.
        """
        seen_ns = self._clock_ns() if letter.seen_at is None else to_ns(letter.seen_at)
        try:
            return [self._decoder(letter.origin).decode(letter.raw, letter.offset or 0, seen_ns)]
        except SeveralEvents as several:
            if several.refused:
                raise several.refused[0] from None
            return several.events

    async def _stream(self, fd: int, title: str) -> AsyncGenerator[Arrival, None]:
        """Read something that is no regular file, as its bytes come."""
        reader = self._reader(title, self._clock_ns(), packed=self._looked_around_in)

        async def read() -> bytes | None:
            data = await read_ready(fd, holds_event=reader.holds_whole_line)
            reader.newest_ns = self._clock_ns()
            return data

        async with aclosing(rows_of(reader, read, Unpacked())) as arrivals:
            async for arrival in arrivals:
                yield arrival

    async def _file(self, path: str) -> AsyncGenerator[Arrival, None]:
        # Opening a FIFO for reading waits for a writer; non-blocking it does not.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            named = next((suffix for suffix in COMPRESSED if path.endswith(suffix)), "")
            title = shown(Path(path).stem if named else Path(path).name)
            if stat.S_ISREG(status.st_mode):
                packed = self._looked_around_in and bool(packing(path))
                reader = self._reader(title, status.st_mtime_ns, packed=packed)

                async def read() -> bytes:
                    reader.newest_ns = os.fstat(fd).st_mtime_ns
                    return os.read(fd, READ_BYTES)

                reading = rows_of(reader, read, Unpacked(named))
            else:
                reading = self._stream(fd, title)
            async with aclosing(reading) as arrivals:
                async for arrival in arrivals:
                    yield arrival
        finally:
            os.close(fd)


class _Pace:
    """Hands rows on at the pace they were recorded at, times the speed."""

    def __init__(self, reading: ReplayOptions, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._speed = reading.speed
        self._max_gap_s = reading.max_gap_s
        self._sleep = sleep
        self._then_ns: int | None = None

    async def parts(self, arrival: Arrival) -> AsyncGenerator[Arrival, None]:
        batch = arrival.batch
        if self._speed is None or batch is None:
            yield arrival
            return
        start = 0
        times = batch.columns.times.tolist()
        for row, time_ns in enumerate(times):
            gap_s = 0.0 if self._then_ns is None else (time_ns - self._then_ns) / 1e9
            self._then_ns = time_ns
            wait = min(max(gap_s, 0.0), self._max_gap_s) / self._speed
            if wait > 0:
                if row > start:
                    yield Arrival(batch=batch.take(np.arange(start, row)))
                start = row
                await self._sleep(wait)
        yield msgspec.structs.replace(arrival, batch=batch.take(np.arange(start, len(times))))


async def side_by_side(
    readings: list[AsyncGenerator[Arrival, None]],
) -> AsyncGenerator[Arrival, None]:
    """Yield from several inputs as each has something; the first failure ends them all."""
    queue: asyncio.Queue[Arrival | BaseException | None] = asyncio.Queue(maxsize=4)

    async def forward(reading: AsyncGenerator[Arrival, None]) -> None:
        try:
            async with aclosing(reading) as arrivals:
                async for arrival in arrivals:
                    await queue.put(arrival)
        except Exception as error:  # noqa: BLE001 - the reader of the queue must hear of it
            await queue.put(error)
        else:
            await queue.put(None)

    tasks = [asyncio.create_task(forward(reading)) for reading in readings]
    try:
        left = len(tasks)
        while left:
            item = await queue.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                left -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
