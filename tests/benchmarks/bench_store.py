"""What the store costs: a page of a thousand events, new and known, against SQLite alone.

python -m tests.benchmarks.bench_store
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from logmon.batch import EventBatch, events_of
from logmon.checkpoint import Checkpoint
from logmon.event import encode
from logmon.journal import Commit
from logmon.level import Level
from logmon.store.journal import Store, open_writer
from logmon.testing import make_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.event import LogEvent

PAGES, ROWS = 100, 1_000


def pages() -> list[list[LogEvent]]:
    """Return pages of events of about 600 bytes."""
    rng = random.Random(1)
    words = [rng.randbytes(rng.randrange(2, 8)).hex() for _ in range(5_000)]

    def event(number: int) -> LogEvent:
        return make_event(
            " ".join(rng.choices(words, k=22)),
            id=f"{number:048x}",
            level=rng.choice(list(Level)),
            source=rng.choice(["web", "api", "db"]),
            attributes={"http": {"status_code": 200, "method": "GET"}, "duration": rng.random()},
            tags=("env:prod", f"pod:{rng.randrange(50)}"),
        )

    return [[event(page * ROWS + row) for row in range(ROWS)] for page in range(PAGES)]


def each_ms(steps: list[Callable[[], object]]) -> float:
    """Return the median CPU time of a step, in milliseconds: other programs do not count."""
    taken = []
    for step in steps:
        began = time.process_time()
        step()
        taken.append((time.process_time() - began) * 1_000)
    return statistics.median(taken)


def bare(path: Path, made: list[list[LogEvent]]) -> float:
    """Insert the same lines into a table with a unique id, and nothing else."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE events(seq INTEGER PRIMARY KEY, id TEXT UNIQUE, doc BLOB)")

    def insert(page: list[LogEvent]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT OR IGNORE INTO events(id, doc) VALUES(?, ?)",
            [(event.id, encode(event)) for event in page],
        )
        connection.execute("COMMIT")

    taken = each_ms([lambda page=page: insert(page) for page in made])
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return taken


def commit(store: Store, page: list[LogEvent], place: int) -> None:
    store.commit_now(
        Commit(
            origin="prod", batch=EventBatch(page), distinct=True,
            checkpoint=Checkpoint("prod", str(place)),
        )
    )  # fmt: skip


def read_back(store: Store) -> int:
    after = rows = 0
    while blocks := store.read_now(after - 1, 10_000):
        for block in blocks:
            rows += len(list(events_of(block.batch)))
            after = block.first_seq + len(block.batch)
    return rows


def bytes_of_ids(path: Path) -> int:
    """Return the bytes of the pages that hold ids, and what finds them by time."""
    connection = sqlite3.connect(path)
    (found,) = connection.execute(
        "SELECT sum(pgsize) FROM dbstat WHERE name IN ('seen', 'seen_times')"
    ).fetchone()
    connection.close()
    return int(found)


def main() -> None:
    made = pages()
    mean_bytes = statistics.mean(len(encode(event)) for event in made[0])
    with tempfile.TemporaryDirectory() as folder:
        path, other = Path(folder) / "logmon.db", Path(folder) / "bare.db"
        alone_ms = bare(other, made)
        store = open_writer(path)
        assert store is not None
        turns = list(enumerate(made))
        new_ms = each_ms([lambda n=n, page=page: commit(store, page, n) for n, page in turns])
        known_ms = each_ms([lambda n=n, page=page: commit(store, page, n) for n, page in turns])
        began = time.process_time()
        assert read_back(store) == PAGES * ROWS
        read_us = (time.process_time() - began) * 1e6 / (PAGES * ROWS)
        store.close()
        id_bytes = bytes_of_ids(path) / (PAGES * ROWS)
        began = time.process_time()
        again = open_writer(path)
        assert again is not None
        open_ms = (time.process_time() - began) * 1_000
        again.close()
        sizes = [file.stat().st_size / (PAGES * ROWS) for file in (path, other)]
    print(f"{PAGES * ROWS:,} events of {mean_bytes:.0f} bytes, {ROWS:,} a commit")
    print(f"a page of new events: {new_ms:.1f} ms of CPU, {new_ms / alone_ms:.2f} × SQLite alone")
    print(f"a page of known events: {known_ms:.1f} ms of CPU, {known_ms / new_ms:.2f} × a new one")
    print(f"on disk: {sizes[0]:.0f} bytes an event, {sizes[0] / sizes[1]:.2f} × SQLite alone")
    print(f"of it ids: {id_bytes:.0f} bytes each")
    print(f"read back and decoded: {read_us:.1f} µs an event")
    print(f"opened and checked: {open_ms:.0f} ms")


if __name__ == "__main__":
    main()
