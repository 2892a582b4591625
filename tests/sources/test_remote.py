"""Another logmon as a source: history, live rows, resume, gaps, refusals, and no token astray."""

import asyncio
import contextlib
import os
import subprocess
import sys
from contextlib import aclosing

import pytest

from logmon.batch import events_of
from logmon.checkpoint import Checkpoint
from logmon.errors import (
    ConfigError,
    CredentialsError,
    PermanentSourceError,
    TransientSourceError,
)
from logmon.hub import LogEventHub
from logmon.source import LogStreamOptions
from logmon.sources.remote import RemoteSettings, RemoteSource
from logmon.sources.remote_address import base_url
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
