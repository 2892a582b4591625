"""The store's file: private, one writer, newer files left alone, damage set aside and said."""

import random
import shutil
import sqlite3
import stat
from collections import Counter
from pathlib import Path

import pytest

from logmon.batch import EventBatch
from logmon.errors import StoreError
from logmon.journal import Commit
from logmon.store.database import MIGRATIONS
from logmon.store.journal import Store, open_reader, open_writer
from logmon.store.place import network_file_system
from logmon.testing import make_event
from tests.store.stores import opened


def add(store: Store, *messages: str) -> None:
    store.commit_now(Commit(origin="app", batch=EventBatch([make_event(m) for m in messages])))


def messages(store: Store) -> list[str]:
    return [
        block.batch.event(row).message
        for block in store.read_now(-1, 10**9)
        for row in range(len(block.batch))
    ]


def test_file_and_folder_are_made_for_the_owner_alone(tmp_path: Path):
    path = tmp_path / "state" / "logmon.db"
    store = opened(path)
    add(store, "a")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for part in path.parent.iterdir():
        assert stat.S_IMODE(part.stat().st_mode) == 0o600, part
    store.close()


@pytest.mark.parametrize("ending", ["", ".lock"])
def test_a_link_in_the_place_of_a_file_is_refused(tmp_path: Path, ending: str):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f"logmon.db{ending}").symlink_to(victim)
    with pytest.raises(StoreError, match="is a link"):
        open_writer(tmp_path / "logmon.db")
    assert victim.read_text() == "precious"


def test_a_file_that_others_can_read_is_refused(tmp_path: Path):
    path = tmp_path / "logmon.db"
    opened(path).close()
    path.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        open_writer(path)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path):
    (tmp_path / "logmon.db").mkdir()
    with pytest.raises(StoreError, match="directory"):
        open_writer(tmp_path / "logmon.db")


def test_only_one_process_writes_and_the_lock_ends_with_it(tmp_path: Path):
    first = opened(tmp_path / "logmon.db")
    assert open_writer(tmp_path / "logmon.db") is None
    first.close()
    opened(tmp_path / "logmon.db").close()


def test_a_reader_sees_what_the_writer_adds(tmp_path: Path):
    writer = opened(tmp_path / "logmon.db")
    reader = open_reader(tmp_path / "logmon.db")
    add(writer, "a", "b")
    assert messages(reader) == ["a", "b"]
    assert reader.newest_seq() == 2
    assert reader.epoch == writer.epoch
    with pytest.raises(StoreError, match="another logmon writes"):
        add(reader, "c")
    reader.close()
    writer.close()


def test_a_store_that_is_not_there_cannot_be_read_along(tmp_path: Path):
    with pytest.raises(StoreError, match=r"there is no store; \[store\] enabled"):
        open_reader(tmp_path / "logmon.db")


def test_a_file_of_a_newer_logmon_is_left_alone(tmp_path: Path):
    path = tmp_path / "logmon.db"
    opened(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer logmon"):
        open_writer(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, 1])
def test_a_database_of_another_program_is_left_alone(tmp_path: Path, version: int):
    path = tmp_path / "logmon.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        f"CREATE TABLE cookies(a); INSERT INTO cookies VALUES(1); PRAGMA user_version={version}"
    )
    connection.close()
    path.chmod(0o600)
    before = path.read_bytes()
    for opening in (open_writer, open_reader):
        with pytest.raises(StoreError, match="another program"):
            opening(path)
    assert path.read_bytes() == before


def test_a_file_that_a_kill_left_empty_is_begun_by_the_writer_alone(tmp_path: Path):
    path = tmp_path / "logmon.db"
    path.touch(mode=0o600)
    with pytest.raises(StoreError, match="nothing was stored yet"):
        open_reader(path)
    opened(path).close()
    open_reader(path).close()


