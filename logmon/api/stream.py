"""One SSE stream: where it stands in the log, and what is said to it in which order.

Ids are `<epoch>-<seq>`. What is sent first is a `gap` where rows are missing, then a `status`.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.api.frames import LAST_CHUNK, chunk, sse, unchunked
from logmon.errors import LogmonError

if TYPE_CHECKING:
    from logmon.api.connection import Connection
    from logmon.api.frames import Frames
    from logmon.api.tokens import Token
    from logmon.filter import LogFilter
    from logmon.hub import LogEventHub
    from logmon.segment import Slice
    from logmon.subscription import Subscription

# The row before the first one is -1: a stream that began before anything came resumes there.
_ID = re.compile(r"([0-9a-zA-Z]{1,64})-(-1|[0-9]{1,18})")
WINDOW_ROWS = 512
"""So many rows are looked at for one stream at once: about 10 ms with a filter on text."""
SHOWN_CHARS = 100
"""How much of an id nobody gave out is repeated."""


class Start(msgspec.Struct, frozen=True):
    """Where a stream begins, and what the client must be told it lost."""

    after: int | None
    """The last `seq` it need not get; None: from now on."""
    gap: dict[str, Any] | None = None


async def start_of(hub: LogEventHub, frames: Frames, last_event_id: str | None) -> Start:
    """Return where a stream begins that asks to go on after an id, None when it asks for none.

    Raises:
        StoreError: the journal cannot be read.
    """
    if last_event_id is None:
        return Start(None)
    now = hub.log.snapshot.next_seq
    found = _ID.fullmatch(last_event_id)
    if found is None or (found[1] == frames.epoch and int(found[2]) >= now):
        return Start(now - 1, _gap(frames, last_event_id, now, None, "unknown_id"))
    if found[1] != frames.epoch:
        first = await _oldest(hub, 0)
        return Start(first - 1, _gap(frames, last_event_id, first, None, "restarted"))
    wanted = int(found[2]) + 1
    first = await _oldest(hub, wanted)
    if first == wanted:
        return Start(wanted - 1)
    return Start(first - 1, _gap(frames, last_event_id, first, first - wanted, "rotated"))


async def _oldest(hub: LogEventHub, wanted: int) -> int:
    """Return the first `seq` from `wanted` on that is still there, in the log or the journal."""
    held = hub.log.snapshot.first_seq
    if wanted < held and hub.history is not None:
        blocks = await hub.history.read(wanted - 1, 1)
        held = min(held, blocks[0].first_seq) if blocks else held
    return max(wanted, held)


def _gap(
    frames: Frames, requested: str, first: int, missed: int | None, reason: str
) -> dict[str, Any]:
    return {
        "requested": requested[:SHOWN_CHARS],
        "first_available": frames.id(first),
        "missed": missed,
        "reason": reason,
    }


class Stream:
    """A cursor and a connection; `Streams` calls `advance` whenever there may be news."""

    def __init__(
        self,
        connection: Connection,
        subscription: Subscription,
        frames: Frames,
        *,
        token: Token,
        address: str,
        log_filter: LogFilter,
        chunked: bool,
    ) -> None:
        self.connection = connection
        self.token = token
        self.address = address
        self._subscription = subscription
        self._frames = frames
        self._filter = log_filter
        self._chunked = chunked
        self._pending: deque[bytes] = deque()
        self._told_missed = 0
        self._told_to = subscription.position
        self._stalled_since: float | None = None
        self._beat_at = asyncio.get_running_loop().time()
        self._older: asyncio.Task[None] | None = None
        self._ended = False

    @property
    def behind(self) -> int:
        """How many rows of the log it has not been given yet."""
        return max(0, self._subscription.stop - self._subscription.position)

    def greet(self, gap: dict[str, Any] | None, *, fresh: bool) -> None:
        """Say what is missing, and that the stream lives.

        A fresh stream is told the id it begins behind: cut before its first event, its client
        resumes there.
        """
        before = self._frames.id(self._subscription.position - 1)
        hello = b": logmon\n\n"
        if gap is not None:
            hello += sse("gap", gap, event_id=before)
        status = {"state": "live"}
        hello += sse("status", status, event_id=before if fresh else "", retry_ms=3_000)
        self._write(chunk(hello))

    def advance(self) -> bool:
        """Send a little of what there is; return whether there is more to send right now."""
        if self._ended or self._older is not None or not self._flush():
            return False
        subscription = self._subscription
        if subscription.reads_older:
            self._older = asyncio.create_task(self._read_older(), name="stream, older rows")
            return False
        before = subscription.position
        rows = subscription.take(within=WINDOW_ROWS - before % WINDOW_ROWS)
        self._tell_missed(before, "slow_consumer")
        if rows is not None:
            self._send(rows)
        return self._flush() and subscription.position < subscription.stop

    def _flush(self) -> bool:
        """Hand over what waits, until the client is behind; return whether all of it went."""
        while self._pending and not self.connection.paused:
            self._write(self._pending.popleft())
        return not self.connection.paused

    async def _read_older(self) -> None:
        """Send what the journal still holds, at the client's pace, then go on from the log."""
        try:
            subscription = self._subscription
            while subscription.reads_older and not self._ended:
                before = subscription.position
                async for rows in subscription.older():
                    self._tell_missed(before, "rotated")
                    self._send(rows)
                    while not self._flush():
                        await self.connection.flow.drain()
                    before = subscription.position
                self._tell_missed(before, "rotated")
        except LogmonError:
            self.end("store_failed")
        finally:
            self._older = None
            if self.connection.on_writable is not None:
                self.connection.on_writable()

    def _tell_missed(self, before: int, reason: str) -> None:
        """Say how many rows went by unread since the last time, all of them from `before` on."""
        missed = self._subscription.missed - self._told_missed
        if missed:
            self._told_missed += missed
            first = before + missed
            gap = _gap(self._frames, self._frames.id(before - 1), first, missed, reason)
            self._pending.append(chunk(sse("gap", gap, event_id=self._frames.id(first - 1))))
            self._told_to = first

    def _send(self, rows: Slice) -> None:
        self._pending.extend(self._frames.chunks(self._filter, rows))
        self._told_to = int(rows.seqs[-1]) + 1

    def _write(self, piece: bytes) -> None:
        self.connection.write(piece if self._chunked else unchunked(piece))

    def stalled_s(self, now: float) -> float:
        """Return for how long the client has taken nothing of what waits for it."""
        if not self.connection.paused:
            self._stalled_since = None
            return 0.0
        if self._stalled_since is None:
            self._stalled_since = now
        return now - self._stalled_since

    def beat(self, now: float, every_s: float) -> None:
        """Send a comment when it is time; with it, how far rows that do not pass were looked at.

        So a filtered stream that is resumed does not ask for rows it never wanted.
        """
        if now - self._beat_at < every_s or self._pending or self._older is not None:
            return
        self._beat_at = max(self._beat_at + every_s, now - every_s)
        beat = b": hb\n\n"
        position = self._subscription.position
        if position > self._told_to:
            self._told_to = position
            beat += sse("status", {"state": "live"}, event_id=self._frames.id(position - 1))
        self._write(chunk(beat))

    def end(self, state: str) -> None:
        """Say why, and close; a client that takes nothing is not waited for."""
        if self._ended:
            return
        self._ended = True
        if not self._flush():
            self.connection.abort()
            return
        self._write(chunk(sse("status", {"state": state})))
        if self._chunked:
            self.connection.write(LAST_CHUNK)
        self.connection.close()

    def release(self, hub: LogEventHub) -> None:
        """Let go of the cursor and of what still reads for it."""
        self._ended = True
        self.connection.on_writable = None
        if self._older is not None:
            self._older.cancel()
        hub.unsubscribe(self._subscription)
