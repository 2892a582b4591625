"""Reads plain files from their end: the newest rows first, then block after block to the start.

A block begins at a line that surely begins a record and has a time of its own, so that what it
holds does not depend on what stands before it: each row is what reading forwards makes of it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.file_batch import FileBytes
from logmon.sources.lines import LineReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.formats import LineDecoder
    from logmon.source import Arrival

NEWEST_BYTES = 64 * 1_024
"""The first block: decoded in 0.3 ms, whatever the file's size, and more than a screen."""
BLOCK_BYTES = 2 << 20
BLOCKS_AT_ONCE = 2
BATCH_ROWS = 2_048
"""As many as a filter decodes between two frames."""
LOOKS_BYTES = (4 * 1_024, 64 * 1_024)
"""How far into a block a line to begin it with is looked for at first, and then."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
WIDEST_BLOCKS = (1, 4, 16)
"""A block without such a line is made so many times as large."""


class OpenedFile:
    """A regular file that is read from its end, one block a call. Its size is that at opening."""

    def __init__(
        self,
        path: str,
        title: str,
        decoder: LineDecoder,
        *,
        source: str,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._file = FileBytes(fd)
        status = os.fstat(fd)
        self.size = status.st_size
        self.left = status.st_size
        """Bytes at the file's beginning that are not read yet."""
        self._block_bytes = block_bytes
        self._untimed = False
        self._decoder = decoder
        self._reader = LineReader(
            decoder,
            source=source,
            origin=title,
            fallback_ns=status.st_mtime_ns,
            file=self._file,
            batch_rows=BATCH_ROWS,
            batch_bytes=BLOCK_BYTES,
        )

    def whole_lines_end(self) -> int:
        """Return the byte behind the last line that has its line end."""
        return self._line_start(self.size)

    def newest(self, *, hold: bool) -> tuple[list[Arrival], int]:
        """Return the newest rows, and the byte from which on nothing was read.

        `hold` leaves out what may go on: a last line without its end, a record that trace lines
        may follow.
        """
        end = self.left
        start = self._begin(end, min(NEWEST_BYTES, self._block_bytes))
        self._reader.restart(start)
        arrivals = list(self._pieces(start, end))
        stop = self._reader.offset if hold else end
        if not hold:
            arrivals += self._reader.flush()
        self.left = start
        return _reversed(arrivals), stop

    def blocks(self, count: int = BLOCKS_AT_ONCE) -> list[Arrival]:
        """Return the rows of the next so many blocks, newest first."""
        arrivals: list[Arrival] = []
        for _ in range(count):
            if self.left:
                arrivals += self.block()
        return arrivals

    def block(self) -> list[Arrival]:
        """Return the rows of the block before what has been read, newest first."""
        end = self.left
        start = self._begin(end, self._block_bytes)
        if end - start <= 2 * self._block_bytes:
            arrivals = list(self._reader.block(start, self._file.read(start, end)))
        else:  # huge lines, or many without a time: a piece at a time
            self._reader.restart(start)
            arrivals = [*self._pieces(start, end), *self._reader.flush()]
        self.left = start
        return _reversed(arrivals)

    def _pieces(self, start: int, end: int) -> Iterator[Arrival]:
        for place in range(start, end, BLOCK_BYTES):
            yield from self._reader.feed(self._file.read(place, min(place + BLOCK_BYTES, end)))

    def _begin(self, end: int, size: int) -> int:
        """Return the line that a block of about so many bytes before `end` begins with."""
        for times in () if self._untimed else WIDEST_BLOCKS:
            start = end - size * times
            if start <= 0:
                return 0
            found = self._good_line(start, end)
            if found is not None:
                return found
        self._untimed = True  # so many lines without a time: it is not looked for any more
        start = max(0, end - size)
        first = self._file.read(start, min(start + LOOKS_BYTES[-1], end)).find(b"\n") + 1
        return start + first if 0 < first < end - start else self._line_start(start)

    def _good_line(self, start: int, end: int) -> int | None:
        """Return a line that begins a record, whatever stands before it, and has a time."""
        for look_bytes in (*LOOKS_BYTES, end - start):
            window = self._file.read(start, min(start + look_bytes, end))
            breaks = np.flatnonzero(np.frombuffer(window, dtype=np.uint8) == ord("\n")).tolist()
            for before, here, stop in zip(breaks, breaks[1:], breaks[2:], strict=False):
                if self._decoder.begins(window[before + 1 : here], window[here + 1 : stop]):
                    return start + here + 1
        return None

    def _line_start(self, place: int) -> int:
        """Return where the line that goes on at a place begins."""
        while place > 0:
            start = max(0, place - BLOCK_BYTES)
            found = self._file.read(start, place).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            place = start
        return 0


def keep_freed_memory() -> None:
    """Let freed blocks be used again at once, up to 16 MiB.

    glibc gives them back to the kernel, which clears them anew for each block of a file: a fifth
    of what reading one costs (2.36, `mallopt(3)`). Elsewhere nothing is done.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for option, value in ((_M_TRIM_THRESHOLD, 16 << 20), (_M_MMAP_THRESHOLD, 4 << 20)):
            library.mallopt(option, value)


def _reversed(arrivals: list[Arrival]) -> list[Arrival]:
    return [msgspec.structs.replace(arrival, older=True) for arrival in reversed(arrivals)]
