"""How many shown rows of which severity fell into which stretch of time; no Textual here.

Buckets lie on round times (each full 5 s, minute, hour), so that new rows add to the last bucket
and never move the others. Counts are exact: equal to looking at each shown row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.level import Level
from logmon.tui.digests import Digests

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from logmon.event_log import Snapshot
    from logmon.segment import Segment
    from logmon.tui.tail_model import TailModel

    Rows = NDArray[np.intp]

SECOND_NS = 1_000_000_000
_STEPS_NS = tuple(
    round(step * SECOND_NS)
    for step in (
        *(m * 10.0**e for e in range(-6, 0) for m in (1, 2, 5)),
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
        *(86_400 * days for days in (1, 2, 7, 14, 30, 90, 365, 3_650, 36_500)),
    )
)  # fmt: skip
CLASSES = 3
"""Severities told apart: below warn, warn, error and above."""
SEGMENTS_A_SLICE = 256
"""About 5 ms of counting."""

_CLASS_OF = np.zeros(256, dtype=np.uint8)
_CLASS_OF[int(Level.WARN) : int(Level.ERROR)] = 1
_CLASS_OF[int(Level.ERROR) :] = 2


def classes(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 0 for levels below warn, 1 for warn, 2 for error and above."""
    found: NDArray[np.uint8] = _CLASS_OF[levels]
    return found


class TimeGrid(msgspec.Struct, frozen=True):
    """`count` buckets of `width_ns`, the first one beginning at `origin * width_ns` since 1970."""

    origin: int
    width_ns: int
    count: int

    @classmethod
    def over(cls, first_ns: int, last_ns: int, most: int) -> TimeGrid:
        """Return the finest grid on round times that covers both ends in at most `most` buckets."""
        for width in _STEPS_NS:
            origin = first_ns // width
            count = last_ns // width - origin + 1
            if count <= most:
                return cls(origin, width, count)
        width = max(_STEPS_NS[-1], (last_ns - first_ns) // max(1, most - 1) + 1)
        return cls(first_ns // width, width, last_ns // width - first_ns // width + 1)

    def buckets(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the bucket of each time; times outside fall into the nearest one."""
        found: NDArray[np.int64] = np.clip(times // self.width_ns - self.origin, 0, self.count - 1)
        return found

    def start_ns(self, bucket: int) -> int:
        """Return when a bucket begins, in nanoseconds since 1970."""
        return (self.origin + bucket) * self.width_ns


EMPTY_GRID = TimeGrid(0, SECOND_NS, 0)


class TimeSpan:
    """The earliest and latest time of all held rows, at the cost of the segments that changed."""

    def __init__(self) -> None:
        self._ends = Digests(_ends_of)

    def ends(self, snapshot: Snapshot) -> tuple[int, int] | None:
        """Return both times in nanoseconds since 1970, or None when no row is held."""
        from logmon.filter import EVERYTHING

        self._ends.sync(snapshot, EVERYTHING, most=len(snapshot.segments))
        found = [ends for ends in self._ends.values() if ends is not None]
        if not found:
            return None
        return min(first for first, _ in found), max(last for _, last in found)


def _ends_of(segment: Segment, rows: Rows) -> tuple[int, int] | None:
    if not len(rows):
        return None
    times = segment.times[rows[0] : rows[-1] + 1]
    return int(times.min()), int(times.max())


class Histogram:
    """Counts of the rows that the tail shows, by time and severity."""

    def __init__(self, model: TailModel) -> None:
        self._model = model
        self._span = TimeSpan()
        self._parts = Digests(self._count)
        self._version = -1
        self.grid = EMPTY_GRID
        self.counts: NDArray[np.int64] = np.zeros((0, CLASSES), dtype=np.int64)
        """Rows by bucket and severity class."""

    @property
    def complete(self) -> bool:
        """Whether every shown row is counted."""
        return self._parts.complete

    def sync(self, most_buckets: int) -> bool:
        """Count what has changed; return whether more is left for another call."""
        snapshot = self._model.snapshot
        ends = self._span.ends(snapshot)
        grid = EMPTY_GRID if ends is None else TimeGrid.over(*ends, max(1, most_buckets))
        self.grid = grid
        more = self._parts.sync(snapshot, self._model.filter, grid, most=SEGMENTS_A_SLICE)
        if self._version != self._parts.version or len(self.counts) != grid.count:
            self._version = self._parts.version
            total = np.zeros((grid.count, CLASSES), dtype=np.int64)
            for first, part in self._parts.values():
                total[first : first + len(part)] += part
            self.counts = total
        return more

    def _count(self, segment: Segment, rows: Rows) -> tuple[int, NDArray[np.int64]]:
        if not len(rows):
            return 0, np.zeros((0, CLASSES), dtype=np.int64)
        buckets = self.grid.buckets(segment.times[rows])
        first = int(buckets.min())
        size = int(buckets.max()) - first + 1
        places = (buckets - first) * CLASSES + classes(segment.levels[rows])
        return first, np.bincount(places, minlength=size * CLASSES).reshape(size, CLASSES)

    def bucket_of(self, time_ns: int) -> int:
        """Return the bucket that a time falls into."""
        return int(self.grid.buckets(np.array([time_ns], dtype=np.int64))[0])

    def next_bucket(self, bucket: int, direction: int, severity: int = 0) -> int | None:
        """Return the next bucket with shown rows of at least a severity class, or None."""
        filled = np.flatnonzero(self.counts[:, severity:].sum(axis=1))
        beyond = filled[filled > bucket] if direction > 0 else filled[filled < bucket]
        if not len(beyond):
            return None
        return int(beyond[0] if direction > 0 else beyond[-1])

    def first_row(self, bucket: int) -> int | None:
        """Return the `seq` of the first shown row of a bucket, or None when there is none."""
        start = self.grid.start_ns(bucket)
        return first_row_between(self._model, start, start + self.grid.width_ns)


def first_row_between(model: TailModel, start_ns: int, stop_ns: int) -> int | None:
    """Return the `seq` of the first shown row with `start_ns` ≤ time < `stop_ns`, or None."""
    snapshot = model.snapshot
    for segment in snapshot.segments:
        start, stop = snapshot.bounds(segment)
        times = segment.times[start:stop]
        if not ((times >= start_ns) & (times < stop_ns)).any():
            continue
        rows = model.rows(segment)
        times = segment.times[rows]
        found = np.flatnonzero((times >= start_ns) & (times < stop_ns))
        if len(found):
            return segment.first_seq + int(rows[found[0]])
    return None
