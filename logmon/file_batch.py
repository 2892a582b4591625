"""Rows of a file as places in it: about 20 bytes a row, whatever its lines are long.

A row is read with `pread` when it is looked at, never through a mapping: a mapped file that is
cut short kills the process (SIGBUS). A row whose bytes are no longer what they were says so.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

import numpy as np

from logmon.errors import MalformedEvent
from logmon.event import LogEvent, from_ns, to_ns
from logmon.level import Level
from logmon.literals import FOLDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from logmon.batch import Batch, Columns

GONE = "the bytes of this row are no longer in the file"
_FOLDING = np.array([int.from_bytes(pair, "big") for pair in FOLDING], dtype=np.uint16)
_LOWER = 0x20
"""Set in every small letter of ASCII, and clear in its capital."""


class FileBytes:
    """An open file that is read by place; closed when the last batch that holds it is gone."""

    __slots__ = ("__weakref__", "_fd")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        weakref.finalize(self, os.close, fd)

    def read_into(self, memory: memoryview, start: int) -> int:
        """Fill memory with the bytes from `start` on; return how many there are."""
        done = 0
        while done < len(memory):
            count = os.preadv(self._fd, [memory[done:]], start + done)
            if not count:
                break
            done += count
        return done

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of a range, fewer where the file ends before `stop`."""
        data = os.pread(self._fd, stop - start, start)
        while len(data) < stop - start:
            more = os.pread(self._fd, stop - start - len(data), start + len(data))
            if not more:
                break
            data += more
        return data


class _Scratch(threading.local):
    """Memory that bytes are searched in, used again: fresh pages cost as much as the search."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._folded = bytearray()

    def of(self, length: int) -> tuple[bytearray, bytearray, NDArray[np.uint8], NDArray[np.uint8]]:
        """Return two pieces of memory of at least this length, and each as an array."""
        if len(self._data) < length:
            self._data, self._folded = bytearray(length), bytearray(length)
        view = np.frombuffer(self._data, dtype=np.uint8)
        return self._data, self._folded, view, np.frombuffer(self._folded, dtype=np.uint8)


_scratch = _Scratch()


class FileBatch:
    """Rows that are byte ranges of a file, decoded one at a time when looked at.

    Row `i` is `starts[i]` ≤ byte < `ends[i]`, counted from `base`. `decode(raw, start, time_ns)`
    is as in `RawBatch`, and raises `MalformedEvent` for bytes that are not the row's any more.
    `plain` marks rows whose message stands in their bytes, but for what a backslash escapes.
    """

    __slots__ = (
        "_base",
        "_decode",
        "_ends",
        "_explain",
        "_file",
        "_odd",
        "_starts",
        "columns",
        "nbytes",
    )

    def __init__(
        self,
        file: FileBytes,
        base: int,
        starts: NDArray[np.uint32],
        ends: NDArray[np.uint32],
        columns: Columns,
        decode: Callable[[bytes, int, int], LogEvent],
        *,
        plain: NDArray[np.bool_],
        explain: Callable[[bytes], str],
    ) -> None:
        self._file = file
        self._base = base
        self._starts = starts
        self._ends = ends
        self._decode = decode
        self._explain = explain
        self._odd = np.flatnonzero(~plain).astype(np.uint32)
        self.columns = columns
        self.nbytes = 25 * len(columns)

    def __len__(self) -> int:
        return len(self._starts)

    def event(self, row: int) -> LogEvent:
        """Decode a row; one whose bytes have changed is shown as what the columns still know."""
        time_ns = int(self.columns.times[row])
        try:
            event = self._decode(self.raw(row), int(self._starts[row]), time_ns)
        except (MalformedEvent, OSError):
            return self._gone(row, time_ns)
        columns = self.columns
        if (
            event.level != columns.levels[row]
            or event.source != columns.names[columns.source_ids[row]]
            or to_ns(event.timestamp) // 1_000 != time_ns // 1_000
        ):
            return self._gone(row, time_ns)
        return event

    def _gone(self, row: int, time_ns: int) -> LogEvent:
        columns = self.columns
        return LogEvent(
            timestamp=from_ns(time_ns),
            level=Level(int(columns.levels[row])),
            source=columns.names[columns.source_ids[row]],
            message=GONE,
        )

    def raw(self, row: int) -> bytes:
        """Return a row's bytes as they are in the file now."""
        base = self._base
        return self._file.read(base + int(self._starts[row]), base + int(self._ends[row]))

    def places(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the bytes of the file where rows begin."""
        return self._starts[rows].astype(np.int64) + self._base

    def explain(self, row: int) -> str:
        """Say as what a row is read, and why."""
        return self._explain(self.raw(row))

    def holding(self, literal: bytes) -> NDArray[np.bool_]:
        """Return the rows whose message may hold an ASCII text in any case; no other one does.

        Looks at the bytes of all rows in one go, without decoding any: 0.6 ns a byte, of which
        reading is 0.2 and finding 0.3 (CPython 3.11, 2026-11).
        """
        first = int(self._starts[0])
        found = np.zeros(len(self), dtype=bool)
        found[self._odd] = True
        length = int(self._ends[-1]) - first
        data, folded, view, folded_view = _scratch.of(length)
        length = self._file.read_into(memoryview(data)[:length], self._base + first)
        np.bitwise_or(view[:length], _LOWER, out=folded_view[:length])
        wanted = bytes(byte | _LOWER for byte in literal)
        for text, needle in ((folded, wanted), (data, b"\\")):
            place = text.find(needle, 0, length)
            while place >= 0:  # one hit a row is enough
                row = int(np.searchsorted(self._starts, place + first, side="right")) - 1
                found[row] = True
                place = text.find(needle, max(place + 1, int(self._ends[row]) - first), length)
        places = np.flatnonzero(view[: length - 1] >= FOLDING[0][0])
        if len(places):
            pairs = view[places].astype(np.uint16) << 8 | view[places + 1]
            places = places[np.isin(pairs, _FOLDING)] + first
            found[np.searchsorted(self._starts, places, side="right") - 1] = True
        return found

    def take(self, rows: NDArray[np.intp]) -> Batch:
        """Return a batch of only these rows."""
        plain = np.ones(len(self), dtype=bool)
        plain[self._odd] = False
        return FileBatch(
            self._file,
            self._base,
            self._starts[rows],
            self._ends[rows],
            self.columns.take(rows),
            self._decode,
            plain=plain[rows],
            explain=self._explain,
        )
