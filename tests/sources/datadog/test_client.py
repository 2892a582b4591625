"""The client over real sockets: what breaks on the way may be asked again, and keys stay here."""

from __future__ import annotations

import asyncio
import random
import ssl
import subprocess
import time
from contextlib import asynccontextmanager
from shutil import which

import httpx2
import pytest

from logmon.errors import CredentialsError, PermanentSourceError, TransientSourceError
from logmon.sources.datadog.api import CountsUnavailable, CursorRefused
from logmon.sources.datadog.settings import DatadogSettings
from logmon.sources.datadog.source import DatadogSource
from logmon.testing.fake_datadog import (
    UNLIMITED,
    Behaviour,
    FakeDatadog,
    RateLimit,
    Traffic,
    serving,
)
from tests.sources.datadog.world import API_KEY, APP_KEY

ENVIRON = {"DD_API_KEY": API_KEY, "DD_APP_KEY": APP_KEY}
COUNTS = RateLimit(limit=10**6, name="logs_public_analytics_aggregate")


def source_at(url: str, environ=ENVIRON, **settings) -> DatadogSource:
    return DatadogSource(
        "prod", DatadogSettings(site=url, share=1.0, **settings), environ=environ,
        rng=random.Random(1),
    )  # fmt: skip


@asynccontextmanager
async def asking(fake: FakeDatadog, **settings):
    """A client that asks a fake over a socket."""
    async with serving(fake) as url:
        source = source_at(url, **settings)
        async with await source.open_http() as http:
            yield source.client(http)


def unlimited(**more) -> FakeDatadog:
    behaviour = Behaviour(search_rate=UNLIMITED, aggregate_rate=COUNTS, **more)
    return FakeDatadog(traffic=Traffic(per_second=5), behaviour=behaviour)


BREAKS = (
    "reset", "reset-after-headers", "cut-body", "cut-json", "bad-gzip", "html", "redirect", "500",
    "502:html", "503:empty", "504", "408", "403:html", "429:reset-0",
)  # fmt: skip


async def test_what_breaks_on_the_way_may_be_asked_again():
    fake = unlimited()
    async with asking(fake) as client:
        for number, fault in enumerate(BREAKS):
            fake.on(2 * number + 1, fault)
            with pytest.raises(TransientSourceError) as failed:
                await client.fetch_newest(900_000, 10)
            assert "127.0.0.1" in str(failed.value), fault
            assert len((await client.fetch_newest(900_000, 10)).records) == 10, fault
    assert fake.asked() == 2 * len(BREAKS)


async def test_a_server_that_hangs_is_asked_for_less():
    fake = unlimited()
    fake.on(1, "hang")
    async with serving(fake) as url:
        source = source_at(url)
        async with httpx2.AsyncClient(timeout=0.2, trust_env=False) as http:
            client = source.client(http)
            with pytest.raises(TransientSourceError, match="read timeout"):
                await client.fetch_page(0, 1)
            await client.fetch_page(0, 1)
    assert [asked.limit for asked in fake.journal.of("search")] == [1_000, 500]


async def test_what_is_refused_for_good_says_why():
    fake = unlimited()
    async with asking(fake) as client:
        fake.on(1, "400")
        with pytest.raises(PermanentSourceError, match=r"400 .*filter\.query"):
            await client.fetch_page(0, 1)
        with pytest.raises(CursorRefused):
            await client.fetch_page(0, 1, cursor="bm9uZQ")


async def test_counts_that_are_not_allowed_are_told_from_keys_that_are_refused():
    fake = unlimited(aggregate_allowed=False)
    async with asking(fake) as client:
        await client.fetch_newest(900_000, 10)
        with pytest.raises(CountsUnavailable, match="permission"):
            await client.count_buckets(0, 60_000, 10_000)
        fake.behaviour.aggregate_allowed = True
        fake.on(2, "403", endpoint="aggregate")
        with pytest.raises(TransientSourceError):
            await client.count_buckets(0, 60_000, 10_000)
        fake.on(3, "timeout", endpoint="aggregate")
        with pytest.raises(TransientSourceError, match="partial"):
            await client.count_buckets(0, 60_000, 10_000)
        end_ms = client.now_ms() // 10_000 * 10_000
        counted = await client.count_buckets(end_ms - 60_000, end_ms, 10_000)
        assert sum(counted.values()) > 100


async def test_a_proxy_of_the_environment_does_not_see_what_stays_here(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with asking(unlimited()) as client:
        assert (await client.fetch_newest(900_000, 10)).records


async def test_nobody_listening_is_something_that_may_pass():
    source = source_at("http://127.0.0.1:9")
    async with await source.open_http() as http:
        with pytest.raises(TransientSourceError, match="connect error"):
            await source.client(http).fetch_page(0, 1)


@pytest.mark.parametrize(
    "environ",
    [{"DD_APP_KEY": "ddpat_0123456789abcdef"}, ENVIRON | {"DD_APP_KEY": "ddsat_9876543210"}],
)
async def test_a_token_is_sent_as_one(environ):
    fake = unlimited()
    fake.access.add_token(environ["DD_APP_KEY"])
    async with serving(fake) as url:
        source = source_at(url, environ)
        async with await source.open_http() as http:
            assert (await source.client(http).fetch_newest(900_000, 10)).records


async def test_without_credentials_nothing_is_asked():
    fake = unlimited()
    async with serving(fake) as url:
        source = source_at(url, {})
        async with await source.open_http() as http:
            with pytest.raises(CredentialsError, match="no credentials"):
                await source.client(http).fetch_newest(900_000, 10)
    assert len(fake.journal) == 0


async def test_a_page_of_everything_odd_leaves_the_loop_free():
    """1,000 events with 300 tags each: no step of decoding takes the loop for long."""
    fake = unlimited()
    stalls = []

    async def watch() -> None:
        while True:
            before_s = time.perf_counter()
            await asyncio.sleep(0)
            stalls.append(time.perf_counter() - before_s)

    async with serving(fake) as url:
        source = source_at(url)
        watching = asyncio.create_task(watch())
        arrivals = source.observe()
        async for arrival in arrivals:
            if arrival.batch is not None:
                break
        await arrivals.aclose()
        watching.cancel()
    assert len(arrival.batch) == 1_000
    assert len(stalls) > 10


@pytest.fixture
def certificate(tmp_path):
    if which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    key, pem = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", str(key), "-out", str(pem), "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, pem


async def test_a_certificate_is_always_verified(certificate):
    key, pem = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, key)
    asked = []

    async def answer(reader, writer) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"data":[]}'
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        source = source_at(url)
        async with await source.open_http() as http:
            with pytest.raises(TransientSourceError, match="certificate"):
                await source.client(http).fetch_page(0, 1)
        assert asked == []
        trusting = source_at(url, ca_file=str(pem))
        async with await trusting.open_http() as http:
            assert (await trusting.client(http).fetch_page(0, 1)).records == []
    assert len(asked) == 1


async def test_a_missing_file_of_certificates_is_named():
    source = source_at("https://localhost:9", ca_file="/nowhere/ca.pem")
    with pytest.raises(PermanentSourceError, match=r"ca_file /nowhere/ca\.pem: No such file"):
        await source.open_http()
