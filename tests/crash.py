"""Kills the real logmon again and again while it reads a fake Datadog, and compares at the end.

The truth is the fake's: what a search could have returned. What logmon has is its store's.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec

from logmon.errors import StoreError
from logmon.store.journal import open_reader
from logmon.testing.fake_datadog import Asked, RequestJournal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAULTS = {
    "503": 0.03, "cut-body": 0.03, "invalid-cursor": 0.05, "429": 0.02, "reset": 0.01,
    "twice": 0.10, "again": 0.05, "short": 0.05, "timeout": 0.01,
}  # fmt: skip
LATEST_S = 5.0
"""How late an event may be to be found."""
KEYS = {"DD_API_KEY": "0123456789abcdef" * 2, "DD_APP_KEY": "0123456789abcdef0123" * 2}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was there, what came, what was asked."""

    kills: int
    truth: dict[str, Any]
    """Every event a search could return, by id."""
    stored: list[str]
    """The ids in the store's journal, in order."""
    work: Counter[str]
    """How many events the work items count, by source."""
    dead: int
    requests: RequestJournal
    integrity: str

    @property
    def missing(self) -> set[str]:
        return self.truth.keys() - set(self.stored)

    @property
    def doubled(self) -> int:
        return len(self.stored) - len(set(self.stored))

    @property
    def worth_work(self) -> Counter[str]:
        """How many events there are that Sentinel's rule wants, by source."""
        wanted = (event["attributes"] for event in self.truth.values())
        return Counter(e["service"] for e in wanted if e["status"] in ("warn", "error"))

    def __str__(self) -> str:
        statuses = Counter(asked.status for asked in self.requests)
        refused = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
        return (
            f"{len(self.truth)} events, {self.kills} kills, {len(self.requests)} requests "
            f"({refused}): {len(self.missing)} missing, {self.doubled} doubled, "
            f"work {sum(self.work.values())} of {sum(self.worth_work.values())}"
        )


def crash(
    folder: Path,
    *,
    events: int,
    per_second: float,
    kills: int,
    overlap: str = "6s",
    drain_s: float = 30.0,
    seed: int = 3,
) -> Outcome:
    """Kill logmon so many times while so many events come, then let it read to the end.

    It has `drain_s` for that from when the last event has come: what came after the last poll is
    not missing.
    """
    rng = random.Random(seed)
    with fake_datadog(events=events, per_second=per_second, seed=seed) as url:
        all_came_s = time.monotonic() + events / per_second + LATEST_S
        settings = write_config(folder, url, overlap)
        # From before the first request to some commits after it, however slow the machine is.
        startup_s = _startup_s(settings)
        for _ in range(kills - 1):
            with logmon_tail(settings) as tail:
                time.sleep(rng.uniform(0.8 * startup_s, startup_s + 0.9))
                assert tail.poll() is None, tail.communicate()
                tail.kill()
        with logmon_tail(settings) as tail:
            last_s = max(time.monotonic(), all_came_s) + drain_s
            before, now = None, _judged(folder, events)
            while time.monotonic() < last_s and (now is None or now != before):
                assert tail.poll() is None, tail.communicate()
                time.sleep(1)
                before, now = now, _judged(folder, events)
            tail.terminate()
            code = tail.wait(10)
            # Everything was there already, and it was told to stop before it could listen.
            assert code in (143, -signal.SIGTERM), (code, tail.communicate()[1])
        return _outcome(folder, url, kills)


@contextmanager
def fake_datadog(*, events: int, per_second: float, seed: int) -> Iterator[str]:
    """Run a fake in a process of its own; its events begin now, and come up to 5 s late."""
    chances = [f"--chance={name}={share}" for name, share in FAULTS.items()]
    chances += [f"--on={2 + 2 * place}={name}" for place, name in enumerate(FAULTS)]
    command = [
        sys.executable, "-m", "logmon.testing.fake_datadog", "--count", str(events),
        "--events-per-second", str(per_second), "--history-s", "1", "--lags", f"{LATEST_S:g}s",
        "--rate", "24/4", "--taken", "4", "--seed", str(seed), *chances,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def write_config(folder: Path, url: str, overlap: str) -> Path:
    """Write a configuration whose only guard against late events is the overlap."""
    path = folder / "config.toml"
    path.write_text(
        f'[sources.prod]\ntype = "datadog"\nsite = "{url}"\nshare = 1.0\nreconcile = false\n'
        f'overlap = "{overlap}"\n[store]\npath = "{folder}/state/logmon.db"\n'
    )
    path.chmod(0o600)
    return path


@contextmanager
def logmon_tail(
    settings: Path, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the real program, its lines thrown away unless they are asked for."""
    command = [sys.executable, "-m", "logmon", "tail", "-o", "json", "-c", str(settings)]
    with subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, env=KEYS) as process:
        try:
            yield process
        finally:
            process.kill()


def _startup_s(settings: Path) -> float:
    """Return how long the program takes to its first row, and kill it there."""
    began = time.monotonic()
    with logmon_tail(settings, stdout=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline(), tail.communicate()
        tail.kill()
        return time.monotonic() - began


def _judged(folder: Path, events: int) -> int | None:
    """Return how far Sentinel is once so many events are stored; it stops at what concerns it."""
    with suppress(StoreError):
        store = open_reader(folder / "state" / "logmon.db")
        try:
            with closing(sqlite3.connect(store.path)) as connection:
                query = "SELECT count(*) FROM seen WHERE origin='prod'"
                (stored,) = connection.execute(query).fetchone()
            return store.offset("sentinel") or 0 if stored >= events else None
        finally:
            store.close()
    return None


def _stored(store: Any) -> list[str]:
    return [
        block.batch.event(row).id
        for block in store.read_now(-1, 10**9)
        if block.origin == "prod"
        for row in range(len(block.batch))
    ]


def _outcome(folder: Path, url: str, kills: int) -> Outcome:
    truth = httpx2.get(f"{url}/fake/events", timeout=120).json()
    requests = RequestJournal()
    for asked in httpx2.get(f"{url}/fake/requests", timeout=120).json():
        requests.add(msgspec.convert(asked, Asked), {})
    store = open_reader(folder / "state" / "logmon.db")
    work: Counter[str] = Counter()
    for _, record in store.work_items():
        work[record.item.source] += record.item.count
    with closing(sqlite3.connect(store.path)) as connection:
        (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
    outcome = Outcome(
        kills=kills,
        truth={event["id"]: event["event"] for event in truth},
        stored=_stored(store),
        work=work,
        dead=len(store.dead_letters()),
        requests=requests,
        integrity=integrity,
    )
    store.close()
    return outcome
