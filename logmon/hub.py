"""Where sources and readers meet: one log, exact accounting of every row, back-pressure.

For each source, between any two steps of the event loop:
`received = stored + filtered + dropped + dead_lettered + in_flight`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.batch import Batch, EventBatch, MappedBatch, events_of
from logmon.event import LogEvent, encode, event_id
from logmon.event_log import Delivery, EventLog
from logmon.filter import EVERYTHING, Clause, LogFilter, TagsClause, build_filter
from logmon.level import ALL_LEVELS, at_least
from logmon.pacing import TokenBucket
from logmon.source import Arrival, LogEventSource, LogStreamOptions, Notice
from logmon.subscription import Bell, ReaderStatistics, Subscription, WhenFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from logmon.dead_letter import DeadLetter

DEAD_LETTERS_HELD = 10_000
"""Dead letters kept to look at; the count goes on past it."""
RECENT_IDS = 10_000
"""At least so many ids of a source are remembered to tell a repeat from a new event."""


class SourceStatistics(msgspec.Struct):
    """One source's account. `received` counts distinct events; `duplicates` stand outside it."""

    received: int = 0
    stored: int = 0
    filtered: int = 0
    dropped: int = 0
    dead_lettered: int = 0
    in_flight: int = 0
    duplicates: int = 0
    state: str = "starting"
    """What its supervisor says of it: `live`, `ended`, `failed`, `retry in 8 s`, …"""
    detail: str = ""
    """The last error, for a person."""
    newest_ns: int = 0
    """Time of the newest stored event, in nanoseconds since 1970."""

    @property
    def difference(self) -> int:
        """What the accounting identity is off by: always 0."""
        accounted = self.stored + self.filtered + self.dropped + self.dead_lettered
        return self.received - accounted - self.in_flight


class HubStatistics(msgspec.Struct, frozen=True):
    """Every account at one moment."""

    sources: dict[str, SourceStatistics]
    readers: tuple[ReaderStatistics, ...]
    rows: int
    nbytes: int


