"""Several files are one log: their rows come in the order of their times, each file in its own."""

import asyncio
import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import events_of
from logmon.errors import PermanentSourceError
from logmon.sources import merging
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.testing import FakeClock


def line(second: int, text: str) -> str:
    return f"2026-11-23T14:{second // 60:02}:{second % 60:02}Z INFO app: {text}\n"


async def messages(*paths: Path | str) -> list[str]:
    return [
        event.message
        async for arrival in ReplaySource([str(path) for path in paths]).observe()
        if arrival.batch is not None
        for event in events_of(arrival.batch)
    ]


async def test_rows_of_two_files_come_in_the_order_of_their_times(tmp_path):
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_text(line(1, "a") + line(3, "c") + line(5, "e"))
    two.write_text(line(2, "b") + line(4, "d"))
    assert await messages(two, one) == list("abcde")


async def test_what_rotation_left_is_read_before_the_log_whatever_the_names(tmp_path):
    (tmp_path / "app.log").write_text(line(50, "newest"))
    (tmp_path / "app.log.1").write_text(line(30, "older"))
    (tmp_path / "app.log.2.gz").write_bytes(gzip.compress(line(10, "oldest").encode()))
    assert await messages(tmp_path) == ["oldest", "older", "newest"]


async def test_rows_without_a_time_stand_where_their_file_was_changed(tmp_path):
    (tmp_path / "a.txt").write_text("note 1\nnote 2\n")
    os.utime(tmp_path / "a.txt", ns=(0, 1_795_442_402_500_000_000))  # 2026-11-23T14:00:02.5Z
    (tmp_path / "b.log").write_text(line(1, "first") + line(2, "second") + line(3, "third"))
    assert await messages(tmp_path) == ["first", "second", "note 1", "note 2", "third"]


async def test_the_pace_is_that_of_all_together(tmp_path):
    (tmp_path / "a.log").write_text(line(0, "a") + line(4, "c"))
    (tmp_path / "b.log").write_text(line(1, "b") + line(6, "d"))
    clock = FakeClock()
    source = ReplaySource([str(tmp_path)], reading=ReplayOptions(speed=1), sleep=clock.sleep)
    async for _arrival in source.observe():
        pass
    assert clock.slept == [1.0, 3.0, 2.0]


async def test_a_broken_archive_is_said_when_the_others_have_been_read(tmp_path):
    (tmp_path / "a.gz").write_bytes(b"no archive")
    (tmp_path / "b.log").write_text(line(1, "read"))
    arrivals = ReplaySource([str(tmp_path)]).observe()
    assert [event.message for event in events_of((await anext(arrivals)).batch)] == ["read"]
    with pytest.raises(PermanentSourceError, match=r"a\.gz"):
        await anext(arrivals)


async def test_more_files_than_are_opened_at_once_lose_nothing(tmp_path):
    for name in range(merging.MOST_OPEN + 10):
        (tmp_path / f"{name}.log").write_text(line(1, f"{name} a") + line(2, f"{name} b"))
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    found = await messages(tmp_path)
    count = merging.MOST_OPEN + 10
    assert sorted(found) == sorted(f"{name} {row}" for name in range(count) for row in "ab")
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_large_files_on_the_screen_end_with_the_one_that_began_last(tmp_path):
    """Names of rotated files go the other way: app.log comes before app.log.1."""
    (tmp_path / "app.log").write_text(
        "".join(line(100 + n // 90, f"new {n}") for n in range(9_000))
    )
    (tmp_path / "app.log.1").write_text("".join(line(n // 90, f"old {n}") for n in range(40_000)))
    reading = ReplayOptions(newest_first=asyncio.Event())
    async for arrival in ReplaySource([str(tmp_path)], reading=reading).observe():
        if arrival.batch is not None:
            assert arrival.batch.event(0).message.startswith("new")
            break


files = st.lists(st.lists(st.integers(0, 300), max_size=30), min_size=2, max_size=5)


@given(files)
@settings(max_examples=40, deadline=None)
async def test_every_row_comes_once_each_file_in_its_order_and_sorted_files_sorted(
    tmp_path_factory, seconds: list[list[int]]
):
    folder = tmp_path_factory.mktemp("merged")
    for name, times in enumerate(seconds):
        rows = "".join(line(n, f"{name} {place} {n}") for place, n in enumerate(times))
        (folder / f"{name}.log").write_text(rows)
    found = [[int(word) for word in text.split()] for text in await messages(folder)]
    for name, times in enumerate(seconds):
        assert [row[1:] for row in found if row[0] == name] == [[p, n] for p, n in enumerate(times)]
    if all(times == sorted(times) for times in seconds):
        assert [row[2] for row in found] == sorted(row[2] for row in found)
