"""Events of this program into a hub in the same process, from any thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from logmon.batch import EventBatch
from logmon.producers.producer import CAPACITY, CLOSE_WITHIN_S, ProducerStatistics
from logmon.source import Arrival, LogStreamOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from logmon.event import LogEvent
    from logmon.hub import LogEventHub

BATCH_ROWS = 1_000


class HubProducer:
    """A source that the hub drains, fed by threads. Made on the hub's event loop."""

    def __init__(self, hub: LogEventHub, *, name: str, capacity: int = CAPACITY) -> None:
        self.name = name
        self.options = LogStreamOptions()
        self._capacity = capacity
        self._events: deque[LogEvent] = deque()
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._closed = False
        self._put = self._sent = self._dropped = self._handed = 0
        self._idle = threading.Event()
        self._idle.set()
        self._task = self._loop.create_task(hub.drain(self, hub.intake(name)), name=name)

    def put(self, event: LogEvent) -> None:
        """Take an event; never blocks and never raises."""
        with self._lock:
            self._put += 1
            if self._closed or len(self._events) + self._handed >= self._capacity:
                self._dropped += 1
                return
            self._events.append(event)
            self._idle.clear()
        self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the loop is closed: nobody will take them
            self._drop_rest()

    def _drop_rest(self) -> None:
        with self._lock:
            self._dropped += len(self._events)
            self._events.clear()
            self._idle.set()

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Yield what was put; ends when the producer is closed and all is out."""
        while True:
            while events := self._take():
                yield Arrival(batch=EventBatch(events))
                with self._lock:
                    self._sent += self._handed
                    self._handed = 0
                    if not self._events:
                        self._idle.set()
            if self._closed:
                return
            self._ready.clear()
            await self._ready.wait()

    def _take(self) -> list[LogEvent]:
        with self._lock:
            most = min(len(self._events), BATCH_ROWS)
            self._handed = most
            return [self._events.popleft() for _ in range(most)]

    def flush(self, within_s: float = CLOSE_WITHIN_S) -> bool:
        """Wait until the hub has all; on the hub's own loop it cannot wait, and says what is so."""
        if _running_loop() is self._loop:
            return self._idle.is_set()
        return self._idle.wait(within_s)

    def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Let the hub take what waits, and end; on the hub's own loop it does not wait."""
        with self._lock:
            self._closed = True
        self._wake()
        until = time.monotonic() + within_s
        if _running_loop() is not self._loop and not self._loop.is_closed():
            self._idle.wait(max(0.0, until - time.monotonic()))

    def statistics(self) -> ProducerStatistics:
        """Return the account."""
        with self._lock:
            waiting = len(self._events) + self._handed
            return ProducerStatistics(self._put, self._sent, self._dropped, 0, waiting, "")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
