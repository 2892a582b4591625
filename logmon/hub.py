"""Where sources and readers meet: one log, exact accounting of every row, back-pressure.

For each source, between any two steps of the event loop:
`received = stored + filtered + dropped + dead_lettered + in_flight`.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from logmon.batch import Batch, EventBatch, events_of
from logmon.errors import StoreUnavailable
from logmon.event import LogEvent, encode, event_id
from logmon.event_log import EventLog
from logmon.held_letters import HeldLetters
from logmon.intake import Intake, SourceStatistics
from logmon.journal import Commit, Committed, Effects
from logmon.readers import LogReaders
from logmon.segment import OWN_ORIGINS
from logmon.source import LogEventSource, LogStreamOptions, Notice
from logmon.subscription import ReaderStatistics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from logmon.journal import Block, Journal

STORE_AGAIN_AFTER_S = 1.0
"""How long to wait before a full store is tried again."""


class HubStatistics(msgspec.Struct, frozen=True):
    """Every account at one moment."""

    sources: dict[str, SourceStatistics]
    readers: tuple[ReaderStatistics, ...]
    rows: int
    nbytes: int


class LogEventHub(LogReaders):
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
        log = EventLog(max_rows=max_rows, max_bytes=max_bytes, first_seq=first)
        super().__init__(log, journal)
        self.store_trouble = ""
        """Why nothing can be written now; empty when all is well."""
        self.dead_letters = HeldLetters()
        self._monotonic = monotonic
        self._now = now
        self._sleep = sleep
        self._order = asyncio.Lock()
        self._watchers: list[Callable[[], None]] = []

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
            self.dead_letters.hold(commit.rejected)
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
