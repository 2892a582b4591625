"""The fake's counts, its journal of what was asked, and the fake as a process of its own."""

import gzip
import json
from datetime import timedelta
from typing import Any

import httpx2

from logmon.testing.fake_datadog import RateLimit, log_event
from tests.testing.client import AGGREGATE, KEYS, NOON_MS, SEARCH, Client


async def aggregate(client: Client, **compute: Any) -> Any:
    compute = {"aggregation": "count", "type": "timeseries"} | compute
    body = {"compute": [compute], "filter": {"from": "now-1h", "to": "now"}}
    return await client.http.post(AGGREGATE, json=body)


async def test_counts_are_those_of_the_search_and_empty_buckets_are_left_out():
    client = Client()
    client.fill(90)
    client.fill(5, step_ms=600_000)
    client.fake.add(log_event(NOON_MS - 1, id="hidden", hidden=True))
    client.fake.add(log_event(NOON_MS - 1, id="late", visible_ms=NOON_MS + 1))
    found = len(await client.ids(filter={"from": "now-1h", "to": "now"}))
    (bucket,) = (await aggregate(client, interval="1m")).json()["data"]["buckets"]
    points = bucket["computes"]["c0"]
    assert sum(point["value"] for point in points) == found
    assert all(point["value"] for point in points)
    assert all(point["time"].endswith(":00.000Z") for point in points)
    assert len(points) < 10
    (total,) = (await aggregate(client, type="total")).json()["data"]["buckets"]
    assert total["computes"]["c0"] == found


async def test_aggregations_have_a_budget_of_their_own_and_may_be_forbidden():
    client = Client(aggregate_rate=RateLimit(limit=2, period_s=10, name="of its own"))
    codes = [(await aggregate(client)).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert (await client.search()).status_code == 200
    client.fake.behaviour.aggregate_allowed = False
    client.clock.advance(10)
    assert (await aggregate(client)).status_code == 403
    client.fake.behaviour.aggregate_allowed = True
    client.fake.on(5, "timeout", endpoint="aggregate")
    assert (await aggregate(client)).json()["meta"]["status"] == "timeout"
    assert (await aggregate(client, aggregation="cardinality")).status_code == 429


async def test_a_count_that_is_none_is_refused():
    client = Client()
    client.fill(3)
    assert (await aggregate(client, aggregation="cardinality")).status_code == 400
    assert (await aggregate(client, interval="soon")).status_code == 400


async def test_the_journal_tells_of_a_filter_that_changed_and_of_times_that_move():
    client = Client()
    client.fill(20)
    absolute = {"from": str(NOON_MS - 60_000), "to": str(NOON_MS)}
    await client.walk(5, filter=absolute)
    journal = client.fake.journal
    assert (journal.strayed(), journal.relative()) == ([], [])
    first = (await client.search(page={"limit": 5}, filter=absolute)).json()
    cursor = first["meta"]["page"]["after"]
    await client.search(page={"limit": 5, "cursor": cursor}, filter={"from": "now-1m"})
    assert [asked.number for asked in journal.strayed()] == [len(journal)]
    assert [asked.number for asked in journal.relative()] == [len(journal)]


async def test_the_journal_finds_a_key_in_a_text_in_any_form():
    client = Client()
    client.http.headers["dd-application-key"] = "s3cret/key+with=signs"
    await client.search()
    journal = client.fake.journal
    assert [asked.credential for asked in journal] == ["igns"]
    for text in (
        "key s3cret/key+with=signs shown", "s3cret%2Fkey%2Bwith%3Dsigns", b"czNjcmV0L2tleSt3aXRoPXNpZ25z",
        b"eHMzY3JldC9rZXkrd2l0aD1zaWducw==", r"\u0073\u0033\u0063\u0072\u0065\u0074\u002f\u006b\u0065\u0079\u002b\u0077\u0069\u0074\u0068\u003d\u0073\u0069\u0067\u006e\u0073",
    ):  # fmt: skip
        assert journal.secrets_in(text) == ["igns"], text
    assert journal.secrets_in("…igns and nothing else") == []


async def test_the_process_prints_its_url_and_tells_the_truth():
    import asyncio
    import sys

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "logmon.testing.fake_datadog", "--count", "40", "--history-s", "3600",
        "--lags", "none", "--key", f"{'a' * 32}:{'b' * 40}", "--on", "2=503", "--rate", "100/10",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    try:
        async with httpx2.AsyncClient(base_url=url, headers=KEYS) as http:
            body = {"filter": {"from": "now-2h"}, "page": {"limit": 1000}, "sort": "timestamp"}
            first, second = [await http.post(SEARCH, json=body) for _ in range(2)]
            truth = (await http.get("/fake/events")).json()
            assert [event["id"] for event in first.json()["data"]] == [e["id"] for e in truth]
            assert len(truth) == 40
            assert second.status_code == 503
            await http.post("/fake/behaviour", json={"chances": {"500": 1.0}})
            assert (await http.post(SEARCH, json=body)).status_code == 500
            await http.post(
                "/fake/keys", json={"revoke": f"{'a' * 32}:{'b' * 40}", "answer": "401"}
            )
            assert (await http.post(SEARCH, json=body)).status_code == 401
            assert (await http.post("/fake/behaviour", json={"chance": 1})).status_code == 400
            asked = (await http.get("/fake/requests")).json()
            assert [request["status"] for request in asked] == [200, 503, 500, 401]
    finally:
        process.terminate()
        await process.wait()


async def test_bodies_are_zipped_for_those_who_take_them():
    client = Client()
    client.fill(50)
    for encoding, zipped in (("gzip", True), ("identity", False)):
        async with client.http.stream(
            "POST", SEARCH, json={"page": {"limit": 50}}, headers={"accept-encoding": encoding}
        ) as answer:
            raw = b"".join([part async for part in answer.aiter_raw()])
        assert (answer.headers.get("content-encoding") == "gzip") == zipped
        assert len(json.loads(gzip.decompress(raw) if zipped else raw)["data"]) == 50


async def test_two_clocks_of_one_fake_are_the_same():
    client = Client()
    client.clock.advance(timedelta(hours=1).total_seconds())
    assert client.fake.now_ms() == NOON_MS + 3_600_000
