"""Files, folders, globs, standard input; pace; following what grows."""

import asyncio
import bz2
import gzip
import lzma
import os
from collections.abc import Iterator
from contextlib import aclosing, contextmanager

import numpy as np
import pytest

from logmon.batch import events_of
from logmon.errors import PermanentSourceError
from logmon.source import LookBack
from logmon.sources.inputs import expand
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.testing import FakeClock, check_source_contract

LOGS = ["Android", "Apache", "BGL", "HDFS", "Linux", "OpenSSH", "Proxifier", "Spark"]


async def messages(source: ReplaySource) -> list[str]:
    return [
        event.message
        async for arrival in source.observe()
        if arrival.batch is not None
        for event in events_of(arrival.batch)
    ]


@pytest.mark.parametrize("name", LOGS)
async def test_a_real_log_replays_line_for_line(foreign_data, name):
    path = foreign_data / "loghub" / f"{name}_2k.log"
    data = path.read_bytes()
    raws: list[bytes] = []
    async for arrival in ReplaySource([str(path)]).observe():
        assert not arrival.rejected
        batch = arrival.batch
        raws += [batch.raw(row) for row in range(len(batch))]
        assert all("\r" not in event.message for event in events_of(batch))
    assert b"\n".join(raws) == data.removesuffix(b"\n")
    assert len(raws) + sum(raw.count(b"\n") for raw in raws) == 2_000


async def test_folders_globs_and_compressed_files_are_read_in_order(tmp_path):
    (tmp_path / "b.log").write_text("b1\nb2\n")
    (tmp_path / "a.log").write_text("a1\n")
    (tmp_path / "c.log.gz").write_bytes(gzip.compress(b"c1\n"))
    assert await messages(ReplaySource([str(tmp_path)])) == ["a1", "b1", "b2", "c1"]
    assert await messages(ReplaySource([f"{tmp_path}/*.log"])) == ["a1", "b1", "b2"]


async def test_standard_input_is_read_to_its_end(tmp_path):
    read_end, write_end = os.pipe()
    source = ReplaySource(["-"], stdin_fd=read_end)
    os.write(write_end, b"one\ntwo\nthree")
    os.close(write_end)
    assert await messages(source) == ["one", "two", "three"]
    os.close(read_end)


async def test_a_fifo_is_followed_until_its_writer_leaves(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR)
    reading = asyncio.create_task(messages(ReplaySource([str(path)])))
    await asyncio.sleep(0.05)
    os.write(fd, b"hello\n")
    await asyncio.sleep(0.05)
    os.close(fd)
    assert await reading == ["hello"]


@pytest.mark.parametrize("name", ["missing.log", "no*match", "."])
async def test_what_stands_for_nothing_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PermanentSourceError, match=r"no such file|holds no files"):
        await messages(ReplaySource([name]))


async def test_a_broken_archive_is_a_permanent_failure_that_names_it(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"a\n" * 1_000)[:-9])
    with pytest.raises(PermanentSourceError, match=r"x\.gz"):
        await messages(ReplaySource([str(path)]))


async def test_an_odd_file_name_is_shown_escaped(tmp_path):
    path = os.fsencode(tmp_path) + b"/a\xff\x1b.log"
    with open(path, "wb") as file:  # noqa: ASYNC230, PTH123
        file.write(b"x\n")
    async for arrival in ReplaySource([os.fsdecode(path)]).observe():
        assert arrival.batch.event(0).source == "a\\xff\x1b.log"


async def test_recorded_pace_is_kept_scaled_and_idle_gaps_are_cut(tmp_path):
    path = tmp_path / "x.log"
    path.write_text(
        "2026-11-23T12:00:00Z a\n2026-11-23T12:00:02Z b\n2026-11-23T12:00:02Z c\n2026-11-23T13:00:00Z d\n"
    )
    clock = FakeClock()
    reading = ReplayOptions(speed=2, max_gap_s=10)
    source = ReplaySource([str(path)], reading=reading, sleep=clock.sleep)
    assert await messages(source) == ["a", "b", "c", "d"]
    assert clock.slept == [1.0, 5.0]


