"""What moves through logmon: a batch of rows as columns, decoded to events only when looked at.

`EventBatch` holds events that exist already; `RawBatch` holds the bytes as they came and decodes
a row each time one is asked for, so a held row costs its bytes and 17 bytes of columns.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from logmon.event import LogEvent, encode, to_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray


class Columns:
    """Time, level and source of each row, as arrays of one length.

    `times` is int64 nanoseconds, `levels` uint8 ranks, `source_ids` uint16 places in `names`.
    """

    __slots__ = ("levels", "names", "news", "source_ids", "times")

    def __init__(
        self,
        times: NDArray[np.int64],
        levels: NDArray[np.uint8],
        source_ids: NDArray[np.uint16],
        names: Sequence[str],
        news: NDArray[np.bool_] | None = None,
    ) -> None:
        self.news = news
        """Which rows are the first of their template, once the log knows."""
        self.times = times
        self.levels = levels
        self.source_ids = source_ids
        self.names = names

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: NDArray[np.intp]) -> Columns:
        """Return the columns of only these rows."""
        return Columns(self.times[rows], self.levels[rows], self.source_ids[rows], self.names)

    @classmethod
    def of(cls, times: Sequence[int], levels: Sequence[int], sources: Sequence[str]) -> Columns:
        """Build columns from plain sequences of equal length (at most 65,535 distinct sources)."""
        places: dict[str, int] = {}
        ids = [places.setdefault(name, len(places)) for name in sources]
        return cls(
            np.array(times, dtype=np.int64),
            np.array(levels, dtype=np.uint8),
            np.array(ids, dtype=np.uint16),
            tuple(places),
        )


class Batch(Protocol):
    """Rows in the order they were received. A batch never changes after it is made."""

    columns: Columns
    """The log puts its own equal columns here once it holds the rows: so they are held once."""
    nbytes: int
    """About how much memory the rows hold, in bytes; the log's byte bound counts it."""

    def __len__(self) -> int: ...

    def event(self, row: int) -> LogEvent:
        """Return the event of a row; decodes it when the batch holds bytes."""
        ...

    def raw(self, row: int) -> bytes:
        """Return a row's bytes as they came, or its canonical JSON when it came as an event."""
        ...

    def explain(self, row: int) -> str:
        """Say as what a row was read, and why."""
        ...

    def take(self, rows: NDArray[np.intp]) -> Batch:
        """Return a batch of only these rows, in this order."""
        ...


def events_of(batch: Batch) -> Iterator[LogEvent]:
    """Yield every event of a batch in order."""
    return map(batch.event, range(len(batch)))


CAME_AS_EVENT = "came as an event · no line was read"


class EventBatch:
    """A batch of events that exist already."""

    __slots__ = ("_events", "columns", "nbytes")

    def __init__(self, events: Sequence[LogEvent], *, columns: Columns | None = None) -> None:
        self._events = tuple(events)
        self.columns = columns or Columns.of(
            [to_ns(event.timestamp) for event in self._events],
            [event.level for event in self._events],
            [event.source for event in self._events],
        )
        self.nbytes = sum(_size(event) for event in self._events)

    def __len__(self) -> int:
        return len(self._events)

    def event(self, row: int) -> LogEvent:
        """Return the event of a row."""
        return self._events[row]

    def raw(self, row: int) -> bytes:
        """Return a row's canonical JSON: no other bytes of it exist."""
        return encode(self._events[row])

    def explain(self, _row: int) -> str:
        """Say that there were no bytes to read."""
        return CAME_AS_EVENT

    def take(self, rows: NDArray[np.intp]) -> EventBatch:
        """Return a batch of only these rows."""
        return EventBatch([self._events[row] for row in rows])


def _size(event: LogEvent) -> int:
    """Guess an event's memory: its struct, its strings, and 100 bytes an attribute."""
    return 300 + len(event.message) + 100 * len(event.attributes)


class PackedBytes:
    """Bytes that are held compressed; the few that were looked at last are held as they are too.

    For what cannot be read again from where it came: standard input, archives. Text of logs takes
    a sixth of its size; unpacking 256 KiB costs 0.5 ms.
    """

    __slots__ = ("_packed", "nbytes")

    def __init__(self, data: bytes) -> None:
        self._packed = zlib.compress(data, 1)
        self.nbytes = len(self._packed)

    def unpacked(self) -> bytes:
        """Return the bytes."""
        return zlib.decompress(self._packed)

    def __getitem__(self, place: slice) -> bytes:
        return _unpacked(self)[place]


@lru_cache(maxsize=16)
def _unpacked(packed: PackedBytes) -> bytes:
    return packed.unpacked()


