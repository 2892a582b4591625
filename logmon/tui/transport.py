"""A playhead over a log that is held: the tail shows what lies behind it, as if it were then.

`Transport` stands in the tail model's log: its `snapshot` ends at the playhead. Playing moves the
playhead at the recorded pace times the speed, long gaps cut; it costs what it passes, and nothing
while it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logmon.event_log import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from logmon.event_log import EventLog
    from logmon.filter import LogFilter
    from logmon.level import Level
    from logmon.segment import Segment

    Rows = NDArray[np.intp]

SLOWEST, FASTEST = 1 / 16, 4_096.0
MAX_GAP_S = 5.0
MOST_ASKED = 32
"""Segments that one key press may wait for a filter that must read rows: about 0.3 s."""


class Transport:
    """Play, pause, speed, step and seek; `position` is the first `seq` that is not shown yet."""

    def __init__(
        self,
        log: EventLog,
        *,
        speed: float | None = None,
        max_gap_s: float = MAX_GAP_S,
        ended: Callable[[], bool] = lambda: True,
    ) -> None:
        self._log = log
        self._ended = ended
        self._max_gap_ns = round(max_gap_s * 1e9)
        self._clipped: Snapshot | None = None
        self._clipped_from: Snapshot | None = None
        self._then_s: float | None = None
        self._budget_ns = 0
        self.speed = 1.0 if speed is None else min(max(speed, SLOWEST), FASTEST)
        self.position: int | None = None if speed is None else log.snapshot.first_seq
        """None at the end: everything that comes is shown."""
        self.playing = speed is not None

    # What the tail model reads

    @property
    def snapshot(self) -> Snapshot:
        """The log up to the playhead."""
        whole = self._log.snapshot
        if self.position is None:
            return whole
        position = min(max(self.position, whole.first_seq), whole.next_seq)
        clipped = self._clipped
        if clipped is None or self._clipped_from is not whole or clipped.next_seq != position:
            behind = whole.segments[: whole.place(position - 1) + 1]
            clipped = self._clipped = Snapshot(behind, whole.first_seq, position)
            self._clipped_from = whole
        return clipped

    def forget(self, log_filter: LogFilter) -> None:
        """Drop the remembered result of a filter that nobody uses any more."""
        self._log.forget(log_filter)

    # Figures

    @property
    def at_end(self) -> bool:
        """Whether everything that is held is shown."""
        return self.position is None

    def fraction(self) -> float:
        """Return how much of the held rows lies behind the playhead, 0 to 1."""
        whole = self._log.snapshot
        if self.position is None or not len(whole):
            return 1.0
        return len(self.snapshot) / len(whole)

    def rows(self) -> tuple[int, int]:
        """Return how many rows lie behind the playhead, and how many are held."""
        return len(self.snapshot), len(self._log.snapshot)

    def time_ns(self) -> int | None:
        """Return the time of the last row behind the playhead, in nanoseconds since 1970."""
        shown = self.snapshot
        found = shown.find(shown.next_seq - 1)
        return None if found is None else int(found[0].times[found[1]])

    # Playing

    def toggle(self) -> None:
        """Play or pause; from the end, play from the beginning again."""
        self.playing = not self.playing
        self._then_s = None
        if self.playing and self.position is None:
            self._seek(self._log.snapshot.first_seq)

    def pause(self) -> None:
        """Stand still at the playhead."""
        self.playing = False

    def change_speed(self, factor: float) -> None:
        """Play faster or slower by a factor."""
        self.speed = min(max(self.speed * factor, SLOWEST), FASTEST)

    def tick(self, monotonic_s: float) -> bool:
        """Let time pass; return whether the playhead moved."""
        then, self._then_s = self._then_s, monotonic_s
        if not self.playing or self.position is None or then is None:
            return False
        self._budget_ns += round((monotonic_s - then) * self.speed * 1e9)
        return self._advance(self.position)

    def _advance(self, start: int) -> bool:
        whole = self._log.snapshot
        position = max(start, whole.first_seq)
        before = whole.find(position - 1)
        then = None if before is None else int(before[0].times[before[1]])
        for segment, first, stop in whole.spans(position, whole.next_seq):
            times = segment.times[first:stop]
            gaps = np.diff(times, prepend=times[0] if then is None else then)
            due = np.cumsum(np.clip(gaps, 0, self._max_gap_ns))
            passed = int(np.searchsorted(due, self._budget_ns, side="right"))
            if passed:
                self._budget_ns -= int(due[passed - 1])
            position += passed
            if passed < len(times):
                break
            then = int(times[-1])
        if position >= whole.next_seq:
            self._budget_ns = 0
            if self._ended():
                self.position, self.playing = None, False
                return True
        self.position = position
        return position != start

    # Going somewhere

    def _seek(self, position: int) -> None:
        whole = self._log.snapshot
        self.position = min(max(position, whole.first_seq), whole.next_seq)
        self._budget_ns = 0
        self._then_s = None

    def to_end(self) -> None:
        """Show everything that is held, and what comes."""
        self.position, self.playing = None, False

    def seek_row(self, seq: int) -> None:
        """Go to where a row was the newest one."""
        self._seek(seq + 1)

    def seek_fraction(self, fraction: float) -> None:
        """Go to a share of the held rows, 0 to 1."""
        whole = self._log.snapshot
        self._seek(whole.first_seq + round(fraction * len(whole)))

    def seek_time(self, time_ns: int) -> None:
        """Go to just behind the first row that is not earlier than a time."""
        whole = self._log.snapshot
        for segment, first, stop in whole.spans(whole.first_seq, whole.next_seq):
            later = np.flatnonzero(segment.times[first:stop] >= time_ns)
            if len(later):
                self.seek_row(segment.first_seq + first + int(later[0]))
                return
        self.to_end()

    def step(self, rows: int, log_filter: LogFilter) -> bool:
        """Pause, and go so many shown rows on or back; return whether there was one."""
        self.playing = False
        shown = self.snapshot
        if rows > 0:
            target = self._nth(shown.next_seq, rows, log_filter)
        else:  # the last shown row is behind the playhead already
            target = self._nth(shown.next_seq - 1, rows - 1, log_filter)
        if target is None:
            return False
        self.seek_row(target)
        return True

    def _nth(self, start: int, rows: int, log_filter: LogFilter) -> int | None:
        """Return the n-th shown row at or after `start`, or with negative `rows` before it."""
        left = abs(rows)
        for _, seqs in self._walk(start, log_filter, forward=rows > 0):
            if len(seqs) >= left:
                return int(seqs[left - 1])
            left -= len(seqs)
        return None

    def seek_level(self, minimum: Level, log_filter: LogFilter) -> int | None:
        """Go to the next shown row of at least a level before the playhead; return its `seq`."""
        for segment, seqs in self._walk(self.snapshot.next_seq, log_filter, forward=True):
            found = seqs[segment.levels[seqs - segment.first_seq] >= minimum]
            if len(found):
                self.seek_row(int(found[0]))
                return int(found[0])
        return None

    def has_level(self, start: int, minimum: Level, log_filter: LogFilter) -> bool:
        """Whether a shown row at or after `start` and behind the playhead is this bad."""
        position = self.snapshot.next_seq
        for segment, seqs in self._walk(start, log_filter, forward=True):
            seqs = seqs[seqs < position]
            if (segment.levels[seqs - segment.first_seq] >= minimum).any():
                return True
            if segment.first_seq + segment.count >= position:
                return False
        return False

    def _walk(
        self, start: int, log_filter: LogFilter, *, forward: bool
    ) -> Iterator[tuple[Segment, Rows]]:
        """Yield the shown rows of each segment from a row on, or from it back, nearest first.

        Ends after `MOST_ASKED` segments that the filter had to be asked about.

        Raises:
            PatternTooSlow: a regular expression of the filter ran out of time.
        """
        whole = self._log.snapshot
        asked = 0
        first, stop = (start, whole.next_seq) if forward else (whole.first_seq, start + 1)
        spans = list(whole.spans(first, stop))
        for segment, _, _ in spans if forward else reversed(spans):
            start_row, stop_row = whole.bounds(segment)
            asked += not segment.decided(log_filter, stop_row)
            if asked > MOST_ASKED:
                return
            seqs = segment.rows(log_filter, start_row, stop_row) + segment.first_seq
            yield segment, seqs[seqs >= start] if forward else seqs[seqs <= start][::-1]