async def test_the_last_lines_come_first_when_following(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("".join(f"m{n}\n" for n in range(100_000)))
    source = ReplaySource(
        [str(path)], reading=ReplayOptions(follow=True, look_back=LookBack(rows=3))
    )
    async for arrival in source.observe():
        assert [event.message for event in events_of(arrival.batch)] == ["m99997", "m99998"]
        break


async def test_rows_held_cost_their_bytes_and_little_more(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"2026-11-23T12:00:00Z INFO a: message\n" * 5_000)
    async for arrival in ReplaySource([str(path)]).observe():
        batch = arrival.batch
        arrays = sum(
            array.nbytes
            for array in (
                batch.columns.times,
                batch.columns.levels,
                batch.columns.source_ids,
                batch._starts,
                batch._ends,
            )
        )
        assert arrays <= 25 * len(batch)
        assert len(batch._block) <= 38 * len(batch)
        assert batch.columns.times.dtype == np.int64


async def test_files_keep_the_contract_of_sources(tmp_path):
    path = tmp_path / "x.log"
    path.write_text('a\n{"message":"b"}\n{broken\n  at x\n' * 600)
    await check_source_contract(lambda: ReplaySource([str(path)], name="files"))


@pytest.mark.parametrize("name", ["broken.xz", "broken.gz", "broken.bz2"])
async def test_a_broken_compressed_file_fails_for_good_and_is_not_read_again(tmp_path, name):
    good = gzip.compress(os.urandom(5_000))
    broken = good[:100] + bytes(byte ^ 0x5A for byte in good[100:600]) + good[600:]
    (tmp_path / name).write_bytes(broken if name.endswith("gz") else b"not compressed at all")
    with pytest.raises(PermanentSourceError, match=name):
        await messages(ReplaySource([str(tmp_path / name)]))


async def test_an_input_that_breaks_beside_others_is_heard_of(tmp_path):
    (tmp_path / "a.xz").write_bytes(b"not compressed at all")
    (tmp_path / "b.log").write_bytes(b"one\n")
    source = ReplaySource(
        [str(tmp_path / "a.xz"), str(tmp_path / "b.log")], reading=ReplayOptions(follow=True)
    )
    with pytest.raises(PermanentSourceError):
        await asyncio.wait_for(messages(source), 5)


async def test_what_is_written_just_before_a_rotation_is_read(tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n")

    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    found: list[str] = []
    source = ReplaySource([str(path)], reading=ReplayOptions(follow=True))
    async with aclosing(source.observe()) as arrivals:
        async for arrival in arrivals:
            if arrival.batch is None:
                continue
            found += [event.message for event in events_of(arrival.batch)]
            if found == ["one"]:  # the reader is between its last read and its look
                with path.open("ab") as old:
                    old.write(b"two\n")
                path.rename(tmp_path / "a.log.1")
                path.write_bytes(b"three\n")
            if "three" in found:
                break
    assert found == ["one", "two", "three"]
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_an_empty_name_is_no_file_and_not_the_working_folder():
    with pytest.raises(PermanentSourceError, match="no such file"):
        expand([""])


@contextmanager
def without_rights() -> Iterator[None]:
    """Run as somebody who may not open every folder."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


async def test_a_file_in_a_folder_that_is_closed_to_us_is_named(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    for name in (closed / "a.log", closed):
        with without_rights(), pytest.raises(PermanentSourceError, match=f"{name}: Permission"):
            async for _arrival in ReplaySource([str(name)]).observe():
                pass


@pytest.mark.parametrize("opener", [gzip.open, bz2.open, lzma.open], ids=["gz", "bz2", "xz"])
async def test_an_archive_that_is_looked_around_in_is_held_packed(tmp_path, opener):
    path = tmp_path / f"x.log.{opener.__module__.replace('gzip', 'gz').replace('lzma', 'xz')}"
    lines = [
        f"2026-11-23T14:02:30Z INFO app: message {n} {'of many words ' * 20}" for n in range(9_000)
    ]
    with opener(path, "wt") as file:
        file.write("\n".join(lines))
    reading = ReplayOptions(newest_first=asyncio.Event())
    source = ReplaySource([str(path)], reading=reading)
    batches = [arrival.batch async for arrival in source.observe()]
    assert sum(batch.nbytes for batch in batches) < sum(map(len, lines)) / 4
    rows = [batch.raw(row) for batch in batches for row in range(len(batch))]
    assert rows == [line.encode() for line in lines]
    assert batches[3].event(7).message.startswith("message ")


async def test_an_archive_this_python_cannot_read_is_refused_with_what_it_needs(tmp_path):
    path = tmp_path / "x.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(PermanentSourceError, match=r"x\.zst"):
        await messages(ReplaySource([str(path)]))
