"""How long the overviews keep a key or a frame waiting with a million rows held.

    python tests/benchmarks/bench_views.py [ROWS]

All in one process, headless at 120 × 40. For each view: time from its action until it is drawn,
the longest turn of the event loop while it opened and while it went on working, and when all rows
were looked at. Then the same for the histogram's first count, a filter change, and new rows. Times
are CPU times of the screen's thread, so that other programs do not count.
"""

from __future__ import annotations

import asyncio
import sys
import time

from logmon.batch import EventBatch
from logmon.event import from_ns, to_ns
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.sentinel.pipeline import Sentinel
from logmon.testing import NOON, make_event
from logmon.tui.app import LogmonApp

TEXTS = (
    "GET /orders/{n} took {m} ms", "Payment {n} captured", "user u-{n} signed in from eu-west-{m}",
    "Stock for sku {m}-A below threshold ({m} left)", "query plan reused for q={m}",
    "lock on account {n} held {m} ms", "batch {n} posted: {m} entries",
)  # fmt: skip
BATCH = 2_000


class Stalls:
    """The longest turn of the event loop."""

    def __init__(self) -> None:
        self.most_ms = 0.0

    async def watch(self) -> None:
        """Come back as often as the loop does, at most once a millisecond."""
        then = time.thread_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.thread_time()
            self.most_ms = max(self.most_ms, (now - then) * 1e3)
            then = now


def batch(first: int, rows: int) -> EventBatch:
    base = to_ns(NOON)
    return EventBatch(
        [
            make_event(
                TEXTS[n % len(TEXTS)].format(n=n, m=n % 97),
                source=("api", "payments", "auth", "inventory", "search")[n % 5],
                level=Level.ERROR if n % 101 == 0 else Level.WARN if n % 53 == 0 else Level.INFO,
                timestamp=from_ns(base + n * 20_000_000),
                id=f"e{n}",
            )
            for n in range(first, first + rows)
        ]
    )


async def main(rows: int) -> None:
    hub = LogEventHub(max_rows=rows + 100_000, max_bytes=16 << 30)
    hub.intake("mock").statistics.state = "live"
    sentinel = Sentinel()
    for first in range(0, rows, BATCH):
        hub.log.append(batch(first, BATCH), origin="mock")
        snapshot = hub.log.snapshot
        news = [
            snapshot.delivery(seq)
            for seq in range(first, first + BATCH)
            if seq % 53 == 0 or seq % 101 == 0
        ]
        hub.log.link(sentinel.process(row for row in news if row is not None).links)
    stalls = Stalls()
    app = LogmonApp(hub, items=sentinel.items)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        watching = asyncio.create_task(stalls.watch())
        print(f"{app.model.held:,} rows held, {len(sentinel.items)} work items")
        app.overview.strip.histogram._parts._made.clear()
        began = time.thread_time()
        app.overview.strip.histogram._parts._seen = ()
        while app.overview.strip.update_counts():
            pass
        print(f"{'histogram, all rows counted':<34} {(time.thread_time() - began) * 1e3:7.1f} ms")
        for name in ("items", "dead", "patterns", "sources", "stats"):
            await view(app, pilot, stalls, name)
        await pilot.press("q")
        stalls.most_ms = 0.0
        app.filters.level(4)
        app.overview.count_now()
        await pilot.pause()
        print(f"{'level changed, histogram counted':<34} longest turn {stalls.most_ms:5.1f} ms")
        for name in ("patterns", "sources"):
            app.views.show(name)
            await pilot.pause(0.5)
            stalls.most_ms = 0.0
            for n in range(20):
                hub.log.append(batch(rows + n * 100, 100), origin="mock")
                app.pump.data()
                await asyncio.sleep(0.05)
            print(f"{name + ', 2,000 new rows a second':<34} longest turn {stalls.most_ms:5.1f} ms")
        watching.cancel()


async def view(app: LogmonApp, pilot: object, stalls: Stalls, name: str) -> None:
    stalls.most_ms = 0.0
    began = time.thread_time()
    app.views.show(name)
    front = app.views.front
    assert front is not None
    while not front.is_mounted or not any(child.size.height for child in front.children):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    opened = (time.thread_time() - began) * 1e3
    await asyncio.sleep(0.3)
    opening_stall = stalls.most_ms
    while getattr(front, "_working", None) is not None:
        await asyncio.sleep(0.05)
    done = time.thread_time() - began
    print(
        f"{name + ' opened':<34} {opened:7.1f} ms · longest turn {opening_stall:5.1f} ms while opening, "
        f"{stalls.most_ms:5.1f} ms until all was looked at ({done:.1f} s)"
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
