"""What tests of logmon, and of sources that plug into it, are written with. Public and stable."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from logmon.batch import EventBatch, events_of
from logmon.errors import PermanentSourceError, TransientSourceError
from logmon.event import LogEvent
from logmon.level import Level
from logmon.source import Arrival, LogEventSource, LogStreamOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""When every fake clock starts."""
MOST_ROWS = 1_000
"""Largest batch a source should yield."""

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
    """Time that passes only when told to, or when someone sleeps on it."""

    def __init__(self, start: datetime = NOON) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the time of day."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Return seconds since the clock was made."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed_s += seconds

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once, and give other tasks a turn."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


class ScriptedSource:
    """Does what its script says, one step after another, each time it is observed.

    A step is an arrival to yield, an exception to raise, or a coroutine function to await.
    """

    def __init__(
        self,
        name: str,
        *scripts: Sequence[Arrival | BaseException | Callable[[], Awaitable[None]]],
        options: LogStreamOptions | None = None,
        in_cleanup: BaseException | None = None,
    ) -> None:
        self.name = name
        self.options = options or LogStreamOptions()
        self._scripts = scripts
        self._in_cleanup = in_cleanup
        self.observed = 0
        self.released = 0

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Play the next script; the last one again when there is no other."""
        script = self._scripts[min(self.observed, len(self._scripts) - 1)]
        self.observed += 1
        try:
            for step in script:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, Arrival):
                    yield step
                else:
                    await step()
        finally:
            self.released += 1
            if self._in_cleanup is not None:
                raise self._in_cleanup


async def check_source_contract(
    make_source: Callable[[], LogEventSource], *, arrivals: int = 3, within_s: float = 10.0
) -> list[LogEvent]:
    """Hold a source to the promises of `LogEventSource`; return the events it gave.

    `make_source` returns a fresh source that has, or soon will have, something to say.
    `arrivals` is how many are read from one that never ends.

    Raises:
        AssertionError: a promise is broken; the text says which.
    """
    source = make_source()
    assert source.name, "a source has a name"  # noqa: S101 - this module is for tests
    assert isinstance(source.options, LogStreamOptions), "`options` are LogStreamOptions"  # noqa: S101
    seen: list[LogEvent] = []
    async with asyncio.timeout(within_s):
        await _read(source, arrivals, seen)
        await _cancel(make_source())
        again: list[LogEvent] = []
        await _read(source, arrivals, again)
    return seen


async def _read(source: LogEventSource, arrivals: int, seen: list[LogEvent]) -> None:
    left = arrivals
    try:
        async with aclosing(source.observe()) as observed:  # type: ignore[type-var]
            async for arrival in observed:
                _check_arrival(source, arrival, seen)
                left -= 1
                if left == 0:
                    return
    except (TransientSourceError, PermanentSourceError):
        return
    except Exception as error:
        raise AssertionError(
            f"observe() raised {type(error).__name__}, not a transient or permanent SourceError"
        ) from error


def _check_arrival(source: LogEventSource, arrival: Arrival, seen: list[LogEvent]) -> None:
    assert isinstance(arrival, Arrival), "observe() yields Arrivals"  # noqa: S101
    for letter in arrival.rejected:
        assert letter.reason, "a rejected record has a reason"  # noqa: S101
        assert letter.source == source.name, "a rejected record names its source"  # noqa: S101
    if arrival.batch is None:
        return
    rows = len(arrival.batch)
    assert rows <= MOST_ROWS, f"a batch holds at most {MOST_ROWS} rows, not {rows}"  # noqa: S101
    columns = arrival.batch.columns
    assert len(columns) == rows, "columns are as long as their batch"  # noqa: S101
    for row, event in enumerate(events_of(arrival.batch)):
        assert event == arrival.batch.event(row), "a row decodes to the same event each time"  # noqa: S101
        assert event.level == columns.levels[row], "the level column tells the event's level"  # noqa: S101
        assert columns.names[columns.source_ids[row]] == event.source, "the source column too"  # noqa: S101
        assert event.timestamp.tzinfo is not None, "times are aware"  # noqa: S101
        seen.append(event)


async def _cancel(source: LogEventSource) -> None:
    """Cancel a reading in the middle: it must end at once, and with the cancellation."""

    async def read_for_ever() -> None:
        async with aclosing(source.observe()) as observed:  # type: ignore[type-var]
            async for _ in observed:
                await asyncio.sleep(0)

    task = asyncio.create_task(read_for_ever())
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=2)
    assert done, "a cancelled reading lets go within 2 s"  # noqa: S101
    if not task.cancelled():
        error = task.exception()
        assert error is None or isinstance(error, TransientSourceError | PermanentSourceError), (  # noqa: S101
            f"cancelling raised {error!r}"
        )
