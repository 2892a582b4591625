"""Events handed over in the program itself: enqueue, complete, and nothing is lost in between."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from logmon.batch import EventBatch
from logmon.source import Arrival, LogStreamOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from logmon.errors import SourceError
    from logmon.event import LogEvent

BATCH_ROWS = 1_000


class InMemoryLogEventSource:
    """A bounded queue of events. It belongs to one event loop and takes no calls from threads.

    A reader that is cancelled leaves what it was not given for the next one. `capacity` is how
    many events wait to be read before `enqueue` waits too.
    """

    def __init__(
        self, name: str, *, options: LogStreamOptions | None = None, capacity: int = 10_000
    ) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be 1 or more, not {capacity}")
        self._queue: deque[LogEvent] = deque()
        self._capacity = capacity
        self._changed = asyncio.Event()
        self._completed = False
        self._error: SourceError | None = None
        self.name = name
        self.options = options or LogStreamOptions()

    async def enqueue(self, event: LogEvent) -> None:
        """Add an event, waiting for room. Cancelled while it waits, the event was not added.

        Raises:
            RuntimeError: the source was completed.
        """
        await self.enqueue_many([event])

    async def enqueue_many(self, events: Iterable[LogEvent]) -> None:
        """Add events in order, waiting for room for each; stopped early, the first ones are in.

        Raises:
            RuntimeError: the source was completed.
        """
        for event in events:
            while len(self._queue) >= self._capacity and not self._completed:
                self._changed.clear()
                await self._changed.wait()
            if self._completed:
                raise RuntimeError(f"source {self.name!r} is completed")
            self._queue.append(event)
            self._changed.set()

    def complete(self, error: SourceError | None = None) -> None:
        """Take no more events; readers get what is queued, then the end or `error`.

        Only the first call counts.
        """
        if self._completed:
            return
        self._completed = True
        self._error = error
        self._changed.set()

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Yield what is queued, as soon as something is.

        Raises:
            SourceError: what `complete` was given, after everything queued; each time.
        """
        while True:
            while self._queue:
                most = min(len(self._queue), BATCH_ROWS)
                batch = EventBatch([self._queue.popleft() for _ in range(most)])
                self._changed.set()
                yield Arrival(batch=batch)
            if self._completed:
                if self._error is not None:
                    raise self._error
                return
            self._changed.clear()
            await self._changed.wait()