class LogEventHub:
    """Manages sources and readers around one `EventLog`. All methods belong to one event loop."""

    def __init__(
        self,
        *,
        max_rows: int = 100_000,
        max_bytes: int = 256 << 20,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.log = EventLog(max_rows=max_rows, max_bytes=max_bytes)
        self.sources: dict[str, SourceStatistics] = {}
        self.dead_letters: deque[DeadLetter] = deque(maxlen=DEAD_LETTERS_HELD)
        self._monotonic = monotonic
        self._now = now
        self._bell = Bell()
        self._subscriptions: list[Subscription] = []
        self._pipelines: list[Subscription] = []
        self._room = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []

    # Reading

    def subscribe(
        self,
        log_filter: LogFilter = EVERYTHING,
        *,
        name: str = "reader",
        after: int | None = None,
        when_full: WhenFull = "drop",
        settled: bool = False,
    ) -> Subscription:
        """Return a new cursor, placed behind the newest row, or at `after` + 1.

        A place that is evicted already is counted as missed. `settled` readers get a row only
        when every pipeline is done with it, so that its work item is known.
        """
        return self._subscribe(
            log_filter,
            name=name,
            after=after,
            when_full=when_full,
            limit=self.settled if settled else None,
        )

    def subscribe_pipeline(self, log_filter: LogFilter, *, name: str) -> Subscription:
        """Return a cursor for automation: it never misses a row and never hears logmon itself."""
        subscription = self._subscribe(
            log_filter, name=name, after=-1, when_full="block", outside=True
        )
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
        subscription = Subscription(
            self.log,
            self._bell,
            log_filter,
            name=name,
            position=position,
            when_full=when_full,
            outside=outside,
            limit=limit,
            on_read=self._on_read if when_full == "block" else None,
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

    def settled(self) -> int:
        """Return the first `seq` that some pipeline is not done with yet."""
        return min(
            (pipeline.acknowledged for pipeline in self._pipelines),
            default=self.log.snapshot.next_seq,
        )

    async def drained(self) -> None:
        """Wait until every pipeline is done with every row."""
        while self.settled() < self.log.snapshot.next_seq:
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

    # Writing

    async def publish(self, batch: Batch, *, origin: str) -> int:
        """Append rows, after every blocking reader has made room, and return the first `seq`."""
        while not self._has_room(len(batch)):
            self._room.clear()
            await self._room.wait()
        first = self.log.append(batch, origin=origin)
        self._changed()
        return first

    def _has_room(self, rows: int) -> bool:
        """Whether no blocking reader still needs a row that appending would evict."""
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

    def _changed(self) -> None:
        self._bell.ring()
        for watcher in self._watchers:
            watcher()

    def publish_own(
        self, events: Iterable[LogEvent], *, origin: str, links: Mapping[int, str] | None = None
    ) -> None:
        """Append what logmon itself says, at once, and link rows to work items.

        It never waits: a pipeline that waited for room would wait for itself. Events carry the
        id of their own work item in `work_item`, which is trusted here and only here.
        """
        batch = EventBatch(list(events))
        first = self.log.append(batch, origin=origin)
        own = {
            first + row: event.work_item
            for row, event in enumerate(events_of(batch))
            if event.work_item
        }
        self.log.link({**(links or {}), **own})
        self._changed()

    def announce(self, notice: Notice, *, source: str) -> None:
        """Put a row of logmon's own into the log: a gap, a reconnect, a source that failed."""
        moment = self._now()
        attributes: dict[str, object] = {"source": source}
        if notice.lost != 0:
            attributes["lost"] = notice.lost
        event = LogEvent(
            timestamp=moment,
            level=notice.level,
            source="logmon",
            message=notice.text,
            attributes=attributes,
        )
        named = msgspec.structs.replace(
            event, id=event_id("logmon", self.log.snapshot.next_seq, encode(event))
        )
        self.publish_own([named], origin="logmon")

    def on_append(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after each append and each link, on the loop; it must not be slow."""
        self._watchers.append(watcher)

    def close(self) -> None:
        """Say that no more rows will come: readers end when they have read what is there."""
        self._bell.closed = True
        self._bell.ring()

    # Sources

    def intake(
        self,
        name: str,
        options: LogStreamOptions | None = None,
        *,
        add_tags: tuple[str, ...] = (),
    ) -> Intake:
        """Open the way in for one source; its account lives on when the source is restarted."""
        statistics = self.sources.setdefault(name, SourceStatistics())
        return Intake(
            self, name, options or LogStreamOptions(), statistics, add_tags, self._monotonic
        )

    async def drain(self, source: LogEventSource, intake: Intake) -> None:
        """Read one source to its end, or until it raises or is cancelled."""
        async with aclosing(source.observe()) as arrivals:  # type: ignore[type-var]
            async for arrival in arrivals:
                await intake.accept(arrival)

    def statistics(self) -> HubStatistics:
        """Return every account now."""
        return HubStatistics(
            sources={name: msgspec.structs.replace(s) for name, s in self.sources.items()},
            readers=tuple(s.statistics() for s in self._subscriptions),
            rows=len(self.log.snapshot),
            nbytes=self.log.nbytes,
        )


class Intake:
    """The way from one source into the log: repeats, options, throttle, enrichment, account."""

    def __init__(
        self,
        hub: LogEventHub,
        name: str,
        options: LogStreamOptions,
        statistics: SourceStatistics,
        add_tags: tuple[str, ...],
        monotonic: Callable[[], float],
    ) -> None:
        self._hub = hub
        self._name = name
        self._filter = filter_of(options)
        self._add_tags = add_tags
        self._ids: set[str] = set()
        self._older_ids: set[str] = set()
        self._count = 0
        rate = options.throttle_per_second
        self._bucket = None if rate is None else TokenBucket(rate, monotonic)
        self.statistics = statistics

    async def accept(self, arrival: Arrival) -> None:
        """Count, filter, enrich and store what a source has; waits while the log is full.

        Cancelled while waiting, the rows count as dropped.
        """
        account = self.statistics
        account.received += len(arrival.rejected)
        account.dead_lettered += len(arrival.rejected)
        self._hub.dead_letters.extend(arrival.rejected)
        account.duplicates += arrival.duplicates
        for notice in arrival.notices:
            self._hub.announce(notice, source=self._name)
        if arrival.batch is not None and len(arrival.batch):
            await self._accept_batch(arrival.batch)
        # A source that always has data would never let anyone else run.
        await asyncio.sleep(0)

    async def _accept_batch(self, batch: Batch) -> None:
        account = self.statistics
        batch = self._enrich(self._distinct(batch))
        account.received += len(batch)
        kept = self._kept(batch)
        account.filtered += len(batch) - len(kept)
        if self._bucket is not None:
            admitted = self._bucket.admit(len(kept))
            account.dropped += len(kept) - admitted
            kept = kept[:admitted]
        if len(kept) < len(batch):
            batch = batch.take(kept)
        account.in_flight += len(batch)
        try:
            for part in _parts(batch, max(1, self._hub.log.max_rows // 2)):
                await self._hub.publish(part, origin=self._name)
                account.in_flight -= len(part)
                account.stored += len(part)
                account.newest_ns = max(account.newest_ns, int(part.columns.times.max()))
        finally:
            account.dropped += account.in_flight
            account.in_flight = 0

    def _distinct(self, batch: Batch) -> Batch:
        """Leave out events whose id came in lately; bytes of a file are told by their offset."""
        if not isinstance(batch, EventBatch):
            return batch
        ids, older = self._ids, self._older_ids
        fresh: list[int] = []
        for row, event in enumerate(events_of(batch)):
            if event.id and (event.id in ids or event.id in older):
                continue
            if event.id:
                ids.add(event.id)
            fresh.append(row)
        if len(ids) > RECENT_IDS:
            self._ids, self._older_ids = set(), ids
        if len(fresh) == len(batch):
            return batch
        self.statistics.duplicates += len(batch) - len(fresh)
        return batch.take(np.array(fresh, dtype=np.intp))

    def _kept(self, batch: Batch) -> NDArray[np.intp]:
        mask = self._filter.mask(batch.columns)
        if self._filter.needs_rows:
            for row in np.flatnonzero(mask):
                mask[row] = self._filter.matches_rest(batch.event(int(row)))
        return np.flatnonzero(mask)

    def _enrich(self, batch: Batch) -> Batch:
        """Give what is missing: an id, the source's name, the configured tags."""
        if isinstance(batch, EventBatch):
            events = list(events_of(batch))
            if not self._add_tags and all(event.id and event.source for event in events):
                return batch
            return EventBatch([self._complete(event) for event in events])
        return MappedBatch(batch, self._tagged) if self._add_tags else batch

    def _complete(self, event: LogEvent) -> LogEvent:
        event = self._tagged(event)
        if not event.source:
            event = msgspec.structs.replace(event, source=self._name)
        if not event.id:
            self._count += 1
            named = event_id(self._name, self._count, encode(event))
            event = msgspec.structs.replace(event, id=named)
        return event

    def _tagged(self, event: LogEvent) -> LogEvent:
        new = tuple(tag for tag in self._add_tags if tag not in event.tags)
        return msgspec.structs.replace(event, tags=event.tags + new) if new else event


def _parts(batch: Batch, most: int) -> Iterator[Batch]:
    """Cut a batch that is larger than the whole log."""
    if 0 < len(batch) <= most:
        yield batch
        return
    for start in range(0, len(batch), most):
        yield batch.take(np.arange(start, min(start + most, len(batch))))


def filter_of(options: LogStreamOptions) -> LogFilter:
    """Return the filter that a source's options ask for."""
    from logmon.event import to_ns

    clauses: list[Clause] = []
    if options.tags:
        clauses.append(TagsClause(frozenset(options.tags)))
    minimum = options.minimum_level
    return build_filter(
        levels=ALL_LEVELS if minimum is None else at_least(minimum),
        sources=options.sources,
        since_ns=None if options.since is None else to_ns(options.since),
        clauses=clauses,
    )
