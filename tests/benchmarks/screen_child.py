"""The screen with a steady flow of canonical lines, for bench_screen.py; `x` is echoed as a count.

python tests/benchmarks/screen_child.py EVENTS_PER_SECOND STATS_FILE [--no-backpressure]
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path

os.environ.setdefault("TEXTUAL_FPS", "1000")

from typing import TYPE_CHECKING

from textual.binding import Binding

from logmon.event import encode, from_ns
from logmon.formats import LineDecoder
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.sentinel.pipeline import Sentinel
from logmon.source import Arrival, LogStreamOptions
from logmon.sources.lines import LineReader
from logmon.testing import make_event
from logmon.tui.app import LogmonApp
from logmon.tui.header import KeyHints
from logmon.tui.render import Row, row_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


def lines(count: int) -> list[bytes]:
    """Return canonical lines of about 340 bytes: 1 % errors, 9 % warnings, 16 sources."""
    made = []
    for n in range(count):
        level = Level.ERROR if n % 100 == 0 else Level.WARN if n % 10 == 1 else Level.INFO
        event = make_event(
            f"request {n} took {n % 977} ms on shard {n % 64} and wrote {n * 37 % 9999} bytes",
            level=level,
            source=f"service-{n % 16}",
            timestamp=from_ns(1_790_000_000 * 10**9 + n * 20_000),
            message_template="request {n} took {ms} ms on shard {shard} and wrote {bytes} bytes",
            attributes={"n": n, "ms": n % 977, "shard": n % 64},
            trace_id=f"{n:032x}",
            id=f"bench-{n}",
        )
        made.append(encode(event) + b"\n")
    return made


class Flow:
    """So many lines a second, decoded as a file's lines are."""

    name = "flow"
    options = LogStreamOptions()

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._lines = lines(20_000 if rate else 100)

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        reader = LineReader(LineDecoder("flow"), source="flow", origin="flow", fallback_ns=0)
        if not self._rate:
            for arrival in reader.feed(b"".join(self._lines)):
                yield arrival
            await asyncio.Event().wait()
        began, sent = time.monotonic(), 0
        while True:
            due = min(int((time.monotonic() - began) * self._rate) - sent, 700)
            if due < 200:
                await asyncio.sleep(0.004)
                continue
            start = sent % (len(self._lines) - 1_000)
            sent += due
            for arrival in reader.feed(b"".join(self._lines[start : start + due])):
                yield arrival


class Hints(KeyHints):
    """The hints with a counter in front."""

    count = 0

    def line(self, y: int) -> Row:
        text = f" K{self.count:05d} "
        return row_of([(text, self.palette.bar_bold)], self.size.width, self.palette.bar)


class BenchApp(LogmonApp):
    """The app with a key that only counts."""

    BINDINGS = [
        Binding("x", "tally", "Count", priority=True),
        Binding("Q", "quit", "Quit", priority=True),
    ]

    def compose(self):
        for widget in super().compose():
            yield (
                Hints(widget.palette, self.controls, id="hints")
                if isinstance(widget, KeyHints)
                else widget
            )

    def action_tally(self) -> None:
        hints = self.query_one(Hints)
        hints.count += 1
        hints.refresh()


async def run(rate: float, stats: Path, backpressure: bool) -> None:
    hub = LogEventHub()
    sentinel = Sentinel()
    service = LogMonitorService(hub, [SourceEntry(Flow(rate))], sentinel=sentinel)
    app = BenchApp(hub, items=sentinel.items)
    if not backpressure:
        app.pump._backlog = lambda: 0
    serving = asyncio.create_task(service.run())
    began, cpu = time.monotonic(), time.process_time()
    await app.run_async()
    took = time.monotonic() - began
    stored = hub.sources["flow"].stored
    stats.write_text(
        json.dumps(
            {
                "stored_per_second": stored / took,
                "frames_per_second": app.pump.frames / took,
                "cpu": (time.process_time() - cpu) / took,
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(run(float(sys.argv[1]), Path(sys.argv[2]), "--no-backpressure" not in sys.argv))
