"""The live stream: ids, resume from ring and journal, exact gaps, slots, heartbeats, the end."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.api.frames import Frames
from logmon.api.stream import start_of
from logmon.batch import EventBatch
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.runtime import LogMonitorService
from logmon.source import LookBack
from logmon.store.journal import open_reader, open_writer
from logmon.testing import make_event
from tests.api.rig import ROOT, rig


async def test_rows_come_with_consecutive_ids_and_as_they_are_in_recent(tmp_path):
    """A fresh stream begins now; each row is the canonical JSON in ASCII."""
    async with rig(tmp_path) as served, served.stream() as sse:
        assert (await sse.next())["data"] == '{"state":"live"}'
        await served.publish("eins", "zwei ü \u2028 \x1b[31m \ud800", "drei\nvier")
        events = await sse.events(3)
        assert [event["id"] for event in events] == [f"{served.epoch}-{n}" for n in range(3)]
        page = (await served.get("/events/recent")).json()
        for row in page["events"]:
            row.pop("seq")
        assert [json.loads(event["data"]) for event in events] == page["events"]
        assert all(event["data"].isascii() for event in events)


async def test_a_stream_has_the_headers_that_proxies_need(tmp_path):
    async with rig(tmp_path) as served, served.stream() as sse:
        assert sse.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert sse.headers["cache-control"] == "no-store, no-transform"
        assert sse.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in sse.headers


async def test_a_filter_leaves_out_rows_and_keeps_their_numbers(tmp_path):
    async with rig(tmp_path) as served, served.stream("?level=warn&source=a*&q=card") as sse:
        await served.publish(
            make_event("card one", level=Level.ERROR, source="api"),
            make_event("card two", level=Level.INFO, source="api"),
            make_event("card three", level=Level.WARN, source="db"),
            make_event("no", level=Level.WARN, source="api"),
            make_event("card four", level=Level.WARN, source="auth"),
        )
        events = await sse.events(2)
        assert [event["id"] for event in events] == [f"{served.epoch}-0", f"{served.epoch}-4"]


async def test_a_client_that_comes_back_goes_on_where_it_was(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish(*(f"row {n}" for n in range(10)))
        async with served.stream(after=f"{served.epoch}-3") as sse:
            assert await sse.messages(6) == [f"row {n}" for n in range(4, 10)]
            assert "logmon-gap" not in sse.headers
            assert sse.headers["logmon-last-event-id"] == f"{served.epoch}-3"


async def test_a_client_cut_before_its_first_event_misses_nothing(tmp_path):
    """The greeting's id stands just before the first row the stream would bring."""
    async with rig(tmp_path) as served:
        async with served.stream() as sse:
            begins = (await sse.next())["id"]
        await served.publish("while away")
        async with served.stream(after=begins) as sse:
            assert await sse.messages(1) == ["while away"]


async def test_rows_that_left_the_ring_are_an_exact_gap(tmp_path):
    hub = LogEventHub(max_rows=100)
    async with rig(tmp_path, hub=hub) as served:
        for n in range(50):
            await served.publish(*(f"row {n * 10 + m}" for m in range(10)))
        async with served.stream(after=f"{served.epoch}-9") as sse:
            gap = json.loads((await sse.events(1, "gap"))[0]["data"])
            first = hub.log.snapshot.first_seq
            assert gap == {
                "requested": f"{served.epoch}-9",
                "first_available": f"{served.epoch}-{first}",
                "missed": first - 10,
                "reason": "rotated",
            }
            assert json.loads(sse.headers["logmon-gap"]) == gap
            assert (await sse.messages(1)) == [f"row {first}"]


async def test_the_journal_gives_back_what_left_the_ring(tmp_path):
    store = open_writer(tmp_path / "log.db")
    hub = LogEventHub(max_rows=100, journal=store)
    try:
        async with rig(tmp_path, hub=hub, store=store) as served:
            for n in range(50):
                await served.publish(*(f"row {n * 10 + m}" for m in range(10)))
            async with served.stream(after=f"{served.epoch}-9") as sse:
                assert await sse.messages(490) == [f"row {n}" for n in range(10, 500)]
                assert "logmon-gap" not in sse.headers
                await served.publish("and on")
                assert await sse.messages(1) == ["and on"]
    finally:
        store.close()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("garbage", "unknown_id"),
        ("{epoch}-5", "unknown_id"),
        ("{epoch}-x", "unknown_id"),
        ("{epoch}-99999999999999999999", "unknown_id"),
        ("0ther-5", "restarted"),
    ],
)
async def test_an_id_we_never_gave_is_told_so(tmp_path, asked, reason):
    async with rig(tmp_path) as served:
        await served.publish("one", "two")
        asked = asked.format(epoch=served.epoch)
        async with served.stream(after=asked) as sse:
            gap = json.loads((await sse.events(1, "gap"))[0]["data"])
            assert (gap["requested"], gap["reason"], gap["missed"]) == (asked, reason, None)
            await served.publish("three")
            rows = ["one", "two", "three"] if reason == "restarted" else ["three"]
            assert await sse.messages(len(rows)) == rows


