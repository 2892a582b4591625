"""Everything that can go wrong with an answer of the fake: on the way, in an event, by chance."""

import json

import httpx2
import pytest

from logmon.testing import NOON
from logmon.testing.fake_datadog import (
    FAULTS,
    MALFORMED,
    log_event,
    malformed_event,
    serving,
)
from tests.testing.client import KEYS, NOON_MS, SEARCH, Client


@pytest.mark.parametrize("code", ["408", "500", "502", "503", "504"])
@pytest.mark.parametrize("kind", ["", ":html", ":empty"])
async def test_errors_of_the_server_come_with_every_body(code: str, kind: str):
    client = Client()
    client.fake.on(1, code + kind)
    answer = await client.search()
    assert answer.status_code == int(code)
    assert {"": b"{", ":html": b"<", ":empty": b""}[kind] == answer.content[:1]


BROKEN = {
    "reset": httpx2.ReadError,
    "reset-after-headers": httpx2.TransportError,
    "cut-body": httpx2.RemoteProtocolError,
    "bad-gzip": httpx2.DecodingError,
    "hang": httpx2.ReadTimeout,
}


@pytest.mark.parametrize(("fault", "error"), BROKEN.items())
async def test_a_broken_answer_is_the_error_a_socket_gives(fault: str, error: type[Exception]):
    client = Client()
    ids = client.fill(50)
    client.fake.on(1, fault)
    with pytest.raises(error):
        await client.ids()
    assert await client.ids() == ids


@pytest.mark.parametrize(("fault", "error"), BROKEN.items())
async def test_a_broken_answer_on_a_socket_is_the_same(fault: str, error: type[Exception]):
    fake = Client().fake
    fake.clock = type(fake.clock)(NOON, auto_advance=False)
    fake.add(*(log_event(NOON_MS - 1000 - n, id=f"{n}", message="x" * 100) for n in range(50)))
    fake.on(1, fault)
    async with serving(fake) as url, httpx2.AsyncClient(headers=KEYS, timeout=0.3) as http:
        body = {"filter": {"from": "now-1h"}, "page": {"limit": 1000}}
        with pytest.raises(error):
            (await http.post(url + SEARCH, json=body)).json()
        answer = await http.post(url + SEARCH, json=body)
        assert len(answer.json()["data"]) == 50
        assert answer.headers["content-encoding"] == "gzip"
        assert "server" not in answer.headers


async def test_half_a_document_a_page_of_html_and_a_redirect_are_whole_answers():
    client = Client()
    client.fill(50)
    for number, fault in enumerate(["cut-json", "html", "redirect"], 1):
        client.fake.on(number, fault)
    cut, page, moved = [await client.search() for _ in range(3)]
    assert cut.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        cut.json()
    assert page.headers["content-type"].startswith("text/html")
    assert (moved.status_code, moved.has_redirect_location) == (307, True)


async def test_a_slow_answer_takes_its_time_and_a_client_may_give_up():
    client = Client()
    client.fill(5)
    client.fake.on(1, "slow")
    client.fake.on(2, "drip")
    for _ in range(2):
        began = client.clock.monotonic()
        await client.ids()
        assert client.clock.monotonic() - began == pytest.approx(2, abs=0.5)
    client.fake.on(3, "hang")
    began = client.clock.monotonic()
    with pytest.raises(httpx2.ReadTimeout):
        await client.ids()
    assert client.clock.monotonic() - began == pytest.approx(30)


async def test_every_fault_has_an_answer_and_the_fake_goes_on_after_it():
    client = Client()
    ids = client.fill(20)
    for number, fault in enumerate(sorted(FAULTS)):
        client.fake.on(2 * number + 1, fault)
        try:
            await client.search(page={"limit": 20})
        except httpx2.TransportError:
            assert fault in ("reset", "reset-after-headers", "cut-body", "hang")
        except httpx2.DecodingError:
            assert fault == "bad-gzip"
        assert await client.ids() == ids
    with pytest.raises(ValueError, match="'nonsense' is no fault"):
        client.fake.on(1, "nonsense")


async def test_faults_by_chance_are_as_often_as_they_are_told_and_the_same_each_time():
    async def codes() -> list[int]:
        client = Client(chances={"503": 0.2, "400": 0.1})
        return [(await client.search()).status_code for _ in range(500)]

    first = await codes()
    assert first == await codes()
    assert 70 < first.count(503) < 130
    assert 30 < first.count(400) < 70


@pytest.mark.parametrize("kind", MALFORMED)
async def test_a_malformed_event_is_on_a_page_with_its_neighbours(kind: str):
    client = Client()
    events = (
        log_event(NOON_MS - 3_000, id="before"),
        malformed_event(kind, NOON_MS - 2_000, id="odd"),
        log_event(NOON_MS - 1_000, id="after"),
    )
    client.fake.add(*events)
    answer = await client.search(sort="timestamp")
    assert b"[" + b",".join(event.body for event in events) + b"]" in answer.content


def test_no_two_kinds_of_malformed_event_are_the_same():
    assert len(MALFORMED) >= 30
    bodies = {malformed_event(kind, NOON_MS, id="x").body for kind in MALFORMED}
    assert len(bodies) == len(MALFORMED)
