"""Where a searched text occurs among the shown rows: counted newest first, a slice at a time.

No Textual here. A search looks at messages; it is evaluated once per row, and forgets what it
found when the filter changes.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from logmon.patterns import bounded
from logmon.tui.shown_rows import SLICE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.filter import LogFilter
    from logmon.patterns import Pattern
    from logmon.segment import Segment
    from logmon.tui.shown_rows import Rows, ShownRows

SEARCH_LIMIT_S = 0.5
"""How long the rows of one segment may be searched; a pattern that takes longer is refused."""


class Search:
    """The rows among those shown whose message holds a pattern."""

    def __init__(self, rows: ShownRows, pattern: Pattern) -> None:
        self.pattern = pattern
        self._rows = rows
        self._filter: LogFilter | None = None
        self._found: dict[int, tuple[int, int, Rows]] = {}
        self.version = 0
        """Counts changes of what was found."""
        self.complete = False
        """Whether every shown row was searched."""

    def hits(self, segment: Segment) -> Rows:
        """Return the rows of a segment that pass the filter and hold the pattern.

        Raises:
            PatternTooSlow: the pattern took longer than it may.
        """
        self._forget()
        start, stop = self._rows.snapshot.bounds(segment)
        first, last, found = self._found.get(segment.first_seq) or (start, start, None)
        if last < stop:
            rows = segment.rows(self._rows.filter, start, stop)
            with bounded(SEARCH_LIMIT_S):
                new = segment.holding(self.pattern, rows[rows >= last])
            found = new if found is None else np.concatenate((found, new))
            self._found[segment.first_seq] = (first, stop, found)
            self.version += 1
        if found is None:
            return np.arange(0)
        return found if first == start else found[found >= start]

    def wanted(self, segment: Segment, rows: Rows) -> Rows:
        """Return those of these rows that hold the pattern: what a `Quest` asks."""
        hits = self.hits(segment)
        return hits if len(hits) == 0 else rows[np.isin(rows, hits)]

    def work(self) -> bool:
        """Search for a slice of time, newest rows first; return whether more are left.

        Raises:
            PatternTooSlow: the pattern took longer than it may.
        """
        self._forget()
        until = self._rows.clock() + SLICE_S
        snapshot = self._rows.snapshot
        for segment in reversed(snapshot.segments):
            known = self._found.get(segment.first_seq)
            if known is not None and known[1] >= snapshot.bounds(segment)[1]:
                continue
            if not segment.decided(self._rows.filter, snapshot.bounds(segment)[1]):
                self.complete = False
                return True
            if self._rows.clock() >= until:
                self.complete = False
                return True
            self.hits(segment)
        self.complete = True
        return False

    def _forget(self) -> None:
        if self._filter != self._rows.filter:
            self._filter = self._rows.filter
            self._found.clear()
            self.complete = False
            self.version += 1
        elif len(self._found) > len(self._rows.snapshot.segments):
            held = {segment.first_seq for segment in self._rows.snapshot.segments}
            for first in [first for first in self._found if first not in held]:
                del self._found[first]

    @property
    def total(self) -> int:
        """How many of the rows that are there now hold the pattern, as far as was searched."""
        return sum(len(found) for _, found in self._there())

    def seqs(self) -> Rows:
        """Return the rows found so far by `seq`, oldest first."""
        parts = [first + found for first, found in sorted(self._there(), key=itemgetter(0))]
        return np.concatenate(parts) if parts else np.arange(0)

    def _there(self) -> Iterator[tuple[int, Rows]]:
        """Yield each segment's first `seq` and the rows found in it that are there now."""
        snapshot = self._rows.snapshot
        for first, (_, stop, found) in self._found.items():
            if first < snapshot.first_seq or first + stop > snapshot.next_seq:
                seqs = first + found
                found = found[(seqs >= snapshot.first_seq) & (seqs < snapshot.next_seq)]
            yield first, found
