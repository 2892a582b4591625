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

from logmon.batch import Batch, EventBatch, events_of
from logmon.errors import StoreUnavailable
from logmon.event import LogEvent, encode, event_id
from logmon.event_log import EventLog
from logmon.filter import EVERYTHING, LogFilter
from logmon.intake import Intake, SourceStatistics
from logmon.journal import Commit, Committed, Effects
from logmon.segment import OWN_ORIGINS, Delivery
from logmon.source import LogEventSource, LogStreamOptions, Notice
from logmon.subscription import Bell, ReaderStatistics, Subscription, WhenFull

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from logmon.dead_letter import DeadLetter
    from logmon.journal import Block, Journal

DEAD_LETTERS_HELD = 10_000
"""Dead letters kept to look at; the count goes on past it."""
DEAD_LETTER_BYTES_HELD = 64 << 20
STORE_AGAIN_AFTER_S = 1.0
"""How long to wait before a full store is tried again."""


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
        journal: Journal | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        first = 0 if journal is None else journal.next_seq
        self.log = EventLog(max_rows=max_rows, max_bytes=max_bytes, first_seq=first)
        self.journal = journal
        self.history = journal
        """Where rows are read that the log no longer holds: also where another process writes."""
        self.store_trouble = ""
        """Why nothing can be written now; empty when all is well."""
        self.sources: dict[str, SourceStatistics] = {}
        self.dead_letters: deque[DeadLetter] = deque(maxlen=DEAD_LETTERS_HELD)
        self._letter_bytes = 0
        self._monotonic = monotonic
        self._now = now
        self._sleep = sleep
        self._order = asyncio.Lock()
        self._saying: set[asyncio.Future[Committed]] = set()
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

    # Writing

    async def publish(self, batch: Batch, *, origin: str) -> int:
        """Append rows, after every blocking reader has made room, and return the first `seq`."""
        return (await self.commit(Commit(origin=origin, batch=batch))).first_seq

    async def commit(
        self,
        commit: Commit,
        written: Callable[[Commit, Committed], None] | None = None,
        *,
        own: bool = False,
    ) -> Committed:
        """Write what belongs together, show it, and call `written`: all of it or nothing.

        Waits until every blocking reader has made room (`own` rows never do: a pipeline that
        waited for room would wait for itself), and as long as the store takes nothing. Cancelled
        while it writes, it ends when that is decided.

        Raises:
            StoreError: the journal cannot be written.
        """
        while True:
            if not own:
                await self._room_for(commit)
            if self.journal is None:
                return self._show(commit, Committed(self.log.snapshot.next_seq), written)
            writing = asyncio.ensure_future(self._write(self.journal, commit, written, own=own))
            try:
                committed = await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait({writing})
                raise
            except StoreUnavailable as error:
                self.store_trouble = str(error)
                await self._sleep(STORE_AGAIN_AFTER_S)
                continue
            if committed is not None:
                return committed

    async def _write(
        self,
        journal: Journal,
        commit: Commit,
        written: Callable[[Commit, Committed], None] | None,
        *,
        own: bool,
    ) -> Committed | None:
        """Write and show in one go, so that the journal's numbers are the log's.

        Returns None, and does nothing, when others have taken the room meanwhile.
        """
        async with self._order:
            if not own and not self._has_room(commit):
                return None
            committed = self._show(commit, await journal.commit(commit), written)
        if self.store_trouble:
            text = f"the store takes rows again, nothing was lost: {self.store_trouble}"
            self.store_trouble = ""
            self.announce(Notice(text=text), source="logmon")
        return committed

    def _show(
        self,
        commit: Commit,
        committed: Committed,
        written: Callable[[Commit, Committed], None] | None,
    ) -> Committed:
        """Append what was written and link what belongs to work items."""
        if committed.rejected != 0:
            self._hold_letters(commit.rejected)
        batch = commit.batch
        if batch is not None and committed.rows is not None:
            batch = batch.take(committed.rows)
        if batch is not None and len(batch) and commit.older:
            self._show_older(batch, commit.origin)
        elif batch is not None and len(batch):
            self.log.append(batch, origin=commit.origin)
            if commit.origin in OWN_ORIGINS:
                self.log.link(_own_links(committed.first_seq, batch))
        if commit.effects is not None:
            self.log.link(commit.effects.links)
            self.log.mark_new(commit.effects.news)
        if written is not None:
            written(commit, committed)
        self.changed()
        return committed

    def _show_older(self, batch: Batch, origin: str) -> None:
        """Put rows before the oldest; readers that wait at the old end begin further down."""
        before = self.log.snapshot.first_seq
        first = self.log.prepend(batch, origin=origin)
        for subscription in self._subscriptions:
            subscription.begin_earlier(before, first)

    def _hold_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Keep the newest dead letters to look at, within their bounds."""
        held = self.dead_letters
        for letter in letters:
            if len(held) == held.maxlen:
                self._letter_bytes -= len(held.popleft().raw)
            held.append(letter)
            self._letter_bytes += len(letter.raw)
        while self._letter_bytes > DEAD_LETTER_BYTES_HELD:
            self._letter_bytes -= len(held.popleft().raw)

    def forget_letter(self, letter: DeadLetter) -> None:
        """Hold a dead letter no more: it was read again, or thrown away."""
        kept = [one for one in self.dead_letters if one is not letter]
        self._letter_bytes = sum(len(one.raw) for one in kept)
        self.dead_letters.clear()
        self.dead_letters.extend(kept)

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

    def changed(self) -> None:
        """Wake the readers and tell the watchers."""
        self._bell.ring()
        for watcher in self._watchers:
            watcher()

    def publish_own(
        self,
        events: Iterable[LogEvent],
        *,
        origin: str,
        links: Mapping[int, str] | None = None,
        news: tuple[int, ...] = (),
    ) -> None:
        """Append what logmon itself says, and link rows to work items; never waits.

        With a journal the rows appear once they are written, a moment later. Events carry the
        id of their own work item in `work_item`, which is trusted here and only here.
        """
        commit = Commit(
            origin=origin,
            batch=EventBatch(list(events)),
            effects=Effects(links=dict(links or {}), news=news) if links or news else None,
        )
        if self.journal is None:
            self._show(commit, Committed(self.log.snapshot.next_seq), None)
            return
        task = asyncio.ensure_future(self.commit(commit, own=True))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

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
        for saying in self._saying:
            saying.cancel()
        self._bell.closed = True
        self._bell.ring()

    # The journal's rows

    async def warm(self, rows: int) -> None:
        """Hold the newest rows that the journal kept, before anything else comes in."""
        assert self.journal is not None  # noqa: S101 - a caller's fault, not an input's
        blocks = await self.journal.read(self.journal.next_seq - rows - 1, rows)
        if blocks:
            self.log.begin_at(blocks[0].first_seq)
        for block in blocks:
            self.show_block(block)

    def show_block(self, block: Block) -> None:
        """Hold rows that are in the journal already; what is not there any more is a gap."""
        if block.first_seq != self.log.snapshot.next_seq:
            self.log.begin_at(block.first_seq)
        self.log.append(block.batch, origin=block.origin)
        self.log.link(block.links)
        self.log.mark_new(block.news)
        self.changed()

    # Sources

    def intake(
        self,
        name: str,
        options: LogStreamOptions | None = None,
        *,
        add_tags: tuple[str, ...] = (),
        repeats_ids: bool = False,
    ) -> Intake:
        """Open the way in for one source; its account lives on when the source is restarted.

        A source that `repeats_ids` gives new events the ids of earlier runs, as the mock does.
        """
        statistics = self.sources.setdefault(name, SourceStatistics())
        return Intake(
            self,
            name,
            options or LogStreamOptions(),
            statistics,
            add_tags=add_tags,
            repeats_ids=repeats_ids,
            monotonic=self._monotonic,
        )

    async def drain(self, source: LogEventSource, intake: Intake) -> None:
        """Read one source to its end, or until it raises or is cancelled."""
        try:
            async with aclosing(source.observe()) as arrivals:  # type: ignore[type-var]
                async for arrival in arrivals:
                    await intake.accept(arrival)
        finally:
            if intake.statistics.share_read is not None:
                intake.statistics.share_read = 1.0
                self.changed()

    def statistics(self) -> HubStatistics:
        """Return every account now."""
        return HubStatistics(
            sources={name: msgspec.structs.replace(s) for name, s in self.sources.items()},
            readers=tuple(s.statistics() for s in self._subscriptions),
            rows=len(self.log.snapshot),
            nbytes=self.log.nbytes,
        )


def _own_links(first_seq: int, batch: Batch) -> dict[int, str]:
    """Return the links of rows that logmon wrote: what they say of themselves is true."""
    return {
        first_seq + row: event.work_item
        for row, event in enumerate(events_of(batch))
        if event.work_item
    }
