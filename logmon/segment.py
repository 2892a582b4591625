"""Consecutive rows of the log: columns, the batches behind them, links to work items.

Columns are only ever appended to; what is evaluated once for a filter is remembered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from contextlib import nullcontext
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.batch import Batch, Columns
from logmon.event import LogEvent, as_new
from logmon.file_batch import FileBatch
from logmon.patterns import bounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from logmon.filter import LogFilter
    from logmon.patterns import Pattern

    Rows = NDArray[np.intp]

SEGMENT_ROWS = 2_048
SEGMENT_BYTES = 2 << 20
MEMO_FILTERS = 32
"""Distinct filters whose result a segment remembers; the oldest is forgotten first."""

NO_ROWS: Rows = np.arange(0)
BOUNDED_ROWS = 64
"""Rows that regular expressions are asked about in one go, with one limit for their time."""

OWN_ORIGINS = ("logmon", "sentinel")
"""Origins that only the hub can give: its own notices, and what Sentinel says."""
NOTICES = OWN_ORIGINS[0]


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One row as a reader gets it: the event, its place, and the two marks only the hub sets."""

    seq: int
    event: LogEvent
    origin: str
    work_item: str | None
    is_new: bool = False
    """Whether Sentinel saw its template for the first time in it."""

    @property
    def is_own(self) -> bool:
        """Whether logmon itself wrote the row; what a row claims of itself counts for nothing."""
        return self.origin in OWN_ORIGINS


