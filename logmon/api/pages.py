"""Going back through the log, then through the journal, a slice at a time and never too far."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.segment import segment_of

if TYPE_CHECKING:
    from logmon.api.frames import Frames
    from logmon.filter import LogFilter
    from logmon.hub import LogEventHub
    from logmon.journal import Journal
    from logmon.segment import Segment

SLICE_ROWS = 512
"""So many rows are looked at before other tasks get a turn: about 10 ms with a filter on text."""
MOST_ROWS = 200_000
"""How many of the log's rows one page looks at …"""
PAGE_BYTES = 8 << 20
"""A page that is larger than this is full, however few its rows."""
OLDER_ROWS = 2_000
MOST_OLDER_ROWS = 20_000
"""… and of the journal's; the next page goes on from there."""


class Page(msgspec.Struct):
    """What was found: JSON lines, oldest first, and the `before` of the page before this one."""

    events: list[bytes]
    next: int | None
    last: int
    """The newest `seq` that was looked at: a stream that follows this page begins behind it."""


class _Found:
    """Rows found so far, the newest first."""

    def __init__(self, frames: Frames, log_filter: LogFilter, limit: int) -> None:
        self._frames = frames
        self._filter = log_filter
        self._limit = limit
        self._bytes = 0
        self.lines: list[bytes] = []
        self.oldest = 0

    @property
    def full(self) -> bool:
        return len(self.lines) >= self._limit or self._bytes >= PAGE_BYTES

    async def look(self, segment: Segment, start: int, stop: int) -> None:
        """Take what passes of a segment's rows, from the newest back."""
        while start < stop and not self.full:
            low = max(start, stop - SLICE_ROWS)
            for row in np.flatnonzero(segment.evaluate(self._filter, low, stop))[::-1].tolist():
                line = self._frames.json(segment, low + row)
                self._bytes += len(line)
                self.oldest = segment.first_seq + low + row
                self.lines.append(b'%b,"seq":%d}' % (line[:-1], self.oldest))
                if self.full:
                    break
            stop = low
            await asyncio.sleep(0)


async def page_back(
    hub: LogEventHub, frames: Frames, log_filter: LogFilter, *, before: int | None, limit: int
) -> Page:
    """Return the newest `limit` rows that pass with seq < `before`.

    Rows that pipelines are not done with are left for the next time: a row that is served has
    its work item. `next` is None only when there is nothing older; a page may be short of `limit`
    and have a `next` all the same, where much had to be looked at.

    Raises:
        StoreError: the journal cannot be read.
    """
    snapshot = hub.log.snapshot
    newest = min(snapshot.next_seq, hub.settled())
    stop = newest if before is None else min(before, newest)
    found = _Found(frames, log_filter, limit)
    low = max(snapshot.first_seq, stop - MOST_ROWS)
    for segment, start, end in reversed(list(snapshot.spans(low, stop))):
        if found.full:
            break
        await found.look(segment, start, end)
    reached = found.oldest if found.full else min(stop, low)
    older: int | None = reached
    if reached <= snapshot.first_seq:
        if hub.history is None:
            older = None
        elif not found.full:
            older = await _older(hub.history, found, reached)
    return Page(found.lines[::-1], older or None, newest - 1)


async def _older(journal: Journal, found: _Found, stop: int) -> int | None:
    """Look at the journal's rows below `stop`; return how far it went, None at the oldest row."""
    least = max(0, stop - MOST_OLDER_ROWS)
    while stop > least and not found.full:
        low = max(least, stop - OLDER_ROWS)
        blocks = [
            block
            for block in await journal.read(low - 1, stop - low)
            if block.first_seq < stop and block.first_seq + len(block.batch) > low
        ]
        for block in reversed(blocks):
            segment = segment_of(block.first_seq, block.batch, block.origin, block.links)
            first = max(low, block.first_seq)
            await found.look(
                segment,
                first - block.first_seq,
                min(stop - block.first_seq, len(block.batch)),
            )
        if not blocks:
            return None
        stop = low
    return found.oldest if found.full else stop or None