async def test_a_client_of_http_1_0_gets_the_stream_without_chunks(tmp_path):
    async with rig(tmp_path) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        head = f"GET {ROOT}/events/stream HTTP/1.0\r\nHost: localhost\r\n"
        writer.write(f"{head}Authorization: Bearer {served.tokens['read']}\r\n\r\n".encode())
        await reader.readuntil(b'data: {"state":"live"}\n\n')
        await served.publish("one", "two")
        text = await reader.readuntil(b"\n\n") + await reader.readuntil(b"\n\n")
        assert [line[:9] for line in text.split(b"\n")] == [
            b"event: lo", f"id: {served.epoch}"[:9].encode(), b'data: {"t', b"",
            b"event: lo", f"id: {served.epoch}"[:9].encode(), b'data: {"t', b"", b"",
        ]  # fmt: skip
        writer.transport.abort()


@given(st.text(max_size=300))
async def test_any_id_is_an_answer_that_fits_a_header(asked):
    hub = LogEventHub()
    await hub.publish(EventBatch([make_event("one")]), origin="tests")
    start = await start_of(hub, Frames("e1", None), asked)
    if start.gap is not None:
        text = json.dumps(start.gap)
        assert text.isascii()
        assert text.isprintable()
        assert start.gap["reason"] in ("unknown_id", "restarted", "rotated")


async def test_a_reader_along_streams_what_another_process_writes(tmp_path):
    """Its rows, and older ones, come from the store that the other one writes into."""
    path = tmp_path / "log.db"
    writing = open_writer(path)
    writer = LogEventHub(journal=writing)
    reading = open_reader(path)
    service = LogMonitorService(LogEventHub(), [], store=reading)
    try:
        for n in range(100):
            batch = EventBatch([make_event(f"{n * 10 + m}") for m in range(10)])
            await writer.publish(batch, origin="tests")
        await service.warm(LookBack(rows=50))
        running = asyncio.create_task(service.run())
        async with rig(tmp_path, service=service) as served:
            assert served.epoch == writing.epoch
            async with served.stream(after=f"{served.epoch}-99") as sse:
                assert await sse.messages(900) == [str(n) for n in range(100, 1_000)]
                await writer.publish(EventBatch([make_event("new")]), origin="tests")
                assert await sse.messages(1) == ["new"]
            page = (await served.get("/events/recent?limit=1000")).json()
            assert len(page["events"]) == 1_000
        running.cancel()
        await asyncio.wait({running})
    finally:
        reading.close()
        writing.close()


async def test_a_client_that_reads_too_slowly_is_told_exactly_what_it_missed(tmp_path):
    """Its cursor is overtaken while its connection is full; what it gets is in order and whole."""
    hub = LogEventHub(max_rows=2_000)
    async with rig(tmp_path, hub=hub) as served, served.stream() as sse:
        await sse.next()
        for n in range(200):
            await served.publish(*(f"{n * 50 + m} {'x' * 500}" for m in range(50)))
            await asyncio.sleep(0)
        expected = 0
        missed = 0
        while expected < 10_000:
            fields = await sse.next()
            data = json.loads(fields["data"])
            if fields["event"] == "gap":
                assert data["reason"] == "slow_consumer"
                assert data["requested"] == f"{served.epoch}-{expected - 1}"
                expected += data["missed"]
                missed += data["missed"]
            else:
                assert fields["id"] == f"{served.epoch}-{expected}"
                expected += 1
        assert missed > 0
        assert served.hub.statistics().readers[0].missed == missed


async def test_a_stream_that_takes_nothing_is_closed_with_one_line(tmp_path):
    async with rig(tmp_path, send_timeout="1s") as served, served.stream() as sse:
        await sse.next()
        for n in range(300):
            await served.publish(*(f"{n * 50 + m} {'x' * 500}" for m in range(50)))
            await asyncio.sleep(0)
        await served.until(lambda: not len(served.streams))
        assert len(served.said) == 1
        assert "took nothing for 1 s" in served.said[0]
        assert served.streams.claimed == 0


async def test_slots_are_bounded_and_come_back(tmp_path):
    async with rig(tmp_path, max_streams=3, max_streams_per_token=2) as served:
        async with served.stream(), served.stream():
            async with served.stream() as third:
                assert third.status == 429
                assert third.headers["retry-after"] == "5"
            async with served.stream(scope="admin"), served.stream(scope="admin") as fourth:
                assert fourth.status == 503
        for _ in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.transport.abort()
        await served.until(lambda: not served.streams.claimed)
        async with served.stream() as again:
            assert again.status == 200


async def test_a_stream_ends_with_a_word_when_the_server_stops(tmp_path):
    async with rig(tmp_path) as served, served.stream() as sse:
        await sse.next()
        await served.publish("last words")
        assert await sse.messages(1) == ["last words"]
        await served.server.stop()
        assert json.loads((await sse.next())["data"]) == {"state": "shutting_down"}
        assert await sse.next() is None
        assert sse.ended


async def test_a_revoked_token_ends_its_streams(tmp_path):
    from logmon.api.tokens import read_tokens, revoke_token

    async with rig(tmp_path) as served, served.stream() as sse:
        await sse.next()
        path = tmp_path / "tokens.json"
        mine = next(token for token in read_tokens(path) if token.scopes == ("read",))
        revoke_token(path, mine.id)
        assert json.loads((await sse.next())["data"]) == {"state": "token_revoked"}
        assert await sse.next() is None
        assert (await served.get("/stats")).status_code == 401


async def test_a_row_is_encoded_once_for_all_who_read(tmp_path):
    async with (
        rig(tmp_path) as served,
        served.stream() as one,
        served.stream("?level=info") as two,
    ):
        await one.next(), await two.next()
        await served.publish(*(f"row {n}" for n in range(100)))
        await asyncio.gather(one.events(100), two.events(100))
        await served.get("/events/recent")
        assert served.server.app.api.frames.encoded == 100
