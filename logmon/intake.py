"""The way from one source into the log: repeats, options, throttle, enrichment, exact account."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.batch import Batch, EventBatch, MappedBatch, events_of
from logmon.event import LogEvent, encode, event_id, to_ns
from logmon.filter import Clause, LogFilter, TagsClause, build_filter
from logmon.journal import Commit, Committed
from logmon.level import ALL_LEVELS, Level, at_least
from logmon.pacing import TokenBucket
from logmon.source import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from logmon.hub import LogEventHub
    from logmon.source import Arrival, LogStreamOptions

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
    progress: str = ""
    """How it goes, in the source's own words: `38/60 · 4 s behind · next 3 s`."""
    newest_ns: int = 0
    """Time of the newest stored event, in nanoseconds since 1970."""
    caught_up: bool = False
    """Whether it said that all that was there at the start has been delivered."""
    share_read: float | None = None
    """How much of a file that is read from its end has been read, from 0 to 1; None: no such."""

    @property
    def difference(self) -> int:
        """What the accounting identity is off by: always 0."""
        accounted = self.stored + self.filtered + self.dropped + self.dead_lettered
        return self.received - accounted - self.in_flight


class Intake:
    """The way from one source into the log: repeats, options, throttle, enrichment, account."""

    def __init__(
        self,
        hub: LogEventHub,
        name: str,
        options: LogStreamOptions,
        statistics: SourceStatistics,
        *,
        add_tags: tuple[str, ...] = (),
        repeats_ids: bool = False,
        monotonic: Callable[[], float],
    ) -> None:
        self._hub = hub
        self._name = name
        self._filter = filter_of(options)
        self._add_tags = add_tags
        self._stored_ids = hub.journal is not None and not repeats_ids
        self._ids: set[str] = set()
        self._older_ids: set[str] = set()
        self._count = 0
        rate = options.throttle_per_second
        self._bucket = None if rate is None else TokenBucket(rate, monotonic)
        self.statistics = statistics

    async def accept(self, arrival: Arrival) -> None:
        """Count, filter, enrich and store what a source has; waits while the log is full.

        Cancelled while waiting, the rows count as dropped; with a journal they were never
        received: no checkpoint covers them, so they will be read again.

        Raises:
            StoreError: the journal cannot be written; nothing of the rest is there.
        """
        account = self.statistics
        account.duplicates += arrival.duplicates
        if arrival.share_read is not None:
            account.share_read = arrival.share_read
            self._hub.changed()
        for notice in arrival.notices:
            self._hub.announce(notice, source=self._name)
        batch = arrival.batch
        admitted = self._admit(batch) if batch is not None and len(batch) else None
        if arrival.older and admitted is not None:
            admitted = self._fitting(admitted)
        try:
            for commit in self._commits(arrival, admitted):
                await self._hub.commit(commit, self._written)
            if arrival.caught_up:
                account.caught_up = True
                self._hub.changed()
        finally:
            if self._hub.journal is None:
                account.dropped += account.in_flight
            else:
                account.received -= account.in_flight
            account.in_flight = 0
        # A source that always has data would never let anyone else run.
        await asyncio.sleep(0)

    def _admit(self, batch: Batch) -> Batch:
        """Return the rows that the source's own options let in; they are in flight from now."""
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
        return batch

    def _fitting(self, batch: Batch) -> Batch:
        """Return the newest of older rows, as many as the log has room for."""
        over = len(batch) - max(0, self._hub.log.room_before())
        if over <= 0:
            return batch
        account = self.statistics
        if not account.dropped:
            text = f"{self._name} goes on before its first row: the log is full"
            self._hub.announce(Notice(text=text, level=Level.WARN), source=self._name)
        account.dropped += over
        account.in_flight -= over
        return batch.take(np.arange(over, len(batch)))

    def _commits(self, arrival: Arrival, batch: Batch | None) -> Iterator[Commit]:
        """Cut what came into commits: records that are none go first, the checkpoint last."""
        most = max(1, self._hub.log.max_rows // 2)
        parts: list[Batch | None] = [] if batch is None else list(_parts(batch, most))
        if not parts and (arrival.rejected or arrival.checkpoint is not None):
            parts = [None]
        for place, part in enumerate(parts):
            yield Commit(
                origin=self._name,
                batch=part,
                distinct=self._stored_ids,
                rejected=arrival.rejected if place == 0 else (),
                checkpoint=arrival.checkpoint if place == len(parts) - 1 else None,
                older=arrival.older,
            )

    def _written(self, commit: Commit, committed: Committed) -> None:
        """Account for what is in the log now; runs together with the append."""
        account = self.statistics
        letters = len(commit.rejected) if committed.rejected is None else committed.rejected
        account.received += letters
        account.dead_lettered += letters
        account.duplicates += len(commit.rejected) - letters
        if commit.batch is None:
            return
        rows = len(commit.batch)
        stored = rows if committed.rows is None else len(committed.rows)
        account.in_flight -= rows
        account.stored += stored
        account.received -= rows - stored
        account.duplicates += rows - stored
        if rows:
            account.newest_ns = max(account.newest_ns, int(commit.batch.columns.times.max()))

    def _distinct(self, batch: Batch) -> Batch:
        """Leave out events whose id came in lately; bytes of a file are told by their offset.

        A journal that knows the ids has the last word: an id counts only once it is written.
        """
        if self._stored_ids or not isinstance(batch, EventBatch):
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
        if not self._filter.clauses:
            return np.arange(len(batch))
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
