"""How often somebody may ask: one token bucket for each token and for each address without one."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from logmon.api.refused import try_later
from logmon.pacing import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_NAMES = 10_000
"""Names that are remembered; the one that asked longest ago is forgotten first."""


class Rate:
    """A rate that holds for each name on its own."""

    def __init__(
        self, per_second: float, what: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._what = what
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def spend(self, name: str) -> None:
        """Count one request.

        Raises:
            Refused: 429, with the whole seconds until there is room again.
        """
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(self._per_second, self._monotonic)
            if len(self._buckets) > MOST_NAMES:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        if not bucket.admit(1):
            after_s = max(1, math.ceil(1 / self._per_second))
            raise try_later(429, f"too many {self._what}", after_s)
