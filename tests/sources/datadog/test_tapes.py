"""Recorded answers of the real service: every event once, the cursor followed to its end."""

import json

import httpx2
import pytest
import yaml

from logmon.errors import TransientSourceError
from logmon.sources.datadog.api import CountsUnavailable, CursorRefused, Page
from logmon.sources.datadog.client import DatadogClient
from logmon.sources.datadog.settings import DatadogSettings
from logmon.sources.datadog.source import DatadogSource
from logmon.testing import FakeClock


class Tape(httpx2.AsyncBaseTransport):
    """Plays recorded answers in their order, and keeps what was asked."""

    def __init__(self, interactions: list[dict]) -> None:
        self._left = list(interactions)
        self.asked: list[dict] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(json.loads(await request.aread()))
        answer = self._left.pop(0)["response"]
        return httpx2.Response(
            answer["status"]["code"],
            headers=[(name, value) for name, values in answer["headers"].items() for value in values
                     if name.lower() not in ("transfer-encoding", "content-length")],
            content=answer["body"]["string"].encode(),
        )  # fmt: skip


@pytest.fixture
def play(foreign_data):
    def playing(name: str) -> tuple[DatadogSource, DatadogClient, Tape, list[dict]]:
        recorded = yaml.safe_load((foreign_data / "datadog" / f"{name}.yaml").read_text())
        tape = Tape(recorded["interactions"])
        clock = FakeClock()
        source = DatadogSource(
            "prod", DatadogSettings(), environ={"DD_APP_KEY": "ddsat_tape"},
            monotonic=clock.monotonic, sleep=clock.sleep,
        )  # fmt: skip
        client = source.client(httpx2.AsyncClient(transport=tape))
        return source, client, tape, recorded["interactions"]

    return playing


async def pages(client: DatadogClient) -> list[Page]:
    found = []
    cursor = None
    while True:
        page = await client.fetch_page(1, 2, cursor=cursor, limit=2)
        found.append(page)
        cursor = page.after
        if cursor is None:
            return found


async def test_every_event_of_the_paged_tape_comes_once(play):
    source, client, tape, recorded = play("test_search_logs_returns_ok_response_with_pagination")
    found = await pages(client)
    assert [len(page.records) for page in found] == [2, 1, 0]
    events = [source.event(record) for page in found for record in page.records]
    told = [
        event for one in recorded for event in json.loads(one["response"]["body"]["string"])["data"]
    ]
    assert [event.id for event in events] == [event["id"] for event in told]
    assert len({event.id for event in events}) == 3
    assert events[0].level.label == "info"
    assert events[0].tags.count("source:sinatra") == 1
    assert events[0].attributes["http"]["status_code"] == 200
    assert "\n" in told[0]["attributes"]["message"] or events[0].message.startswith("169.254.0.1")
    cursors = [asked["page"].get("cursor") for asked in tape.asked]
    assert cursors == [None, found[0].after, found[1].after]


async def test_refusals_of_the_retry_tape_are_waited_out_and_then_ten_events_come(play):
    source, client, _, _ = play("test_retry_rate_limit")
    for _ in range(3):
        with pytest.raises(TransientSourceError, match="429") as refused:
            await client.fetch_page(1, 2)
        assert refused.value.retry_after_s > 1
    page = await client.fetch_page(1, 2)
    events = [source.event(record) for record in page.records]
    assert len({event.id for event in events}) == 10
    assert all(event.source.endswith("-sample-app-mysticred") for event in events)
    assert all(event.host and event.message for event in events)
    limiter = client.limits["search"]
    assert (limiter.limit, limiter.period_s) == (10, 10)
    assert limiter.name == "logs_public_search_api"


async def test_an_empty_answer_is_the_end(play):
    _, client, _, _ = play("test_search_logs_returns_ok_response")
    assert await client.fetch_page(1, 2) == Page([])


async def test_the_recorded_refusal_of_a_cursor_is_known_as_one(play):
    _, client, _, _ = play("test_search_events_returns_bad_request_response")
    with pytest.raises(CursorRefused, match="invalid cursor"):
        await client.fetch_page(1, 2, cursor="eyJzdGFydEF0IjoiQVEifQ==")


async def test_the_recorded_counts_are_read(play):
    _, client, _, _ = play("test_aggregate_events_returns_ok_response")
    try:
        assert await client.count_buckets(0, 60_000, 10_000) == {}
    except CountsUnavailable as error:
        pytest.fail(str(error))
