"""The one ordered log: rows numbered by `seq`, held in segments, bounded by rows and by bytes.

One task writes; anyone reads, from any thread, through `EventLog.snapshot`: an immutable view
that is swapped whole after each append. A segment's columns are only ever appended to, and a
snapshot never looks past its own `next_seq`. Evicting is forgetting whole segments; what a reader
lost is a subtraction of `seq` numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from logmon.filter import EVERYTHING, LogFilter
from logmon.segment import OWN_ORIGINS, SEGMENT_ROWS, Delivery, Segment, Slice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from logmon.batch import Batch

    Rows = NDArray[np.intp]


class Snapshot:
    """The log at one moment: rows `first_seq` ≤ seq < `next_seq`. Never changes, any thread."""

    __slots__ = ("_firsts", "first_seq", "next_seq", "segments")

    def __init__(self, segments: tuple[Segment, ...], first_seq: int, next_seq: int) -> None:
        self.segments = segments
        self.first_seq = first_seq
        self.next_seq = next_seq
        self._firsts: list[int] | None = None

    def __len__(self) -> int:
        return self.next_seq - self.first_seq

    def place(self, seq: int) -> int:
        """Return the index of the segment that holds a row."""
        if self._firsts is None:
            self._firsts = [segment.first_seq for segment in self.segments]
        return bisect_right(self._firsts, seq) - 1

    def find(self, seq: int) -> tuple[Segment, int] | None:
        """Return where a row is held, or None when it is evicted or not there yet."""
        if not self.first_seq <= seq < self.next_seq:
            return None
        segment = self.segments[self.place(seq)]
        return segment, seq - segment.first_seq

    def delivery(self, seq: int) -> Delivery | None:
        """Return a row, or None when it is not held."""
        found = self.find(seq)
        return found[0].delivery(found[1]) if found else None

    def bounds(self, segment: Segment) -> tuple[int, int]:
        """Return the rows of a segment that belong to this snapshot, as start and stop."""
        start = max(0, self.first_seq - segment.first_seq)
        return start, min(segment.count, self.next_seq - segment.first_seq)

    def spans(self, first: int, stop: int) -> Iterator[tuple[Segment, int, int]]:
        """Yield the segments that hold rows of a `seq` range, each with its start and stop row."""
        first, stop = max(first, self.first_seq), min(stop, self.next_seq)
        if first >= stop:
            return
        for index in range(self.place(first), len(self.segments)):
            segment = self.segments[index]
            if segment.first_seq >= stop:
                return
            yield (
                segment,
                max(0, first - segment.first_seq),
                min(segment.count, stop - segment.first_seq),
            )


class EventLog:
    """A ring of rows, at most `max_rows` of them and about `max_bytes` of memory.

    The byte bound is kept to within one segment (2 MiB, or one batch if that is larger).
    """

    def __init__(
        self, *, max_rows: int = 100_000, max_bytes: int = 256 << 20, first_seq: int = 0
    ) -> None:
        self.max_rows = max_rows
        self.max_bytes = max_bytes
        self.nbytes = 0
        self.began_at = first_seq
        """The `seq` of the first row this log ever held."""
        self.older_stop: int | None = None
        """Rows before this one were put in front of what came first; None: no such rows."""
        self.snapshot = Snapshot((), first_seq, first_seq)
        self._segments: list[Segment] = []
        self._origins: list[str] = list(OWN_ORIGINS)
        self._items = [""]
        self._item_places: dict[str, int] = {}

    def append(self, batch: Batch, *, origin: str) -> int:
        """Add rows, evict what is over the bound, and return the first row's `seq`."""
        first, rows = self.snapshot.next_seq, len(batch)
        if not rows:
            return first
        segment = self._segments[-1] if self._segments else None
        if segment is None or not segment.has_room(rows):
            segment = Segment(first, max(rows, SEGMENT_ROWS), self._origins, self._items)
            self._segments.append(segment)
        segment.append(batch, self._origin_id(origin))
        self.nbytes += batch.nbytes
        self._evict(first + rows)
        return first

    def prepend(self, batch: Batch, *, origin: str) -> int:
        """Add rows before the oldest one and return the first one's `seq`.

        For a file that is read from its end: its rows are numbered downwards, so what is there
        keeps its numbers, and there is no gap to fill. The caller sees to it that they fit.
        """
        snapshot = self.snapshot
        if self.older_stop is None:
            self.older_stop = snapshot.first_seq
        first = snapshot.first_seq - len(batch)
        segment = Segment(first, len(batch), self._origins, self._items)
        place = self._origin_id(origin)
        segment.append(batch, place)
        segment.origin_ids = np.broadcast_to(np.uint16(place), len(batch))  # no more rows come in
        self._segments.insert(0, segment)
        self.nbytes += batch.nbytes
        self.began_at = first
        self.snapshot = Snapshot(tuple(self._segments), first, snapshot.next_seq)
        return first

    def was_there(self, rows: Slice) -> bool:
        """Whether rows were put in front of what came first: a file that was there already."""
        return self.older_stop is not None and rows.segment.first_seq < self.older_stop

    def room_before(self) -> int:
        """Return how many rows may be put before the oldest one."""
        if self.nbytes > self.max_bytes:
            return 0
        return min(self.max_rows - len(self.snapshot), self.snapshot.first_seq)

    def _origin_id(self, origin: str) -> int:
        if origin not in self._origins:
            self._origins.append(origin)
        return self._origins.index(origin)

    def _evict(self, next_seq: int) -> None:
        segments = self._segments
        first_seq = max(self.snapshot.first_seq, next_seq - self.max_rows)
        gone = 0
        nbytes = self.nbytes
        for segment in segments[:-1]:
            over = nbytes > self.max_bytes
            if not over and segment.first_seq + segment.count > first_seq:
                break
            nbytes -= segment.nbytes
            first_seq = max(first_seq, segment.first_seq + segment.count)
            gone += 1
        del segments[:gone]
        self.nbytes = nbytes
        self.snapshot = Snapshot(tuple(segments), first_seq, next_seq)

    def begin_at(self, seq: int) -> None:
        """Number the next row `seq`; what is held is forgotten. Readers see a gap."""
        self._segments.clear()
        self.nbytes = 0
        self.began_at = seq
        self.snapshot = Snapshot((), seq, seq)

    def link(self, links: Mapping[int, str]) -> None:
        """Mark rows as linked to work items; rows that are evicted are passed over."""
        for seq, item in links.items():
            found = self.snapshot.find(seq)
            if found is None:
                continue
            place = self._item_places.get(item)
            if place is None:
                place = self._item_places[item] = len(self._items)
                self._items.append(item)
            found[0].link(found[1], place)

    def mark_new(self, seqs: Iterable[int]) -> None:
        """Mark rows as the first of their template; rows that are evicted are passed over."""
        snapshot = self.snapshot
        held = [found for found in map(snapshot.find, seqs) if found is not None]
        for segment, row in held:
            segment.mark_new(row)
        if held:  # another snapshot, so that whoever remembers what a filter showed looks again
            self.snapshot = Snapshot(snapshot.segments, snapshot.first_seq, snapshot.next_seq)

    def forget(self, log_filter: LogFilter) -> None:
        """Drop the remembered result of a filter that nobody uses any more."""
        for segment in self._segments:
            segment.forget(log_filter)

    def recent(
        self,
        limit: int,
        log_filter: LogFilter = EVERYTHING,
        *,
        before: int | None = None,
        outside: bool = False,
    ) -> list[Delivery]:
        """Return the newest `limit` rows that pass, oldest first; only rows with seq < `before`.

        `outside` leaves out logmon's own rows.
        """
        snapshot = self.snapshot
        stop = snapshot.next_seq if before is None else min(before, snapshot.next_seq)
        found: list[Delivery] = []
        for segment, start, end in reversed(list(snapshot.spans(snapshot.first_seq, stop))):
            if len(found) >= limit:
                break
            rows = segment.rows(log_filter, start, end, outside=outside)
            keep = rows[-(limit - len(found)) :]
            found[:0] = map(segment.delivery, keep.tolist())
        return found
