"""A followed file after a restart: nothing is lost or repeated, whatever happened meanwhile."""

import asyncio
import shutil
from contextlib import aclosing

import pytest

from logmon.batch import events_of
from logmon.event import to_ns
from logmon.hub import LogEventHub
from logmon.source import LogStreamOptions
from logmon.sources.file import FileSettings, FileSource, follow_files
from logmon.store.journal import StoreOptions, open_writer
from logmon.testing import FakeClock, check_source_contract
from tests.sources.follow import Done, append, seen_by, timed


def file_source(*paths, sleep=asyncio.sleep, clock=None) -> FileSource:
    settings = FileSettings(paths=list(map(str, paths)))
    source = follow_files("app", settings, LogStreamOptions(), {})
    source._sleep = sleep
    if clock is not None:
        source._clock_ns = lambda: to_ns(clock.now())
    return source


async def run_until_quiet(tmp_path, *paths, most_rows: int | None = None) -> list[str]:
    """Run a file source into a store, as after a restart; return the messages in the store."""
    store = open_writer(tmp_path / "logmon.db", StoreOptions())
    hub = LogEventHub(journal=store)
    clock = FakeClock()
    source = file_source(*paths, sleep=timed(clock, lambda: None), clock=clock)
    source.resume(store.checkpoint("app"))
    intake = hub.intake("app", repeats_ids=True)
    began = store.next_seq
    try:
        async with aclosing(source.observe()) as arrivals:
            async for arrival in arrivals:
                await intake.accept(arrival)
                if most_rows is not None and store.next_seq - began >= most_rows:
                    break
    except Done:
        pass
    messages = [
        e.message for block in await store.read(-1, 1_000_000) for e in events_of(block.batch)
    ]
    store.close()
    return [message for message in messages if message.startswith("row")]


def rows(first: int, stop: int) -> str:
    return "".join(f"2026-11-23T14:00:00Z INFO row {n}\n" for n in range(first, stop))


@pytest.mark.parametrize(
    "meanwhile", ["nothing", "growth", "rename", "copy", "delete and back", "rename and gone"]
)
async def test_after_a_restart_nothing_is_lost_and_nothing_repeated(tmp_path, meanwhile):
    path, aside = tmp_path / "x.log", tmp_path / "x.log.1"
    path.write_text(rows(0, 100))
    assert len(await run_until_quiet(tmp_path, path)) == 100
    append(path, rows(100, 150))()
    expected = 150
    if meanwhile == "growth":
        append(path, rows(150, 200))()
        expected = 200
    elif meanwhile in ("rename", "rename and gone"):
        path.rename(aside)
    elif meanwhile == "copy":
        shutil.copyfile(path, aside)
        path.write_text("")
    elif meanwhile == "delete and back":
        path.unlink()
        expected = 100
    if meanwhile in ("rename", "copy", "delete and back"):
        first = expected
        append(path, rows(first, first + 30))()
        expected += 30
    assert await run_until_quiet(tmp_path, path) == [f"row {n}" for n in range(expected)]
    assert await run_until_quiet(tmp_path, path) == [f"row {n}" for n in range(expected)]


async def test_a_restart_in_the_middle_of_a_file_goes_on_with_the_next_row(tmp_path):
    path = tmp_path / "x.log"
    path.write_text(rows(0, 10))
    assert len(await run_until_quiet(tmp_path, path)) == 10
    append(path, rows(10, 8_000))()
    for most in (1, 1_500, 3_000):
        await run_until_quiet(tmp_path, path, most_rows=most)
    assert await run_until_quiet(tmp_path, path) == [f"row {n}" for n in range(8_000)]


async def test_restarts_in_the_middle_of_several_files_repeat_and_lose_nothing(tmp_path):
    paths = [tmp_path / "a.log", tmp_path / "b.log"]
    for path in paths:
        path.write_text("")
    await run_until_quiet(tmp_path, *paths)
    for odd, path in enumerate(paths):
        path.write_text(
            "".join(
                f"2026-11-23T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z INFO row {n}\n"
                for n in range(odd, 6_000, 2)
            )
        )
    for most in (1, 1_100, 900):
        await run_until_quiet(tmp_path, *paths, most_rows=most)
    assert await run_until_quiet(tmp_path, *paths) == [f"row {n}" for n in range(6_000)]


async def test_the_same_line_at_the_same_byte_of_a_new_file_is_a_new_event(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("row: started\n")
    await run_until_quiet(tmp_path, path)
    path.rename(tmp_path / "x.log.1")
    path.write_text("row: started\n")
    assert await run_until_quiet(tmp_path, path) == ["row: started", "row: started"]


async def test_a_configured_file_that_is_not_there_yet_is_waited_for(tmp_path):
    path = tmp_path / "x.log"
    clock = FakeClock()
    source = file_source(path, sleep=timed(clock, lambda: path.write_text("one\n")), clock=clock)
    seen = await seen_by(source)
    assert seen == [
        f"[nothing at {path} yet, waiting for it]",
        "[x.log is there, reading it from 0]",
        "one",
    ]


async def test_followed_files_keep_the_contract_of_sources(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\n" * 3_000)

    async def feed(_source) -> None:
        append(path, "more\n")()

    await check_source_contract(lambda: file_source(path), feed=feed)
