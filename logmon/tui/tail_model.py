"""What the tail shows, without drawing any of it.

Everything a user can do to the tail (filter, pause, move, jump) is a method here that touches no
widget, so its tests need no terminal. Rows are named by `seq`, never by a row number, so nothing
that arrives or is evicted moves the row under the cursor. A filter is evaluated newest rows
first, a slice at a time (`work`), and at once for the rows that are being looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from logmon.filter import EVERYTHING, LogFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from logmon.event_log import Delivery, EventLog, Segment, Snapshot
    from logmon.level import Level

    Rows = NDArray[np.intp]

Direction = Literal[1, -1]
SLICE_SEGMENTS = 1
"""Segments a slice of background filtering evaluates: about 2,000 rows, 8 ms with a regex."""


class TailModel:
    """A window onto the log: filter, top row, selected row, follow or pause or freeze."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.snapshot: Snapshot = log.snapshot
        self.filter: LogFilter = EVERYTHING
        self.following = True
        self.frozen = False
        self.height = 1
        self.top: int | None = None
        """`seq` of the first row on the screen; None while following."""
        self.cursor: int | None = None
        """`seq` of the selected row."""
        self._paused_at = 0
        self._counts: dict[int, tuple[int, int, int]] = {}
        self._offset = 0
        self._on_demand = SLICE_SEGMENTS

    # What is there

    def sync(self) -> bool:
        """Take in what the log holds now; return whether anything changed. Frozen, do nothing."""
        latest = self._log.snapshot
        if self.frozen or latest is self.snapshot:
            return False
        self.snapshot = latest
        if self.top is not None and self.top < latest.first_seq:
            self.top = latest.first_seq
        if self.cursor is not None and self.cursor < latest.first_seq:
            self.cursor = None
        for first in [f for f in self._counts if f < latest.first_seq - 100_000]:
            del self._counts[first]
        return True

    @property
    def new_rows(self) -> int:
        """Rows that came in since the tail was paused or frozen, shown or hidden."""
        return self._log.snapshot.next_seq - self._paused_at if not self.live else 0

    @property
    def live(self) -> bool:
        """Whether the newest row is on the screen."""
        return self.following and not self.frozen

    @property
    def held(self) -> int:
        """How many rows the log holds."""
        return len(self.snapshot)

    def rows(self, segment: Segment) -> Rows:
        """Return the rows of a segment that pass; none yet when filtering it must wait its turn.

        A filter that columns cannot decide may take milliseconds a segment, so only a few are
        filtered on demand between two slices of `work`, and no key press waits for a whole log.
        """
        start, stop = self.snapshot.bounds(segment)
        if self.filter.needs_rows and segment.first_seq not in self._counts:
            if self._on_demand <= 0:
                return np.arange(0)
            self._on_demand -= 1
            self.count(segment)
        return segment.rows(self.filter, start, stop)

    def count(self, segment: Segment) -> int:
        """Return how many rows of a segment pass; remembered until the segment changes."""
        start, stop = self.snapshot.bounds(segment)
        if not self.filter.clauses:
            return stop - start
        known = self._counts.get(segment.first_seq)
        if known is not None and known[:2] == (start, stop):
            return known[2]
        shown = len(segment.rows(self.filter, start, stop))
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
        return any(s.first_seq not in self._counts for s in self.snapshot.segments)

    def work(self) -> bool:
        """Filter a few more segments, newest first; return whether more are left.

        Raises:
            PatternTooSlow: a regular expression of the filter ran out of time.
        """
        if not self.filter.clauses:
            return False
        self._on_demand = SLICE_SEGMENTS
        done = 0
        for segment in reversed(self.snapshot.segments):
            if segment.first_seq in self._counts:
                continue
            if done == SLICE_SEGMENTS:
                return True
            self.count(segment)
            done += 1
        return False

    # Filtering

    def set_filter(self, log_filter: LogFilter) -> None:
        """Show only rows that pass, held and coming ones alike; the selected row stays in place."""
        if log_filter == self.filter:
            return
        self._log.forget(self.filter)
        self.filter = log_filter
        self._counts.clear()
        if self.top is not None:
            anchor = self.top if self.cursor is None else self.cursor
            offset = 0 if self.cursor is None else self._offset
            nearest = self.nearest(anchor)
            self.top = None if nearest is None else self.step(nearest, -offset)
            self.cursor = None if self.cursor is None else nearest

    # Walking

    def nearest(self, seq: int) -> int | None:
        """Return the first shown row at or after `seq`, else the last before it."""
        after = self._seek(seq, 1)
        return after if after is not None else self._seek(seq, -1)

    def _seek(self, seq: int, direction: Direction) -> int | None:
        """Return the first shown row from `seq` on, itself included, in a direction."""
        for segment in self._segments_from(seq, direction):
            seqs = self.rows(segment) + segment.first_seq
            seqs = seqs[seqs >= seq] if direction > 0 else seqs[seqs <= seq]
            if len(seqs):
                return int(seqs[0] if direction > 0 else seqs[-1])
        return None

    def _segments_from(self, seq: int, direction: Direction) -> tuple[Segment, ...]:
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
        for segment in self._segments_from(seq, direction):
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

    def visible(self) -> list[int]:
        """Return the `seq` of each row on the screen, top to bottom."""
        if self.top is None:
            return self._last_rows(self.height)
        seqs: list[int] = []
        for segment in self._segments_from(self.top, 1):
            found = self.rows(segment) + segment.first_seq
            seqs += found[found >= self.top][: self.height - len(seqs)].tolist()
            if len(seqs) >= self.height:
                break
        if len(seqs) < self.height:
            return self._last_rows(self.height)
        return seqs

    def _last_rows(self, most: int) -> list[int]:
        seqs: list[int] = []
        for segment in reversed(self.snapshot.segments):
            found = self.rows(segment) + segment.first_seq
            seqs[:0] = found[-(most - len(seqs)) :].tolist()
            if len(seqs) >= most:
                break
        return seqs

    def delivery(self, seq: int) -> Delivery | None:
        """Return a row, or None when it is evicted."""
        return self.snapshot.delivery(seq)

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

    # Moving

    def follow(self) -> None:
        """Show the newest rows and stay with them."""
        self.following = True
        self.frozen = False
        self.top = None
        self.cursor = None
        self.sync()

    def pause(self) -> None:
        """Keep the rows that are on the screen now; what comes is counted."""
        if self.following:
            seqs = self.visible()
            self.following = False
            if not self.frozen:
                self._paused_at = self.snapshot.next_seq
            self.top = seqs[0] if seqs else None

    def freeze(self) -> None:
        """Stop taking anything in, or go on; the log records all the while."""
        if self.frozen:
            self.frozen = False
            self.sync()
        else:
            if self.following:
                self._paused_at = self.snapshot.next_seq
            self.frozen = True

    def move(self, rows: int) -> None:
        """Move the selected row; going up pauses, going down past the end follows again."""
        seqs = self.visible()
        if not seqs:
            return
        if self.cursor is None:
            self.cursor = seqs[-1]
            if rows > 0 and self.following:
                return
        elif rows > 0 and self.cursor == self.last() and not self.frozen:
            self.follow()
            return
        self.cursor = self.step(self.cursor, rows)
        if rows < 0:
            self.pause()
        self._keep_in_view()

    def scroll(self, rows: int) -> None:
        """Move the window and leave the selected row where it is; the end follows again."""
        seqs = self.visible()
        if not seqs:
            return
        if rows < 0:
            self.pause()
            self.top = self.step(seqs[0], rows)
            return
        if self.following:
            return
        last = self.last()
        bottom = self.step(seqs[-1], rows)
        if bottom == last and not self.frozen:
            self.follow()
        else:
            self.top = self.step(seqs[0], rows)

    def select(self, seq: int) -> None:
        """Select a row and bring it into view; the tail pauses so that it stays there."""
        self.pause()
        self.cursor = seq
        self._keep_in_view()

    def to_first(self) -> None:
        """Go to the oldest row."""
        first = self.first()
        if first is not None:
            self.select(first)
            self.top = first

    def _keep_in_view(self) -> None:
        """Scroll just far enough that the selected row is on the screen."""
        if self.cursor is None:
            return
        seqs = self.visible()
        if self.cursor in seqs:
            self._offset = seqs.index(self.cursor)
            if self.top is not None:
                self.top = seqs[0]
            return
        if self.following:
            self.pause()
        if seqs and self.cursor == self.step(seqs[0], -1):
            self.top = self.cursor
        elif seqs and self.cursor == self.step(seqs[-1], 1):
            self.top = self.step(self.cursor, 1 - self.height)
        else:
            self.top = self.step(self.cursor, -(self.height // 2))
        self._offset = self.visible().index(self.cursor) if self.cursor in self.visible() else 0

    def resize(self, height: int) -> None:
        """Take a new height and keep the selected row at its place on the screen."""
        if height == self.height:
            return
        self.height = max(1, height)
        if self.top is not None and self.cursor is not None:
            self._keep_in_view()

    # Jumping

    def jump_level(self, minimum: Level, direction: Direction) -> bool:
        """Select the next (or previous) shown row of at least this level."""

        def wanted(segment: Segment, rows: Rows) -> Rows:
            return rows[segment.levels[rows] >= minimum]

        return self._jump(wanted, direction)

    def jump_item(self, direction: Direction, item: str | None = None) -> bool:
        """Select the next (or previous) shown row linked to any work item, or to this one."""

        def wanted(segment: Segment, rows: Rows) -> Rows:
            return segment.linked(rows, item)

        return self._jump(wanted, direction)

    def _jump(self, wanted: _Wanted, direction: Direction) -> bool:
        seqs = self.visible()
        if not seqs:
            return False
        start = self.cursor
        if start is None:  # nothing is selected yet: the newest one that there is
            start, direction = seqs[-1] + 1, -1
        for segment in self._segments_from(start, direction):
            found = wanted(segment, self.rows(segment)) + segment.first_seq
            found = found[found > start] if direction > 0 else found[found < start]
            if len(found):
                self.select(int(found[0] if direction > 0 else found[-1]))
                return True
        return False


if TYPE_CHECKING:
    from collections.abc import Callable

    _Wanted = Callable[[Segment, Rows], Rows]
