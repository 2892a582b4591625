"""How many events each rule of polling loses, in virtual time: the peers' rules and logmon's own.

python -m tests.benchmarks.bench_datadog [--hours 2] [--rates 2.7 28]

The same stream for all: bursts of equal times, arrival lags of 97.8 % around 0.8 s, 2 % of 5–30 s,
0.18 % up to 10 minutes, 0.02 % up to an hour (`logmon.testing.fake_datadog.ASSUMED`). The peers'
rules are written anew from what those programs do; logmon's is the real source, over the fake
Datadog, with its rate limits. Lost: what a search could have returned 11 minutes before the end,
and was not read; the peers are not limited, and get all the time there is.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
from typing import TYPE_CHECKING

import msgspec

from logmon.testing import NOON, FakeClock
from logmon.testing.fake_datadog import ASSUMED, Behaviour, RateLimit, Traffic
from logmon.testing.fake_datadog.events import EventStore
from logmon.testing.fake_datadog.search import Ask, Filter, page
from tests.sources.datadog.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logmon.source import Arrival
    from logmon.testing.fake_datadog import FakeEvent

SETTLED_MS = 660_000
"""Events that became visible in the last 11 minutes are not counted: logmon's deepest look back
comes every 10."""
BEGIN_MS = int(NOON.timestamp() * 1000)


class Reading:
    """What one rule has read, and what it cost."""

    def __init__(self) -> None:
        self.came_ms: dict[str, int] = {}
        self.repeats = 0
        """Events that were printed a second time."""
        self.dropped = 0
        """Events that the store knew, and dropped."""
        self.requests = 0
        self.rows = 0

    def print_all(self, events: tuple[FakeEvent, ...], now_ms: int, known: set[str] | None) -> None:
        """Print what the rule takes for new."""
        for event in events:
            if known is not None and event.id in known:
                continue
            if event.id in self.came_ms:
                self.repeats += 1
            self.came_ms.setdefault(event.id, now_ms)
            if known is not None:
                known.add(event.id)


class Server:
    """The same searches as the fake answers, without HTTP."""

    def __init__(self, traffic: Traffic, hours: float) -> None:
        self.events = EventStore()
        self.end_ms = BEGIN_MS + int(hours * 3_600_000)
        for event in traffic.events(BEGIN_MS):
            if event.time_ms > self.end_ms:
                break
            self.events.add((event,))
        self._behaviour = Behaviour()

    def search(
        self,
        reading: Reading,
        now_ms: int,
        from_ms: int,
        *,
        limit: int,
        sort: str = "timestamp",
        pages: bool = False,
    ) -> tuple[FakeEvent, ...]:
        """Return the events from a moment to now; `pages` follows the cursor to the end."""
        found: tuple[FakeEvent, ...] = ()
        cursor: str | None = None
        while True:
            asked = Filter(from_=str(from_ms), to=str(now_ms))
            answer = page(
                self.events, Ask(asked, sort, limit, cursor), now_ms, self._behaviour, limit
            )
            reading.requests += 1
            reading.rows += len(answer.events)
            found += answer.events
            cursor = answer.cursor
            if cursor is None or not pages:
                return found

    def polls(self, interval_s: float) -> Iterator[int]:
        """Yield the moments at which a rule polls."""
        step = int(interval_s * 1000)
        return iter(range(BEGIN_MS + step, self.end_ms + 1, step))


def after_the_last(server: Server) -> Reading:
    """jedipunkz/datadog-log-tail: from the last time on, in whole seconds; prints what comes."""
    reading, last_ms = Reading(), BEGIN_MS
    for now_ms in server.polls(3):
        found = server.search(reading, now_ms, last_ms // 1000 * 1000, limit=100)
        reading.print_all(found, now_ms, None)
        last_ms = max([last_ms, *(event.time_ms for event in found)])
    return reading


def from_the_last(server: Server) -> Reading:
    """vieiralucas/ddlogs: from the last time on, ids told apart, one page of 100."""
    reading, known, last_ms = Reading(), set[str](), BEGIN_MS
    for now_ms in server.polls(12):
        found = server.search(reading, now_ms, last_ms, limit=100)
        reading.print_all(found, now_ms, known)
        last_ms = max([last_ms, *(event.time_ms for event in found)])
    return reading


def newest_fifty(server: Server) -> Reading:
    """ngavilan-dogfy/datadog-cli: the newest 50 of 10 s, ids forgotten at 5,000."""
    reading, known = Reading(), set[str]()
    for now_ms in server.polls(5):
        found = server.search(reading, now_ms, now_ms - 10_000, limit=50, sort="-timestamp")
        reading.print_all(found[::-1], now_ms, known)
        if len(known) > 5_000:
            known.clear()
    return reading


def follow_the_cursor(server: Server) -> Reading:
    """Go on behind the last event that was read: what a cursor of the search does."""
    reading, last = Reading(), (BEGIN_MS, "")
    for now_ms in server.polls(5):
        ahead = server.events.between(last[0], now_ms, after=last)
        found = tuple(event for event in ahead if event.visible_ms <= now_ms)
        reading.requests += max(1, math.ceil(len(found) / 1_000))
        reading.rows += len(found)
        reading.print_all(found, now_ms, None)
        if found:
            last = (found[-1].time_ms, found[-1].id)
    return reading


def overlapping(seconds: int) -> Callable[[Server], Reading]:
    """iatsiuk/datadog-cli with 30 s: whole pages of an overlap, ids told apart."""

    def rule(server: Server) -> Reading:
        reading, known, last_ms = Reading(), set[str](), BEGIN_MS
        for now_ms in server.polls(5):
            from_ms = max(BEGIN_MS, last_ms - seconds * 1000)
            found = server.search(reading, now_ms, from_ms, limit=1_000, pages=True)
            reading.print_all(found, now_ms, known)
            last_ms = now_ms
        return reading

    return rule


PEERS: dict[str, Callable[[Server], Reading]] = {
    "last time on, whole seconds, 100 rows, 3 s": after_the_last,
    "last time on, ids, 100 rows, 12 s": from_the_last,
    "newest 50 of 10 s, 5 s": newest_fifty,
    "follow the cursor, 5 s": follow_the_cursor,
    "overlap 10 s, ids, all pages, 5 s": overlapping(10),
    "overlap 30 s, ids, all pages, 5 s": overlapping(30),
    "overlap 60 s, ids, all pages, 5 s": overlapping(60),
    "overlap 120 s, ids, all pages, 5 s": overlapping(120),
}
OURS = {
    "logmon, 10 requests in 10 s": RateLimit(limit=10, period_s=10),
    "logmon, 60 in 60 s": RateLimit(limit=60, period_s=60),
    "logmon, 3 in 10 s": RateLimit(limit=3, period_s=10),
}


class CountingWorld(World):
    """Counts the rows that the source gives a second time, which a store drops."""

    repeats = 0

    def take(self, arrival: Arrival) -> None:
        before = len(self.events)
        super().take(arrival)
        given = 0 if arrival.batch is None else len(arrival.batch)
        self.repeats += given - (len(self.events) - before)


async def ours(traffic: Traffic, hours: float, rate: RateLimit) -> Reading:
    """Read with the real source; half of the budget is left to others, as by default."""
    behaviour = Behaviour(search_rate=rate, gzip=False)
    world = CountingWorld(traffic=traffic, history_s=0, behaviour=behaviour, clock=FakeClock())
    await world.read(hours * 3600)
    reading = Reading()
    reading.came_ms = {name: BEGIN_MS + int(at_s * 1000) for name, at_s in world.came_at.items()}
    reading.dropped = world.repeats
    reading.requests = len(world.fake.journal)
    reading.rows = sum(asked.rows for asked in world.fake.journal)
    assert not world.rejected
    return reading


class Row(msgspec.Struct, frozen=True):
    """One line of the table."""

    rule: str
    lost: int
    of: int
    repeats: int
    dropped: int
    requests_per_10_s: float
    reads: float
    median_s: float
    p99_s: float

    def __str__(self) -> str:
        share = f"{self.lost / self.of:.2%}" if self.lost else "**0**"
        dropped = f" ({self.dropped:,} dropped by the store)" if self.dropped else ""
        return (
            f"| {self.rule} | {share} | {self.repeats:,}{dropped} | {self.requests_per_10_s:.1f} | "
            f"{self.reads:.1f}× | {self.median_s:.1f} / {self.p99_s:.1f} s |"
        )


def row_of(rule: str, reading: Reading, server: Server, hours: float) -> Row:
    """Compare what was read with what there was."""
    wanted = [event for event in server.events if event.visible_ms <= server.end_ms - SETTLED_MS]
    delays = sorted(
        (reading.came_ms[event.id] - event.visible_ms) / 1000
        for event in wanted
        if event.id in reading.came_ms
    )
    return Row(
        rule=rule,
        lost=sum(event.id not in reading.came_ms for event in wanted),
        of=len(wanted),
        repeats=reading.repeats,
        dropped=reading.dropped,
        requests_per_10_s=reading.requests / (hours * 360),
        reads=reading.rows / len(server.events),
        median_s=statistics.median(delays),
        p99_s=delays[int(len(delays) * 0.99)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--rates", type=float, nargs="+", default=[2.7, 28.0])
    given = parser.parse_args()
    for rate in given.rates:
        traffic = Traffic(per_second=rate, lags=ASSUMED, seed=11)
        server = Server(traffic, given.hours)
        print(f"\n{rate} events/s, {len(server.events):,} in {given.hours:g} h\n")
        print("| rule | lost | printed twice | requests per 10 s | rows read | delay 50 / 99 % |")
        print("|---|---|---|---|---|---|")
        for name, rule in PEERS.items():
            print(row_of(name, rule(server), server, given.hours), flush=True)
        for name, limit in OURS.items():
            reading = asyncio.run(ours(traffic, given.hours, limit))
            print(row_of(name, reading, server, given.hours), flush=True)


if __name__ == "__main__":
    main()
