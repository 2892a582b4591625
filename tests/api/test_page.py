"""The page in a real browser: rows arrive, filters work, items stand out, nothing leaves loopback."""

import asyncio
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.sentinel.pipeline import Sentinel
from logmon.sources.memory import InMemoryLogEventSource
from logmon.testing import make_event
from tests.api.chromium import PROGRAM, chromium
from tests.api.rig import rig
from tests.hostile import ATTACKS

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium: apt-get install chromium")

ROWS = "document.querySelectorAll('.row:not(.gap)')"
TEXTS = f"[...{ROWS}].map((row) => row.querySelector('.message').textContent)"
ENTER = """
document.getElementById("token").value = "%s";
document.querySelector("dialog button").click();
"""


def choose(**given: str) -> str:
    lines = [
        f"document.getElementById('{name}').value = {value!r};"
        f"document.getElementById('{name}').dispatchEvent(new Event('change'));"
        for name, value in given.items()
    ]
    return "".join(lines)


async def enter(page, served) -> None:
    """Open the page and give it a token, as a person would."""
    await page.do("Page.navigate", url=served.server.url)
    await page.until("document.getElementById('door') && document.getElementById('door').open")
    await page.run(ENTER % served.tokens["read"])
    await page.until("document.getElementById('state').textContent === 'live'")


@pytest.fixture
async def running(tmp_path):
    """A server whose Sentinel runs, fed by hand."""
    hub = LogEventHub()
    source = InMemoryLogEventSource("app")
    service = LogMonitorService(hub, [SourceEntry(source)], sentinel=Sentinel())
    async with rig(tmp_path, service=service) as served:
        task = asyncio.create_task(service.run())
        served.source = source
        try:
            yield served
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_rows_arrive_filters_work_items_stand_out_and_it_goes_on_after_a_cut(
    running, tmp_path
):
    async with chromium(tmp_path / "browser") as page:
        await running.source.enqueue(make_event("before the page", source="api"))
        await enter(page, running)
        await page.until(f"{TEXTS}.includes('before the page')")

        await running.source.enqueue(make_event("it lives", source="api"))
        await page.until(f"{TEXTS}.includes('it lives')")

        failed = make_event("card declined", source="payments", level=Level.ERROR)
        await running.source.enqueue(failed)
        await page.until("document.querySelectorAll('.row.linked').length === 2")
        await page.until("document.querySelectorAll('.row.sentinel').length === 1")
        await page.until("document.getElementById('items').textContent.includes('WI-1')")

        await page.run(choose(level="warn"))
        await page.until(f"{ROWS}.length === 2")
        await running.source.enqueue_many(
            [make_event("fine"), make_event("disk full", level=Level.CRITICAL, source="db")]
        )
        await page.until(f"{TEXTS}.includes('disk full')")
        assert not await page.run(f"{TEXTS}.includes('fine')")

        await page.run(choose(level="", source="pay* !paypal"))
        await page.until(f"{TEXTS}.join() === 'card declined'")
        await page.run(choose(source="", query="source:db OR fine"))
        await page.until(f"{TEXTS}.join() === 'fine,disk full'")
        await page.run(choose(query="status:error ("))
        await page.until("!document.getElementById('problem').hidden")
        assert "^" in await page.run("document.getElementById('problem').textContent")

        await page.run(choose(query=""))
        await page.until(f"{TEXTS}.includes('it lives')")
        shown = await page.run(f"{ROWS}.length")
        for stream in list(running.streams._open):
            stream.connection.abort()
        await running.source.enqueue(make_event("while it was cut"))
        await page.until(f"{TEXTS}.includes('while it was cut')", within_s=15)
        assert await page.run(f"{ROWS}.length") == shown + 1

        hosts = {urlsplit(url).hostname for url in page.requests if not url.startswith("data:")}
        assert hosts == {"127.0.0.1"}
        assert not any(running.tokens["read"] in url for url in page.requests)
        expected = ("401", "422", "net::ERR_INCOMPLETE_CHUNKED")
        assert [said for said in page.problems if not any(word in said for word in expected)] == []


async def test_hostile_text_is_text(running, tmp_path):
    """No row draws outside itself, runs anything, or hides what it holds."""
    texts = [text[:500] for text in ATTACKS.values()] + [
        "<img src=x onerror=alert(1)><script>alert(2)</script>",
        "</span></div><h1>out</h1>", "javascript:alert(1)", "{{constructor.constructor('x')()}}",
    ]  # fmt: skip
    async with chromium(tmp_path / "browser") as page:
        await enter(page, running)
        await running.source.enqueue_many(
            [make_event(text, source=text[:30], work_item=text[:10]) for text in texts]
        )
        await page.until(f"{ROWS}.length === {len(texts)}")
        assert (
            await page.run("document.querySelectorAll('#rows img, #rows script, h1').length") == 1
        )
        bare = r"[...document.querySelector('#rows').textContent].filter((c) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(c)).length"
        assert await page.run(bare) == 0
        await page.run(f"{ROWS}.forEach((row) => row.click())")
        await page.until(f"document.querySelectorAll('#rows pre').length === {len(texts)}")
        assert await page.run(bare.replace(".length", ".filter((c) => c !== '\\n').length", 1)) == 0
        assert [said for said in page.problems if "401" not in said] == []


@pytest.mark.skipif("LOGMON_PICTURES" not in os.environ, reason="set LOGMON_PICTURES to take them")
async def test_take_the_picture_for_the_documentation(tmp_path):
    from logmon.sources.mock import MockSettings, MockSource

    hub = LogEventHub()
    mock = MockSource("mock", settings=MockSettings(events_per_second=60))
    service = LogMonitorService(hub, [SourceEntry(mock)], sentinel=Sentinel())
    async with rig(tmp_path, service=service) as served, chromium(tmp_path / "browser") as page:
        task = asyncio.create_task(service.run())
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        await page.do("Emulation.setEmulatedMedia", features=dark)
        await enter(page, served)
        await asyncio.sleep(2)
        await page.run(choose(level="info"))
        await asyncio.sleep(1.5)
        await page.picture(Path("docs/screens/page.png"))
        task.cancel()
        await asyncio.wait({task})
