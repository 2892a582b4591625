"""A disk that is full: said on the screen, nothing lost, nothing twice, on again when there is room.

The small disk is a tmpfs of its own; without the right to mount one these tests are skipped.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from logmon.batch import EventBatch
from logmon.checkpoint import Checkpoint
from logmon.hub import LogEventHub
from logmon.journal import Commit
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.sentinel.pipeline import Sentinel
from logmon.source import Arrival, LogStreamOptions
from logmon.store.journal import Store, open_reader, open_writer
from logmon.testing import make_event
from logmon.testing.fake_datadog import NONE, UNLIMITED, Behaviour, FakeDatadog, Traffic, serving
from tests.processes import started
from tests.pty_judge import Terminal

DISK_BYTES = 16 << 20
"""SQLite's write-ahead log alone grows to 4 MB."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={DISK_BYTES},mode=700"
    mounting = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    try:
        done = subprocess.run(mounting, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


class Ballast:
    """A file that takes up all the room there is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ballast"

    def fill(self) -> None:
        with self._path.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def drop(self) -> None:
        self._path.unlink()


class NumberedSource:
    """Numbered events, a few at a time, from the checkpoint on; as fast as they are taken."""

    name = "app"
    options = LogStreamOptions()

    def __init__(self) -> None:
        self._place = 0

    def resume(self, checkpoint: Checkpoint | None) -> None:
        self._place = int(checkpoint.cursor) if checkpoint else 0

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        while True:
            numbers = range(self._place, self._place + 5)
            # Each commit must need a new page, or a full disk is not noticed.
            events = [make_event(os.urandom(600).hex(), id=str(n)) for n in numbers]
            self._place += 5
            yield Arrival(batch=EventBatch(events), checkpoint=Checkpoint("app", str(self._place)))
            await asyncio.sleep(0.005)


def stored_ids(store: Store) -> list[int]:
    return [
        int(block.batch.event(row).id)
        for block in store.read_now(-1, 10**9)
        if block.origin == "app"
        for row in range(len(block.batch))
    ]


async def until(holds, within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for is another program's state
            await asyncio.sleep(0.01)


async def test_full_20_times_nothing_is_lost_or_doubled_and_the_place_never_moves_ahead(
    small_disk: Path,
):
    path, ballast = small_disk / "state" / "logmon.db", Ballast(small_disk)
    store = open_writer(path)
    assert store is not None
    hub = LogEventHub(journal=store, sleep=lambda _: asyncio.sleep(0.02))
    service = LogMonitorService(
        hub, [SourceEntry(NumberedSource())], sentinel=Sentinel(), store=store
    )
    running = asyncio.create_task(service.run())
    reader = open_reader(path)
    for _ in range(20):
        before = stored(hub)
        await until(lambda before=before: stored(hub) > before)
        ballast.fill()
        await until(lambda: hub.store_trouble)
        assert "full" in hub.store_trouble
        place = reader.checkpoint("app")
        await asyncio.sleep(0.05)
        assert reader.checkpoint("app") == place
        assert place is not None
        assert int(place.cursor) == hub.sources["app"].stored
        assert hub.sources["app"].difference == 0
        ballast.drop()
        await until(lambda: not hub.store_trouble)
    await until(lambda: reader_said(hub) >= 20)  # the last one is written after the rows
    running.cancel()
    await asyncio.wait({running})
    account = hub.sources["app"]
    place = reader.checkpoint("app")
    assert place is not None
    assert int(place.cursor) == account.stored == account.received
    assert account.duplicates == 0
    reader.close()
    service.close_store()
    again = open_reader(path)
    kept = stored_ids(again)
    again.close()
    assert kept == list(range(kept[0], account.stored))
    assert reader_said(hub) == 20


def stored(hub: LogEventHub) -> int:
    return hub.sources["app"].stored if "app" in hub.sources else 0


def reader_said(hub: LogEventHub) -> int:
    """Return how often the log says that the store takes rows again."""
    rows = hub.recent(10**6)
    return sum("takes rows again, nothing was lost" in row.event.message for row in rows)


async def test_the_screen_says_so_within_two_seconds_and_goes_on_by_itself(
    small_disk: Path, tmp_path: Path
):
    traffic = Traffic(per_second=400, lags=NONE)
    fake = FakeDatadog(traffic=traffic, behaviour=Behaviour(search_rate=UNLIMITED), history_s=1)
    async with serving(fake) as url:
        config = tmp_path / "config.toml"
        config.write_text(
            f'[sources.prod]\ntype = "datadog"\nsite = "{url}"\n'
            f'[store]\npath = "{small_disk}/state/logmon.db"\n'
        )
        config.chmod(0o600)
        keys = {"DD_API_KEY": "a" * 32, "DD_APP_KEY": "b" * 40}
        ballast = Ballast(small_disk)
        terminal = Terminal("tail", "-c", str(config), env=keys, cols=150)

        async def shows(text: str, within_s: float) -> float:
            began = time.monotonic()
            shown = await asyncio.to_thread(
                terminal.pump, within_s, lambda: text in terminal.screen.display[0]
            )
            assert shown, terminal.screen.display[0]
            return time.monotonic() - began

        try:
            await shows("behind", 20)
            for _ in range(2):
                ballast.fill()
                # A poll comes every 2 s at most, and finds the disk full.
                await shows("STORE: database or disk is full · nothing is lost", 2 + 2.5)
                ballast.drop()
                await shows("LIVE", 6)
        finally:
            terminal.press("q")
            await asyncio.to_thread(terminal.end)
    store = open_reader(small_disk / "state" / "logmon.db")
    ids = [
        block.batch.event(row).id
        for block in store.read_now(-1, 10**9)
        if block.origin == "prod"
        for row in range(len(block.batch))
    ]
    store.close()
    assert len(ids) == len(set(ids)) > 100
    truth = {event.id for event in fake.visible()}
    assert set(ids) <= truth


def test_line_output_says_so_on_stderr_once_and_goes_on(small_disk: Path, tmp_path: Path):
    config = tmp_path / "config.toml"
    config.write_text(
        '[sources.mock]\ntype = "mock"\nevents_per_second = 400\n'
        f'[store]\nenabled = true\npath = "{small_disk}/logmon.db"\n'
    )
    config.chmod(0o600)
    ballast = Ballast(small_disk)
    command = [sys.executable, "-m", "logmon", "tail", "-c", str(config), "-o", "json"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        for _ in range(20):
            json.loads(tail.stdout.readline())
        ballast.fill()
        said = tail.stderr.readline().decode()
        ballast.drop()
        assert said.startswith("logmon: the store takes nothing, nothing is lost, trying again: ")
        assert "takes rows again, nothing was lost" in tail.stderr.readline().decode()
        for _ in range(500):
            json.loads(tail.stdout.readline())
        tail.terminate()
        assert tail.stderr.read() == b""
        assert tail.wait(10) == 143


def test_a_store_that_another_program_locks_is_waited_for(tmp_path: Path):
    import sqlite3

    from logmon.errors import StoreUnavailable
    from logmon.store import database

    store = open_writer(tmp_path / "logmon.db")
    assert store is not None
    store._writing.execute("PRAGMA busy_timeout=50")  # type: ignore[union-attr]  # not 5 s
    commit = Commit(origin="app", batch=EventBatch([make_event("a", id="1")]))
    other = sqlite3.connect(tmp_path / "logmon.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.commit_now(commit)
    other.execute("ROLLBACK")
    other.close()
    store.commit_now(commit)
    assert store.newest_seq() == 1
    assert database.BUSY_S == 5.0
    store.close()


def test_serve_says_so_on_stderr(small_disk: Path, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "config.toml"
    config.write_text(
        '[sources.mock]\ntype = "mock"\nevents_per_second = 400\n'
        f'[store]\nenabled = true\npath = "{small_disk}/logmon.db"\n[api]\nport = {port}\n'
    )
    config.chmod(0o600)
    ballast = Ballast(small_disk)
    command = [sys.executable, "-m", "logmon", "serve", "-c", str(config)]
    with started(command, stderr=subprocess.PIPE) as serving_it:
        assert serving_it.stderr is not None
        while f"127.0.0.1:{port}".encode() not in serving_it.stderr.readline():
            pass
        time.sleep(0.5)
        ballast.fill()
        while b"the store takes nothing" not in serving_it.stderr.readline():
            pass
        serving_it.terminate()
        assert serving_it.wait(10) == 143
