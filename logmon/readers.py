"""Who reads the log, and how far all of them are: what writers may evict, and when all is settled.

A reader is a cursor; a pipeline is a reader that never misses a row, and that others may wait for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from logmon.filter import EVERYTHING, LogFilter
from logmon.subscription import Bell, Subscription, WhenFull

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.event_log import EventLog
    from logmon.intake import SourceStatistics
    from logmon.journal import Commit, Committed, Journal
    from logmon.segment import Delivery


class LogReaders:
    """The side of the hub that readers see. All methods belong to one event loop."""

    def __init__(self, log: EventLog, journal: Journal | None) -> None:
        self.log = log
        self.journal = journal
        self.history = journal
        """Where rows are read that the log no longer holds: also where another process writes."""
        self.sources: dict[str, SourceStatistics] = {}
        self._bell = Bell()
        self._subscriptions: list[Subscription] = []
        self._pipelines: list[Subscription] = []
        self._room = asyncio.Event()
        self._saying: set[asyncio.Future[Committed]] = set()
        """Rows of logmon's own that are being written."""

    def subscribe(
        self,
        log_filter: LogFilter = EVERYTHING,
        *,
        name: str = "reader",
        after: int | None = None,
        when_full: WhenFull = "drop",
        settled: bool = False,
    ) -> Subscription:
        """Return a new cursor, placed behind the newest row, or at `after` + 1 (-1: the oldest).

        A place that is evicted already is read from the journal, or counted as missed. `settled`
        readers get a row only when every pipeline is done with it: its work item is known then.
        """
        return self._subscribe(
            log_filter,
            name=name,
            after=after,
            when_full=when_full,
            limit=self.settled if settled or log_filter.asks_new else None,
        )

    def subscribe_pipeline(
        self, log_filter: LogFilter, *, name: str, first: int | None = None
    ) -> Subscription:
        """Return a cursor for automation: it never misses a row and never hears logmon itself.

        It begins with the row `first`, which may be the journal's, else with the oldest one held.
        What it has no time for is read from the journal; without one, publishers wait for it.
        """
        when_full: WhenFull = "block" if self.journal is None else "drop"
        subscription = self._subscribe(
            log_filter,
            name=name,
            after=-1,
            when_full=when_full,
            outside=True,
            limit=self._complete,
        )
        if first is not None:
            subscription.position = subscription.acknowledged = first
        self._pipelines.append(subscription)
        return subscription

    def _subscribe(
        self,
        log_filter: LogFilter,
        *,
        name: str,
        after: int | None,
        when_full: WhenFull,
        outside: bool = False,
        limit: Callable[[], int] | None = None,
    ) -> Subscription:
        position = self.log.snapshot.next_seq if after is None else after + 1
        if after == -1:
            position = self.log.began_at
        subscription = Subscription(
            self.log,
            self._bell,
            log_filter,
            name=name,
            position=position,
            when_full=when_full,
            outside=outside,
            limit=limit,
            on_read=self._on_read if when_full == "block" or outside else None,
            journal=self.history,
        )
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Close a cursor and forget it; publishers no longer wait for it."""
        subscription.close()
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if subscription in self._pipelines:
            self._pipelines.remove(subscription)
        self._on_read()

    def _complete(self) -> int:
        """Return where rows end that nothing older will be put before."""
        return self.log.snapshot.first_seq if self.growing else self.log.snapshot.next_seq

    @property
    def growing(self) -> bool:
        """Whether a file that is read from its end has not been read to its beginning yet."""
        return any(s.share_read is not None and s.share_read < 1 for s in self.sources.values())

    def settled(self) -> int:
        """Return the first `seq` that some pipeline is not done with yet."""
        return min(
            (pipeline.acknowledged for pipeline in self._pipelines),
            default=self.log.snapshot.next_seq,
        )

    async def drained(self) -> None:
        """Wait until every pipeline is done with every row."""
        while self._saying or self.settled() < self.log.snapshot.next_seq:
            if self._saying:
                await asyncio.wait(self._saying)
            else:
                await self._bell.wait()

    async def moved(self) -> None:
        """Wait until readers may have something to read: rows came, or pipelines went on."""
        await self._bell.wait()

    def recent(
        self,
        limit: int,
        log_filter: LogFilter = EVERYTHING,
        *,
        before: int | None = None,
        outside: bool = False,
    ) -> list[Delivery]:
        """Return the newest rows that pass, oldest first; `outside` leaves out logmon's own."""
        return self.log.recent(limit, log_filter, before=before, outside=outside)

    def _on_read(self) -> None:
        self._room.set()
        self._bell.ring()

    async def _room_for(self, commit: Commit) -> None:
        while not self._has_room(commit):
            self._room.clear()
            await self._room.wait()

    def _has_room(self, commit: Commit) -> bool:
        """Whether no blocking reader still needs a row that appending would evict."""
        rows = 0 if commit.batch is None or commit.older else len(commit.batch)
        snapshot = self.log.snapshot
        # Half the log is left for what pipelines say about rows: at most one row for each.
        floor = snapshot.next_seq + rows - max(1, self.log.max_rows // 2)
        if self.log.nbytes > self.log.max_bytes and len(snapshot.segments) > 1:
            floor = max(floor, snapshot.segments[1].first_seq)
        floor = min(floor, snapshot.next_seq)
        return all(
            subscription.acknowledged >= floor
            for subscription in self._subscriptions
            if subscription.when_full == "block"
        )
