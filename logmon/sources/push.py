"""Arrivals that others hand over, each answered once it is in the log, and on disk with a store.

`deliver` returns when the hub has committed what it was given: whoever waits for it may forget
its copy. What waits is bounded; above that `SourceBusy` says so at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from logmon.errors import LogmonError
from logmon.source import Arrival, LogStreamOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MOST_WAITING_BYTES = 32 << 20
MOST_WAITING = 256


class SourceBusy(LogmonError):
    """More waits to be taken in than is held; nothing of this was taken. Try again later."""


class PushSource:
    """A queue of arrivals. It belongs to one event loop and takes no calls from threads.

    A reading that is cancelled leaves what the log may not hold for the next one: ids tell what
    is handed over twice.
    """

    def __init__(
        self,
        name: str,
        *,
        options: LogStreamOptions | None = None,
        most_waiting: int = MOST_WAITING,
        most_bytes: int = MOST_WAITING_BYTES,
    ) -> None:
        self.name = name
        self.options = options or LogStreamOptions()
        self._most_waiting = most_waiting
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[Arrival, int, asyncio.Future[None]]] = deque()
        self._bytes = 0
        self._handed: asyncio.Future[None] | None = None
        self._changed = asyncio.Event()

    async def deliver(self, arrival: Arrival) -> None:
        """Hand an arrival over and wait until the log holds it.

        Cancelled before its turn, the arrival was not taken; afterwards it may have been.

        Raises:
            SourceBusy: too much waits already.
        """
        size = 0 if arrival.batch is None else arrival.batch.nbytes
        size += sum(len(letter.raw) for letter in arrival.rejected)
        is_full = len(self._waiting) >= self._most_waiting or (
            self._waiting and self._bytes + size > self._most_bytes
        )
        if is_full:
            raise SourceBusy(f"{self.name}: {len(self._waiting)} deliveries wait already")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (arrival, size, done)
        self._waiting.append(entry)
        self._bytes += size
        self._changed.set()
        try:
            await done
        except asyncio.CancelledError:
            if done is not self._handed:
                self._drop(entry)
            raise

    def _drop(self, entry: tuple[Arrival, int, asyncio.Future[None]]) -> None:
        with suppress(ValueError):
            self._waiting.remove(entry)
            self._bytes -= entry[1]

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Yield what was handed over; whoever asks for the next arrival has taken this one in.

        Asked for history alone it ends at once: it has none.
        """
        if self.options.history_only:
            return
        try:
            while True:
                while self._waiting:
                    entry = self._waiting[0]
                    arrival, _, self._handed = entry
                    yield arrival
                    self._drop(entry)
                    if not self._handed.done():
                        self._handed.set_result(None)
                    self._handed = None
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._handed = None
