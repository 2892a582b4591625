"""A made-up shop's logs at a steady rate; the same settings and start give the same bytes.

How the rows are cut into arrivals follows the clock; which rows come, in which order and with
which times and ids, does not. Chaos switches bring the faults a real source has: `burst`,
`disorder`, `duplicate`, `malformed`, `disconnect`.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from logmon.batch import EventBatch
from logmon.dead_letter import DeadLetter
from logmon.errors import TransientSourceError
from logmon.event import encode, rfc3339
from logmon.source import Arrival, LogStreamOptions, Notice
from logmon.sources.mock_services import Story

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from logmon.event import LogEvent

Chaos = Literal["burst", "disorder", "duplicate", "malformed", "disconnect"]

BATCH_ROWS = 1_000
HISTORY_ROWS = 40
"""Events of the seconds before the start, so that the first look shows something."""
FIRST_ERROR = 12
"""Within so many events after the start there is an error: half a second at the default rate."""
OLDEST_S = 0.03
"""Most time between an event's moment and its being handed over, while the reader keeps up."""
PAUSE_S = 0.005
"""Shortest sleep: at high rates a batch is what fell due in this time."""
LAG_S = 5.0
"""A reader (or a machine) further behind than this is not sent the past: the story moves on."""
BURST_ROWS = 250
RETRY_AFTER_S = 2.0
FAULT_EVERY_ROWS: dict[Chaos, int] = {
    "burst": 250,
    "disorder": 50,
    "duplicate": 50,
    "malformed": 50,
    "disconnect": 250,
}
"""Rows between two faults of one kind, on average."""
OUTAGE_EVERY_S = 10.0
"""`burst` and `disconnect` come no oftener than this, on average, whatever the rate."""


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
    """Makes events at a steady rate, for ever.

    `start` is the time of day when it is first observed; by default the real one then.
    """

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
        self._began_s = 0.0
        self._stream: _Stream | None = None
        self._interrupted = False

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Yield some history at once, then events as they fall due.

        Observed again, it goes on where it was, with what fell due in between.

        Raises:
            TransientSourceError: with `disconnect`, now and then.
        """
        rate = self._settings.events_per_second
        if self._stream is None:
            self._began_s = self._monotonic()
            self._stream = _Stream(self.name, self._settings, self._start or datetime.now(UTC))
            yield self._stream.history()
        if self._interrupted:
            self._interrupted = False
            yield Arrival(notices=(self._reconnected(self._stream),))
        while True:
            due = self._due()
            self._stream.skip_to(due - int(LAG_S * rate))
            arrival = self._stream.until(due)
            if arrival.batch is not None or arrival.rejected:
                yield arrival
            if self._stream.take_disconnect():
                self._interrupted = True
                raise TransientSourceError("connection reset by peer", retry_after_s=RETRY_AFTER_S)
            if not self._stream.has_more(due):
                wait_s = self._began_s + (due + 1) / rate - self._monotonic()
                await self._sleep(max(wait_s, PAUSE_S))

    def _due(self) -> int:
        """Return how many events' time has come since the start."""
        elapsed_s = self._monotonic() - self._began_s
        return int(elapsed_s * self._settings.events_per_second)

    def _reconnected(self, stream: _Stream) -> Notice:
        missed = min(self._due() - stream.slot, int(LAG_S * self._settings.events_per_second))
        return Notice(text=f"{self.name} reconnected · {missed} backfilled · 0 lost")


