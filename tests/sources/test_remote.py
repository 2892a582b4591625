"""Another logmon as a source: history, live rows, resume, gaps, refusals, and no token astray."""

import asyncio
import contextlib
import os
import subprocess
import sys
from contextlib import aclosing

import httpx2
import pytest

from logmon.batch import events_of
from logmon.checkpoint import Checkpoint
from logmon.errors import (
    ConfigError,
    CredentialsError,
    PermanentSourceError,
    TransientSourceError,
)
from logmon.filter import build_filter
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.patterns import Pattern
from logmon.source import LogStreamOptions, LookBack
from logmon.sources.remote import RemoteSettings, RemoteSource
from logmon.sources.remote_address import base_url
from logmon.sources.remote_asked import asked_for
from logmon.testing import check_source_contract, make_event
from tests.api.rig import rig


def source_of(served, *, history_only=False, scope="read", **settings) -> RemoteSource:
    given = {"url": served.server.url, "token": served.tokens[scope], **settings}
    options = LogStreamOptions(history_only=history_only)
    return RemoteSource("far", RemoteSettings.model_validate(given), options)


async def read(source, rows: int, within_s: float = 5.0) -> list:
    """Return the first rows and notices a source gives, in order."""
    found = []
    async with asyncio.timeout(within_s), aclosing(source.observe()) as arrivals:
        async for arrival in arrivals:
            found += [notice.text for notice in arrival.notices]
            found += [] if arrival.batch is None else [e.message for e in events_of(arrival.batch)]
            if len(found) >= rows:
                return found
    return found


