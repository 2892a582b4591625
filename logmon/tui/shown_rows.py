"""Which rows of the log pass the filter, evaluated a slice at a time, and walking over them.

Rows are named by `seq`, never by a row number. A filter is evaluated newest rows first (`work`),
and for a short while at once for the rows that are being looked at, so that no key waits for a
whole log. A pattern that runs out of its time shows no more rows; only `work` raises that, so
whatever paints or moves may ask. No Textual here.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from logmon.errors import PatternTooSlow
from logmon.filter import EVERYTHING, LevelClause, LogFilter
from logmon.segment import NOTICES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from logmon.event_log import Snapshot
    from logmon.segment import Delivery, Segment

    Rows = NDArray[np.intp]

Direction = Literal[1, -1]
SLICE_S = 0.008
"""How long a slice of background work takes, in seconds: a frame and a key fit between two."""
ON_DEMAND_S = 0.02
"""How long rows that are being looked at may be filtered for between two slices, in seconds."""


class HeldLog(Protocol):
    """A log to look at: all of it, or what lies behind a playhead."""

    @property
    def snapshot(self) -> Snapshot:
        """The rows there are now."""
        ...

    def forget(self, log_filter: LogFilter) -> None:
        """Drop the remembered result of a filter that nobody uses any more."""
        ...


class ShownRows:
    """The rows of a snapshot that pass a filter."""

    def __init__(self, log: HeldLog, clock: Callable[[], float] = perf_counter) -> None:
        self._log = log
        self.clock = clock
        self.snapshot: Snapshot = log.snapshot
        self.filter: LogFilter = EVERYTHING
        self._counts: dict[int, tuple[int, int, int]] = {}
        self._grown: set[int] = set()
        """Segments that got rows since they were counted, by their first `seq`."""
        self._on_demand_s = ON_DEMAND_S
        self._too_slow = ""
        """Why the filter is not asked about rows any more."""
        self._told = False

    def take(self, snapshot: Snapshot) -> None:
        """Look at another snapshot: the segment that was the last one may have grown."""
        if self.snapshot.segments:
            last = self.snapshot.segments[-1]
            if snapshot.bounds(last)[1] != self.snapshot.bounds(last)[1]:
                self._grown.add(last.first_seq)
        self.snapshot = snapshot

    @property
    def held(self) -> int:
        """How many rows the log holds."""
        return len(self.snapshot)

    def use(self, log_filter: LogFilter) -> None:
        """Take another filter; what columns of levels decide is decided at once."""
        self._log.forget(self.filter)
        self.filter = log_filter
        self._too_slow, self._told = "", False
        self._counts.clear()
        self._grown.clear()
        self._on_demand_s = ON_DEMAND_S
        match log_filter.clauses:
            case (LevelClause() as clause,):
                self._use_levels(log_filter, clause)

    def _use_levels(self, log_filter: LogFilter, clause: LevelClause) -> None:
        """Decide all held rows in one go: 1 ms for a million, 5 ms segment by segment."""
        snapshot = self.snapshot
        bounds = [snapshot.bounds(segment) for segment in snapshot.segments]
        found = level_rows(snapshot, clause)
        for segment, (start, stop), passing in zip(snapshot.segments, bounds, found, strict=True):
            notices = segment.notices(log_filter, start, stop)
            rows = np.union1d(passing, notices).astype(np.intp) if notices else passing
            segment.remember(log_filter, start, stop, rows)
            self._counts[segment.first_seq] = (start, stop, len(rows))

    def passes(self, row: Delivery) -> bool:
        """Whether the filter lets a row through; no, when that takes too long to tell."""
        notice = row.origin == NOTICES and self.filter.passes_notice(row.event)
        try:
            return notice or self.filter.matches(row.event)
        except PatternTooSlow as error:
            self._too_slow = str(error)
            return False

    def rows(self, segment: Segment) -> Rows:
        """Return the rows of a segment that pass; none yet when filtering it must wait its turn."""
        start, stop = self.snapshot.bounds(segment)
        if self.filter.needs_rows and segment.first_seq not in self._counts:
            if self._on_demand_s <= 0:
                return np.arange(0)
            began = self.clock()
            self.count(segment)
            self._on_demand_s -= self.clock() - began
        return self._asked(segment, start, stop)

    def _asked(self, segment: Segment, start: int, stop: int) -> Rows:
        """Ask the filter about the rows it has not seen; of no use any more, it is not asked."""
        if not self._too_slow:
            try:
                return segment.rows(self.filter, start, stop)
            except PatternTooSlow as error:
                self._too_slow = str(error)
        return np.arange(0)

    def count(self, segment: Segment) -> int:
        """Return how many rows of a segment pass; remembered until the segment changes."""
        self._grown.discard(segment.first_seq)
        start, stop = self.snapshot.bounds(segment)
        if not self.filter.clauses:
            return stop - start
        known = self._counts.get(segment.first_seq)
        if known is not None and known[:2] == (start, stop):
            return known[2]
        shown = len(self._asked(segment, start, stop))
        self._counts[segment.first_seq] = (start, stop, shown)
        return shown

    def shown(self) -> int:
        """Return how many held rows pass, as far as they have been looked at."""
        if not self.filter.clauses:
            return self.held
        snapshot = self.snapshot
        last = snapshot.segments[-1] if snapshot.segments else None
        total = self.count(last) if last is not None else 0
        first = snapshot.first_seq
        for segment in snapshot.segments[:-1]:
            known = self._counts.get(segment.first_seq)
            if known is not None:
                total += self.count(segment) if segment.first_seq < first else known[2]
        return total

    @property
    def busy(self) -> bool:
        """Whether rows wait to be filtered."""
        if not self.filter.clauses:
            return False
        return bool(self._grown) or not all(
            segment.first_seq in self._counts for segment in self.snapshot.segments
        )

    def work(self) -> bool:
        """Filter for a slice of time, newest rows first; return whether more are left.

        Raises:
            PatternTooSlow: a regular expression of the filter ran out of time; said once.
        """
        if not self.filter.clauses:
            return False
        self._on_demand_s = ON_DEMAND_S
        until = self.clock() + SLICE_S
        for segment in reversed(self.snapshot.segments):
            if segment.first_seq in self._counts and segment.first_seq not in self._grown:
                continue
            if self._too_slow:
                break
            if self.clock() >= until:
                return True
            self.count(segment)
        self._grown.clear()  # one that was evicted is not there to be counted
        if self._too_slow and not self._told:
            self._told = True
            raise PatternTooSlow(self._too_slow)
        return False

    # Walking

    def nearest(self, seq: int) -> int | None:
        """Return the first shown row at or after `seq`, else the last before it."""
        after = self._seek(seq, 1)
        return after if after is not None else self._seek(seq, -1)

    def _seek(self, seq: int, direction: Direction) -> int | None:
        """Return the first shown row from `seq` on, itself included, in a direction."""
        for segment in self.segments_from(seq, direction):
            seqs = self.rows(segment) + segment.first_seq
            seqs = seqs[seqs >= seq] if direction > 0 else seqs[seqs <= seq]
            if len(seqs):
                return int(seqs[0] if direction > 0 else seqs[-1])
        return None

    def segments_from(self, seq: int, direction: Direction) -> tuple[Segment, ...]:
        """Return the segments from the one that holds a row on, in a direction."""
        snapshot = self.snapshot
        if not snapshot.segments:
            return ()
        place = snapshot.place(max(snapshot.first_seq, min(seq, snapshot.next_seq - 1)))
        if direction > 0:
            return snapshot.segments[place:]
        return snapshot.segments[place::-1]

    def step(self, seq: int, rows: int) -> int:
        """Return the shown row that is `rows` further down (or up), or the last one there is."""
        if rows == 0:
            return seq
        direction: Direction = 1 if rows > 0 else -1
        left = abs(rows)
        found = seq
        for segment in self.segments_from(seq, direction):
            seqs = self.rows(segment) + segment.first_seq
            seqs = seqs[seqs > seq] if direction > 0 else seqs[seqs < seq][::-1]
            if len(seqs) >= left:
                return int(seqs[left - 1])
            if len(seqs):
                found = int(seqs[-1])
                left -= len(seqs)
        return found

    def last(self) -> int | None:
        """Return the newest shown row."""
        return self._seek(self.snapshot.next_seq, -1)

    def first(self) -> int | None:
        """Return the oldest shown row."""
        return self._seek(self.snapshot.first_seq, 1)

    def rank(self, seq: int) -> int:
        """Return how many shown rows lie before `seq`, as far as they have been filtered."""
        snapshot = self.snapshot
        if not snapshot.segments:
            return 0
        if not self.filter.clauses:
            return max(0, seq - snapshot.first_seq)
        place = snapshot.place(seq)
        counts = self._counts
        before = sum(
            counts[segment.first_seq][2]
            for segment in snapshot.segments[:place]
            if segment.first_seq in counts
        )
        segment = snapshot.segments[place]
        return before + int((self.rows(segment) + segment.first_seq < seq).sum())


def level_rows(snapshot: Snapshot, clause: LevelClause) -> list[Rows]:
    """Return the rows of each segment that pass a filter on levels alone, all in one go."""
    bounds = [snapshot.bounds(segment) for segment in snapshot.segments]
    if not bounds:
        return []
    parts = [
        segment.levels[start:stop]
        for segment, (start, stop) in zip(snapshot.segments, bounds, strict=True)
    ]
    found = np.flatnonzero(clause.mask_of_levels(np.concatenate(parts)))
    ends = np.cumsum([stop - start for start, stop in bounds])
    pieces = np.split(found, np.searchsorted(found, ends[:-1]))
    firsts = (0, *ends[:-1].tolist())
    return [
        rows + (start - first)
        for rows, first, (start, _) in zip(pieces, firsts, bounds, strict=True)
    ]
