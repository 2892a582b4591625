"""The hub against a queue for each subscriber, stalled readers, and a source that never waits.

    python tests/benchmarks/bench_hub.py

Prints ratios measured in one run, medians of five.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

from logmon.batch import EventBatch
from logmon.filter import LogFilter, SourceClause
from logmon.hub import LogEventHub
from logmon.source import Arrival, LogStreamOptions
from logmon.testing import make_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

EVENTS = [make_event(f"hello world {n}", source=f"s{n % 10}") for n in range(20_000)]
SUBSCRIBERS = 100
BATCH = 1_000


def filters() -> list[LogFilter]:
    """Ten distinct filters: each lets one of ten sources through."""
    return [LogFilter((SourceClause((f"s{n}",)),)) for n in range(10)]


async def with_queues() -> float:
    """An asyncio.Queue for each subscriber, an event at a time; return events a second."""
    wanted = [f"s{n % 10}" for n in range(SUBSCRIBERS)]
    queues: list[asyncio.Queue[object]] = [asyncio.Queue() for _ in range(SUBSCRIBERS)]
    seen = [0] * SUBSCRIBERS

    async def consume(n: int) -> None:
        while await queues[n].get() is not None:
            seen[n] += 1

    tasks = [asyncio.create_task(consume(n)) for n in range(SUBSCRIBERS)]
    started = time.perf_counter()
    for first in range(0, len(EVENTS), BATCH):
        for event in EVENTS[first : first + BATCH]:
            for queue, name in zip(queues, wanted, strict=True):
                if event.source == name:
                    queue.put_nowait(event)
        await asyncio.sleep(0)
    for queue in queues:
        queue.put_nowait(None)
    await asyncio.gather(*tasks)
    assert sum(seen) == len(EVENTS) * SUBSCRIBERS // 10
    return len(EVENTS) / (time.perf_counter() - started)


async def with_hub() -> float:
    """The hub with the same filters and batches; return events a second."""
    hub = LogEventHub(max_rows=1_000_000)
    kinds = filters()
    readers = [hub.subscribe(kinds[n % 10]) for n in range(SUBSCRIBERS)]
    seen = [0] * SUBSCRIBERS

    async def consume(n: int) -> None:
        async for rows in readers[n].batches():
            seen[n] += len(rows)

    tasks = [asyncio.create_task(consume(n)) for n in range(SUBSCRIBERS)]
    batches = [EventBatch(EVENTS[first : first + BATCH]) for first in range(0, len(EVENTS), BATCH)]
    started = time.perf_counter()
    for batch in batches:
        await hub.publish(batch, origin="bench")
        await asyncio.sleep(0)
    hub.close()
    await asyncio.gather(*tasks)
    assert sum(seen) == len(EVENTS) * SUBSCRIBERS // 10
    return len(EVENTS) / (time.perf_counter() - started)


def anonymous_bytes() -> int:
    """Return the memory of this process that is not files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon here")


async def stalled() -> float:
    """Return the MiB that a thousand stalled subscribers cost while 200,000 events pass."""
    hub = LogEventHub(max_rows=4_096)
    batches = [EventBatch(EVENTS[first : first + 100]) for first in range(0, len(EVENTS), 100)]
    for batch in batches:
        await hub.publish(batch, origin="bench")
    gc.collect()
    before = anonymous_bytes()
    readers = [hub.subscribe() for _ in range(1_000)]
    for batch in batches * 10:
        await hub.publish(batch, origin="bench")
    gc.collect()
    assert len(readers) == 1_000
    return max(0, anonymous_bytes() - before) / 2**20


class Flood:
    """A source that always has data at hand."""

    name = "flood"
    options = LogStreamOptions()

    def __init__(self, rows: int) -> None:
        self._rows = rows

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        made = 0
        while made < 200_000:
            events = [make_event("flood", source=f"s{n % 10}") for n in range(self._rows)]
            made += self._rows
            yield Arrival(batch=EventBatch(events))


async def worst_stall(rows: int) -> tuple[float, float]:
    """Return the worst pause of the event loop in ms, and events a second."""
    hub = LogEventHub(max_rows=50_000)
    worst = 0.0
    done = asyncio.Event()

    async def tick() -> None:
        nonlocal worst
        while not done.is_set():
            then = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - then - 0.001)

    reader = hub.subscribe(filters()[0])

    async def read() -> None:
        async for _ in reader.batches():
            pass

    others = [asyncio.create_task(tick()), asyncio.create_task(read())]
    started = time.perf_counter()
    await hub.drain(Flood(rows), hub.intake("flood"))
    took = time.perf_counter() - started
    hub.close()
    done.set()
    await asyncio.gather(*others)
    assert hub.sources["flood"].difference == 0
    return worst * 1e3, 200_000 / took


def main() -> None:
    pairs = [(asyncio.run(with_hub()), asyncio.run(with_queues())) for _ in range(5)]
    ratio = statistics.median([hub / queues for hub, queues in pairs])
    print(f"100 subscribers, 10 filters, batches of 1,000: hub / queues = {ratio:.1f} (goal ≥ 10)")
    print(f"1,000 stalled subscribers: {asyncio.run(stalled()):.2f} MiB (goal ≤ 2)")
    gc.collect()
    gc.freeze()
    for rows in (1_000, 10):
        stalls = [asyncio.run(worst_stall(rows)) for _ in range(3)]
        worst = statistics.median([stall for stall, _ in stalls])
        rate = statistics.median([rate for _, rate in stalls])
        print(
            f"200,000 events, batches of {rows:,}, never waiting: "
            f"worst stall {worst:.1f} ms (goal ≤ 20), {rate:,.0f} events/s"
        )


if __name__ == "__main__":
    main()
