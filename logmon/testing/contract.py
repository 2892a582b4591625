"""Holds any source to the promises of `logmon.source.LogEventSource`.

async def test_my_source_keeps_the_contract():
    await check_source_contract(lambda: MySource("mine"))
"""

from __future__ import annotations

import asyncio
import math
import threading
from contextlib import aclosing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from logmon.batch import events_of
from logmon.dead_letter import EXCERPT_BYTES
from logmon.errors import PermanentSourceError, TransientSourceError
from logmon.event import LogEvent, from_ns
from logmon.level import Level
from logmon.source import Arrival, LogEventSource, LogStreamOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from logmon.batch import Batch
    from logmon.dead_letter import DeadLetter

Source = TypeVar("Source", bound=LogEventSource)

MOST_ROWS = 1_000
"""Largest batch a source should yield."""
PROMPT_S = 2.0
"""Within this time a source hands over what it has, and lets go when it is cancelled."""
QUIET_S = 0.2
"""A source that gave nothing for so long is taken to have nothing."""
CANCELLED_AFTER_TURNS = (0, 1, 2, 3, 5, 8, 13, 21)
"""Turns of the event loop a reading gets before it is cancelled, one fresh source for each."""


async def check_source_contract(
    make_source: Callable[[], Source | Awaitable[Source]],
    *,
    arrivals: int = 3,
    within_s: float = 10.0,
    messages: Sequence[str] | None = None,
    ends: bool = False,
    feed: Callable[[Source], Awaitable[object]] | None = None,
) -> list[LogEvent]:
    """Hold a source to the promises of `LogEventSource`; return the events of its first reading.

    `make_source` returns (or is a coroutine function that does) a fresh source that has, or
    within `within_s` will have, something to say. `arrivals` is how many are read from one that
    never `ends`. `messages` are what it must give first, in this order (all of it, if it `ends`).
    `feed` makes one more event happen in a source that is open: it is called to see that the
    event comes at once, and that a cancelled reading can be taken up again.

    Raises:
        AssertionError: a promise is broken; the text says which.
    """

    def enough(reading: _Reading) -> bool:
        if ends or messages is not None:
            return not ends and len(reading.events) >= len(messages or ())
        return len(reading.arrivals) >= (1 if feed else arrivals)

    source = await _made(make_source)
    if feed is not None:
        await feed(source)
    reading = _Reading(source, enough)
    await reading.to_end(within_s, ends=ends)
    if messages is not None:
        told = [event.message for event in reading.events][: None if ends else len(messages)]
        _promise(told == list(messages), f"events come in the order they were received: {told!r}")
    await _take_a_look(source)
    for turns in CANCELLED_AFTER_TURNS:
        await _cancel(await _made(make_source), turns)
    if feed is not None:
        await _check_feeding(await _made(make_source), feed)
    return reading.events


def _promise(kept: bool, text: str) -> None:
    if not kept:
        raise AssertionError(text)


async def _made(make_source: Callable[[], Source | Awaitable[Source]]) -> Source:
    made = make_source()
    source: Source = await made if asyncio.iscoroutine(made) else made  # type: ignore[assignment]
    _promise(bool(source.name), "a source has a name")
    _promise(isinstance(source.options, LogStreamOptions), "`options` are LogStreamOptions")
    return source


class _Reading:
    """One reading of a source, in a task of its own, until `enough` says so."""

    def __init__(
        self, source: LogEventSource, enough: Callable[[_Reading], bool] = lambda _: False
    ) -> None:
        self.arrivals: list[Arrival] = []
        self.events: list[LogEvent] = []
        self._source = source
        self._enough = enough
        self._held_before = _Held()
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._read())
        self.task.add_done_callback(lambda _: self._changed.set())

    async def _read(self) -> None:
        observed = self._source.observe()
        usable = hasattr(observed, "__anext__") and hasattr(observed, "aclose")
        _promise(usable, f"observe() returns an async iterator with aclose(), not {observed!r}")
        async with aclosing(observed):  # type: ignore[type-var]
            async for arrival in observed:
                self.events += _checked(self._source.name, arrival)
                self.arrivals.append(arrival)
                self._changed.set()
                if self._enough(self):
                    return
                await asyncio.sleep(0)

    async def until(self, events: float, within_s: float) -> None:
        """Wait until there are so many events, the reading is over, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while len(self.events) < events and not self.task.done():
                    self._changed.clear()
                    await self._changed.wait()

    async def to_end(self, within_s: float, *, ends: bool) -> None:
        """See the reading through to where it is enough."""
        await self.until(math.inf, within_s)
        if not self.task.done():
            await self.stop()
            what = "it did not end" if ends else "is a batch held back until it is full?"
            raise AssertionError(f"{what} ({len(self.arrivals)} arrivals in {within_s:g} s)")
        failure = self.failure()
        _promise(bool(self.arrivals), f"it ended before it gave anything: {failure!r}")
        _promise(not (ends and failure), f"it did not end, it failed: {failure!r}")
        await self.check_released()

    def failure(self) -> BaseException | None:
        """Return the error the source ended with, if it is one that sources may raise."""
        _promise(not self.task.cancelled(), "it raised CancelledError though nobody cancelled it")
        error = self.task.exception()
        if isinstance(error, AssertionError):
            raise error
        if error is not None and not isinstance(error, TransientSourceError | PermanentSourceError):
            what = f"observe() raised {type(error).__name__}"
            raise AssertionError(f"{what}, not a transient or permanent SourceError") from error
        return error

    async def stop(self) -> None:
        """Cancel the reading, unless it is over: it must let go, with the cancellation."""
        if self.task.done():
            self.failure()
        else:
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=PROMPT_S)
            _promise(self.task.done(), f"cancelled, it lets go within {PROMPT_S:g} s")
            if not self.task.cancelled():
                error = self.task.exception()
                what = f"turned into {error!r}" if error else "was swallowed"
                raise AssertionError(f"a cancellation leaves observe(); it {what}") from error
        await self.check_released()

    async def check_released(self) -> None:
        """See that nothing is left open, and that no batch changed after it was given."""
        again = [e for a in self.arrivals if a.batch is not None for e in events_of(a.batch)]
        _promise(again == self.events, "a batch never changes after it was yielded")
        for _ in range(25):  # the other end of a connection may be in this loop: give it a moment
            if not (left := self._held_before.left_over()):
                return
            await asyncio.sleep(QUIET_S / 10)
        raise AssertionError(f"a reading that is over holds nothing; left behind: {left}")


class _Held:
    """The tasks, threads and file descriptors there are."""

    def __init__(self) -> None:
        self._tasks = asyncio.all_tasks()
        self._threads = set(threading.enumerate())
        self._files = _open_files()

    def left_over(self) -> str:
        """Name what there is now and was not then; the loop's own worker threads may stay."""
        tasks = [task.get_name() for task in asyncio.all_tasks() - self._tasks]
        threads = [thread.name for thread in set(threading.enumerate()) - self._threads]
        found = sorted(tasks + [name for name in threads if not name.startswith("asyncio_")])
        if (files := _open_files() - self._files) > 0:
            found.append(f"{files} open files")
        return ", ".join(found)


