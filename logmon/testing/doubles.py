"""Events, a clock and a source that do what a test says, and nothing else."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from logmon.batch import EventBatch
from logmon.event import LogEvent
from logmon.level import Level
from logmon.source import Arrival, LogStreamOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""When every fake clock starts."""

_ids = count(1)


def make_event(message: str = "something happened", **fields: Any) -> LogEvent:
    """Return an event at `NOON` from `tests`, with its own id unless one is given."""
    fields.setdefault("timestamp", NOON)
    fields.setdefault("level", Level.INFO)
    fields.setdefault("source", "tests")
    fields.setdefault("id", f"test-{next(_ids)}")
    return LogEvent(message=message, **fields)


def arrival_of(*events: LogEvent) -> Arrival:
    """Return an arrival that brings these events."""
    return Arrival(batch=EventBatch(events))


class FakeClock:
    """Time that passes only when told to, or, with `auto_advance`, when someone sleeps on it.

    Without `auto_advance` a sleeper waits until `advance` has passed its time.
    """

    def __init__(self, start: datetime = NOON, *, auto_advance: bool = True) -> None:
        self._start = start
        self._auto_advance = auto_advance
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.slept: list[float] = []
        """Every sleep that was asked for, in seconds, in order."""

    def now(self) -> datetime:
        """Return the time of day."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Return seconds since the clock was made."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Let time pass; sleepers whose time has come run at the loop's next turn."""
        self._elapsed_s += max(0.0, seconds)
        while self._sleepers and self._sleepers[0][0] <= self._elapsed_s:
            _, _, waking = heapq.heappop(self._sleepers)
            if not waking.done():
                waking.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Wait until the time has passed, and give other tasks at least a turn."""
        self.slept.append(seconds)
        if self._auto_advance:
            self.advance(seconds)
        if self._auto_advance or seconds <= 0:
            await asyncio.sleep(0)
            return
        waking = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, len(self.slept), waking))
        await waking


async def hang() -> None:
    """Wait for ever: a step for `ScriptedSource`."""
    await asyncio.get_running_loop().create_future()


class ScriptedSource:
    """Does what its script says, one step after another, each time it is observed.

    A step is an arrival to yield, an exception to raise, a coroutine function to await (`hang`),
    an iterator of arrivals to yield (`itertools.repeat(arrival)` floods), or anything else, which
    is yielded as it is: garbage. `in_cleanup` is raised whenever a reading ends.
    """

    def __init__(
        self,
        name: str,
        *scripts: Sequence[object],
        options: LogStreamOptions | None = None,
        in_cleanup: BaseException | None = None,
    ) -> None:
        self.name = name
        self.options = options or LogStreamOptions()
        self._scripts = scripts or ((),)
        self._in_cleanup = in_cleanup
        self.observed = 0
        """How many readings were begun."""
        self.released = 0
        """How many of them were let go."""

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Play the next script; the last one again when there is no other."""
        script = self._scripts[min(self.observed, len(self._scripts) - 1)]
        self.observed += 1
        try:
            for step in script:
                if isinstance(step, BaseException):
                    raise step
                if callable(step):
                    await step()
                elif isinstance(step, Iterator):
                    for arrival in step:
                        yield arrival
                else:
                    yield step  # type: ignore[misc]  # garbage is what some tests ask for
        finally:
            self.released += 1
            if self._in_cleanup is not None:
                raise self._in_cleanup
