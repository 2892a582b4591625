"""Opens the store's file: checked, migrated, or set aside loudly.

SQLite in WAL mode with `synchronous=NORMAL`: a commit survives the death of the process, and after
a loss of power the file is whole and may lack the newest commits (sqlite.org/wal.html, §2.3);
sources read again what their checkpoint does not cover.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from logmon.errors import NoStore, StoreError, StoreFull, StoreUnavailable
from logmon.store.place import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

CHECK_ALWAYS_BYTES = 64 << 20
"""Up to this size a file is checked whole at each start (about 0.2 s); above it only after a run
that did not end cleanly."""
BUSY_S = 5.0
"""How long SQLite waits for a lock that another connection holds for a moment."""

NO_STORE_HINT = "[store] enabled = true, or logmon replay FILE --store, makes one"

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
MAY_PASS = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
)  # fmt: skip
"""Faults that others can mend while logmon runs: a lock, a file system that became read-only."""

MIGRATIONS = (
    """
    CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE journal(
        first_seq INTEGER PRIMARY KEY,
        rows INTEGER NOT NULL,
        origin TEXT NOT NULL,
        written_ns INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE TABLE seen(
        origin TEXT NOT NULL,
        id BLOB NOT NULL,
        time_ns INTEGER NOT NULL,
        written_ns INTEGER NOT NULL,
        PRIMARY KEY(origin, id)
    ) WITHOUT ROWID;
    CREATE INDEX seen_times ON seen(origin, time_ns);
    CREATE TABLE checkpoints(
        source TEXT PRIMARY KEY, cursor TEXT NOT NULL, written_ns INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE dead_letters(
        number INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        written_ns INTEGER NOT NULL,
        letter BLOB NOT NULL
    );
    CREATE TABLE offsets(consumer TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE links(seq INTEGER PRIMARY KEY, item TEXT NOT NULL);
    CREATE TABLE items(
        number INTEGER PRIMARY KEY,
        cause TEXT NOT NULL,
        status TEXT NOT NULL,
        changed INTEGER NOT NULL,
        item BLOB NOT NULL
    );
    CREATE UNIQUE INDEX one_open_item ON items(cause) WHERE status != 'done';
    CREATE INDEX items_changed ON items(changed);
    CREATE TABLE item_changes(item TEXT NOT NULL, at TEXT NOT NULL, change TEXT NOT NULL);
    CREATE INDEX changes_of_item ON item_changes(item);
    CREATE TABLE consumer_values(
        consumer TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY(consumer, name)
    ) WITHOUT ROWID;
    CREATE TABLE requests(
        number INTEGER PRIMARY KEY AUTOINCREMENT, item TEXT NOT NULL, status TEXT NOT NULL,
        at TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE decisions(seq INTEGER PRIMARY KEY, made BLOB NOT NULL);
    ALTER TABLE requests ADD COLUMN by TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE letter_requests(
        number INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, settled BLOB NOT NULL,
        events BLOB NOT NULL
    );
    """,
    """
    CREATE TABLE outbox(
        number INTEGER PRIMARY KEY AUTOINCREMENT, tracker TEXT NOT NULL, key TEXT NOT NULL UNIQUE,
        item TEXT NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL, document BLOB NOT NULL,
        item_key TEXT NOT NULL, written_ns INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
        next_ns INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX outbox_of_tracker ON outbox(tracker, number);
    CREATE TABLE deliveries(
        key TEXT PRIMARY KEY, tracker TEXT NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL,
        at_ns INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX deliveries_of_rule ON deliveries(tracker, rule, at_ns);
    CREATE TABLE tracker_refs(
        tracker TEXT NOT NULL, item TEXT NOT NULL, ref TEXT NOT NULL, PRIMARY KEY(tracker, item)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE news(seq INTEGER PRIMARY KEY);
    """,
)
"""Each brings the file from `user_version` n to n + 1; never edit one that was released."""


def connect_writer(path: Path, *, now: Callable[[], datetime]) -> tuple[sqlite3.Connection, str]:
    """Open the file to write; a file that is damaged is set aside, and the second value says so.

    The caller holds the lock.

    Raises:
        StoreError: it cannot be opened, or a newer logmon made it.
    """
    prepare(path)
    damage = ""
    try:
        connection, fault = _open_checked(path)
        if fault:
            damage = _set_aside(path, fault, now())
            prepare(path)
            connection = _open(path)
        with closed_on_failure(connection):
            _migrate(connection)
            connection.execute("INSERT OR REPLACE INTO meta VALUES('clean', 0)")
    except sqlite3.Error as error:
        raise translated(error, path) from None
    return connection, damage


def _open_checked(path: Path) -> tuple[sqlite3.Connection, str]:
    """Return a connection, and what is wrong with the file: then the connection is closed."""
    connection = connect(path)
    try:
        with closed_on_failure(connection):
            _refuse_foreign(connection, path)
            fault = _check(connection, path)
            if not fault:
                _set_up(connection)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
            raise
        return connection, str(error)
    if fault:
        connection.close()
    return connection, fault


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the file to read along.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    # A read-only connection cannot make the index of a write-ahead log that a killed process left
    # (SQLITE_READONLY_RECOVERY); `query_only` writes no rows either.
    mode = "rw" if os.access(path, os.W_OK) else "ro"
    if not path.exists():
        raise NoStore(f"{path}: there is no store; {NO_STORE_HINT}")
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_S,
            isolation_level=None, check_same_thread=False,
        )  # fmt: skip
        with closed_on_failure(connection):
            connection.execute("PRAGMA query_only=1")
            connection.execute("PRAGMA trusted_schema=0")
            _refuse_foreign(connection, path)
            begun = _version(connection) > 0
    except sqlite3.Error as error:
        raise translated(error, path) from None
    if not begun:
        connection.close()
        raise NoStore(f"{path}: nothing was stored yet")
    return connection


def close_writer(connection: sqlite3.Connection) -> None:
    """Close a connection in order: the next start need not look for damage."""
    with suppress(sqlite3.Error):
        connection.execute("INSERT OR REPLACE INTO meta VALUES('clean', 1)")
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _open(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    with closed_on_failure(connection):
        _set_up(connection)
    return connection


@contextmanager
def closed_on_failure(*connections: sqlite3.Connection) -> Iterator[None]:
    """Close connections when what is done with them fails: nobody else has them."""
    try:
        yield
    except BaseException:
        for connection in connections:
            connection.close()
        raise


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection whose every statement is its own transaction."""
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # before WAL mode makes the first page
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA trusted_schema=0")


def _check(connection: sqlite3.Connection, path: Path) -> str:
    """Return what is wrong with the file, or an empty text."""
    if path.stat().st_size > CHECK_ALWAYS_BYTES and _ended_cleanly(connection):
        return ""
    found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    if found != ["ok"]:
        return "; ".join(found)
    return _check_numbers(connection)


def _check_numbers(connection: sqlite3.Connection) -> str:
    """Return what is wrong with the next row's number, or an empty text."""
    if _version(connection) == 0:
        return ""
    row = connection.execute("SELECT value FROM meta WHERE key='next_seq'").fetchone()
    (least,) = connection.execute("SELECT max(first_seq + rows) FROM journal").fetchone()
    if row is None and not least:
        return ""  # killed between the first two statements
    if row is None or not isinstance(row[0], int) or row[0] < (least or 0):
        return f"the next row's number is {row and row[0]!r}, after {least} rows"
    return ""


def _ended_cleanly(connection: sqlite3.Connection) -> bool:
    with suppress(sqlite3.OperationalError):
        row = connection.execute("SELECT value FROM meta WHERE key='clean'").fetchone()
        return bool(row == (1,))
    return False


def _set_aside(path: Path, fault: str, now: datetime) -> str:
    """Move a damaged file and what belongs to it out of the way; return what to tell the user."""
    stamp = now.strftime("%Y%m%dT%H%M%S.%fZ")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        with suppress(FileNotFoundError):
            part.rename(kept.with_name(kept.name + ending))
    return f"the store was damaged ({fault}); it is kept as {kept}, and a new one was begun"


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Leave alone what a newer logmon or another program made.

    Raises:
        StoreError: one of them did.
    """
    version = _version(connection)
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    fault = ""
    if tables and "meta" not in tables:
        fault = "is a database of another program; name another file in [store] path"
    elif version > len(MIGRATIONS):
        fault = "a newer logmon made it; use that one, or another file"
    if fault:
        connection.close()
        raise StoreError(f"{path}: {fault}")


def _migrate(connection: sqlite3.Connection) -> None:
    version = _version(connection)
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{script}PRAGMA user_version={number};COMMIT;")
    connection.execute(
        "INSERT OR IGNORE INTO meta VALUES('epoch', ?), ('next_seq', 0)", (secrets.token_hex(4),)
    )


def translated(error: sqlite3.Error, path: Path) -> StoreError:
    """Return logmon's own error for one of SQLite's."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    text = f"{path}: {error}"
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return StoreFull(text)
    if code in MAY_PASS:
        return StoreUnavailable(text)
    if code in DAMAGED:
        return StoreUnavailable(f"{text}; a new start sets it aside")
    return StoreError(text)
