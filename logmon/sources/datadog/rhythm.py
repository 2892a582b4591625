"""How often the tail asks, how far back it reaches, in what chunks: from budget and lags."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from logmon.sources.datadog.api import MOST_ROWS
from logmon.sources.datadog.ledger import FINE_MS

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Iterable

    from logmon.sources.datadog.api import LogsApi

SHORTEST_OVERLAP_MS = 10_000
LONGEST_OVERLAP_MS = 120_000
SHORTEST_INTERVAL_S = 2.0
LONGEST_INTERVAL_S = 15.0
SHARE_OF_POLLING = 0.7
"""Part of our budget for reading ahead; the rest is for what came late."""
CHUNK_MS = 10 * 60_000
FEWEST_PAGES, MOST_PAGES = 2, 20
"""A chunk that took fewer pages is doubled, one that took more is halved."""
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 30.0
LATENESS_KEPT = 2_000
LATENESS_NEEDED = 500


class Rhythm:
    """Overlap, interval and chunks, as they fit what was seen lately."""

    def __init__(
        self,
        api: LogsApi,
        overlap_s: float,
        *,
        may_shorten: bool,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """`may_shorten`: what a shorter overlap leaves out is found by comparing counts."""
        self._api = api
        self._base_ms = int(overlap_s * 1000)
        self._may_shorten = may_shorten
        self._monotonic = monotonic
        self._sleep = sleep
        self._per_second = 0.0
        self._lateness: deque[int] = deque(maxlen=LATENESS_KEPT)
        self._paced_s = 0.0
        self.overlap_ms = self._base_ms
        """How far the next window reaches back."""
        self.chunk_ms = CHUNK_MS
        """How much is read in one window while catching up."""

    def polled(self, rows: int, length_ms: int) -> float:
        """Note how many events a window held; return when to open the next, in seconds."""
        self._per_second += (rows * 1000 / max(1, length_ms) - self._per_second) / 5
        self.overlap_ms = self._fitting_overlap_ms()
        return min(LONGEST_INTERVAL_S, self._wanted_interval_s(self.overlap_ms))

    def spare(self, pages: int, interval_s: float) -> int:
        """Return how many searches between two windows are for what came late.

        Two at least: with one, what came late at 28 events a second and a search in 10 s waited
        48 minutes for its turn (2026-11, virtual time); with two, 11.
        """
        return max(2, math.floor(self._api.allowance() * interval_s - pages))

    def chunk_read(self, pages: int) -> None:
        """Note that a chunk took so many pages."""
        if pages > MOST_PAGES:
            self.chunk_ms = max(FINE_MS, self.chunk_ms // 2)
        elif pages < FEWEST_PAGES:
            self.chunk_ms *= 2

    def came(self, lateness_ms: Iterable[int]) -> None:
        """Note how far behind what was read already new events lay."""
        self._lateness.extend(lateness_ms)

    @property
    def pressed(self) -> bool:
        """Whether the budget does not suffice for polling as often as it should be."""
        return self._wanted_interval_s(self._base_ms) > LONGEST_INTERVAL_S

    async def pace(self) -> None:
        """Spread requests evenly: a budget used up at once would leave the view without news."""
        await self._sleep(max(0.0, self._paced_s - self._monotonic()))
        self._paced_s = self._monotonic() + 1 / max(1e-3, self._api.allowance())

    def _wanted_interval_s(self, overlap_ms: int) -> float:
        """Return the interval at which reading ahead takes its part of the budget."""
        searches_per_second = max(1e-3, self._api.allowance() * SHARE_OF_POLLING)
        wanted_s = SHORTEST_INTERVAL_S
        while wanted_s <= LONGEST_INTERVAL_S:
            rows = self._per_second * (wanted_s + overlap_ms / 1000)
            longer_s = max(1, math.ceil(rows / MOST_ROWS)) / searches_per_second
            if longer_s <= wanted_s:
                break
            wanted_s = longer_s
        return wanted_s

    def _fitting_overlap_ms(self) -> int:
        """Return an overlap that covers 99 of 100 arrivals; comparing counts finds the others.

        Covering 999 of 1,000 would reach for minutes, and cost more than reading a few buckets.
        """
        if self._base_ms == 0:
            return 0
        if self.pressed and self._may_shorten:
            return min(self._base_ms, SHORTEST_OVERLAP_MS)
        if len(self._lateness) < LATENESS_NEEDED:
            return self._base_ms
        ordered = sorted(self._lateness)
        p99_ms = ordered[math.ceil(len(ordered) * 0.99) - 1]
        return min(max(self._base_ms, p99_ms + 5_000), LONGEST_OVERLAP_MS)


def backoff_s(failures: int, rng: random.Random) -> float:
    """Return how long to wait after so many failures: full jitter up to 0.5, 1, 2 … 30 s."""
    return rng.uniform(0.0, min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(failures - 1, 10)))
