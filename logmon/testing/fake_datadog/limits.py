"""Datadog's rate limits: so many requests in each calendar-aligned period, told in headers."""

from __future__ import annotations

import math

import msgspec


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket of the organisation. Seen in the wild: 2, 3 and 10 in 10 s, 60 in 60 s."""

    limit: int = 10
    period_s: int = 10
    name: str = "logs_public_search_api"
    taken_by_others: int = 0
    """Requests that other clients of the organisation make at the start of each period."""


SEARCH = RateLimit()
AGGREGATE = RateLimit(limit=2, period_s=10, name="logs_public_analytics_aggregate")
UNLIMITED = RateLimit(limit=10**9)


class Bucket:
    """One rate limit's state."""

    def __init__(self, rate: RateLimit) -> None:
        self.rate = rate
        self._period = -1
        self._used = 0

    def take(self, now_s: float) -> bool:
        """Count a request; False when the period's budget is spent. Refused ones cost nothing."""
        self._turn(now_s)
        if self._used >= self.rate.limit:
            return False
        self._used += 1
        return True

    def headers(self, now_s: float) -> dict[str, str]:
        """Return what every answer says of the budget; the reset is in seconds from now."""
        self._turn(now_s)
        reset_s = (self._period + 1) * self.rate.period_s - now_s
        return {
            "x-ratelimit-limit": str(self.rate.limit),
            "x-ratelimit-period": str(self.rate.period_s),
            "x-ratelimit-remaining": str(max(0, self.rate.limit - self._used)),
            "x-ratelimit-reset": str(max(1, math.ceil(reset_s))),
            "x-ratelimit-name": self.rate.name,
        }

    def _turn(self, now_s: float) -> None:
        period = int(now_s // self.rate.period_s)
        if period != self._period:
            self._period = period
            self._used = min(self.rate.taken_by_others, self.rate.limit)
