"""Our share of an organisation's rate limit, as the headers of each answer tell it.

Never more than our share in any span as long as a period, nothing while others have left less
than their own share, and nothing before the reset when a request was refused.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

UNKNOWN_PERIOD_S = 10.0
UNKNOWN_LIMIT = 10
"""What is assumed while no answer has told: seen most often in the wild."""
LONGEST_RESET_S = 86_400.0
"""A reset or a period beyond a day is no sense to wait for."""
RESET_NOW_S = 0.5
"""What a reset in 0 seconds is taken for: at once would be refused again."""
PIECE_S = 10.0
"""A longer period is used in pieces: all of a minute's budget at once leaves none for news."""
PENALTY_AFTER = 3
PENALTY_S = 300.0
"""From the third refusal in a row on, our share is halved for this long."""


class RateLimiter:
    """One rate limit. `share` is the part of it that may be used, 0 to 1."""

    def __init__(self, share: float, monotonic: Callable[[], float], rng: random.Random) -> None:
        self._share = share
        self._monotonic = monotonic
        self._rng = rng
        self._sent: deque[float] = deque()
        self._blocked_until_s = 0.0
        self._reset_at_s = 0.0
        self._refusals = 0
        self._penalty_until_s = -math.inf
        self.limit = UNKNOWN_LIMIT
        self.period_s = UNKNOWN_PERIOD_S
        self.remaining: int | None = None
        self.name = ""

    @property
    def allowed(self) -> int:
        """How many requests we may make in a period: at least one."""
        halved = self._monotonic() < self._penalty_until_s
        return max(1, math.floor(self.limit * self._share * (0.5 if halved else 1.0)))

    def allowance(self) -> float:
        """Return how many requests a second we may make on average."""
        return self.allowed / self.period_s

    def left(self) -> int | None:
        """Return how many requests the organisation has left in this period, if that is known."""
        if self.remaining is None:
            return None
        return self.limit if self._monotonic() >= self._reset_at_s else self.remaining

    def ready_in_s(self) -> float:
        """Return how long to wait before the next request, in seconds."""
        now_s = self._monotonic()
        while self._sent and self._sent[0] <= now_s - self.period_s:
            self._sent.popleft()
        at_s = max(now_s, self._blocked_until_s)
        piece_s = min(self.period_s, max(PIECE_S, self.period_s / self.allowed))
        piece = max(1, math.floor(self.allowed * piece_s / self.period_s))
        for most, span_s in ((self.allowed, self.period_s), (piece, piece_s)):
            if len(self._sent) >= most:
                at_s = max(at_s, self._sent[-most] + span_s)
        left = self.left()
        if left is not None and left <= self.limit - self.allowed:
            at_s = max(at_s, self._reset_at_s)
        return at_s - now_s

    def sent(self) -> None:
        """Note that a request goes out now."""
        self._sent.append(self._monotonic())

    def answered(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer tells of the budget; header names are lower-case."""
        self._refusals = 0
        self._learn(headers)

    def refused(self, headers: Mapping[str, str]) -> float:
        """Take in a refusal (429); return how long nothing may be asked, in seconds."""
        self._learn(headers)
        self._refusals += 1
        now_s = self._monotonic()
        if self._refusals >= PENALTY_AFTER:
            self._penalty_until_s = now_s + PENALTY_S
        wait_s = _number(headers.get("x-ratelimit-reset"))
        if wait_s is None:
            wait_s = _number(headers.get("retry-after"))
        if wait_s is None or wait_s > LONGEST_RESET_S:
            wait_s = self.period_s
        wait_s = (wait_s or RESET_NOW_S) + self._rng.uniform(0.1, 1.0)
        self._blocked_until_s = max(self._blocked_until_s, now_s + wait_s)
        return self._blocked_until_s - now_s

    def _learn(self, headers: Mapping[str, str]) -> None:
        limit, period_s = (
            _number(headers.get("x-ratelimit-limit")),
            _number(headers.get("x-ratelimit-period")),
        )
        if limit:
            self.limit = int(limit)
        if period_s and period_s <= LONGEST_RESET_S:
            self.period_s = period_s
        self.name = headers.get("x-ratelimit-name", self.name)
        remaining = _number(headers.get("x-ratelimit-remaining"))
        reset_s = _number(headers.get("x-ratelimit-reset"))
        if remaining is not None and reset_s is not None and reset_s <= LONGEST_RESET_S:
            self.remaining = int(remaining)
            self._reset_at_s = self._monotonic() + reset_s


def _number(text: str | None) -> float | None:
    """Return a header's number, or None: it is absent, no number, or makes no sense."""
    try:
        value = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None
