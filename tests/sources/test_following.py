"""Following: growth, rotation, truncation, deletion, and several files by time."""

import shutil

from logmon.event import to_ns
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.testing import FakeClock
from tests.sources.follow import Done, append, follow, seen_by


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
