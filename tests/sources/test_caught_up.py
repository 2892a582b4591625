"""What files held at the start: its end is told, and with history alone nothing else is read."""

import contextlib
from contextlib import aclosing

import pytest

from logmon.event import to_ns
from logmon.source import LogStreamOptions
from logmon.sources.file import FileSource
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.testing import FakeClock
from tests.sources.follow import Done, append, seen_by, timed


async def never(_seconds: float) -> None:
    raise AssertionError("nothing is waited for")


@pytest.mark.parametrize("text", ["", "one\ntwo\n", "one\ntwo\nhalf", "one\n  trace\n"])
async def test_asked_for_history_alone_a_configured_file_is_read_and_waits_for_nothing(
    tmp_path, text
):
    (tmp_path / "app.log").write_text(text)
    source = FileSource(
        [str(tmp_path / "app.log"), str(tmp_path / "not there.log")],
        name="app",
        options=LogStreamOptions(history_only=True),
        sleep=never,
    )
    said, *seen = await seen_by(source)
    assert said == f"[nothing at {tmp_path}/not there.log]"
    assert "\n".join(seen) == text.rstrip("\n")


async def test_the_end_of_what_was_there_is_told_once_behind_all_of_it(tmp_path):
    path = tmp_path / "app.log"
    path.write_text("".join(f"line {n}\n" for n in range(3_000)))
    clock = FakeClock()
    source = ReplaySource(
        [str(path)],
        reading=ReplayOptions(follow=True),
        sleep=timed(clock, append(path, "more\n"), lambda: None),
        clock_ns=lambda: to_ns(clock.now()),
    )
    assert source.tells_caught_up
    rows_before, told = 0, []
    with contextlib.suppress(Done):
        async with aclosing(source.observe()) as arrivals:
            async for arrival in arrivals:
                rows_before += 0 if arrival.batch is None else len(arrival.batch)
                if arrival.caught_up:
                    told.append(rows_before)
    assert told == [3_000]
    assert rows_before == 3_001
