"""Files read from their end: the same rows as reading forwards, the newest of them first."""

import asyncio
import json
import random
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import events_of
from logmon.file_batch import GONE
from logmon.formats import LineDecoder
from logmon.hub import LogEventHub
from logmon.sources import opened
from logmon.sources.lines import LineReader
from logmon.sources.opened import OpenedFile
from logmon.sources.replay import ReplayOptions, ReplaySource

CANONICAL = '{{"timestamp":"2026-11-23T14:{:02d}:{:02d}.000Z","level":"{}","source":"s{}","message":"row {} {}"}}'


def forwards(path) -> tuple[list, list]:
    """Read a file from its beginning; return rows (time, level, source, raw) and dead letters."""
    reader = LineReader(
        LineDecoder(path.name), source="app", origin=path.name, fallback_ns=path.stat().st_mtime_ns
    )
    return collected([*reader.feed(path.read_bytes()), *reader.flush()])


def collected(arrivals) -> tuple[list, list]:
    rows, dead = [], []
    for arrival in arrivals:
        dead += [(letter.offset, letter.reason, letter.raw) for letter in arrival.rejected]
        batch = arrival.batch
        if batch is not None:
            events = list(events_of(batch))
            times = batch.columns.times.tolist()
            rows += [
                (time, e.level, e.source, e.message, e.id, batch.raw(row))
                for row, (time, e) in enumerate(zip(times, events, strict=True))
            ]
    return rows, dead


def backwards(path, block_bytes=opened.BLOCK_BYTES) -> tuple[list, list]:
    file = OpenedFile(
        str(path), path.name, LineDecoder(path.name), source="app", block_bytes=block_bytes
    )
    arrivals, _ = file.newest(hold=False)
    while file.left:
        arrivals += file.block()
    rows, dead = collected(reversed(arrivals))
    return rows, sorted(dead)


LINES = st.one_of(
    st.builds(CANONICAL.format, st.integers(0, 59), st.integers(0, 59), st.sampled_from(["info", "warn", "error"]), st.integers(0, 3), st.integers(0, 999), st.text("ab \\", max_size=0)),
    st.sampled_from([
        '{"timestamp":"2026-11-23T14:0', '{"level":"nope","message":"x"}', '{"msg":"pino","level":30,"time":1790000000000}',
        "2026-11-23T14:02:30Z ERROR app: it broke", "Traceback (most recent call last):", '  File "app.py", line 4, in f', "    f()",
        "ValueError: boom", "Oops", "java.lang.IllegalStateException: no", "\tat com.x.Y.z(Y.java:4)", "Caused by: x.y.ZException: q",
        "goroutine 1 [running]:", "main.main()", "", "   ", "plain words", "more plain words", "Nov 23 14:02:31 host cron[1]: ran",
        "2026-11-23T14:02:30.5Z stdout P part one ", "2026-11-23T14:02:30.6Z stdout F and two", "2026-11-23T14:02:30.7Z stderr F \tat a.B.c(B.java)",
        '{"log":"docker ","stream":"stdout","time":"2026-11-23T14:02:30Z"}', '{"log":"line\\n","stream":"stdout","time":"2026-11-23T14:02:31Z"}',
        "[1,2]", "caf\udce9", "x" * 700,
    ]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=120), st.booleans())
def test_a_file_read_from_its_end_has_the_rows_of_reading_forwards(tmp_path_factory, lines, ended):
    path = tmp_path_factory.mktemp("opened") / "app.log"
    text = "\n".join(lines) + ("\n" if ended else "")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert backwards(path, 500) == forwards(path)