def _open_files() -> int:
    """Return how many file descriptors are open; 0 where the system does not say."""
    folder = Path("/dev/fd")
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0


def _checked(name: str, arrival: Arrival) -> list[LogEvent]:
    """Return an arrival's events after checking all of it."""
    _promise(isinstance(arrival, Arrival), f"observe() yields Arrivals, not {arrival!r}")
    rows = 0 if arrival.batch is None else len(arrival.batch)
    said = (rows, arrival.rejected, arrival.checkpoint, arrival.notices, arrival.duplicates)
    _promise(any(said) or arrival.caught_up, "an arrival has something to say")
    for letter in arrival.rejected:
        _check_rejected(name, letter)
    if arrival.checkpoint is not None:
        _promise(arrival.checkpoint.source == name, "a checkpoint names its source")
    _promise(rows <= MOST_ROWS, f"a batch holds at most {MOST_ROWS} rows, not {rows}")
    return [] if arrival.batch is None else _check_batch(arrival.batch)


def _check_rejected(name: str, letter: DeadLetter) -> None:
    _promise(letter.reason != "", "a rejected record has a reason")
    _promise(letter.source == name, f"a rejected record's source is {name!r}: {letter.source!r}")
    kept = len(letter.raw) == min(letter.length, EXCERPT_BYTES)
    _promise(kept, f"a rejected record keeps its first {EXCERPT_BYTES} bytes, and its length")


def _check_batch(batch: Batch) -> list[LogEvent]:
    columns = batch.columns
    _promise(len(columns) == len(batch), "columns are as long as their batch")
    events = list(events_of(batch))
    for row, event in enumerate(events):
        _promise(isinstance(event, LogEvent), f"rows are LogEvents, not {event!r}")
        _promise(event == batch.event(row), "a row decodes to the same event each time")
        _promise(event.timestamp.utcoffset() == timedelta(0), "times are aware, and UTC")
        source = columns.names[columns.source_ids[row]]
        told = (from_ns(int(columns.times[row])), Level(columns.levels[row]), source)
        true = (event.timestamp, event.level, event.source)
        _promise(told == true, f"columns tell time, level and source of {true}, not {told}")
        _promise(isinstance(batch.raw(row), bytes), "raw() returns a row's bytes")
    return events


async def _take_a_look(source: LogEventSource) -> None:
    """Observe once more: there may be nothing new, but it must be possible."""
    reading = _Reading(source, enough=lambda _: True)
    await reading.until(math.inf, QUIET_S)
    await reading.stop()


async def _cancel(source: LogEventSource, turns: int) -> None:
    """Cancel a reading after so many turns of the loop, then observe again."""
    reading = _Reading(source)
    for _ in range(turns):
        await asyncio.sleep(0)
    await reading.stop()
    if turns == CANCELLED_AFTER_TURNS[-1]:
        await _take_a_look(source)


async def _check_feeding(source: Source, feed: Callable[[Source], Awaitable[object]]) -> None:
    """Feed an open source: each event comes at once, also after a cancelled reading."""
    await feed(source)
    for _ in range(2):
        reading = _Reading(source)
        before = await _quiet(reading)
        _promise(before > 0, "an event that happened while nobody was reading is not lost")
        await feed(source)
        await reading.until(before + 1, PROMPT_S)
        came = len(reading.events) > before
        _promise(came, f"an event comes within {PROMPT_S:g} s: a batch is not held back")
        await reading.stop()
        await feed(source)


async def _quiet(reading: _Reading) -> int:
    """Wait until nothing comes any more; return how many events came."""
    before = -1
    while before < len(reading.events):
        before = len(reading.events)
        await asyncio.sleep(QUIET_S)
    return before