async def test_it_keeps_the_contract_of_sources(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish(*(f"old {n}" for n in range(5)))

        async def feed(_source):
            await served.publish("new")

        await check_source_contract(lambda: source_of(served), feed=feed)


async def test_history_comes_first_then_what_is_new_and_nothing_twice(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish(*(f"row {n}" for n in range(2_500)))
        source = source_of(served, history=2_200)
        reading = asyncio.create_task(read(source, 2_300))
        await served.until(lambda: len(served.streams) == 1)
        await served.publish(*(f"row {n}" for n in range(2_500, 2_600)))
        assert await reading == [f"row {n}" for n in range(300, 2_600)]


async def test_after_a_cut_it_goes_on_from_where_it_was(tmp_path):
    async with rig(tmp_path) as served:
        source = source_of(served)
        await served.publish("one")
        assert await read(source, 1) == ["one"]
        await served.publish("two", "three")
        assert await read(source, 2) == ["two", "three"]


async def test_a_checkpoint_is_a_place_to_go_on_from(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish("one", "two", "three")
        source = source_of(served)
        source.resume(Checkpoint("far", f"{served.epoch}-0"))
        assert await read(source, 2) == ["two", "three"]


async def test_what_the_other_side_lost_is_said_between_the_rows(tmp_path):
    hub = LogEventHub(max_rows=100)
    async with rig(tmp_path, hub=hub) as served:
        source = source_of(served)
        source.resume(Checkpoint("far", f"{served.epoch}-9"))
        for n in range(30):
            await served.publish(*(f"{n * 10 + m}" for m in range(10)))
        first = hub.log.snapshot.first_seq
        found = await read(source, 2)
        assert f"{first - 10} rows are missing here (rotated)" in found[0]
        assert found[1] == str(first)


async def test_every_field_arrives_as_it_was(tmp_path):
    event = make_event(
        "héllo \x1b[31m", message_template="{x}", attributes={"a": {"b": [1, 2.5, None]}},
        tags=("t:1",), host="h", trace_id="t", span_id="s", source="payments", work_item="WI-9",
    )  # fmt: skip
    async with rig(tmp_path) as served:
        await served.publish(event)
        async with aclosing(source_of(served).observe()) as arrivals:
            arrival = await anext(arrivals)
        assert list(events_of(arrival.batch)) == [event]


async def test_a_query_is_asked_of_the_other_side(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish("apple", "pear", "apple pie")
        assert await read(source_of(served, query="apple"), 2) == ["apple", "apple pie"]


async def test_a_check_asks_for_one_row(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish("one")
        probes = [probe async for probe in source_of(served).check()]
        assert probes[0].verdict == "ok"
        assert "has rows" in probes[0].text
        with pytest.raises(CredentialsError):
            [probe async for probe in source_of(served, token="wrong").check()]  # noqa: S106


async def test_what_is_no_logmon_is_said_so(tmp_path):
    async def other(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html/>")
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = RemoteSettings.model_validate({"url": url, "token": "x"})
        with pytest.raises(PermanentSourceError, match="no logmon"):
            await read(RemoteSource("far", settings), 1)


async def test_history_alone_ends(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish("one")
        assert await read(source_of(served, history_only=True), 99) == ["one"]


async def test_refusals_are_told_apart(tmp_path):
    async with rig(tmp_path, max_streams=1) as served:
        with pytest.raises(CredentialsError, match="401"):
            await read(source_of(served, token="wrong"), 1)  # noqa: S106
        with pytest.raises(CredentialsError, match="403"):
            await read(source_of(served, scope="ingest"), 1)
        with pytest.raises(CredentialsError, match="no token"):
            await read(source_of(served, token=""), 1)
        with pytest.raises(PermanentSourceError, match="422"):
            await read(source_of(served, query="("), 1)
        with pytest.raises(PermanentSourceError, match="404"):
            await read(source_of(served, url=served.server.url + "/elsewhere"), 1)
        async with served.stream():
            with pytest.raises(TransientSourceError) as refused:
                await read(source_of(served), 1)
            assert refused.value.retry_after_s == 5.0
        url = served.server.url
    with pytest.raises(TransientSourceError, match="connect"):
        await read(RemoteSource("far", RemoteSettings(url=url, token="x")), 1)  # noqa: S106


async def test_the_end_of_the_other_side_is_a_reason_to_come_back(tmp_path):
    async with rig(tmp_path) as served:
        reading = asyncio.create_task(read(source_of(served), 99))
        await served.until(lambda: len(served.streams) == 1)
        await served.server.stop()
        with pytest.raises(TransientSourceError, match=r"ended|closed"):
            await reading


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("http://localhost:1/", "http://localhost:1"),
        ("http://[::1]:8787/api/log-monitor/events/stream", "http://[::1]:8787"),
        ("https://logs.example.com/logmon/", "https://logs.example.com/logmon"),
    ],
)
def test_any_form_of_the_address_is_understood(text, root):
    assert base_url(text) == root


@pytest.mark.parametrize(
    "text",
    ["http://logs.example.com", "ftp://x", "127.0.0.1:8787", "https://", "https://u:p@x",
     "https://x?token=y", "http://127.0.0.1:port"],
)  # fmt: skip
def test_an_address_that_would_show_the_token_is_refused(text):
    with pytest.raises(ConfigError):
        base_url(text)


async def test_a_token_of_the_environment_stays_on_this_machine(tmp_path):
    environ = {"LOGMON_API_TOKEN": "mine"}
    far = RemoteSource("far", RemoteSettings(url="https://logs.example.com"), environ=environ)
    with pytest.raises(CredentialsError, match="no token"):
        await read(far, 1)
    async with rig(tmp_path) as served:
        await served.publish("one")
        environ = {"LOGMON_API_TOKEN": served.tokens["read"]}
        near = RemoteSource("near", RemoteSettings(url=served.server.url), environ=environ)
        assert await read(near, 1) == ["one"]


async def test_tail_from_a_url_prints_the_other_logmons_rows(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish(*(f"row {n}" for n in range(20)))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "logmon", "tail", "--from", served.server.url, "-n", "3",
            "-q", "row",
            env={**os.environ, "LOGMON_API_TOKEN": served.tokens["read"], "HOME": str(tmp_path)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        lines = [await process.stdout.readline() for _ in range(3)]
        await served.publish("not this", "row live")
        lines.append(await asyncio.wait_for(process.stdout.readline(), 5))
        process.terminate()
        _, said = await process.communicate()
        assert [line.split()[-1] for line in lines] == [b"17", b"18", b"19", b"live"]
        assert (process.returncode, said) == (143, b"")
        with contextlib.suppress(ProcessLookupError):
            process.kill()


FAR_APART = [
    make_event(
        f"{'card' if n % 100 == 7 else 'page'} {n}",
        source="payments" if n % 100 == 7 else "api",
        level=Level.ERROR if n % 100 == 7 else Level.INFO,
    )
    for n in range(3_000)
]


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        (["-s", "pay*", "-s", "bank"], [("source", "pay*"), ("source", "bank")]),
        (["-l", "error", "-q", "card"], [("level", "error"), ("q", "card")]),
        (["-g", "card"], []),
        (["-e", "page", "-l", "!info"], [("level", "!info")]),
        (["-s", "x" * 201, "-s", "payments"], []),
    ],
)
async def test_history_from_a_url_is_the_last_that_pass_however_far_apart(tmp_path, flags, asked):
    async with rig(tmp_path) as served:
        await served.publish(*FAR_APART)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "logmon", "tail", "--from", served.server.url, "-n", "12",
            "--no-follow", *flags,
            env={**os.environ, "LOGMON_API_TOKEN": served.tokens["read"], "HOME": str(tmp_path)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, said = await asyncio.wait_for(process.communicate(), 20)
    assert [int(line.split()[-1]) for line in out.splitlines()] == list(range(1_807, 3_000, 100))
    assert (process.returncode, said) == (0, b"")
    given = dict(zip(flags[::2], flags[1::2], strict=True))
    sources = [value for flag, value in zip(flags[::2], flags[1::2], strict=True) if flag == "-s"]
    parameters = asked_for(given.get("-l"), sources, given.get("-q"))
    assert httpx2.QueryParams(parameters).multi_items() == asked


async def test_on_the_screen_rows_between_those_that_pass_come_along(tmp_path):
    """As many as it can hold: the filter may be taken off there."""
    async with rig(tmp_path) as served:
        await served.publish(*FAR_APART)
        cards = build_filter(greps=[Pattern("card")])
        source = source_of(served, history_only=True)
        source.options = LogStreamOptions(
            history_only=True, look_back=LookBack(rows=20, passing=cards, room=1_500)
        )
        found = await read(source, 3_000)
    assert [text for text in found if "card" in text] == [
        f"card {n}" for n in range(1_007, 3_000, 100)
    ]
    assert found[-1_000:] == [event.message for event in FAR_APART[-1_000:]]
    assert len(found) < 2_100


@contextlib.asynccontextmanager
async def cutting(port: int, request: int):
    """Stand between client and server, and cut the connection instead of passing on one request."""
    asked = 0

    async def back(reader, writer):
        while data := await reader.read(1 << 16):
            writer.write(data)

    async def between(reader, writer):
        nonlocal asked
        there, here = await asyncio.open_connection("127.0.0.1", port)
        answering = asyncio.create_task(back(there, writer))
        while data := await reader.read(1 << 16):
            asked += data.startswith(b"GET ")
            if asked == request:
                asked += 1
                break
            here.write(data)
        answering.cancel()
        here.close()
        writer.close()

    async with await asyncio.start_server(between, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_history_that_was_cut_off_is_read_again(tmp_path):
    async with rig(tmp_path) as served, cutting(served.port, request=2) as url:
        await served.publish(*(f"row {n}" for n in range(2_500)))
        source = source_of(served, url=url, history=2_500, history_only=True)
        with pytest.raises(TransientSourceError):
            await read(source, 1)
        assert await read(source, 2_500) == [f"row {n}" for n in range(2_500)]


async def test_a_history_that_is_not_all_kept_yet_is_no_place_to_go_on_from(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish(*(f"row {n}" for n in range(2_500)))
        source = source_of(served, history=2_500, history_only=True)
        arrivals = [arrival async for arrival in source.observe()]
        kept = [arrival.checkpoint is not None for arrival in arrivals]
        assert kept == [False, False, False, True]
        assert arrivals[-1].checkpoint.cursor == served.server.app.api.frames.id(2_499)
