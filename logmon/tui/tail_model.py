"""What the tail shows, without drawing any of it.

Everything a user can do to the tail (filter, pause, move, jump) is a method here that touches no
widget, so its tests need no terminal. Rows are named by `seq`, so nothing that arrives or is
evicted moves the row under the cursor.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from logmon.tui.marks import Marks, Trail
from logmon.tui.quest import Quest
from logmon.tui.shown_rows import HeldLog, ShownRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.filter import LogFilter
    from logmon.segment import Delivery, Segment
    from logmon.tui.fold import Fold
    from logmon.tui.quest import Wanted
    from logmon.tui.shown_rows import Direction, HeldLog, Rows


class TailModel(ShownRows):
    """A window onto the log: filter, top row, selected row, follow or pause or freeze."""

    def __init__(self, log: HeldLog, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(log, clock)
        self.following = True
        self.frozen = False
        self.height = 1
        self.top: int | None = None
        """`seq` of the first row on the screen; None while following."""
        self.cursor: int | None = None
        """`seq` of the selected row."""
        self.lines_of: Callable[[int], int] | None = None
        """How many lines of the screen a row takes, where rows are wrapped."""
        self.fold: Fold | None = None
        self.marks = Marks()
        self.trail = Trail()
        self._chosen: int | None = None
        """The row the user selected, also while a filter hides it."""
        self._settling = False
        self._folding = False
        self._paused_at = 0
        self._offset = 0
        self._at_first: int | None = None
        """The oldest row when the user went to it: older ones that come in are gone to as well."""

    # What is there

    def sync(self) -> bool:
        """Take in what the log holds now; return whether anything changed. Frozen, do nothing."""
        latest = self._log.snapshot
        if self.frozen or latest is self.snapshot:
            return False
        self.take(latest)
        if self.filter.asks_new:  # rows that were shown as old may be new by now
            self._counts.clear()
        self._folding = self.fold is not None
        if self.top is not None and self.top < latest.first_seq:
            self.top = latest.first_seq
        if self._chosen is not None and self._chosen < latest.first_seq:
            self._choose(None)
        for first in [f for f in self._counts if f < latest.first_seq - 100_000]:
            del self._counts[first]
        if self._at_first is not None and self._at_first > latest.first_seq:
            self._stay_first()
        return True

    @property
    def new_rows(self) -> int:
        """Rows that came in since the tail was paused or frozen, shown or hidden."""
        return self._log.snapshot.next_seq - self._paused_at if not self.live else 0

    @property
    def busy(self) -> bool:
        """Whether rows wait to be filtered or folded."""
        return super().busy or self._folding

    @property
    def live(self) -> bool:
        """Whether the newest row is on the screen."""
        return self.following and not self.frozen

    # Filtering

    def set_filter(self, log_filter: LogFilter) -> None:
        """Show only rows that pass, held and coming ones alike.

        The selected row keeps its place on the screen; where it does not pass, its neighbour has
        it, and it comes back when a later filter lets it through.
        """
        if log_filter == self.filter:
            return
        self.use(log_filter)
        self._settling = True
        self.settle()

    def room_above(self) -> None:
        """Keep at least a third of the screen for what is above the selected row."""
        self._offset = max(self._offset, self.height // 3)

    def work(self) -> bool:
        """Filter for a slice of time, newest rows first; return whether more are left."""
        more = super().work()
        if self.fold is not None:
            self._folding = self.fold.work(self.snapshot, self.filter)
            more = more or self._folding
            self._settling = self._settling or more
        if self._settling:
            self.settle()
            self._settling = more
        return more

    def settle(self) -> None:
        """Put the row that was selected, or was on top, back where it was, or its neighbour."""
        anchor = self.top if self._chosen is None else self._chosen
        if anchor is None:
            return
        nearest = self.nearest(anchor)
        offset = 0 if self._chosen is None else self._offset
        if nearest is not None and self.top is not None:
            self.top = self.step(nearest, -offset)
        self.cursor = None if self._chosen is None else nearest

    def _choose(self, seq: int | None) -> None:
        """Take a row as the one the user is at."""
        self.cursor = self._chosen = seq
        self._settling = False

    # What is on the screen

    def rows(self, segment: Segment) -> Rows:
        """Return the rows of a segment that are shown: they pass, and are not folded away."""
        rows = super().rows(segment)
        return rows if self.fold is None else self.fold.narrow(segment, rows)

    def on_screen(self) -> int:
        """Return how many rows there are to scroll through, as far as they were looked at."""
        return self.shown() if self.fold is None else self.fold.length

    def rank(self, seq: int) -> int:
        """Return how many of those rows lie before `seq`, as far as they were looked at."""
        return super().rank(seq) if self.fold is None else self.fold.rank(seq)

    def set_fold(self, fold: Fold | None) -> None:
        """Fold repeats, or show all rows again; the selected row keeps its place."""
        self.fold = fold
        self._folding = fold is not None
        if fold is not None:
            fold.sync(self.snapshot, self.filter)
        self._settling = True
        self.settle()

    def visible(self) -> list[int]:
        """Return the `seq` of each row that fits on the screen, top to bottom."""
        if self.top is None:
            return self._last_rows()
        seqs: list[int] = []
        for segment in self.segments_from(self.top, 1):
            found = self.rows(segment) + segment.first_seq
            seqs += found[found >= self.top][: self.height - len(seqs)].tolist()
            if len(seqs) >= self.height:
                break
        fitting = self._fitting(seqs)
        if len(fitting) == len(seqs) < self.height and self._lines(seqs) < self.height:
            return self._last_rows()
        return fitting

    def _last_rows(self) -> list[int]:
        seqs: list[int] = []
        for segment in reversed(self.snapshot.segments):
            found = self.rows(segment) + segment.first_seq
            seqs[:0] = found[-(self.height - len(seqs)) :].tolist()
            if len(seqs) >= self.height:
                break
        return self._fitting(seqs[::-1])[::-1]

    def _fitting(self, seqs: list[int]) -> list[int]:
        """Return as many of these rows as fit on the screen, at least one."""
        if self.lines_of is None:
            return seqs
        left = self.height
        for place, seq in enumerate(seqs):
            left -= self.lines_of(seq)
            if left < 0:
                return seqs[: max(1, place)]
        return seqs

    def _lines(self, seqs: list[int]) -> int:
        return len(seqs) if self.lines_of is None else sum(map(self.lines_of, seqs))

    def _top_with_last(self, seq: int) -> int:
        """Return the top row of a screen whose last row is this one."""
        first = self.step(seq, 1 - self.height)
        if self.lines_of is None:
            return first
        seqs = [seq]
        while len(seqs) < self.height and (above := self.step(seqs[-1], -1)) != seqs[-1]:
            seqs.append(above)
        return self._fitting(seqs)[-1]

    def delivery(self, seq: int) -> Delivery | None:
        """Return a row, or None when it is evicted."""
        return self.snapshot.delivery(seq)

    # Moving

    def follow(self) -> None:
        """Show the newest rows and stay with them."""
        self.following = True
        self.frozen = False
        self.top = None
        self._choose(None)
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
        start = self.cursor
        if start is None:
            start = seqs[-1]
            self._choose(start)
            if rows > 0 and self.following:
                return
        elif rows > 0 and start == self.last() and not self.frozen:
            self.follow()
            return
        self._choose(self.step(start, rows))
        if rows < 0:
            self.pause()
        self.keep_in_view()

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
        self._choose(seq)
        self.keep_in_view()

    def to_first(self) -> None:
        """Go to the oldest row."""
        first = self.first()
        if first is not None:
            self.select(first)
            self.top = self._at_first = first

    def _stay_first(self) -> None:
        """Go on to rows that were put before the oldest one, unless the user has moved since."""
        if self.top == self.cursor == self._at_first:
            self.to_first()
        else:
            self._at_first = None

    def keep_in_view(self) -> None:
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
            self.top = self._top_with_last(self.cursor)
        else:
            self.top = self.step(self.cursor, -(self.height // 2))
            if self.cursor not in self.visible():  # rows above it take more than a line
                self.top = self._top_with_last(self.cursor)
        self._offset = self.visible().index(self.cursor) if self.cursor in self.visible() else 0

    def resize(self, height: int) -> None:
        """Take a new height and keep the selected row at its place on the screen."""
        if height == self.height:
            return
        self.height = max(1, height)
        if self.top is not None and self.cursor is not None:
            self.keep_in_view()

    # Jumping

    def jump(self, seq: int) -> None:
        """Select a row far away; `back` returns."""
        self.trail.leave(self.cursor if self.cursor is not None else self.top)
        self.select(seq)

    def quest(self, wanted: Wanted, direction: Direction) -> Quest:
        """Look for a wanted row from the selected one on; with none selected, for the newest."""
        seqs = self.visible()
        if self.cursor is None and seqs:
            return Quest(self, wanted, seqs[-1] + 1, -1)
        return Quest(self, wanted, 0 if self.cursor is None else self.cursor, direction)

    def back(self) -> bool:
        """Return to where the last jump began; again, and it is where this one did."""
        seq = self.trail.back(self.cursor)
        found = None if seq is None else self.nearest(max(seq, self.snapshot.first_seq))
        if found is not None:
            self.select(found)
        return found is not None

    def at_time(self, time_ns: int) -> int | None:
        """Return the first shown row of that time or later, else the last shown row."""
        for segment in self.snapshot.segments:
            start, stop = self.snapshot.bounds(segment)
            if start < stop and int(segment.times[start:stop].max()) >= time_ns:
                rows = self.rows(segment)
                rows = rows[segment.times[rows] >= time_ns]
                if len(rows):
                    return segment.first_seq + int(rows[0])
        return self.last()

    def toggle_mark(self) -> bool | None:
        """Mark the selected row or take its mark off; None when no row is selected."""
        row = None if self.cursor is None else self.delivery(self.cursor)
        return None if row is None else self.marks.toggle(row)
