"""Where files are read from for their last rows that pass, against reading all of them."""

import json
from contextlib import aclosing
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import events_of
from logmon.filter import EVERYTHING, build_filter
from logmon.formats import LineDecoder
from logmon.level import Level, at_least, parse_level_choice
from logmon.patterns import compile_pattern
from logmon.query import parse_query
from logmon.source import EVERY_ROW, LogStreamOptions, LookBack
from logmon.sources.look_back import QUICK_BYTES, starts_of
from logmon.sources.opened import BLOCK_BYTES, OpenedFile
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.testing import NOON

ERRORS = build_filter(levels=at_least(Level.ERROR))


def line(n: int, level: str = "info", second: float | None = None) -> str:
    moment = NOON + timedelta(seconds=n if second is None else second)
    return json.dumps(
        {"timestamp": moment.isoformat(), "level": level, "source": "app", "message": f"row {n}"}
    )


def written(tmp_path, *texts: str) -> list[str]:
    paths = [tmp_path / f"{place}.log" for place in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return list(map(str, paths))


async def read(paths: list[str], look: LookBack | None) -> list:
    """Return the events of a tail that ends, after the last ones that pass are looked for."""
    source = ReplaySource(
        paths,
        reading=ReplayOptions(follow=True, look_back=look),
        options=LogStreamOptions(history_only=True),
    )
    events = []
    async with aclosing(source.observe()) as arrivals:
        async for arrival in arrivals:
            events += [] if arrival.batch is None else events_of(arrival.batch)
    return events


async def messages(paths: list[str], look: LookBack) -> list[str]:
    return [event.message for event in await read(paths, look)]


@pytest.mark.parametrize("rows", [0, 1, 3, 40, EVERY_ROW])
async def test_a_file_begins_with_its_last_rows(tmp_path, rows):
    paths = written(tmp_path, "".join(f"{line(n)}\n" for n in range(40)))
    found = await messages(paths, LookBack(rows=rows))
    assert found == [f"row {n}" for n in range(40)][max(0, 40 - rows) :]


async def test_rows_that_do_not_pass_are_not_counted(tmp_path):
    text = "".join(f"{line(n, 'error' if n % 10 == 7 else 'info')}\n" for n in range(400))
    found = await messages(written(tmp_path, text), LookBack(rows=3, passing=ERRORS))
    assert found == [f"row {n}" for n in range(377, 400)]


async def test_where_nothing_passes_nothing_is_read_unless_sentinel_is_asked_for(tmp_path):
    paths = written(tmp_path, "".join(f"{line(n)}\n" for n in range(40)))
    assert await messages(paths, LookBack(rows=3, passing=ERRORS)) == []
    sentinels = build_filter(sources=["sentinel"])
    assert len(await messages(paths, LookBack(rows=3, passing=sentinels))) == 40
    asked = build_filter(clauses=[parse_query("service:sentinel status:error")])
    assert len(await messages(paths, LookBack(rows=3, passing=asked))) == 40


async def test_where_there_are_too_few_rows_what_is_none_is_read_too(tmp_path):
    paths = written(tmp_path, '{"broken"\n' * 3)
    source = ReplaySource(
        paths,
        reading=ReplayOptions(follow=True, look_back=LookBack(rows=5)),
        options=LogStreamOptions(history_only=True),
    )
    async with aclosing(source.observe()) as arrivals:
        assert sum([len(arrival.rejected) async for arrival in arrivals]) == 3


async def test_the_newest_of_all_files_together_or_of_each(tmp_path):
    early = "".join(f"{line(n)}\n" for n in range(30))
    late = "".join(f"{line(n)}\n" for n in range(28, 60, 2))
    paths = written(tmp_path, early, late)
    found = await messages(paths, LookBack(rows=17))
    assert found == ["row 28", "row 29", *[f"row {n}" for n in range(30, 60, 2)]]
    assert len(await messages(paths, LookBack(rows=5, each=True))) == 10


async def test_a_trace_is_one_row_and_a_row_without_a_time_keeps_the_one_before_it(tmp_path):
    text = (
        "2026-11-23 12:00:00,000 ERROR app Traceback (most recent call last):\n"
        '  File "x.py", line 1\nValueError: bad\n'
        "no time of its own\nanother\n"
    )
    events = await read(written(tmp_path, text), LookBack(rows=3))
    assert len(events) == 3
    assert events[0].message.endswith("ValueError: bad")
    events = await read(written(tmp_path, text), LookBack(rows=1))
    assert [(event.message, event.timestamp) for event in events] == [("another", NOON)]


async def test_rows_older_than_can_be_held_are_handed_on_only_where_they_pass(tmp_path):
    text = "".join(f"{line(n, 'error' if n % 100 == 50 else 'info')}\n" for n in range(1_000))
    found = await messages(written(tmp_path, text), LookBack(rows=4, passing=ERRORS, room=20))
    assert found == [
        "row 650",
        "row 750",
        "row 850",
        "row 950",
        *[f"row {n}" for n in range(980, 1_000)],
    ]


async def test_a_search_nobody_asked_for_ends_soon(tmp_path):
    wide = 100_000
    count = (QUICK_BYTES + 2 * BLOCK_BYTES) // wide
    rows = "".join(f"{line(n)}{' ' * wide}\n" for n in range(count))
    paths = written(tmp_path, f"{line(0, 'error')}\n{rows}")
    assert await messages(paths, LookBack(rows=1, passing=ERRORS, thorough=False)) == []
    assert len(await messages(paths, LookBack(rows=1, passing=ERRORS))) == count + 1


def counting(path: str, read_bytes: list[int]) -> OpenedFile:
    class Counted(OpenedFile):
        def block(self):
            left = self.left
            try:
                return super().block()
            finally:
                read_bytes.append(left - self.left)

    return Counted(path, "log", LineDecoder("log"), source="log", block_bytes=10_000)


def test_a_search_ends_where_everything_is_older_than_wanted(tmp_path):
    text = "".join(f"{line(n, second=n * 10)}\n" for n in range(20_000))
    paths = written(tmp_path, text)
    since = NOON + timedelta(seconds=199_000)
    recent = build_filter(since_ns=int(since.timestamp()) * 10**9)
    read_bytes: list[int] = []
    starts_of(
        paths,
        lambda path: counting(path, read_bytes),
        LookBack(rows=5_000, passing=recent),
        lambda: False,
    )
    assert sum(read_bytes) < len(text) / 10


def test_a_search_that_is_stopped_ends_with_its_block(tmp_path):
    paths = written(tmp_path, "".join(f"{line(n)}\n" for n in range(20_000)))
    read_bytes: list[int] = []
    starts_of(
        paths,
        lambda path: counting(path, read_bytes),
        LookBack(rows=1, passing=ERRORS),
        lambda: True,
    )
    assert read_bytes == []


LINES = st.lists(
    st.tuples(st.sampled_from(["info", "error", "plain", "trace", "broken"]), st.integers(0, 40)),
    max_size=60,
)


def text_of(lines) -> str:
    made = {
        "plain": lambda n: f"plain {n}",
        "trace": lambda n: f"    at Some.place(File.java:{n})",
        "broken": lambda n: '{"broken"',
    }
    return "".join(
        f"{made[kind](n) if kind in made else line(n, kind, second=60 * place + n)}\n"
        for place, (kind, n) in enumerate(lines)
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(LINES, min_size=1, max_size=3),
    st.integers(0, 25),
    st.sampled_from([EVERYTHING, ERRORS]),
)
async def test_the_last_rows_that_pass_are_those_of_reading_everything(
    tmp_path_factory, files, rows, passing
):
    paths = written(tmp_path_factory.mktemp("any"), *map(text_of, files))
    every = [event for event in await read(paths, None) if passing.matches(event)]
    some = [
        event
        for event in await read(paths, LookBack(rows=rows, passing=passing))
        if passing.matches(event)
    ]
    assert len(some) == min(rows, len(every))
    if len(files) == 1:
        assert some == every[len(every) - len(some) :]
    newest = sorted(event.timestamp for event in every)[len(every) - len(some) :]
    if all(kind in ("info", "error") for lines in files for kind, _ in lines):
        assert sorted(event.timestamp for event in some) == newest


def test_a_filter_knows_whether_it_asks_for_a_source_by_name():
    def asks(**flags) -> bool:
        return build_filter(**flags).asks_for("sentinel")

    assert asks(sources=["sentinel"])
    assert asks(sources=["sent*", "!x"], levels=at_least(Level.WARN), since_ns=10**18)
    assert asks(clauses=[parse_query("service:sentinel declined")])
    assert not asks()
    assert not asks(sources=["!payments"])
    assert not asks(sources=["*"])
    assert not asks(levels=parse_level_choice("error"))
    assert not asks(greps=[compile_pattern("WI-")])