def test_a_file_of_the_first_version_is_brought_up_to_date_with_its_rows(tmp_path: Path):
    path = tmp_path / "logmon.db"
    connection = sqlite3.connect(path)
    connection.executescript(f"{MIGRATIONS[0]}; PRAGMA user_version=1")
    connection.execute("INSERT INTO meta VALUES('epoch', 'old'), ('next_seq', 3)")
    connection.execute("INSERT INTO checkpoints VALUES('prod', 'cursor', 0)")
    connection.commit()
    connection.close()
    path.chmod(0o600)
    store = opened(path)
    assert (store.epoch, store.next_seq) == ("old", 3)
    place = store.checkpoint("prod")
    assert place is not None
    assert place.cursor == "cursor"
    assert store.letter_requests() == []
    add(store, "goes on")
    assert store.newest_seq() == 4
    store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path):
    """A table in the way of the last step: neither the version nor anything else moves."""
    path = tmp_path / "logmon.db"
    before = len(MIGRATIONS) - 1
    connection = sqlite3.connect(path)
    for script in MIGRATIONS[:before]:
        connection.executescript(script)
    connection.executescript(f"PRAGMA user_version={before}; CREATE TABLE news(other)")
    connection.close()
    path.chmod(0o600)
    with pytest.raises(StoreError, match="news"):
        open_writer(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (before,)
    assert connection.execute("SELECT count(*) FROM pragma_table_info('news')").fetchone() == (1,)
    connection.close()


def test_what_a_killed_writer_left_can_be_read_without_writing(tmp_path: Path):
    """Its write-ahead log has no index: a reader must be able to make one."""
    path = tmp_path / "logmon.db"
    store = opened(path)
    add(store, "a", "b")
    copy = tmp_path / "copy" / "logmon.db"
    copy.parent.mkdir()
    for ending in ("", "-wal"):
        shutil.copy(f"{path}{ending}", f"{copy}{ending}")
    store.close()
    reader = open_reader(copy)
    assert messages(reader) == ["a", "b"]
    reader.close()


@pytest.mark.parametrize("fault", ["no database", "page"])
def test_a_damaged_file_is_kept_aside_and_said(tmp_path: Path, fault: str):
    path = tmp_path / "logmon.db"
    store = opened(path)
    add(store, *(f"message {number} {'x' * 500}" for number in range(200)))
    store.close()
    content = bytearray(path.read_bytes())
    if fault == "page":
        content[4096:16384] = b"\xff" * (16384 - 4096)
    else:
        content[:] = b"this is no database at all " * 1000
    path.write_bytes(content)
    store = opened(path)
    assert "damaged" in store.damage
    kept = next(part for part in tmp_path.iterdir() if "damaged" in part.name)
    assert str(kept) in store.damage
    assert kept.read_bytes() == bytes(content)
    add(store, "goes on")
    assert messages(store) == ["goes on"]
    store.close()


def test_a_whole_file_is_not_called_damaged(tmp_path: Path):
    for _ in range(3):
        store = opened(tmp_path / "logmon.db")
        assert store.damage == ""
        add(store, "a")
        store.close()
    assert not [part for part in tmp_path.iterdir() if "damaged" in part.name]


def flipped_copies(folder: Path, flips: int) -> dict[str, int]:
    """Flip a bit of a store at many places; say what became of each copy.

    None may give a row that was never written, or begin anew without a word.
    """
    path, rng = folder / "logmon.db", random.Random(3)
    store = opened(path)
    for batch in range(20):
        add(store, *(f"message {batch}-{row} {rng.randbytes(800).hex()}" for row in range(5)))
    written = messages(store)
    store.close()
    content = path.read_bytes()
    outcomes: Counter[str] = Counter()
    for turn in range(flips):
        copy = folder / str(turn) / "logmon.db"
        copy.parent.mkdir()
        torn = bytearray(content)
        torn[rng.randrange(len(torn))] ^= 1 << rng.randrange(8)
        copy.write_bytes(torn)
        copy.chmod(0o600)
        outcomes[outcome(copy, written)] += 1
        shutil.rmtree(copy.parent)
    return outcomes


def outcome(path: Path, written: list[str]) -> str:
    """Open a copy, read it, write into it; return what happened."""
    try:
        store = opened(path)
    except StoreError:
        return "refused"
    try:
        read = messages(store)
        add(store, "goes on")
    except StoreError:
        return "refused"
    finally:
        store.close()
    if store.damage:
        assert read == []
        assert [part for part in path.parent.iterdir() if "damaged" in part.name]
        return "set aside, and said"
    assert [message for message in written if message in set(read)] == read
    return "whole" if read == written else "a gap"


def test_a_bit_that_flips_anywhere_in_the_file_never_becomes_a_row(tmp_path: Path):
    outcomes = flipped_copies(tmp_path, 100)
    assert outcomes["whole"] > 10
    assert outcomes["a gap"] > 10
    assert outcomes["set aside, and said"] > 0


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_500_bits_that_flip_never_become_a_row(tmp_path: Path):
    outcomes = flipped_copies(tmp_path, 500)
    assert sum(outcomes.values()) == 500


@pytest.mark.parametrize("value", ["many", 3, None])
def test_a_number_that_rows_already_have_is_damage(tmp_path: Path, value: object):
    path = tmp_path / "logmon.db"
    store = opened(path)
    add(store, *map(str, range(10)))
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value=? WHERE key='next_seq'", (value,))
    connection.commit()
    connection.close()
    store = opened(path)
    assert "the next row's number" in store.damage
    store.close()


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_a_link_beside_the_file_is_refused(tmp_path: Path, ending: str):
    path, victim = tmp_path / "logmon.db", tmp_path / "victim"
    opened(path).close()
    victim.write_text("precious")
    (tmp_path / f"logmon.db{ending}").symlink_to(victim)
    with pytest.raises(StoreError, match="is a link"):
        open_writer(path)
    assert victim.read_text() == "precious"


MOUNTS = """\
overlay / overlay rw 0 0
tmpfs /run tmpfs rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sda1 /home/ann/local\\040disk ext4 rw 0 0
//nas/logs /mnt/nas cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ann/.local/state/logmon", "nfs4"),
        ("/home/ann/local disk/logmon", ""),
        ("/mnt/nas", "cifs"),
        ("/mnt/nasty", ""),
        ("/var/lib", ""),
    ],
)
def test_a_file_system_of_another_machine_is_known(path: str, kind: str):
    assert network_file_system(Path(path), MOUNTS) == kind
