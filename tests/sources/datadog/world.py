"""A Datadog source, a fake Datadog and a clock of their own, in one loop without a socket."""

from __future__ import annotations

import random
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import httpx2

from logmon.batch import events_of
from logmon.sources.datadog.settings import DatadogSettings
from logmon.sources.datadog.source import DatadogSource
from logmon.testing import FakeClock
from logmon.testing.fake_datadog import FakeDatadog

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.checkpoint import Checkpoint
    from logmon.dead_letter import DeadLetter
    from logmon.event import LogEvent
    from logmon.source import Arrival, LogStreamOptions

API_KEY = "0123456789abcdef0123456789abcdef"
APP_KEY = "fedcba9876543210fedcba9876543210fedcba98"
STAND_IN = "http://127.0.0.1:8126"


class World:
    """Reads a fake until a moment, keeps what came, and may be restarted from its checkpoint."""

    def __init__(
        self,
        *,
        settings: dict[str, Any] | None = None,
        options: LogStreamOptions | None = None,
        environ: dict[str, str] | None = None,
        wall_ahead_s: float = 0.0,
        clock: FakeClock | None = None,
        **fake: Any,
    ) -> None:
        self.clock = clock or FakeClock()
        self.fake = FakeDatadog(clock=self.clock, **fake)
        table = {"site": STAND_IN, "api_key": API_KEY, "app_key": APP_KEY} | (settings or {})
        self.settings = DatadogSettings.model_validate(table)
        self.options = options
        self.environ = environ or {}
        self.wall_ahead_s = wall_ahead_s
        self.events: list[LogEvent] = []
        self.came_at: dict[str, float] = {}
        self.rejected: list[DeadLetter] = []
        self.notices: list[str] = []
        self.said: set[str] = set()
        """What the screen would have shown after each arrival."""
        self.checkpoint: Checkpoint | None = None
        self.source = self.make()

    def make(self) -> DatadogSource:
        """Return a new source that reads this fake."""
        return DatadogSource(
            "prod",
            self.settings,
            self.options,
            environ=self.environ,
            monotonic=self.clock.monotonic,
            wall=lambda: self.clock.now().timestamp() + self.wall_ahead_s,
            sleep=lambda seconds: self.clock.sleep(seconds),
            rng=random.Random(7),
            open_http=lambda _site, _ca: httpx2.AsyncClient(transport=self.fake.transport()),
        )

    async def read(self, seconds: float, *, until: Callable[[Arrival], bool] | None = None) -> None:
        """Read for so long by the fake's clock, or until an arrival says that it is enough."""
        end_s = self.clock.monotonic() + seconds
        self.source.resume(self.checkpoint)
        async with aclosing(self.source.observe()) as arrivals:
            async for arrival in arrivals:
                self.take(arrival)
                self.said.add(self.source.status().progress)
                if self.clock.monotonic() >= end_s or (until and until(arrival)):
                    return

    def take(self, arrival: Arrival) -> None:
        """Keep what came, as a store would: ids only once."""
        if arrival.batch is not None:
            for event in events_of(arrival.batch):
                if event.id not in self.came_at:
                    self.came_at[event.id] = self.clock.monotonic()
                    self.events.append(event)
        self.rejected += arrival.rejected
        self.notices += [notice.text for notice in arrival.notices]
        self.checkpoint = arrival.checkpoint or self.checkpoint

    def missing(self, *, visible_for_s: float = 0.0) -> list[str]:
        """Return the ids of events that a search could have given so long ago, and that are not here."""
        before_ms = self.fake.now_ms() - visible_for_s * 1000
        began_ms = self.began_ms
        return [
            event.id
            for event in self.fake.visible()
            if event.visible_ms <= before_ms
            and event.time_ms >= began_ms
            and event.id not in self.came_at
        ]

    began_ms = 0.0
    """Only events from then on are asked for by `missing`."""
