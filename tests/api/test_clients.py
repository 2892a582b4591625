"""Foreign SSE clients read what the store holds, byte for byte, hostile text and all."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from logmon.batch import events_of
from logmon.event import ascii_json, encode
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.store.journal import open_writer
from logmon.testing import make_event
from tests.api.chromium import PROGRAM, chromium
from tests.api.rig import ROOT, rig
from tests.hostile import ATTACKS

EVENTS = 1_000
CLIENTS = Path(__file__).parent / "clients"
NODE = shutil.which("node")


def hostile(number: int):
    """An event with something hostile in every field that takes text."""
    names = list(ATTACKS)
    text = ATTACKS[names[number % len(names)]]
    short = text[:2_000] + "\ud800"
    return make_event(
        f"{number} {text if number < len(names) else short}",
        id=f"event-{number}",
        level=list(Level)[number % len(Level)],
        source=short[:50] or "x",
        message_template=short,
        host=short[:50],
        tags=(short, "data: x", "\n\nevent: log\ndata: forged\n\n"),
        attributes={"key": short, "nested": {"list": [1, None, True, 2.5, short, 10**30]}},
        trace_id=short[:30],
        work_item="WI-666",
    )


@pytest.fixture
async def served(tmp_path):
    store = open_writer(tmp_path / "log.db")
    try:
        async with rig(tmp_path, hub=LogEventHub(max_rows=300, journal=store), store=store) as made:
            yield made
    finally:
        store.close()


async def publish(served, first: int, stop: int) -> None:
    for start in range(first, stop, 50):
        await served.publish(*(hostile(n) for n in range(start, min(start + 50, stop))))
        await asyncio.sleep(0)


async def kept(served) -> list[tuple[str, str]]:
    """Return id and JSON of every row, as the store gives it back."""
    blocks = await served.service.store.read(-1, EVENTS)
    return [
        (f"{served.epoch}-{block.first_seq + row}", ascii_json(encode(event)))
        for block in blocks
        for row, event in enumerate(events_of(block.batch))
    ]


async def check(served, got: list[tuple[str, str]]) -> None:
    expected = await kept(served)
    assert len(expected) == EVENTS
    for one, other in zip(expected, got, strict=True):
        assert one == other


def url(served) -> str:
    return f"{served.server.url}{ROOT}/events/stream?last_event_id={served.epoch}--1"


async def test_httpx_sse_reads_what_the_store_holds(served):
    httpx = pytest.importorskip("httpx")
    httpx_sse = pytest.importorskip("httpx_sse")
    await publish(served, 0, EVENTS // 2)
    got = []
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        httpx_sse.aconnect_sse(client, "GET", url(served), headers=served.auth()) as source,
    ):
        writing = asyncio.create_task(publish(served, EVENTS // 2, EVENTS))
        async for event in source.aiter_sse():
            assert event.event in ("log", "status")
            if event.event == "log":
                got.append((event.id, event.data))
            if len(got) == EVENTS:
                break
        await writing
    await check(served, got)


@pytest.mark.skipif(
    NODE is None or not (CLIENTS / "node_modules" / "eventsource").is_dir(),
    reason="no node, or no npm package: npm install --prefix tests/api/clients eventsource@4",
)
async def test_the_npm_package_eventsource_reads_what_the_store_holds(served):
    await publish(served, 0, EVENTS // 2)
    process = await asyncio.create_subprocess_exec(
        NODE, str(CLIENTS / "read.cjs"), url(served), served.tokens["read"], str(EVENTS),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=64 << 20,
    )  # fmt: skip
    writing = asyncio.create_task(publish(served, EVENTS // 2, EVENTS))
    out, said = await asyncio.wait_for(process.communicate(), 30)
    await writing
    assert (said, process.returncode) == (b"", 0)
    got = [json.loads(line) for line in out.splitlines()]
    await check(served, [(event["id"], event["data"]) for event in got])


OPEN = """
fetch("%(root)s/session", {method: "POST", headers: {Authorization: "Bearer %(token)s"}}).then(() => {
  window.got = [];
  const source = new EventSource("%(url)s");
  source.addEventListener("log", (sent) => {
    got.push([sent.lastEventId, sent.data]);
    if (got.length === %(count)d) source.close();
  });
})
"""


@pytest.mark.skipif(PROGRAM is None, reason="no chromium: apt-get install chromium")
async def test_a_browsers_event_source_reads_what_the_store_holds(served, tmp_path):
    await publish(served, 0, EVENTS // 2)
    async with chromium(tmp_path / "browser") as page:
        await page.do("Page.navigate", url=f"{served.server.url}/")
        await page.until("document.readyState === 'complete' && location.port")
        given = {"root": ROOT, "token": served.tokens["read"], "url": url(served), "count": EVENTS}
        await page.run(OPEN % given)
        writing = asyncio.create_task(publish(served, EVENTS // 2, EVENTS))
        await page.until(f"got.length >= {EVENTS}", within_s=30)
        await writing
        got = json.loads(await page.run("JSON.stringify(got)"))
    await check(served, [(event_id, data) for event_id, data in got])
