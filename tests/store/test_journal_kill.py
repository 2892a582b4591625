"""Killed, torn or out of room at any moment: rows and checkpoint belong together, none is lost."""

import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import started
from tests.store.stores import opened, rows

WRITER = """
import sys
from pathlib import Path
from logmon.batch import EventBatch
from logmon.checkpoint import Checkpoint
from logmon.journal import Commit
from logmon.store.journal import open_writer
from logmon.testing import make_event
store = open_writer(Path(sys.argv[1]))
place = store.checkpoint("app")
number = int(place.cursor) if place else 0
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    events = [make_event(str(n), id=str(n)) for n in range(number, number + 7)]
    number += 7
    store.commit_now(Commit(origin="app", batch=EventBatch(events), distinct=True,
                            checkpoint=Checkpoint("app", str(number))))
print("done", flush=True)
sys.stdin.read()
"""


def whole(path: Path) -> int:
    """Check that rows and checkpoint belong together, and return how many rows there are."""
    store = opened(path)
    found = [int(event.message) for _, event in rows(store)]
    place = store.checkpoint("app")
    store.close()
    assert found == list(range(len(found)))
    assert len(found) == (int(place.cursor) if place else 0)
    assert store.damage == ""
    return len(found)


def test_killed_at_any_moment_rows_and_checkpoint_belong_together(tmp_path: Path):
    path, rng, before = tmp_path / "logmon.db", random.Random(5), 0
    for _ in range(8):
        with started(
            [sys.executable, "-c", WRITER, str(path), "1000000"], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0.005, 0.1))
            writer.send_signal(signal.SIGKILL)
        after = whole(path)
        assert after >= before
        before = after
    assert before > 50


def torn_copies(path: Path, folder: Path, offsets: int) -> None:
    """Tear the write-ahead log of a killed writer at many places; each copy must be whole."""
    wal = path.with_name(path.name + "-wal").read_bytes()
    rng = random.Random(9)
    seen = set()
    for turn in range(offsets):
        copy = folder / f"{turn}.db"
        shutil.copy(path, copy)
        torn = bytearray(wal)
        place = rng.randrange(len(torn))
        if turn % 2:
            del torn[place:]
        else:
            torn[place] ^= 1 << rng.randrange(8)
        copy.with_name(copy.name + "-wal").write_bytes(torn)
        copy.with_name(copy.name + "-wal").chmod(0o600)
        copy.chmod(0o600)
        seen.add(whole(copy))
        for part in folder.glob(f"{turn}.db*"):
            part.unlink()
    assert len(seen) > 20


def killed_writer(tmp_path: Path) -> Path:
    path = tmp_path / "logmon.db"
    with started(
        [sys.executable, "-c", WRITER, str(path), "60"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        assert writer.stdout.readline() == b"done\n"
        writer.send_signal(signal.SIGKILL)
    return path


def test_a_torn_write_ahead_log_leaves_rows_and_checkpoint_together(tmp_path: Path):
    torn_copies(killed_writer(tmp_path), tmp_path, 60)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_write_ahead_log_torn_at_500_places_leaves_rows_and_checkpoint_together(tmp_path: Path):
    torn_copies(killed_writer(tmp_path), tmp_path, 500)


FULL = """
import random, resource, sys
from pathlib import Path
from logmon.batch import EventBatch
from logmon.checkpoint import Checkpoint
from logmon.errors import StoreFull
from logmon.journal import Commit
from logmon.store.journal import open_writer
from logmon.testing import make_event
path = Path(sys.argv[1])
store = open_writer(path)
rng = random.Random(3)
number = full = 0
size = 200_000
while full < 20:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    events = [make_event(str(n), id=str(n), tags=(rng.randbytes(400).hex(),))
              for n in range(number, number + 7)]
    commit = Commit(origin="app", batch=EventBatch(events), distinct=True,
                    checkpoint=Checkpoint("app", str(number + 7)))
    try:
        store.commit_now(commit)
        number += 7
    except StoreFull:
        full += 1
        size += 200_000
print(number)
"""


def test_a_full_disk_loses_and_repeats_nothing_twenty_times(tmp_path: Path):
    path = tmp_path / "logmon.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    )
    assert whole(path) == int(done.stdout)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