async def test_the_newest_rows_come_first_and_the_rest_when_asked(tmp_path):
    path = tmp_path / "app.log"
    path.write_text(
        "".join(
            CANONICAL.format(n // 60 % 60, n % 60, "info", 0, n, "x" * 40) + "\n"
            for n in range(20_000)
        )
    )
    drawn = asyncio.Event()
    source = ReplaySource([str(path)], reading=ReplayOptions(newest_first=drawn))
    hub = LogEventHub(max_rows=100_000)
    hub.log.begin_at(100_000)
    draining = asyncio.create_task(hub.drain(source, hub.intake("replay")))
    await asyncio.sleep(0.05)
    newest = hub.recent(1)[0]
    assert (newest.seq, newest.event.message[:9]) == (99_999, "row 19999")
    assert 100 < len(hub.log.snapshot) < 1_000
    pipeline = hub.subscribe_pipeline(hub.subscribe().filter, name="pipeline")
    assert pipeline.take() is None

    drawn.set()
    await draining
    rows = hub.recent(99_999)
    assert [row.event.message.split()[1] for row in rows] == [str(n) for n in range(20_000)]
    assert [row.seq for row in rows] == list(range(80_000, 100_000))
    account = hub.sources["replay"]
    assert (account.stored, account.difference, account.share_read) == (20_000, 0, 1.0)
    first = pipeline.take()
    assert (first.seqs[0], first.missed) == (80_000, 0)


async def test_rows_beyond_the_logs_bound_are_dropped_counted_and_said(tmp_path):
    path = tmp_path / "app.log"
    path.write_text(
        "".join(f"2026-11-23T14:02:30Z INFO row {n} {'x' * 100}\n" for n in range(20_000))
    )
    drawn = asyncio.Event()
    drawn.set()
    hub = LogEventHub(max_rows=5_000)
    hub.log.begin_at(5_000)
    await hub.drain(
        ReplaySource([str(path)], reading=ReplayOptions(newest_first=drawn)), hub.intake("replay")
    )
    account = hub.sources["replay"]
    assert (account.received, account.stored + account.dropped, account.difference) == (
        20_000,
        20_000,
        0,
    )
    assert account.dropped >= 15_000
    assert [row.event.message for row in hub.recent(9_999) if row.is_own] == [
        "replay goes on before its first row: the log is full"
    ]


async def test_what_is_added_to_an_opened_file_comes_behind_its_end(tmp_path):
    path = tmp_path / "app.log"
    line = "2026-11-23T14:02:30Z INFO row {} " + "x" * 200 + "\n"
    path.write_text("".join(line.format(n) for n in range(10_000)) + line.format(10_000)[:30])
    drawn = asyncio.Event()
    drawn.set()
    source = ReplaySource([str(path)], reading=ReplayOptions(newest_first=drawn, follow=True))
    hub = LogEventHub(max_rows=100_000)
    hub.log.begin_at(100_000)
    draining = asyncio.create_task(hub.drain(source, hub.intake("replay")))
    with path.open("a") as file:
        file.write(line.format(10_000)[30:] + line.format(10_001))
    for _ in range(100):
        await asyncio.sleep(0.05)
        if len(hub.log.snapshot) == 10_002:
            break
    draining.cancel()
    await asyncio.wait([draining])
    assert [row.event.message.split()[1] for row in hub.recent(99_999)] == [
        str(n) for n in range(10_002)
    ]


async def test_a_row_whose_bytes_are_gone_says_so_and_keeps_its_columns(tmp_path):
    path = tmp_path / "app.log"
    path.write_text(
        "".join(
            CANONICAL.format(n // 60 % 60, n % 60, "warn", 0, n, "x" * 80) + "\n"
            for n in range(9_000)
        )
    )
    drawn = asyncio.Event()
    drawn.set()
    async with aclosing(
        ReplaySource([str(path)], reading=ReplayOptions(newest_first=drawn)).observe()
    ) as arrivals:
        batches = [arrival.batch async for arrival in arrivals if arrival.batch is not None]
    path.write_text("another file\n" * 20_000)
    for batch in batches:
        event = batch.event(0)
        assert (event.message, event.level.label, event.source) == (GONE, "warn", "s0")
    path.write_text("")
    assert batches[-1].event(0).message == GONE


def test_a_line_longer_than_a_block_is_read_once_and_its_neighbours_too(tmp_path):
    path = tmp_path / "app.log"
    line = CANONICAL.format(0, 0, "info", 0, 1, "").encode()
    path.write_bytes(line + b"\n" + b"y" * 9_000_000 + b"\n" + line + b"\n")
    rows, dead = backwards(path)
    assert [row[3][:5] for row in rows] == ["row 1", "yyyyy", "row 1"]
    assert not dead


async def test_small_files_and_compressed_ones_are_read_in_order(tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\ntwo\n")
    async with aclosing(
        ReplaySource([str(path)], reading=ReplayOptions(newest_first=asyncio.Event())).observe()
    ) as arrivals:
        got = [arrival async for arrival in arrivals]
    assert [e.message for a in got for e in events_of(a.batch)] == ["one", "two"]
    assert not any(arrival.older for arrival in got)


@pytest.mark.parametrize("size", [2_000, 30_000])
async def test_several_files_are_one_after_the_other(tmp_path, size):
    for name, n in (("a.log", 0), ("b.log", size)):
        (tmp_path / name).write_text(
            "".join(f"2026-11-23T14:02:30Z INFO {n + i} {'x' * 300}\n" for i in range(size))
        )
    drawn = asyncio.Event()
    drawn.set()
    hub = LogEventHub(max_rows=100_000)
    hub.log.begin_at(100_000)
    source = ReplaySource([str(tmp_path)], reading=ReplayOptions(newest_first=drawn))
    await hub.drain(source, hub.intake("replay"))
    assert [row.event.message.split()[0] for row in hub.recent(99_999)] == [
        str(n) for n in range(2 * size)
    ]


def read_plainly(path) -> tuple[list, list]:
    """Read a log of canonical lines with the standard library alone: rows and offsets of the rest."""
    names = {"trace": 10, "debug": 20, "info": 30, "warn": 40, "error": 50}
    rows, dead, offset = [], [], 0
    last = int(path.stat().st_mtime_ns)
    for line in path.read_bytes().splitlines(keepends=True):
        text = line.rstrip(b"\n")
        try:
            document = json.loads(text)
            level = names[document.get("level", "info")]
            if "timestamp" in document:
                delta = datetime.fromisoformat(document["timestamp"]) - datetime(
                    1970, 1, 1, tzinfo=UTC
                )
                last = (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1_000
            rows.append((last, level, document.get("source", path.name), text))
        except (ValueError, KeyError):
            if text.startswith(b"{"):
                dead.append((offset, text))
            else:
                rows.append((last, 30, path.name, text))
        offset += len(line)
    return rows, dead


def test_with_malformed_lines_every_good_row_is_there_with_its_time_level_and_source(tmp_path):
    rng = random.Random(7)
    path = tmp_path / "app.log"
    with path.open("wb") as file:
        for n in range(30_000):
            line = CANONICAL.format(
                n // 500, n % 60, rng.choice(["debug", "info", "warn", "error"]), n % 9, n, "x" * 60
            ).encode()
            if rng.random() < 0.004:
                line = rng.choice(
                    [
                        line[: len(line) // 2],
                        b"a line of text",
                        line.replace(b'"level":"', b'"level":"shouty'),
                        line.replace(b'"2026', b'"20x6'),
                        b'{"level":"info"}',
                        b"\xff\xfe" + line[:40],
                    ]
                )
            file.write(line + b"\n")
    arrivals, dead = [], []
    opened_file = OpenedFile(str(path), path.name, LineDecoder(path.name), source="app")
    arrivals, _ = opened_file.newest(hold=False)
    while opened_file.left:
        arrivals += opened_file.block()
    rows = []
    for arrival in reversed(arrivals):
        dead += [(letter.offset, letter.raw) for letter in arrival.rejected]
        if (batch := arrival.batch) is not None:
            columns = batch.columns
            rows += [
                (
                    int(columns.times[row]),
                    int(columns.levels[row]),
                    columns.names[columns.source_ids[row]],
                    batch.raw(row),
                )
                for row in range(len(batch))
            ]
    wanted, refused = read_plainly(path)
    assert sorted(dead) == refused
    assert rows == wanted
    assert len(rows) + len(dead) == 30_000
    assert len(dead) > 30
