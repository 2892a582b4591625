"""The long crash runs, with their figures: `python -m tests.benchmarks.soak`.

1. The real logmon is killed 1,000 times while it reads a fake Datadog at its worst.
2. A writer puts 10,000,000 events into a store, 1,000 a commit, and is killed 100 times.

Both must end with nothing lost and nothing doubled; about 30 and 20 minutes.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from logmon.batch import EventBatch
from logmon.checkpoint import Checkpoint
from logmon.journal import Commit
from logmon.store.journal import open_writer
from logmon.testing import make_event
from tests.crash import crash

BATCH = 1_000


def write(path: Path, events: int) -> None:
    """Go on writing numbered events from the checkpoint, until there are so many."""
    store = open_writer(path)
    assert store is not None
    place = store.checkpoint("app")
    number = int(place.cursor) if place else 0
    while number < events:
        batch = EventBatch(
            [make_event(f"event {n}", id=str(n)) for n in range(number, number + BATCH)]
        )
        number += BATCH
        store.commit_now(
            Commit(
                origin="app",
                batch=batch,
                distinct=True,
                checkpoint=Checkpoint("app", str(number)),
            )
        )
    store.close()


def figures(path: Path) -> tuple[int, int, int, str]:
    """Return rows, distinct ids, checkpoint, and what SQLite says of the file."""
    with closing(sqlite3.connect(path)) as connection:
        ask = connection.execute
        (rows,) = ask("SELECT coalesce(sum(rows), 0) FROM journal").fetchone()
        (ids,) = ask("SELECT count(*) FROM seen").fetchone()
        found = ask("SELECT cursor FROM checkpoints").fetchone()
        (integrity,) = ask("PRAGMA integrity_check").fetchone()
    return rows, ids, int(found[0]) if found else 0, integrity


def order_is_whole(path: Path) -> bool:
    """Whether the store gives every event back, in order, without one missing or doubled."""
    store = open_writer(path)
    assert store is not None
    number, after = 0, -1
    while blocks := store.read_now(after, 100_000):
        for block in blocks:
            for row in range(len(block.batch)):
                if block.batch.event(row).message != f"event {number}":
                    return False
                number += 1
        after = number - 1
    store.close()
    return number > 0


def soak_store(folder: Path, *, events: int, kills: int) -> str:
    """Kill a writer again and again until the store holds so many events; return the figures."""
    path, rng = folder / "logmon.db", random.Random(5)
    command = [sys.executable, "-m", "tests.benchmarks.soak", "--child", str(path)]
    command += ["--events", str(events)]
    # At about 60 µs an event the last kill falls near the last event.
    longest_s = max(1.5, 2 * events * 60e-6 / max(1, kills))
    began, killed, backwards, before = time.monotonic(), 0, 0, 0
    while True:
        with subprocess.Popen(command) as writer:
            try:
                alive_s = rng.uniform(0.5, longest_s) if killed < kills else None
                assert writer.wait(alive_s) == 0
                break
            except subprocess.TimeoutExpired:
                writer.kill()
                killed += 1
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT cursor FROM checkpoints").fetchone()
        now = int(found[0]) if found else 0
        backwards += now < before
        before = now
    rows, ids, cursor, integrity = figures(path)
    whole = order_is_whole(path)
    return (
        f"{rows:,} rows, {ids:,} ids, checkpoint {cursor:,}, {killed} kills, "
        f"checkpoint went back {backwards} times, order whole: {whole}, {integrity}, "
        f"{path.stat().st_size / 2**20:,.0f} MiB, {time.monotonic() - began:,.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        write(given.child, given.events)
        return
    with tempfile.TemporaryDirectory() as folder:
        if given.kills:
            began = time.monotonic()
            # A life lasts 1.15 s on average, and 0.2 s are lost between two.
            events = given.kills * 200
            outcome = crash(
                Path(folder), events=events, per_second=150, kills=given.kills, drain_s=300.0
            )
            print(f"datadog: {outcome}, {time.monotonic() - began:,.0f} s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if given.events:
            print(f"store: {soak_store(Path(folder), events=given.events, kills=100)}", flush=True)


if __name__ == "__main__":
    main()
