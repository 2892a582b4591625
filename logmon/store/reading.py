"""What a store's file holds, as it says at this moment: rows, items, letters, offsets, requests.

Nothing here writes. Rows are read in a thread of their own, or by a caller that may wait.
"""

from __future__ import annotations

import asyncio
import sqlite3
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from logmon.batch import Columns, RawBatch
from logmon.checkpoint import Checkpoint
from logmon.formats import LineDecoder
from logmon.journal import Block, ItemChange, ItemRecord, ItemRequest, OutboxEntry
from logmon.store import effects, letters, outbox
from logmon.store.database import translated
from logmon.store.newest import first_of_newest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from logmon.batch import Batch
    from logmon.dead_letter import KeptLetter
    from logmon.journal import LetterRequest
    from logmon.source import LookBack


class StoreReading:
    """The side of a store that asks; also of one that another process writes."""

    def __init__(self, path: Path, reading: sqlite3.Connection) -> None:
        self.path = path
        self._reading = reading
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store reader")
        self._decoder = LineDecoder("", input_format="canonical")
        self.epoch = str(self._meta("epoch"))
        """Tells this file from others, also from those that lay at its path before."""
        self.next_seq = int(self._meta("next_seq"))

    def close(self) -> None:
        """Let go of the file."""
        self._reader.shutdown()
        self._reading.close()

    async def read(self, after: int, limit: int) -> Sequence[Block]:
        """Return the blocks that hold rows with seq > `after`, about `limit` rows."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, self.read_now, after, limit)

    def read_now(self, after: int, limit: int) -> Sequence[Block]:
        """`read`, for a caller that may wait.

        A block that was damaged on disk is left out: its rows are a gap, and no others.

        Raises:
            StoreError: the file cannot be read.
        """
        found: list[Block] = []
        seq = after + 1
        while seq <= after + limit or not found:
            one = self._ask(
                "SELECT first_seq, rows, origin, body FROM journal WHERE first_seq >= coalesce("
                "(SELECT max(first_seq) FROM journal WHERE first_seq <= ? "
                "AND first_seq + rows > ?), ?) ORDER BY first_seq LIMIT 1",
                seq, seq, seq,
            )  # fmt: skip
            if not one:
                break
            first, count, origin, body = one[0]
            seq = first + count
            try:
                lines = zlib.decompress(body)
            except zlib.error:
                continue
            found.append(self._block(first, count, origin, lines))
        return found

    async def first_of_newest(self, look: LookBack) -> int:
        """Return the `seq` to begin with for the newest rows that pass."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, self._first_of_newest, look)

    def _first_of_newest(self, look: LookBack) -> int:
        newest = self.newest_seq()
        if look.rows >= newest:  # all there is
            oldest = self._ask("SELECT min(first_seq) FROM journal")[0][0]
            return newest if oldest is None else int(oldest)
        return first_of_newest(self._blocks_backwards(), look, newest)

    def _blocks_backwards(self) -> Iterator[Block]:
        before = 2**63 - 1
        while one := self._ask(
            "SELECT first_seq, rows, origin, body FROM journal WHERE first_seq < ? "
            "ORDER BY first_seq DESC LIMIT 1", before,
        ):  # fmt: skip
            before, count, origin, body = one[0]
            with suppress(zlib.error):
                yield self._block(before, count, origin, zlib.decompress(body))

    def _block(self, first: int, count: int, origin: str, lines: bytes) -> Block:
        links = dict(
            self._ask(
                "SELECT seq, item FROM links WHERE seq >= ? AND seq < ?", first, first + count
            )
        )
        news = self._ask("SELECT seq FROM news WHERE seq >= ? AND seq < ?", first, first + count)
        return Block(first, origin, self._batch(lines), links, tuple(row[0] for row in news))

    def _batch(self, block: bytes) -> Batch:
        breaks = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
        starts, ends = np.append(0, breaks + 1), np.append(breaks, len(block))
        found = self._decoder.scan_block(block, starts, ends)
        for row in np.flatnonzero(~found.proven).tolist():
            found.put(row, *self._decoder.scan(block[starts[row] : ends[row]], 0, 0))
        columns = Columns(found.times, found.levels, found.source_ids, tuple(found.names))
        return RawBatch(
            block,
            starts.astype(np.uint32),
            ends.astype(np.uint32),
            columns,
            self._decoder.decode,
        )

    def newest_seq(self) -> int:
        """Return the `seq` the next row will get, as the file says now."""
        return int(self._meta("next_seq"))

    def checkpoint(self, source: str) -> Checkpoint | None:
        """Return how far a source was read, or None when it never was."""
        found = self._ask("SELECT cursor FROM checkpoints WHERE source=?", source)
        return Checkpoint(source, found[0][0]) if found else None

    def offset(self, consumer: str) -> int | None:
        """Return the first row a consumer is not done with, or None when it never began."""
        found = self._ask("SELECT seq FROM offsets WHERE consumer=?", consumer)
        return int(found[0][0]) if found else None

    def lags_s(self, origin: str, most: int) -> list[float]:
        """Return how long after their own time the newest events of a source were written, in s."""
        found = self._ask(
            "SELECT (written_ns - time_ns) / 1e9 FROM seen WHERE origin=? "
            "ORDER BY time_ns DESC LIMIT ?", origin, most,
        )  # fmt: skip
        return [lag_s for (lag_s,) in found]

    def work_items(self, *, changed_after: int = -1) -> list[tuple[int, ItemRecord]]:
        """Return work items with the count of changes at their own, the last changed first."""
        found = self._ask(
            "SELECT changed, number, cause, item FROM items WHERE changed > ? "
            "ORDER BY changed DESC", changed_after,
        )  # fmt: skip
        return [(changed, effects.record(*row)) for changed, *row in found]

    def history(self, item: str) -> list[ItemChange]:
        """Return what happened to an item, the oldest first."""
        found = self._ask("SELECT at, change FROM item_changes WHERE item=? ORDER BY rowid", item)
        return [ItemChange(item, datetime.fromisoformat(at), change) for at, change in found]

    def requests(self) -> list[ItemRequest]:
        """Return what other processes ask for, the oldest first."""
        found = self._ask("SELECT number, item, status, at, by FROM requests ORDER BY number")
        return [
            ItemRequest(number, item, status, datetime.fromisoformat(at), by)
            for number, item, status, at, by in found
        ]

    def outbox(self, tracker: str, limit: int = 1_000) -> list[OutboxEntry]:
        """Return what a tracker does not know yet, the oldest first."""
        return outbox.waiting(self._ask, tracker, limit)

    def tracker_ref(self, tracker: str, item: str) -> str:
        """Return what a tracker calls an item; empty when it never heard of it."""
        return outbox.ref(self._ask, tracker, item)

    def opened_since(self, tracker: str, rule: str, since_ns: int) -> list[int]:
        """Return when a tracker was told of new items of a rule since a moment."""
        return outbox.opened_since(self._ask, tracker, rule, since_ns)

    def tracker_statistics(self, tracker: str) -> dict[str, Any]:
        """Return how much waits for a tracker, how much it was told, and the oldest error."""
        return outbox.statistics(self._ask, tracker)

    def decisions(self, seq: int) -> bytes:
        """Return what Sentinel decided about a row, or nothing where its link tells all."""
        found = self._ask("SELECT made FROM decisions WHERE seq=?", seq)
        return bytes(found[0][0]) if found else b""

    def values(self, consumer: str) -> dict[str, bytes]:
        """Return what a consumer kept."""
        return dict(self._ask("SELECT name, value FROM consumer_values WHERE consumer=?", consumer))

    def dead_letters(self, *, limit: int = 1_000, before: int | None = None) -> list[KeptLetter]:
        """Return dead letters, the newest first; `before` is the number of one."""
        found = self._ask(
            "SELECT number, written_ns, letter FROM dead_letters WHERE number < ? "
            "ORDER BY number DESC LIMIT ?", 2**63 - 1 if before is None else before, limit,
        )  # fmt: skip
        return [letters.kept(row) for row in found]

    def letter_requests(self) -> list[LetterRequest]:
        """Return what other processes ask about dead letters, the oldest first."""
        found = self._ask("SELECT number, origin, settled, events FROM letter_requests ORDER BY 1")
        return [letters.requested(row) for row in found]

    def _ask(self, query: str, *values: object) -> list[Any]:
        try:
            return self._reading.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise translated(error, self.path) from None

    def _meta(self, key: str) -> Any:
        return self._ask("SELECT value FROM meta WHERE key=?", key)[0][0]
