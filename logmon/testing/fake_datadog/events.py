"""The log events a fake Datadog holds: one by one, or an endless seeded stream of them.

An event has a time, and a moment from which searches can see it: its arrival lag. Ids are opaque
texts of the length Datadog's have, and tell events of one millisecond apart.
"""

from __future__ import annotations

import base64
import math
from bisect import bisect_left, insort
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the fake holds it. Times are milliseconds since 1970."""

    time_ms: int
    id: str
    body: bytes
    """The element of `data` in an answer, as JSON: whatever the test wants to be there."""
    visible_ms: int = 0
    """From this moment on searches see it."""
    hidden: bool = False
    """A restriction query keeps it from this reader: it is scanned, and never returned."""


class Lag(msgspec.Struct, frozen=True):
    """A class of arrival lags: `share` of all events, between two bounds, in seconds.

    A class without bounds is log-normal with a median of 0.8 s (recorded live lags: 0.2–3.9 s).
    """

    share: float
    from_s: float = 0.0
    to_s: float = 0.0

    def draw(self, rng: Random) -> float:
        """Return a lag in seconds."""
        if self.to_s:
            return rng.uniform(self.from_s, self.to_s)
        return 0.8 * math.exp(rng.gauss(0.0, 0.7))


LIVE = (Lag(1.0),)
ASSUMED = (Lag(0.978), Lag(0.02, 5, 30), Lag(0.0018, 30, 600), Lag(0.0002, 600, 3600))
"""What the simulations in docs/datadog.md assume."""
WITHIN_5_S = (Lag(1.0, 0.05, 5.0),)
NONE = (Lag(1.0, 0.0, 0.001),)
EIGHTEEN_HOURS = (Lag(0.99), Lag(0.01, 3600, 18 * 3600 - 1))

SERVICES = ("checkout", "payments", "search", "auth", "inventory", "mailer", "gateway", "billing")
MESSAGES = {"info": "request served", "warn": "slow answer", "error": "upstream refused"}


def rfc3339_ms(time_ms: int) -> str:
    """Write milliseconds since 1970 as Datadog does: `2023-07-19T16:05:45.620Z`."""
    moment = EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_id(time_ms: int, rng: Random) -> str:
    """Return an opaque id of 48 characters, in no order within a millisecond."""
    raw = b"\x03" + time_ms.to_bytes(8, "big", signed=True) + rng.randbytes(27)
    return base64.urlsafe_b64encode(raw).decode()


def log_event(
    time_ms: int,
    *,
    id: str,  # noqa: A002 - its name in the API
    visible_ms: int | None = None,
    hidden: bool = False,
    **attributes: Any,
) -> FakeEvent:
    """Return a well-formed event; `attributes` are message, status, service, host, tags, …."""
    document = {
        "id": id,
        "type": "log",
        "attributes": {"timestamp": rfc3339_ms(time_ms), **attributes},
    }
    return FakeEvent(
        time_ms=time_ms,
        id=id,
        body=msgspec.json.encode(document),
        visible_ms=time_ms if visible_ms is None else visible_ms,
        hidden=hidden,
    )


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """A seeded stream: the same values tell the same events, but for where it begins."""

    per_second: float = 5.0
    lags: tuple[Lag, ...] = LIVE
    burst_share: float = 0.02
    """This share of the moments brings `burst` events of one and the same millisecond."""
    burst: int = 30
    hidden_share: float = 0.0
    count: int | None = None
    """How many events there are in all; None never ends."""
    seed: int = 7

    def events(self, begin_ms: int) -> Iterator[FakeEvent]:
        """Yield events in order of their time, which is not the order they become visible in."""
        rng = Random(self.seed)  # noqa: S311 - a story to tell again, not a secret
        moments_per_second = self.per_second / (1 + self.burst_share * (self.burst - 1))
        time_s, number = begin_ms / 1000, 0
        while self.count is None or number < self.count:
            time_s += rng.expovariate(moments_per_second)
            size = self.burst if rng.random() < self.burst_share else 1
            for _ in range(size):
                if number != self.count:
                    yield self._event(number, int(time_s * 1000), rng)
                    number += 1

    def _event(self, number: int, time_ms: int, rng: Random) -> FakeEvent:
        status = rng.choices(("info", "warn", "error"), (85, 10, 5))[0]
        service = rng.choice(SERVICES)
        lag = rng.choices(self.lags, [lag.share for lag in self.lags])[0].draw(rng)
        return log_event(
            time_ms,
            id=make_id(time_ms, rng),
            visible_ms=time_ms + int(lag * 1000),
            hidden=rng.random() < self.hidden_share,
            message=f"{service}: {MESSAGES[status]}",
            status=status,
            service=service,
            host=f"i-{rng.randrange(16):04x}",
            tags=[f"service:{service}", "env:fake", f"source:{service}"],
            attributes={"number": number, "http": {"status_code": 200, "method": "GET"}},
        )


class EventStore:
    """Events in the order searches give them: by time, then by id."""

    def __init__(self) -> None:
        self._keys: list[tuple[int, str]] = []
        self._events: dict[tuple[int, str], FakeEvent] = {}
        self._times: dict[str, int] = {}

    def add(self, events: Iterable[FakeEvent]) -> None:
        """Take events in, in any order; one whose time and id are there is replaced."""
        for event in events:
            key = (event.time_ms, event.id)
            if key in self._events:
                pass
            elif not self._keys or key > self._keys[-1]:
                self._keys.append(key)
            else:
                insort(self._keys, key)
            self._events[key] = event
            self._times[event.id] = event.time_ms

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[FakeEvent]:
        return (self._events[key] for key in self._keys)

    def time_of(self, event_id: str) -> int | None:
        """Return the time of an event, or None when there is none of this id."""
        return self._times.get(event_id)

    def between(
        self,
        from_ms: int,
        to_ms: int,
        *,
        after: tuple[int, str] | None = None,
        descending: bool = False,
    ) -> Iterator[FakeEvent]:
        """Yield the events with `from_ms` ≤ time < `to_ms` that come behind `after`."""
        low = bisect_left(self._keys, (from_ms, ""))
        high = bisect_left(self._keys, (to_ms, ""))
        if descending:
            high = high if after is None else min(high, bisect_left(self._keys, after))
            places = range(high - 1, low - 1, -1)
        else:
            low = (
                low
                if after is None
                else max(low, bisect_left(self._keys, (after[0], after[1] + "\0")))
            )
            places = range(low, high)
        return (self._events[self._keys[place]] for place in places)
