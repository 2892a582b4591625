"""Rows on disk: each commit is one transaction, and what was committed is given back in order.

A batch is one row of SQLite: its events as canonical JSON lines, compressed. One thread writes,
another reads; neither holds up the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from logmon.batch import Columns, RawBatch, events_of
from logmon.checkpoint import Checkpoint
from logmon.errors import StoreError
from logmon.event import encode, rfc3339
from logmon.formats import LineDecoder
from logmon.journal import (
    Block,
    Commit,
    Committed,
    ItemChange,
    ItemRecord,
    ItemRequest,
    OutboxEntry,
)
from logmon.redaction import Redactor
from logmon.store import effects, letters, outbox
from logmon.store.database import close_writer, connect_reader, connect_writer, translated
from logmon.store.ids import new_ids
from logmon.store.place import Lock, prepare
from logmon.store.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from logmon.batch import Batch
    from logmon.dead_letter import KeptLetter
    from logmon.journal import LetterRequest

COMPRESSION = 1
"""zlib's fastest level makes canonical lines 4 to 6 times smaller at about 60 MB/s."""


class StoreOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept, and what is taken out of it first."""

    keep_s: float = 24 * 3600.0
    """Rows older than this, by the time they were written, are removed."""
    max_bytes: int = 2 << 30
    """The oldest rows are removed when the file is larger."""
    redactor: Redactor | None = None
    """Takes the secrets out of events and dead letters before they are written."""
    now_ns: Callable[[], int] = time.time_ns


class Store:
    """A store's file, open to write (`open_writer`) or to read along (`open_reader`)."""

    def __init__(
        self,
        path: Path,
        options: StoreOptions,
        reading: sqlite3.Connection,
        writing: sqlite3.Connection | None = None,
        lock: Lock | None = None,
        damage: str = "",
    ) -> None:
        self.path = path
        self.damage = damage
        """What to tell the user about a damaged file that was set aside; empty when all is well."""
        self._options = options
        self._reading = reading
        self._writing = writing
        self._lock = lock
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store reader")
        self._decoder = LineDecoder("", input_format="canonical")
        self._retention = Retention(options.keep_s, options.max_bytes, options.now_ns())
        self.epoch = str(_meta(reading, "epoch"))
        self.next_seq = int(_meta(reading, "next_seq"))

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self._writing is not None

    def is_written(self) -> bool:
        """Whether some process writes into it now."""
        return self.writes or Lock(self.path).is_held()

    # Writing

    async def commit(self, commit: Commit) -> Committed:
        """Write everything or nothing (see `logmon.journal.Journal`)."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self.commit_now, commit)

    def commit_now(self, commit: Commit) -> Committed:
        """`commit`, for a caller that may wait; never from two threads at once.

        Raises:
            StoreUnavailable: no room, a lock, damage; try again later.
            StoreError: it could not be written.
        """
        connection = self._writing
        if connection is None:
            raise StoreError(f"{self.path}: another logmon writes into it")
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                committed = self._write(connection, commit)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise translated(error, self.path) from None
        self.next_seq += _count(committed, commit.batch)
        with suppress(sqlite3.Error):  # the commit stands; pruning comes round again
            self._retention.prune(connection, self._options.now_ns(), self.next_seq)
        return committed

    def _write(self, connection: sqlite3.Connection, commit: Commit) -> Committed:
        written_ns = self._options.now_ns()
        committed = Committed(self.next_seq)
        if commit.batch is not None and len(commit.batch):
            committed = self._write_rows(connection, commit, commit.batch, written_ns)
        new = letters.write(connection, commit, written_ns, self._options.redactor)
        committed = msgspec.structs.replace(committed, rejected=new)
        if commit.checkpoint is not None:
            place = commit.checkpoint
            connection.execute(
                "INSERT OR REPLACE INTO checkpoints VALUES(?, ?, ?)",
                (place.source, place.cursor, written_ns),
            )
        if commit.effects is not None:
            effects.write(connection, commit.effects, written_ns)
        return committed

    def _write_rows(
        self, connection: sqlite3.Connection, commit: Commit, batch: Batch, written_ns: int
    ) -> Committed:
        events = list(events_of(batch))
        rows = None
        if commit.distinct:
            rows = new_ids(connection, commit.origin, events, written_ns)
            if len(rows) == len(events):
                rows = None
            else:
                events = [events[row] for row in rows]
        first = self.next_seq
        if events:
            redactor = self._options.redactor
            lines = list(map(encode if redactor is None else redactor.encode, events))
            body = zlib.compress(b"\n".join(lines), COMPRESSION)
            connection.execute(
                "INSERT INTO journal VALUES(?, ?, ?, ?, ?)",
                (first, len(events), commit.origin, written_ns, body),
            )
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES('next_seq', ?)", (first + len(events),)
            )
            connection.executemany(
                "INSERT OR REPLACE INTO links VALUES(?, ?)",
                [
                    (first + place, event.work_item)
                    for place, event in enumerate(events)
                    if event.work_item and commit.origin == "sentinel"
                ],
            )
        return Committed(first, rows)

    def close(self) -> None:
        """Finish what is being written and close the file."""
        self._writer.shutdown()
        self._reader.shutdown()
        self._reading.close()
        if self._writing is not None:
            close_writer(self._writing)
        if self._lock is not None:
            self._lock.release()

    # Reading

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
        return int(self._ask("SELECT value FROM meta WHERE key='next_seq'")[0][0])

    def checkpoint(self, source: str) -> Checkpoint | None:
        """Return how far a source was read, or None when it never was."""
        found = self._ask("SELECT cursor FROM checkpoints WHERE source=?", source)
        return Checkpoint(source, found[0][0]) if found else None

    def offset(self, consumer: str) -> int | None:
        """Return the first row a consumer is not done with, or None when it never began."""
        found = self._ask("SELECT seq FROM offsets WHERE consumer=?", consumer)
        return int(found[0][0]) if found else None

    def counts(self, origin: str, since_ns: int, until_ns: int, bucket_ns: int) -> dict[int, int]:
        """Return how many distinct events of a source lie in each time bucket, by its start."""
        return dict(
            self._ask(
                "SELECT time_ns / ? * ?, count(*) FROM seen "
                "WHERE origin=? AND time_ns >= ? AND time_ns < ? GROUP BY 1",
                bucket_ns, bucket_ns, origin, since_ns, until_ns,
            )
        )  # fmt: skip

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


def open_writer(path: Path, options: StoreOptions | None = None) -> Store | None:
    """Open a store to write, or return None when another process writes into it.

    Raises:
        StoreError: it cannot be opened.
    """
    prepare(path)
    lock = Lock(path)
    if not lock.acquire():
        lock.release()
        return None
    try:
        writing, damage = connect_writer(path, now=lambda: datetime.now(UTC))
        reading = connect_reader(path)
    except StoreError:
        lock.release()
        raise
    return Store(path, options or StoreOptions(), reading, writing, lock, damage)


def open_reader(path: Path) -> Store:
    """Open a store to read along with the process that writes.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    return Store(path, StoreOptions(), connect_reader(path))


def request_change(path: Path, item: str, status: str, at: datetime, by: str) -> None:
    """Ask the process that writes into a store to change an item (see `ItemRequest`).

    Raises:
        StoreError: the request cannot be written.
    """
    try:
        with closing(sqlite3.connect(path, timeout=5.0)) as connection, connection:
            connection.execute(
                "INSERT INTO requests(item, status, at, by) VALUES(?, ?, ?, ?)",
                (item, status, rfc3339(at), by),
            )
    except sqlite3.Error as error:
        raise translated(error, path) from None


def _meta(connection: sqlite3.Connection, key: str) -> Any:
    return connection.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()[0]


def _count(committed: Committed, batch: Batch | None) -> int:
    if committed.rows is not None:
        return len(committed.rows)
    return 0 if batch is None else len(batch)
