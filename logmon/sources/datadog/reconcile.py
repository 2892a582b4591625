"""Finds events that came late: compares counts with Datadog's, and says what to read again.

Overlapping windows find an event that comes a little late. Any other leaves a bucket of which
Datadog counts more than was read: only that bucket is read again. Where Datadog does not count,
or not rightly, everything is read again, as the budget allows.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from logmon.sources.datadog.ledger import COARSE_MS, FINE_MS

if TYPE_CHECKING:
    from logmon.sources.datadog.ledger import Ledger
    from logmon.sources.datadog.tail_state import TailState

RECENT_MS = 15 * 60_000
RECENT_EVERY_MS = 60_000
RECENT_EVERY_PRESSED_MS = 30_000
DEEP_MS = 18 * 3_600_000
"""Datadog takes in no event that is older (docs, "Logs not showing the expected timestamp")."""
DEEP_EVERY_MS = 10 * 60_000
BUCKETS_A_CALL = 150
"""The resolution a timeseries has by default; more were not tried against the real service."""
TRIES = 3
"""Times a bucket is read again in vain before Datadog's count of it is taken as it is."""
DOUBTS = 2
"""Comparisons in a row in which Datadog counts less than it gave, before counts are not used."""
SKIPS = 10
"""Failures to count in a row before it is given up for a while."""
EDGE_EVENTS = 2
BLIND_FOR_MS = 3_600_000
"""How long to do without counts before they are tried again."""
BLIND_CHUNK_MS = 10 * 60_000


class Span(msgspec.Struct, frozen=True):
    """Buckets to count: `start_ms` and `end_ms` are multiples of `width_ms`."""

    start_ms: int
    end_ms: int
    width_ms: int


class Reconciler:
    """Decides what is counted when, and what is read again."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._spans: deque[Span] = deque()
        self._recent_at_ms = self._deep_at_ms = 0
        self._tries: dict[tuple[int, int], int] = {}
        self._doubts = self._skipped = 0
        self._blind_until_ms = 0
        self._blind_back_to_ms = 0
        self.found = 0
        """Buckets that were read again because Datadog counted more."""

    def is_blind(self, now_ms: int) -> bool:
        """Whether counts are not to be had, or not to be trusted, for now."""
        return now_ms < self._blind_until_ms

    def go_blind(self, now_ms: int) -> None:
        """Do without counts for a while."""
        self._blind_until_ms = now_ms + BLIND_FOR_MS
        self._spans.clear()

    def skip(self, now_ms: int) -> None:
        """Leave out what could not be counted now; another sweep comes."""
        if self._spans:
            self._spans.popleft()
        self._skipped += 1
        if self._skipped >= SKIPS:
            self._skipped = 0
            self.go_blind(now_ms)

    def due_ms(self, *, pressed: bool) -> int:
        """Return when the next comparison is due, by Datadog's clock."""
        if self._spans:
            return 0
        every = RECENT_EVERY_PRESSED_MS if pressed else RECENT_EVERY_MS
        return min(self._recent_at_ms + every, self._deep_at_ms + DEEP_EVERY_MS)

    def next_span(
        self, now_ms: int, state: TailState, overlap_ms: int, *, pressed: bool
    ) -> Span | None:
        """Return what to count now, if anything; the same again until `compare` was called."""
        if not self._spans and now_ms >= self.due_ms(pressed=pressed):
            self._plan(now_ms, state, overlap_ms)
        return self._spans[0] if self._spans else None

    def _plan(self, now_ms: int, state: TailState, overlap_ms: int) -> None:
        """Lay out a sweep over what has been read and the next window will not read again."""
        end_ms = state.read_to_ms - overlap_ms
        recent_ms = max(state.began_ms, now_ms - RECENT_MS)
        if now_ms - self._deep_at_ms >= DEEP_EVERY_MS:
            self._deep_at_ms = now_ms
            self._lay(max(state.began_ms, now_ms - DEEP_MS), min(recent_ms, end_ms), COARSE_MS)
        self._recent_at_ms = now_ms
        self._lay(recent_ms, end_ms, FINE_MS)

    def _lay(self, start_ms: int, end_ms: int, width_ms: int) -> None:
        start_ms = -(-start_ms // width_ms) * width_ms
        step = BUCKETS_A_CALL * width_ms
        whole_ms = end_ms - end_ms % width_ms
        for place in range(start_ms, whole_ms, step):
            self._spans.append(Span(place, min(place + step, whole_ms), width_ms))

    def compare(self, span: Span, counted: dict[int, int], now_ms: int) -> list[tuple[int, int]]:
        """Return the ranges to read again: buckets in which Datadog has more than was read."""
        if self._spans and self._spans[0] == span:
            self._spans.popleft()
        self._skipped = 0
        self._doubt(span, counted, now_ms)
        again: list[tuple[int, int]] = []
        for start_ms in range(span.start_ms, span.end_ms, span.width_ms):
            theirs = counted.get(start_ms, 0)
            if theirs <= self._ledger.count(start_ms, span.width_ms):
                self._tries.pop((start_ms, span.width_ms), None)
            elif not self._given_up(start_ms, span.width_ms, theirs):
                again.append((start_ms, start_ms + span.width_ms))
        self.found += len(again)
        return _joined(again)

    def _given_up(self, start_ms: int, width_ms: int, theirs: int) -> bool:
        tries = self._tries.get((start_ms, width_ms), 0)
        if tries >= TRIES:
            self._ledger.accept(start_ms, width_ms, theirs)
            del self._tries[start_ms, width_ms]
            return True
        self._tries[start_ms, width_ms] = tries + 1
        return False

    def _doubt(self, span: Span, counted: dict[int, int], now_ms: int) -> None:
        """Notice counts that are lower than what was given: they would hide what is missing."""
        places = range(span.start_ms, span.end_ms, span.width_ms)
        ours = sum(self._ledger.count(start_ms, span.width_ms) for start_ms in places)
        lower = sum(
            max(0, self._ledger.count(start_ms, span.width_ms) - counted.get(start_ms, 0))
            for start_ms in places
        )
        # An event on the span's very edge may be left out of the count.
        if lower <= max(EDGE_EVENTS, ours // 100):
            self._doubts = 0
            return
        self._doubts += 1
        if self._doubts >= DOUBTS:
            self._doubts = 0
            self.go_blind(now_ms)

    def blind_ranges(self, now_ms: int, state: TailState, overlap_ms: int) -> list[tuple[int, int]]:
        """Return what to read again without counts: the recent past, and a piece of the deep."""
        if now_ms - self._recent_at_ms < RECENT_EVERY_MS:
            return []
        self._recent_at_ms = now_ms
        end_ms = state.read_to_ms - overlap_ms
        recent_ms = max(state.began_ms, now_ms - RECENT_MS)
        oldest_ms = max(state.began_ms, now_ms - DEEP_MS)
        back_to = self._blind_back_to_ms
        piece_end = back_to if oldest_ms < back_to < recent_ms else recent_ms
        self._blind_back_to_ms = max(oldest_ms, piece_end - BLIND_CHUNK_MS)
        ranges = [(recent_ms, end_ms), (self._blind_back_to_ms, min(piece_end, end_ms))]
        return [(start, end) for start, end in ranges if start < end]


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch."""
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