class _Stream:
    """The story cut into slots of 1 / rate seconds, with whatever faults are switched on."""

    def __init__(self, name: str, settings: MockSettings, start: datetime) -> None:
        self._name = name
        self._rate = settings.events_per_second
        self._slot_us = 1_000_000 / self._rate
        self._spread_us = min(self._slot_us, OLDEST_S * 1_000_000)
        identity = f"{name}\0{settings.model_dump_json()}\0{rfc3339(start)}"
        self._story = Story(
            settings.seed,
            zero=start,
            rate_per_second=self._rate,
            run=blake2b(identity.encode("utf-8", "backslashreplace"), digest_size=16).digest(),
        )
        self._faults = _Faults(settings)
        self._late: list[tuple[int, LogEvent]] = []
        self._number = 0
        self._rows_left = 0
        self._rows_in_slot = 1
        self._burst = self._disconnected = False
        self.slot = 0
        """How many slots have been opened."""

    def history(self) -> Arrival:
        """Return events of the time before the start: of a second, or more at a low rate."""
        step_us = 1_000_000 / min(self._rate, HISTORY_ROWS)
        rows = range(-HISTORY_ROWS, 0)
        return Arrival(batch=EventBatch([self._story.tell(int(row * step_us)) for row in rows]))

    def has_more(self, due: int) -> bool:
        """Whether rows of the first `due` slots are still to come."""
        return self._rows_left > 0 or self.slot < due

    def skip_to(self, slot: int) -> None:
        """Leave slots empty: the story goes on, at a later time."""
        self.slot = max(self.slot, slot)

    def take_disconnect(self) -> bool:
        """Return whether the connection breaks behind what was returned last."""
        broken, self._disconnected = self._disconnected, False
        return broken

    def until(self, due: int) -> Arrival:
        """Return the next rows of the first `due` slots: a batch full at most."""
        events: list[LogEvent] = []
        rejected: list[DeadLetter] = []
        while len(events) < BATCH_ROWS and not self._disconnected:
            if self._late and self._late[0][0] <= self._number:
                events.append(self._late.pop(0)[1])
                continue
            if not self.has_more(due):
                break
            event = self._story.tell(self._next_moment_us())
            self._number += 1
            if self._number == FIRST_ERROR - 1:
                self._story.decline_a_card()
            if self._number < self._faults.next_at:
                events.append(event)
            else:
                self._disturb(event, events, rejected)
        return Arrival(batch=EventBatch(events) if events else None, rejected=tuple(rejected))

    def _next_moment_us(self) -> int:
        """Open the next slot if need be, and place its next row in it, later than any before."""
        if self._rows_left == 0:
            self.slot += 1
            self._rows_left = self._rows_in_slot = BURST_ROWS if self._burst else 1
            self._burst = False
        self._rows_left -= 1
        unevenness = self._number * 0.618_034 % 1
        part_left = (self._rows_left + unevenness) / self._rows_in_slot
        return int(self.slot * self._slot_us - part_left * self._spread_us)

    def _disturb(self, event: LogEvent, events: list[LogEvent], rejected: list[DeadLetter]) -> None:
        faults = self._faults.take(self._number)
        self._burst = "burst" in faults
        self._disconnected = "disconnect" in faults
        if "malformed" in faults:
            rejected.append(self._faults.broken(event, self._name))
        if "disorder" not in faults:
            events.append(event)
        if "disorder" in faults or "duplicate" in faults:
            self._late.append((self._number + self._faults.rows_late(), event))
            self._late.sort(key=lambda late: late[0])


class _Faults:
    """At which rows which faults happen. Its chances are its own: the story stays the same."""

    def __init__(self, settings: MockSettings) -> None:
        self._chance = Random(settings.seed + 1).random  # noqa: S311 - a story, not a secret
        self._every = dict(FAULT_EVERY_ROWS)
        for switch in ("burst", "disconnect"):
            in_time = int(OUTAGE_EVERY_S * settings.events_per_second)
            self._every[switch] = max(self._every[switch], in_time)
        self._at: dict[Chaos, float] = {}
        for switch in sorted(set(settings.chaos)):
            self._at[switch] = self._gap(switch)
        self.next_at = min(self._at.values(), default=float("inf"))
        """The next row with a fault."""

    def _gap(self, switch: Chaos) -> int:
        return 1 + int(2 * self._chance() * self._every[switch])

    def take(self, number: int) -> list[Chaos]:
        """Return the faults of this row, and draw when they come again."""
        taken = [switch for switch, at in self._at.items() if at <= number]
        for switch in taken:
            self._at[switch] = number + self._gap(switch)
        self.next_at = min(self._at.values())
        return taken

    def rows_late(self) -> int:
        """Return behind how many later rows a row comes."""
        return 1 + int(self._chance() * 10)

    def broken(self, event: LogEvent, name: str) -> DeadLetter:
        """Return an event's record as a careless sender might have sent it."""
        raw = encode(event)
        moment, level = rfc3339(event.timestamp), event.level.label
        reason, detail, raw = (
            ("invalid_json", "Input data was truncated", raw[: len(raw) // 2]),
            ("bad_time", f"20x6{moment[4:]}", raw.replace(moment[:5].encode(), b"20x6-", 1)),
            (
                "unknown_level",
                "fatality",
                raw.replace(f'"level":"{level}"'.encode(), b'"level":"fatality"', 1),
            ),
            ("not_an_object", "a JSON list", b"[" + raw + b"]"),
        )[int(self._chance() * 4)]
        return DeadLetter(
            source=name,
            origin="mock",
            reason=reason,
            detail=detail,
            raw=raw,
            length=len(raw),
            parser="json",
            seen_at=event.timestamp,
        )
