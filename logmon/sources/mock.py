"""A made-up shop's logs: six services, traces, incidents; the same seed gives the same bytes.

Chaos switches bring the faults a real source has: `burst`, `disorder`, `duplicate`, `malformed`,
`disconnect`.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from logmon.batch import EventBatch
from logmon.dead_letter import DeadLetter
from logmon.errors import TransientSourceError
from logmon.event import LogEvent
from logmon.level import Level
from logmon.source import Arrival, LogStreamOptions, Notice
from logmon.sources.mock_services import INCIDENTS, LINES, Incident, Line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

Chaos = Literal["burst", "disorder", "duplicate", "malformed", "disconnect"]

BATCH_ROWS = 1_000
HISTORY_ROWS = 40
"""Events of the seconds before the start, so that the first look shows something."""
INCIDENT_EVERY = 400
"""Events between the beginnings of two incidents."""
INCIDENT_LASTS = 40
CHAOS_EVERY = 50
"""Events between two faults of one chaos switch, on average."""
FIRST_WARNING = 12
"""Within so many events after the start there is a warning: half a second at the default rate."""

_WEIGHTS = list(accumulate(line.weight for line in LINES))


class MockSettings(BaseModel):
    """`[sources.NAME]` with `type = "mock"`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    seed: int = 7
    """The same seed gives the same events."""
    events_per_second: float = Field(default=25.0, gt=0, le=200_000)
    """How many events a second."""
    chaos: tuple[Chaos, ...] = ()
    """Faults to act out: burst, disorder, duplicate, malformed, disconnect."""


class MockSource:
    """Makes events at a steady rate, for ever."""

    def __init__(
        self,
        name: str = "mock",
        *,
        settings: MockSettings | None = None,
        options: LogStreamOptions | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        start: datetime | None = None,
    ) -> None:
        self.name = name
        self.options = options or LogStreamOptions()
        self._settings = settings or MockSettings()
        self._monotonic = monotonic
        self._sleep = sleep
        self._start = start
        self._teller: _Teller | None = None
        self._interrupted = False

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Yield some history at once, then events as they fall due.

        Raises:
            TransientSourceError: with `disconnect`, now and then; the next reading goes on.
        """
        rate = self._settings.events_per_second
        if self._teller is None:
            history_s = HISTORY_ROWS / min(rate, HISTORY_ROWS)
            start = self._start or datetime.now(UTC)
            self._teller = _Teller(self._settings, start - timedelta(seconds=history_s))
            past = [self._teller.next(history_s / HISTORY_ROWS) for _ in range(HISTORY_ROWS)]
            yield Arrival(batch=EventBatch(past))
        if self._interrupted:
            self._interrupted = False
            yield Arrival(notices=(Notice(text=f"{self.name} reconnected · 0 lost", lost=0),))
        began, made = self._monotonic(), 0
        while True:
            due = int((self._monotonic() - began) * rate) - made
            if due <= 0:
                await self._sleep(max(1 / rate, 0.005))
                continue
            count = min(due, BATCH_ROWS)
            made += count
            yield self._teller.arrival(count, 1 / rate, self.name)
            if self._teller.chance("disconnect"):
                self._interrupted = True
                raise TransientSourceError("connection reset by peer", retry_after_s=2.0)
            if due > BATCH_ROWS * 20:  # far behind: the machine slept; do not catch up
                began, made = self._monotonic(), 0


class _Teller:
    """The story itself: which event comes next, from the seed alone."""

    def __init__(self, settings: MockSettings, start: datetime) -> None:
        self._rng = Random(settings.seed)  # noqa: S311 - a story, not a secret
        self._chaos = settings.chaos
        self._now = start
        self._count = 0
        self._incident: tuple[Incident, int] | None = None
        self._trace = ""
        self._late: LogEvent | None = None

    def chance(self, chaos: Chaos) -> bool:
        return chaos in self._chaos and self._rng.randrange(CHAOS_EVERY) == 0

    def arrival(self, count: int, step_s: float, name: str) -> Arrival:
        """Return the next events, with whatever faults are switched on."""
        events: list[LogEvent] = []
        rejected: list[DeadLetter] = []
        if self.chance("burst"):
            count = min(BATCH_ROWS, count * 40)
        for _ in range(count):
            event = self.next(step_s)
            if self._late is None and self.chance("disorder"):
                self._late = event
                continue
            events.append(event)
            if self._late is not None:
                events.append(self._late)
                self._late = None
            if self.chance("duplicate"):
                events.append(event)
            if self.chance("malformed"):
                rejected.append(self._malformed(name))
        batch = EventBatch(events) if events else None
        return Arrival(batch=batch, rejected=tuple(rejected))

    def next(self, step_s: float) -> LogEvent:
        rng = self._rng
        self._count += 1
        self._now += timedelta(seconds=step_s * rng.uniform(0.2, 1.8))
        line = self._line()
        values = line.values(rng)
        if not self._trace or rng.random() < 0.3:
            self._trace = f"{rng.getrandbits(64):016x}"
        return LogEvent(
            timestamp=self._now,
            level=line.level,
            source=line.source,
            host=f"i-0{rng.choice(('abc', 'd1f', '7e2'))}",
            message=line.template.format_map(values),
            message_template=line.template,
            attributes=values,
            tags=("env:prod", f"team:{line.source}"),
            trace_id=self._trace,
            span_id=f"{rng.getrandbits(32):08x}",
            id=f"mock-{self._count:08d}-{rng.getrandbits(32):08x}",
        )

    def _line(self) -> Line:
        """Pick what is said: an incident's course while one is on, else everyday talk."""
        if self._count == HISTORY_ROWS + FIRST_WARNING:
            return next(line for line in LINES if line.level == Level.ERROR)
        if self._incident is None and self._count % INCIDENT_EVERY == 100:
            self._incident = (self._rng.choice(INCIDENTS), INCIDENT_LASTS)
            return self._incident[0].cause
        if self._incident is not None:
            incident, left = self._incident
            self._incident = (incident, left - 1) if left > 1 else None
            if left == 1:
                return incident.recovery
            if self._rng.random() < 0.5:
                return self._rng.choice(incident.symptoms)
        return self._rng.choices(LINES, cum_weights=_WEIGHTS)[0]

    def _malformed(self, name: str) -> DeadLetter:
        raw = b'{"timestamp":"20x6-11-23T14:02:30Z","level":"info","message":"bad clock"}'
        return DeadLetter(
            source=name,
            origin="mock",
            reason="bad_time",
            detail="20x6-11-23T14:02:30Z",
            raw=raw,
            length=len(raw),
            parser="json",
            seen_at=self._now,
        )
