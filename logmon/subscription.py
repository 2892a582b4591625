"""A reader's place in the log: a cursor, a filter, and an exact count of what it missed.

A subscription holds no rows. A stalled one costs its own few hundred bytes, and what was evicted
before it came back is counted in `missed` the moment it reads again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import msgspec

from logmon.segment import Slice, segment_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from logmon.event import LogEvent
    from logmon.event_log import EventLog
    from logmon.filter import LogFilter
    from logmon.journal import Block, Journal

WhenFull = Literal["drop", "block"]
OLDER_ROWS = 2_000
"""How many rows are asked of the journal at once."""


class Bell:
    """Wakes every waiting reader at once: one ring per append, however many rows it brought."""

    __slots__ = ("_waiting", "closed")

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self.closed = False

    def ring(self) -> None:
        """Wake all who wait now."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        """Sleep until the next ring."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future


class ReaderStatistics(msgspec.Struct, frozen=True):
    """One reader's own figures; `passed + skipped + missed + pending` = rows since it began."""

    name: str
    passed: int
    skipped: int
    missed: int
    pending: int


class Subscription:
    """A cursor into the log. Iterate it for events, or `batches()` for slices of rows.

    With `when_full="drop"` the log never waits for it: it may be overtaken, and `missed` says by
    how many rows. With `"block"` publishers wait before they would overtake it. Rows count as
    done with when the reader asks for more: `acknowledged` is the first row not done with.
    Cancelling an iteration loses nothing: the next one goes on where it stopped. With a journal,
    `batches` reads from it what the log no longer holds, and only what is gone there is missed.
    """

    __slots__ = (
        "_bell", "_closed", "_gap", "_journal", "_limit", "_log", "_on_read", "_start",
        "acknowledged", "filter", "missed", "name", "outside", "passed", "position", "skipped",
        "when_full",
    )  # fmt: skip

    def __init__(
        self,
        log: EventLog,
        bell: Bell,
        log_filter: LogFilter,
        *,
        name: str,
        position: int,
        when_full: WhenFull = "drop",
        outside: bool = False,
        limit: Callable[[], int] | None = None,
        on_read: Callable[[], None] | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._log = log
        self._bell = bell
        self._journal = journal
        self._limit = limit
        self._on_read = on_read
        self._closed = False
        self._gap = 0
        self._start = position
        self.filter = log_filter
        self.name = name
        self.outside = outside
        self.when_full: WhenFull = when_full
        self.position = position
        self.acknowledged = position
        self.missed = 0
        self.passed = 0
        self.skipped = 0

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """End every iteration; the hub forgets the subscription."""
        self._closed = True
        self._bell.ring()

    @property
    def stop(self) -> int:
        """The first `seq` it may not read yet."""
        return self._log.snapshot.next_seq if self._limit is None else self._limit()

    def begin_earlier(self, before: int, first: int) -> None:
        """Begin at `first` when the place is `before` and nothing was read: older rows came in."""
        untouched = self._start == self.position == self.acknowledged == before
        if untouched and not (self.passed or self.skipped or self.missed):
            self._start = self.position = self.acknowledged = first

    def take(self, *, within: int | None = None) -> Slice | None:
        """Return the next rows that pass, or None when there are none now. Never waits.

        A slice holds rows of one segment: at most about 1,000. `within` looks at no more than
        the next so many rows, for a reader that must not take long: None then also means that
        none of these passed. The rows count as done with when `take` is called again.
        """
        self._acknowledge()
        snapshot = self._log.snapshot
        stop = self.stop
        self._miss(snapshot.first_seq)
        if within is not None:
            stop = min(stop, self.position + within)
        for segment, start, end in snapshot.spans(self.position, stop):
            rows = segment.rows(self.filter, start, end, outside=self.outside)
            self.position = segment.first_seq + end
            self.skipped += end - start - len(rows)
            self.passed += len(rows)
            if len(rows):
                missed, self._gap = self._gap, 0
                return Slice(segment, rows, missed)
        self._acknowledge()
        return None

    def _acknowledge(self) -> None:
        if self.acknowledged != self.position:
            self.acknowledged = self.position
            if self._on_read is not None:
                self._on_read()

    async def batches(self) -> AsyncGenerator[Slice, None]:
        """Yield slices as they come, until the subscription or the hub is closed."""
        while not self._closed:
            if self.reads_older:
                async for older in self.older():
                    yield older
                continue
            rows = self.take()
            if rows is not None:
                yield rows
                # A reader with much to read would keep every other task waiting.
                if self.position < self._log.snapshot.next_seq:
                    await asyncio.sleep(0)
            elif self._bell.closed and self.position >= self._log.snapshot.next_seq:
                return
            else:
                await self._bell.wait()

    @property
    def reads_older(self) -> bool:
        """Whether the next rows are held no more by the log, but may be by the journal."""
        return self._journal is not None and self.position < self._log.snapshot.first_seq

    async def older(self) -> AsyncGenerator[Slice, None]:
        """Yield what the journal holds of the rows from here on, as far as one reading goes."""
        if self._journal is None:
            return
        self._acknowledge()
        before = self.position
        blocks = await self._journal.read(self.position - 1, OLDER_ROWS)
        if not blocks:
            self._miss(self._log.snapshot.first_seq)
        for block in blocks:
            rows = self._of_block(block)
            if rows is not None:
                yield rows
            if self.position < block.first_seq + len(block.batch):
                break  # pipelines are not done with the rest yet: it is no gap
        self._acknowledge()
        if self.position == before:
            await self._bell.wait()

    def _of_block(self, block: Block) -> Slice | None:
        """Move behind a block and return those of its rows that pass."""
        if block.first_seq > self.position:
            self._miss(block.first_seq)
        limit = block.first_seq + len(block.batch)
        if self._limit is not None:
            limit = min(limit, self._limit())
        start, stop = self.position - block.first_seq, limit - block.first_seq
        if stop <= start:
            return None
        segment = segment_of(block.first_seq, block.batch, block.origin, block.links)
        rows = segment.rows(self.filter, start, stop, outside=self.outside)
        self.position = limit
        self.skipped += stop - start - len(rows)
        self.passed += len(rows)
        if not len(rows):
            return None
        missed, self._gap = self._gap, 0
        return Slice(segment, rows, missed)

    def _miss(self, seq: int) -> None:
        """Count the rows up to `seq` as missed."""
        missed = max(0, seq - self.position)
        self.missed += missed
        self._gap += missed
        self.position += missed

    async def __aiter__(self) -> AsyncIterator[LogEvent]:
        async for rows in self.batches():
            for event in rows.events():
                yield event

    def statistics(self) -> ReaderStatistics:
        """Return this reader's figures now."""
        pending = self._log.snapshot.next_seq - self.position
        return ReaderStatistics(self.name, self.passed, self.skipped, self.missed, pending)
