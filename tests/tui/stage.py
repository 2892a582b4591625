"""The app on a hub with Sentinel, for tests of the screen: give rows, press keys, look at lines."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from logmon.batch import EventBatch
from logmon.event_log import EventLog
from logmon.hub import LogEventHub
from logmon.sentinel.pipeline import Sentinel
from logmon.sources.mock import MockSettings, MockSource
from logmon.testing import NOON, FakeClock, arrival_of
from logmon.tui.app import LogmonApp
from logmon.tui.tail_view import TailView
from logmon.tui.transport import Transport

if TYPE_CHECKING:
    from logmon.source import Arrival

PICTURES = Path(__file__).resolve().parent.parent.parent / "docs" / "screens"


def log_of(*events, origin="mock") -> EventLog:
    log = EventLog()
    log.append(EventBatch(events), origin=origin)
    return log


class Stage:
    """A hub with one source, Sentinel, and the app on it."""

    def __init__(
        self, *, max_rows: int = 100_000, playhead: bool = False, **options: object
    ) -> None:
        self.clock = FakeClock()
        self.hub = LogEventHub(now=self.clock.now, max_rows=max_rows)
        self.sentinel = Sentinel()
        self.intake = self.hub.intake("mock")
        self.intake.statistics.state = "live"
        self._pipeline = self.hub.subscribe_pipeline(self.sentinel.filter, name="sentinel")
        if playhead:
            options["transport"] = Transport(self.hub.log)
        self.app = LogmonApp(
            self.hub,
            items=self.sentinel.items,
            now=self.clock.now,
            **options,
        )

    async def give(self, *events) -> None:
        await self.accept(arrival_of(*events))

    async def accept(self, arrival: Arrival) -> None:
        await self.intake.accept(arrival)
        while rows := self._pipeline.take():
            effects = self.sentinel.process(rows)
            self.hub.publish_own(effects.events, origin="sentinel", links=effects.links)

    async def drawn(self, pilot) -> None:
        await pilot.pause()
        await self.app.pump.idle()
        await pilot.pause()

    async def until(self, pilot, met, within_s: float = 20.0) -> None:
        """Draw until something is so."""
        async with asyncio.timeout(within_s):
            while not met():
                await self.drawn(pilot)

    def rows(self) -> list[str]:
        view = self.app.screen.query_one(TailView)
        return [view.line(y).text.rstrip() for y in range(view.size.height)]

    def line(self, kind) -> str:
        return self.app.screen.query_one(kind).line(0).text


@asynccontextmanager
async def stage(size=(120, 34), **options):
    made = Stage(**options)
    async with made.app.run_test(size=size) as pilot:
        await pilot.pause()
        yield made, pilot


async def story(s: Stage, count: int = 150) -> None:
    """Tell the mock's story at fixed times."""
    clock = FakeClock()
    source = MockSource(
        settings=MockSettings(), monotonic=clock.monotonic, sleep=clock.sleep, start=NOON
    )
    seen = 0
    async for arrival in source.observe():
        await s.accept(arrival)
        seen += len(arrival.batch)
        if seen >= count:
            break
    s.clock.advance(count / 25)


def portrait(app: LogmonApp) -> str:
    """Return the screen as SVG without what differs from run to run or names another host."""
    svg = app.export_screenshot()
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"[ \t]+\n", "\n", svg)


def compare(name: str, app: LogmonApp) -> None:
    path = PICTURES / f"{name}.svg"
    svg = portrait(app)
    if os.environ.get("LOGMON_PICTURES") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(svg)
    assert path.exists(), f"no picture {path}; make it with LOGMON_PICTURES=write"
    assert svg == path.read_text(), f"{name} looks different; look, then LOGMON_PICTURES=write"


def all_lines_are_text(s: Stage) -> None:
    """Every line of the view in front is printable and exactly as wide as its widget."""
    for widget in s.app.views.front.query("LinesWidget").results():
        for y in range(widget.size.height):
            row = widget.line(y)
            assert row.text.isprintable(), repr(row.text)
            assert row.cell_length == widget.size.width
