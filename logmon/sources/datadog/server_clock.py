"""Datadog's time, from the `Date` header: a wrong local clock moves no window.

The header names whole seconds. Each answer bounds the time there by when the request left and the
answer came; together they narrow it. Time goes on by the monotonic clock, which nobody sets.
"""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class ServerClock:
    """An estimate of the time there. `wall` is the local time of day, in s since 1970."""

    def __init__(self, monotonic: Callable[[], float], wall: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._low_s, self._high_s = -math.inf, math.inf

    @property
    def is_set(self) -> bool:
        """Whether an answer told the time."""
        return self._low_s > -math.inf

    def now_ms(self) -> int:
        """Return the time there, in ms since 1970; the local time until an answer came."""
        if not self.is_set:
            return int(self._wall() * 1000)
        return int(((self._low_s + self._high_s) / 2 + self._monotonic()) * 1000)

    def skew_s(self) -> float:
        """Return how far the local clock is behind, in seconds; good to about half a second."""
        return self.now_ms() / 1000 - self._wall()

    def note(self, date: str | None, sent_s: float, received_s: float) -> None:
        """Take in the `Date` of an answer to a request that left at `sent_s`, monotonic."""
        try:
            told_s = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, OverflowError):
            return
        low_s, high_s = told_s - received_s, told_s + 1 - sent_s
        if max(low_s, self._low_s) < min(high_s, self._high_s):
            self._low_s, self._high_s = max(low_s, self._low_s), min(high_s, self._high_s)
        else:  # a clock was set, or the machine slept: what was known is void
            self._low_s, self._high_s = low_s, high_s
