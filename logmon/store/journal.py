"""Rows on disk: each commit is one transaction, and what was committed is given back in order.

A batch is one row of SQLite: its events as canonical JSON lines, compressed. One thread writes,
another reads (`reading.py`); neither holds up the event loop.
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
from typing import TYPE_CHECKING

import msgspec

from logmon.batch import events_of
from logmon.errors import StoreError
from logmon.event import encode, rfc3339
from logmon.journal import Commit, Committed
from logmon.redaction import Redactor
from logmon.store import effects, letters
from logmon.store.database import (
    close_writer,
    closed_on_failure,
    connect_reader,
    connect_writer,
    translated,
)
from logmon.store.ids import new_ids
from logmon.store.place import Lock, prepare
from logmon.store.reading import StoreReading
from logmon.store.retention import Retention

if TYPE_CHECKING:
    from pathlib import Path

    from logmon.batch import Batch

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


class Store(StoreReading):
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
        super().__init__(path, reading)
        self.damage = damage
        """What to tell the user about a damaged file that was set aside; empty when all is well."""
        self._options = options
        self._writing = writing
        self._lock = lock
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store writer")
        self._retention = Retention(options.keep_s, options.max_bytes, options.now_ns())

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self._writing is not None

    def is_written(self) -> bool:
        """Whether some process writes into it now."""
        return self.writes or Lock(self.path).is_held()

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
        super().close()
        if self._writing is not None:
            close_writer(self._writing)
        if self._lock is not None:
            self._lock.release()


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
        with closed_on_failure(writing):
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


def _count(committed: Committed, batch: Batch | None) -> int:
    if committed.rows is not None:
        return len(committed.rows)
    return 0 if batch is None else len(batch)