class RawBatch:
    """A batch of byte ranges in one block, decoded a row at a time when looked at.

    Row `i` is `block[starts[i]:ends[i]]`. `decode(raw, start, time_ns)` gets a row's bytes, where
    in the block they begin and the row's time; it must return the same event each time and must
    not raise: a row that cannot decode belongs to the dead letters. `explain(raw)` says as what.
    """

    __slots__ = ("_base", "_block", "_decode", "_ends", "_explain", "_starts", "columns", "nbytes")

    def __init__(
        self,
        block: bytes | PackedBytes,
        starts: NDArray[np.uint32],
        ends: NDArray[np.uint32],
        columns: Columns,
        decode: Callable[[bytes, int, int], LogEvent],
        explain: Callable[[bytes], str] = lambda _raw: CAME_AS_EVENT,
        *,
        base: int = 0,
    ) -> None:
        self._base = base
        self._block = block
        self._starts = starts
        self._ends = ends
        self._decode = decode
        self._explain = explain
        self.columns = columns
        held = block.nbytes if isinstance(block, PackedBytes) else int((ends - starts).sum())
        self.nbytes = held + 25 * len(columns)

    def __len__(self) -> int:
        return len(self._starts)

    def event(self, row: int) -> LogEvent:
        """Decode a row."""
        start = self._starts.item(row)
        raw = self._block[start : self._ends.item(row)]
        return self._decode(raw, start, self.columns.times.item(row))

    def ends_in_input(self) -> NDArray[np.int64]:
        """Return the byte of the input behind each row and its line end; `base` is the block's."""
        return self._ends.astype(np.int64) + (self._base + 1)

    def raw(self, row: int) -> bytes:
        """Return a row's bytes, joined trace lines included, without the last line end."""
        return self._block[self._starts[row] : self._ends[row]]

    def explain(self, row: int) -> str:
        """Say as what a row is read, and why."""
        return self._explain(self.raw(row))

    def take(self, rows: NDArray[np.intp]) -> Batch:
        """Return a batch of only these rows, sharing the block."""
        return RawBatch(
            self._block,
            self._starts[rows],
            self._ends[rows],
            self.columns.take(rows),
            self._decode,
            self._explain,
            base=self._base,
        )


class WovenBatch:
    """Rows of several batches in another order. Row `i` is row `rows[i]` of `parts[of[i]]`."""

    __slots__ = ("_of", "_parts", "_rows", "columns", "nbytes")

    def __init__(
        self, parts: Sequence[Batch], of: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> None:
        self._parts = tuple(parts)
        self._of = of
        self._rows = rows
        self.columns = _woven([part.columns for part in parts], of, rows)
        self.nbytes = sum(part.nbytes for part in parts) + 8 * len(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def event(self, row: int) -> LogEvent:
        """Return the event of a row."""
        part: Batch = self._parts[self._of[row]]
        return part.event(int(self._rows[row]))

    def raw(self, row: int) -> bytes:
        """Return a row's bytes as they came."""
        part: Batch = self._parts[self._of[row]]
        return part.raw(int(self._rows[row]))

    def explain(self, row: int) -> str:
        """Say as what a row was read."""
        part: Batch = self._parts[self._of[row]]
        return part.explain(int(self._rows[row]))

    def take(self, rows: NDArray[np.intp]) -> Batch:
        """Return a batch of only these rows."""
        return WovenBatch(self._parts, self._of[rows], self._rows[rows])


def _woven(parts: Sequence[Columns], of: NDArray[np.intp], rows: NDArray[np.intp]) -> Columns:
    """Put the columns of rows together as they are ordered."""
    names: dict[str, int] = {}
    ids = [
        np.array([names.setdefault(name, len(names)) for name in part.names], dtype=np.uint16)[
            part.source_ids
        ]
        for part in parts
    ]
    starts = np.cumsum([0, *map(len, parts)])[:-1]
    order = starts[of] + rows
    return Columns(
        np.concatenate([part.times for part in parts])[order],
        np.concatenate([part.levels for part in parts])[order],
        np.concatenate(ids)[order],
        tuple(names),
    )


class MappedBatch:
    """Another batch whose events are passed through a function when looked at.

    Enrichment of rows that are still bytes: configured tags, a template. The function must not
    change time, level or source: those are columns already.
    """

    __slots__ = ("_batch", "_change", "nbytes")

    def __init__(self, batch: Batch, change: Callable[[LogEvent], LogEvent]) -> None:
        self._batch = batch
        self._change = change
        self.nbytes = batch.nbytes

    @property
    def columns(self) -> Columns:
        """The other batch's columns."""
        return self._batch.columns

    @columns.setter
    def columns(self, columns: Columns) -> None:
        self._batch.columns = columns

    def __len__(self) -> int:
        return len(self._batch)

    def event(self, row: int) -> LogEvent:
        """Return the changed event of a row."""
        return self._change(self._batch.event(row))

    def raw(self, row: int) -> bytes:
        """Return a row's bytes as they came, unchanged."""
        return self._batch.raw(row)

    def explain(self, row: int) -> str:
        """Say as what a row was read, and why."""
        return self._batch.explain(row)

    def take(self, rows: NDArray[np.intp]) -> Batch:
        """Return a batch of only these rows, still changed when looked at."""
        return MappedBatch(self._batch.take(rows), self._change)
