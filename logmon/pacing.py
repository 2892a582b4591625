"""How many may pass now: a token bucket on a clock that is passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class TokenBucket:
    """Lets `rate_per_second` through on average, and at most one second's worth at once."""

    def __init__(self, rate_per_second: float, clock: Callable[[], float]) -> None:
        self._rate = rate_per_second
        self._capacity = max(1.0, rate_per_second)
        self._tokens = self._capacity
        self._clock = clock
        self._then = clock()

    def admit(self, count: int) -> int:
        """Return how many of `count` may pass now, and take their tokens."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._then) * self._rate)
        self._then = now
        passed = min(count, int(self._tokens))
        self._tokens -= passed
        return passed