class Segment:
    """Consecutive rows: preallocated columns, the batches behind them, links to work items."""

    __slots__ = (
        "_batches", "_masks", "_notices", "_places", "_rows", "_starts", "capacity", "count",
        "first_seq", "item_ids", "items", "levels", "names", "nbytes", "news", "origin_ids",
        "origins", "source_ids", "times",
    )  # fmt: skip

    def __init__(self, first_seq: int, capacity: int, origins: list[str], items: list[str]) -> None:
        self.first_seq = first_seq
        self.capacity = capacity
        self.count = 0
        self.nbytes = 0
        self.times = np.empty(capacity, dtype=np.int64)
        self.levels = np.empty(capacity, dtype=np.uint8)
        self.source_ids = np.empty(capacity, dtype=np.uint16)
        self.origin_ids = np.empty(capacity, dtype=np.uint16)
        self.names: list[str] = []
        self.origins = origins
        self.items = items
        self.item_ids: NDArray[np.uint32] | None = None
        self.news: NDArray[np.bool_] | None = None
        self._places: dict[str, int] = {}
        self._starts: list[int] = []
        self._batches: list[Batch] = []
        self._notices: list[int] = []
        self._masks: dict[LogFilter, tuple[NDArray[np.bool_], int]] = {}
        self._rows: dict[LogFilter, tuple[int, int, Rows]] = {}

    def has_room(self, rows: int) -> bool:
        """Whether that many rows still fit, and the segment is not heavy already."""
        return self.count + rows <= self.capacity and self.nbytes < SEGMENT_BYTES

    def append(self, batch: Batch, origin_id: int) -> None:
        """Copy a batch's columns behind the rows that are here."""
        start, stop = self.count, self.count + len(batch)
        columns = batch.columns
        self.times[start:stop] = columns.times
        self.levels[start:stop] = columns.levels
        mapping = np.array([self._place(name) for name in columns.names], dtype=np.uint16)
        self.source_ids[start:stop] = mapping[columns.source_ids]
        self.origin_ids[start:stop] = origin_id
        batch.columns = self.columns(start, stop)
        self._starts.append(start)
        self._batches.append(batch)
        if self.origins[origin_id] == NOTICES:
            self._notices += range(start, stop)
        self.nbytes += batch.nbytes
        self.count = stop

    def _place(self, name: str) -> int:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = len(self.names)
            self.names.append(name)
        return place

    def columns(self, start: int, stop: int) -> Columns:
        """Return the columns of a range of rows, without copying."""
        return Columns(
            self.times[start:stop],
            self.levels[start:stop],
            self.source_ids[start:stop],
            self.names,
            None if self.news is None else self.news[start:stop],
        )

    def event(self, row: int) -> LogEvent:
        """Return the event of a row."""
        place = bisect_right(self._starts, row) - 1
        return self._batches[place].event(row - self._starts[place])

    def events(self, rows: list[int]) -> Iterator[LogEvent]:
        """Yield the events of rows in ascending order: a batch is looked for once."""
        place, stop = -1, -1
        for row in rows:
            if row >= stop:
                place = bisect_right(self._starts, row) - 1
                last = place + 1 == len(self._starts)
                stop = self.capacity if last else self._starts[place + 1]
                event, start = self._batches[place].event, self._starts[place]
            yield event(row - start)

    def raw(self, row: int) -> bytes:
        """Return the bytes of a row as they came."""
        place = bisect_right(self._starts, row) - 1
        return self._batches[place].raw(row - self._starts[place])

    def explain(self, row: int) -> str:
        """Say as what a row was read, and why."""
        place = bisect_right(self._starts, row) - 1
        return self._batches[place].explain(row - self._starts[place])

    def delivery(self, row: int) -> Delivery:
        """Return a row as readers get it."""
        item = None
        if self.item_ids is not None and (place := self.item_ids[row]):
            item = self.items[place]
        origin = self.origins[self.origin_ids[row]]
        new = self.news is not None and bool(self.news[row])
        return Delivery(self.first_seq + row, self.event(row), origin, item, new)

    def mark_new(self, row: int) -> None:
        """Mark a row as the first of its template; filters that ask for that are asked again."""
        if self.news is None:
            self.news = np.zeros(self.capacity, dtype=bool)
        self.news[row] = True
        for log_filter in [known for known in (*self._masks, *self._rows) if known.asks_new]:
            self.forget(log_filter)

    def link(self, row: int, place: int) -> None:
        """Mark a row as linked to the work item at a place in `items`."""
        if self.item_ids is None:
            self.item_ids = np.zeros(self.capacity, dtype=np.uint32)
        self.item_ids[row] = place

    def linked(self, rows: Rows, item: str | None = None) -> Rows:
        """Return those of these rows that are linked to any work item, or to this one."""
        if self.item_ids is None:
            return rows[:0]
        ids = self.item_ids[rows]
        if item is None:
            return rows[ids > 0]
        return rows[ids == self.items.index(item)] if item in self.items else rows[:0]

    def mask(self, log_filter: LogFilter, stop: int) -> NDArray[np.bool_]:
        """Return which of the rows below `stop` pass; each row is asked once per distinct filter.

        Only for the task that writes the log. Clauses that need rows decode those that columns
        let through.

        Raises:
            PatternTooSlow: a regular expression of the filter ran out of time.
        """
        mask, done = self._masks.get(log_filter) or (np.zeros(self.capacity, dtype=bool), 0)
        if done < stop:
            mask[done:stop] = self.evaluate(log_filter, done, stop)
            self._masks.pop(log_filter, None)
            while len(self._masks) >= MEMO_FILTERS:
                self.forget(next(iter(self._masks)))
            self._masks[log_filter] = (mask, stop)
        return mask[:stop]

    def forget(self, log_filter: LogFilter) -> None:
        """Drop the remembered result of a filter."""
        self._masks.pop(log_filter, None)
        self._rows.pop(log_filter, None)

    def holding(self, pattern: Pattern, rows: Rows) -> Rows:
        """Return those of these rows whose message holds a pattern.

        Raises:
            PatternTooSlow: it took longer than it may.
        """
        if literal := pattern.literal:
            rows = rows[self._may_hold(literal, 0, self.count)[rows]]
        found = [pattern.found_in(self.event(row).message) for row in rows.tolist()]
        holding: Rows = rows[np.array(found, dtype=bool)]
        return holding

    def remember(self, log_filter: LogFilter, start: int, stop: int, rows: Rows) -> None:
        """Take rows of a range as what a filter lets through: somebody evaluated it elsewhere."""
        mask = np.zeros(self.capacity, dtype=bool)
        mask[rows] = True
        self._masks[log_filter] = (mask, stop)
        self._rows[log_filter] = (start, stop, rows)

    def decided(self, log_filter: LogFilter, stop: int) -> bool:
        """Whether columns alone tell which rows below `stop` pass, or the filter was asked."""
        return not log_filter.needs_rows or self._asked(log_filter) >= stop

    def _asked(self, log_filter: LogFilter) -> int:
        """Return below which row a filter has been asked about every row."""
        found = self._masks.get(log_filter)
        return 0 if found is None else found[1]

    def evaluate(self, log_filter: LogFilter, start: int, stop: int) -> NDArray[np.bool_]:
        """Return which rows of a range pass, without remembering it; safe on any thread."""
        mask = log_filter.mask(self.columns(start, stop))
        if log_filter.needs_rows:
            if literal := log_filter.literal:
                mask &= self._may_hold(literal, start, stop)
            rows = np.flatnonzero(mask).tolist()
            for first in range(0, len(rows), BOUNDED_ROWS):
                some = rows[first : first + BOUNDED_ROWS]
                events = self._marked([start + row for row in some])
                with bounded() if log_filter.has_patterns else nullcontext():
                    mask[some] = [log_filter.matches_rest(event) for event in events]
        mask[[row - start for row in self.notices(log_filter, start, stop)]] = True
        return mask

    def _marked(self, rows: list[int]) -> list[LogEvent]:
        """Return the events of rows in ascending order, as new where they were marked so."""
        if self.news is None:
            return list(self.events(rows))
        new = self.news[rows].tolist()
        return [
            as_new(e) if is_new else e for e, is_new in zip(self.events(rows), new, strict=True)
        ]

    def notices(self, log_filter: LogFilter, start: int, stop: int) -> list[int]:
        """Return the rows of a range that a filter lets through as what logmon itself says."""
        if not log_filter.notices or not self._notices:
            return []
        found = self._notices[bisect_left(self._notices, start) : bisect_left(self._notices, stop)]
        return [row for row in found if log_filter.passes_notice(self.event(row))]

    def _may_hold(self, literal: str, start: int, stop: int) -> NDArray[np.bool_]:
        """Return which rows of a range may hold a text in their message, by a look at bytes."""
        mask = np.ones(stop - start, dtype=bool)
        wanted = literal.encode()
        for first, batch in zip(self._starts, self._batches, strict=True):
            if first < stop and first + len(batch) > start and isinstance(batch, FileBatch):
                low, high = max(first, start), min(first + len(batch), stop)
                mask[low - start : high - start] = batch.holding(wanted)[low - first : high - first]
        return mask

    def rows(self, log_filter: LogFilter, start: int, stop: int, *, outside: bool = False) -> Rows:
        """Return the rows of a range that pass; `outside` leaves out logmon's own rows."""
        if not log_filter.clauses:
            rows = np.arange(start, stop)
        else:
            first, last, rows = self._rows.get(log_filter) or (0, -1, NO_ROWS)
            if (first, last) != (start, stop):
                rows = np.flatnonzero(self.mask(log_filter, stop)[start:stop]) + start
                self._rows[log_filter] = (start, stop, rows)
        if outside:
            rows = rows[self.origin_ids[rows] >= len(OWN_ORIGINS)]
        return rows


class Slice:
    """Rows of one segment that a reader gets together, in `seq` order."""

    __slots__ = ("missed", "rows", "segment")

    def __init__(self, segment: Segment, rows: Rows, missed: int = 0) -> None:
        self.segment = segment
        self.rows = rows
        self.missed = missed
        """Positions of the log that were evicted unread just before this slice."""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Delivery]:
        return map(self.segment.delivery, self.rows.tolist())

    def events(self) -> Iterator[LogEvent]:
        """Yield the events alone."""
        return self.segment.events(self.rows.tolist())

    @property
    def seqs(self) -> Rows:
        """The `seq` of each row."""
        return self.rows + self.segment.first_seq


def segment_of(first_seq: int, batch: Batch, origin: str, links: Mapping[int, str]) -> Segment:
    """Return a segment of its own for rows that the log no longer holds."""
    items = ["", *dict.fromkeys(links.values())]
    segment = Segment(first_seq, len(batch), [*OWN_ORIGINS, origin], items)
    segment.append(batch, OWN_ORIGINS.index(origin) if origin in OWN_ORIGINS else len(OWN_ORIGINS))
    for seq, item in links.items():
        segment.link(seq - first_seq, items.index(item))
    return segment
