"""Following: growth, rotation, truncation, deletion, several files by time, and restarts."""

import asyncio
import os
import random
import shutil
import threading
import time
from contextlib import aclosing

import pytest

from logmon.batch import events_of
from logmon.event import to_ns
from logmon.hub import LogEventHub
from logmon.source import LogStreamOptions
from logmon.sources.file import FileSettings, FileSource, follow_files
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.store.journal import StoreOptions, open_writer
from logmon.testing import FakeClock, check_source_contract

STEP_S = 7.0
"""Long enough for every wait that following knows."""


class Done(Exception):
    """The steps are through."""


def timed(clock: FakeClock, *steps):
    """Return a sleep that takes a step each `STEP_S` of the clock's time."""
    waiting = list(steps)
    due = [clock.monotonic() + STEP_S]

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if clock.monotonic() >= due[0]:
            due[0] = clock.monotonic() + STEP_S
            if not waiting:
                raise Done
            waiting.pop(0)()

    return sleep


async def seen_by(source, *, tags: bool = False) -> list[str]:
    seen: list[str] = []
    try:
        async with aclosing(source.observe()) as arrivals:
            async for arrival in arrivals:
                seen += [f"[{notice.text}]" for notice in arrival.notices]
                if arrival.batch is not None:
                    seen += [
                        " ".join((event.message, *(event.tags if tags else ())))
                        for event in events_of(arrival.batch)
                    ]
    except Done:
        pass
    return seen


async def follow(path, *steps, tags: bool = False) -> list[str]:
    clock = FakeClock()
    inputs = path if isinstance(path, list) else [path]
    source = ReplaySource(
        list(map(str, inputs)),
        reading=ReplayOptions(follow=True),
        sleep=timed(clock, *steps),
        clock_ns=lambda: to_ns(clock.now()),
    )
    return await seen_by(source, tags=tags)


def append(path, text):
    def step():
        with path.open("a") as file:
            file.write(text)

    return step


async def test_growth_is_followed_and_a_half_written_line_waits_for_its_end(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\nha")
    seen = await follow(path, append(path, "two\nthree\n"), append(path, "last"), lambda: None)
    assert seen == ["one", "ha", "two", "three", "last"]


async def test_a_line_that_a_slow_writer_brings_in_pieces_is_one_event(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\n")
    clock = FakeClock()
    pieces = list("2026-11-23T14:02:30Z ERROR app: slow\n")

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds + 2)  # a piece each two seconds
        turns.append(1)
        if pieces:
            append(path, pieces.pop(0))()
        elif len(turns) > 45:
            raise Done

    turns: list[int] = []

    reading = ReplayOptions(follow=True)
    source = ReplaySource(
        [str(path)], reading=reading, sleep=sleep, clock_ns=lambda: to_ns(clock.now())
    )
    assert await seen_by(source) == ["one", "slow"]


async def test_trace_lines_that_come_in_time_are_joined_and_the_event_is_not_held_for_ever(
    tmp_path,
):
    path = tmp_path / "x.log"
    path.write_text("2026-11-23T14:02:30Z ERROR app: broke\n")
    assert await follow(path, append(path, "  at a.b(C.java:1)\n")) == [
        "broke",
        "  at a.b(C.java:1)",
    ]
    with path.open("w") as file:
        file.write("2026-11-23T14:02:30Z ERROR app: broke\n  at a.b(C.java:1)\n")
    assert await follow(path) == ["broke\n  at a.b(C.java:1)"]


async def test_a_truncated_file_is_read_from_its_start_and_that_is_said(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\ntwo\n")
    seen = await follow(path, lambda: path.write_text("new\n"))
    assert seen == ["one", "two", "[x.log truncated, restarted at 0]", "new"]


async def test_a_file_that_was_truncated_and_outgrew_its_old_size_is_noticed(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\ntwo\n")
    seen = await follow(path, lambda: path.write_text("new line, longer than before\nand more\n"))
    assert seen == [
        "one",
        "two",
        "[x.log truncated, restarted at 0]",
        "new line, longer than before",
        "and more",
    ]


async def test_what_copy_and_truncate_took_away_is_read_from_the_copy(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\n")

    def copy_and_truncate():
        append(path, "two\nthree\n")()
        shutil.copy2(path, tmp_path / "x.log.1")
        path.write_text("four\n")

    seen = await follow(path, copy_and_truncate)
    assert seen == ["one", "two", "three", "[x.log truncated, restarted at 0]", "four"]


async def test_a_rotated_file_is_read_to_its_end_and_then_the_new_one(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\n")

    def rotate():
        append(path, "two\n")()
        path.rename(tmp_path / "x.log.1")
        path.write_text("new\n")

    assert await follow(path, rotate) == [
        "one",
        "two",
        "[x.log rotated, reading the new file]",
        "new",
    ]


async def test_a_writer_that_goes_on_in_the_renamed_file_is_heard(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\n")
    clock = FakeClock()

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        turns.append(1)
        if len(turns) == 5:
            path.rename(tmp_path / "x.log.1")
            path.write_text("new\n")
        if len(turns) == 20:
            append(tmp_path / "x.log.1", "straggler\n")()
        if len(turns) == 300:
            raise Done

    turns: list[int] = []
    source = ReplaySource(
        [str(path)],
        reading=ReplayOptions(follow=True),
        sleep=sleep,
        clock_ns=lambda: to_ns(clock.now()),
    )
    assert await seen_by(source) == [
        "one",
        "[x.log rotated, reading the new file]",
        "new",
        "straggler",
    ]


async def test_a_deleted_file_is_read_to_its_end_and_waited_for(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\n")

    def delete():
        append(path, "two\n")()
        path.unlink()

    seen = await follow(path, delete, lambda: path.write_text("again\n"))
    assert seen == [
        "one",
        "two",
        "[x.log is gone, waiting for it to come back]",
        "[x.log rotated, reading the new file]",
        "again",
    ]


async def test_new_members_of_a_glob_are_followed(tmp_path):
    (tmp_path / "a.log").write_text("a1\n")
    seen = await follow(
        tmp_path / "*.log",
        lambda: (tmp_path / "b.log").write_text("b1\n"),
        append(tmp_path / "a.log", "a2\n"),
    )
    assert seen == ["a1", "[b.log is there, reading it from 0]", "b1", "a2"]


async def test_a_renamed_file_that_a_folder_still_holds_is_not_read_again(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("a1\n")

    def rotate():
        path.rename(tmp_path / "a.log.1")
        path.write_text("a2\n")

    assert await follow(tmp_path, rotate, lambda: None) == [
        "a1",
        "[a.log rotated, reading the new file]",
        "a2",
    ]


def line(second: int, text: str) -> str:
    return f"2026-11-23T14:00:{second:02d}Z INFO {text}\n"


async def test_several_files_are_put_into_the_order_of_their_times(tmp_path):
    for name, odd in (("a.log", 0), ("b.log", 1)):
        (tmp_path / name).write_text(
            "".join(line(n * 2 + odd, f"{n * 2 + odd}") for n in range(25))
        )
    seen = await follow(
        tmp_path / "*.log",
        append(tmp_path / "a.log", line(52, "52")),
        append(tmp_path / "b.log", line(51, "51")),
        tags=True,
    )
    assert seen == [*map(str, range(50)), "52", "51 late"]


async def test_a_file_that_is_behind_holds_younger_rows_of_the_others_back(tmp_path):
    count = 60_000  # more than is read of one file in one turn
    with (tmp_path / "a.log").open("w") as big:
        big.writelines(
            f'{{"timestamp":"2026-11-23T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z","level":"info","source":"a","message":"{n}","host":"{"h" * 60}"}}\n'
            for n in range(count)
        )
    (tmp_path / "b.log").write_text(
        '{"timestamp":"2026-11-23T16:30:00Z","level":"info","source":"b","message":"b"}\n'
    )
    seen = await follow(tmp_path / "*.log", tags=True)
    assert seen.index("b") == 59_401
    assert [text for text in seen if text != "b"] == [str(n) for n in range(count)]


async def test_files_that_came_and_went_between_two_looks_are_read(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("one\n")
    other = tmp_path / "x.log.json"

    def rotate_twice():
        other.write_text("no rotation of it\n")
        shutil.copyfile(path, tmp_path / "x.log.7")  # somebody's backup
        append(path, "two\n")()
        path.rename(tmp_path / "x.log.2")
        path.write_text("three\n")
        path.rename(tmp_path / "x.log.1")
        path.write_text("four\n")

    seen = await follow(path, rotate_twice)
    assert seen == ["one", "two", "three", "[x.log rotated, reading the new file]", "four"]


# Rounds of everything that happens to log files


class Churn:
    """Writes numbered lines into one name while the file behind it is rotated in every way."""

    def __init__(self, folder, seed: int) -> None:
        self.path = folder / "x.log"
        self.rng = random.Random(seed)
        self.count = 0
        self.copies = 0
        self.path.write_text("")
        self.write()  # a file of which nothing was read yet has nothing to be known again by

    def write(self, most: int = 40) -> None:
        lines = []
        for _ in range(self.rng.randint(1, most)):
            lines.append(
                f"2026-11-23T14:00:00Z INFO line {self.count} {'x' * self.rng.choice([0, 5, 300])}\n"
            )
            self.count += 1
        with self.path.open("a") as file:
            file.write("".join(lines))

    def round(self) -> None:
        self.write()
        kind = self.rng.choice(["rename", "copy", "replace", "delete", "grow", "grow"])
        self.copies += 1
        aside = self.path.with_name(f"x.log.{self.copies}")
        if kind == "rename":
            self.path.rename(aside)
        elif kind == "copy":
            shutil.copyfile(self.path, aside)
            os.truncate(self.path, 0)
        elif kind == "replace":
            fresh = self.path.with_name("fresh")
            fresh.write_text("")
            fresh.rename(self.path)
        elif kind == "delete":
            self.path.unlink()
        self.write()


@pytest.mark.parametrize("seed", [1, 2])
async def test_200_rounds_of_rotation_lose_nothing_repeat_nothing_and_keep_the_order(
    tmp_path, seed
):
    churn = Churn(tmp_path, seed)
    clock = FakeClock()
    rounds = [0]

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if rounds[0] >= 230:
            raise Done
        rounds[0] += 1
        if rounds[0] <= 200 and churn.rng.random() < 0.9:
            churn.round()
        elif rounds[0] <= 200:
            churn.write(400)

    source = ReplaySource(
        [str(churn.path)],
        reading=ReplayOptions(follow=True),
        sleep=sleep,
        clock_ns=lambda: to_ns(clock.now()),
    )
    seen = [int(text.split()[1]) for text in await seen_by(source) if text.startswith("line")]
    assert churn.count > 5_000
    assert seen == list(range(churn.count))


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(5))
async def test_200_rounds_beside_a_writer_that_never_waits(tmp_path, seed):
    churn = Churn(tmp_path, seed)
    over = threading.Event()

    def writer() -> None:
        for _ in range(200):
            for _ in range(churn.rng.randint(1, 5)):
                churn.write(300)
                time.sleep(churn.rng.random() * 0.03)
            time.sleep(0.2)  # what is deleted before anyone can have looked is gone for everyone
            churn.round()
            time.sleep(0.2)
        over.set()
        churn.write()

    thread = threading.Thread(target=writer)
    seen: list[int] = []
    async with aclosing(
        ReplaySource([str(churn.path)], reading=ReplayOptions(follow=True)).observe()
    ) as arrivals:
        thread.start()
        async for arrival in arrivals:
            if arrival.batch is not None:
                seen += [int(event.message.split()[1]) for event in events_of(arrival.batch)]
            if over.is_set() and len(seen) >= churn.count:
                break
    thread.join()
    assert seen == list(range(churn.count))


# Restarts


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
