"""Searches of the fake Datadog are as the API is documented and was recorded."""

import pytest

from logmon.testing.fake_datadog import log_event
from tests.testing.client import NOON_MS, SEARCH, Client


async def test_post_and_get_are_two_forms_of_one_search():
    client = Client(gzip=False)
    client.fill(30, service="web", tags=["env:prod"])
    params = {
        "filter[query]": "service:web", "filter[from]": "now-1h", "filter[to]": "now",
        "filter[indexes]": "main", "sort": "timestamp", "page[limit]": "7",
    }  # fmt: skip
    got = await client.http.get("/api/v2/logs/events", params=params)
    sent = {
        "filter": {"query": "service:web", "from": "now-1h", "to": "now", "indexes": ["main"]},
        "sort": "timestamp",
        "page": {"limit": 7},
    }
    posted = await client.http.post(SEARCH, json=sent)
    assert got.json()["data"] == posted.json()["data"]
    assert len(got.json()["data"]) == 7


async def test_a_search_that_says_nothing_gives_the_ten_newest_of_a_quarter_of_an_hour():
    client = Client()
    ids = client.fill(40, step_ms=60_000)
    answer = (await client.http.post(SEARCH, content=b"")).json()
    assert [event["id"] for event in answer["data"]] == ids[:-11:-1]
    whole = (await client.http.post(SEARCH, json={"page": {"limit": 1000}})).json()
    assert len(whole["data"]) == 15


@pytest.mark.parametrize(
    ("begin", "end", "found"),
    [
        ("2026-11-23T11:59:50Z", "2026-11-23T12:59:55+01:00", 5),
        (str(NOON_MS - 10_000), str(NOON_MS - 5_000), 5),
        ("now-10s", "now-5s", 5),
        ("-10s", "+1h", 10),
        ("now-1d", "now", 60),
    ],
)
async def test_times_are_read_in_every_documented_form(begin: str, end: str, found: int):
    client = Client()
    client.fill(60)
    assert len(await client.ids(filter={"from": begin, "to": end})) == found


@pytest.mark.parametrize("text", ["yesterday", "now-", "2026-11-23T12:00:00", "now-1y", ""])
async def test_what_is_no_time_is_refused(text: str):
    answer = await Client().search(filter={"from": text})
    assert answer.status_code == 400
    assert "errors" in answer.json()


@pytest.mark.parametrize("limit", [0, 1001, -1, "many"])
async def test_a_page_holds_1_to_1000(limit: object):
    assert (await Client().search(page={"limit": limit})).status_code == 400
    assert (await Client().search(page={"limit": 1000})).status_code == 200


async def test_a_body_that_is_no_search_is_refused():
    client = Client()
    for body in (b"{", b"[]", b'{"page":7}', b'{"sort":"@facet"}', b"\xff"):
        assert (await client.http.post(SEARCH, content=body)).status_code == 400


async def test_the_query_decides_what_is_found():
    client = Client()
    client.fill(3, status="error", service="web", attributes={"code": 503})
    client.fake.add(log_event(NOON_MS - 1, id="other", status="info", service="api"))
    for query, count in (("*", 4), ("status:error", 3), ("service:api", 1), ("@code:>500", 3)):
        assert len(await client.ids(filter={"query": query, "from": "now-1h"})) == count
    assert (await client.search(filter={"query": "(open"})).status_code == 400


async def test_a_cursor_holds_no_filter_and_survives_a_new_one():
    client = Client()
    ids = client.fill(20)
    first = (await client.search(page={"limit": 5}, sort="timestamp")).json()
    cursor = first["meta"]["page"]["after"]
    wider = {"from": "now-3d", "to": "now"}
    answer = await client.search(
        page={"limit": 5, "cursor": cursor}, sort="timestamp", filter=wider
    )
    assert [event["id"] for event in answer.json()["data"]] == ids[5:10]


@pytest.mark.parametrize(
    "cursor", ["garbage!", "e30", "eyJzdGFydEF0IjoieCJ9", "W10", "eyJhZnRlciI6N30"]
)
async def test_a_cursor_of_another_form_is_refused(cursor: str):
    answer = await Client().search(page={"cursor": cursor})
    assert answer.status_code == 400
    assert "invalid cursor" in answer.text


async def test_a_cursor_expires_when_it_is_told_to():
    client = Client(cursor_expires_s=60)
    client.fill(20)
    cursor = (await client.search(page={"limit": 5})).json()["meta"]["page"]["after"]
    client.clock.advance(59)
    assert (await client.search(page={"cursor": cursor})).status_code == 200
    client.clock.advance(2)
    assert "invalid cursor" in (await client.search(page={"cursor": cursor})).text


@pytest.mark.parametrize(
    ("last_page", "sizes"),
    [("natural", [5, 5, 2]), ("empty", [5, 5, 2, 0]), ("with_data", [5, 5, 2])],
)
async def test_the_last_page_ends_in_every_way_that_was_seen(last_page: str, sizes: list[int]):
    client = Client(last_page=last_page)
    ids = client.fill(12)
    pages = await client.walk(5)
    assert [len(page) for page in pages] == sizes
    assert [name for page in pages for name in page] == ids
    exact = Client(last_page=last_page)
    exact.fill(10)
    sizes = [5, 5] if last_page == "with_data" else [5, 5, 0]
    assert [len(page) for page in await exact.walk(5)] == sizes


async def test_a_hidden_event_shortens_a_page_and_may_be_what_its_cursor_names():
    client = Client()
    ids = client.fill(9)
    client.fake.add(log_event(NOON_MS - 8_001, id="hidden", hidden=True))
    pages = await client.walk(2)
    assert [name for page in pages for name in page] == ids
    assert [len(page) for page in pages] == [1, 2, 2, 2, 2, 0]


async def test_answers_have_the_style_of_their_year():
    new, old = Client(), Client(style="old")
    for client in (new, old):
        client.fill(3)
    said = await new.search(page={"limit": 2})
    assert set(said.json()["meta"]) == {"page", "elapsed", "request_id", "status"}
    assert said.content.endswith(b"\n")
    said = await old.search(page={"limit": 2})
    assert set(said.json()["meta"]) == {"page"}
    assert (await old.search(filter={"from": "now"})).content == b'{"data":[]}'


async def test_the_link_to_the_next_page_leads_there_in_no_stable_order():
    client = Client(site_url="http://fake")
    ids = client.fill(20)
    links = set()
    for _ in range(8):
        answer = await client.search(page={"limit": 5}, sort="timestamp")
        link = answer.json()["links"]["next"]
        links.add(link)
        following = (await client.http.get(link)).json()
        assert [event["id"] for event in following["data"]] == ids[5:10]
    assert len(links) > 1


@pytest.mark.parametrize("fault", ["timeout", "warnings"])
async def test_a_partial_page_says_so_and_gives_no_cursor(fault: str):
    client = Client()
    ids = client.fill(10)
    client.fake.on(1, fault)
    answer = (await client.search(page={"limit": 10}, sort="timestamp")).json()
    assert [event["id"] for event in answer["data"]] == ids[:5]
    assert "page" not in answer["meta"]
    assert answer["meta"]["status"] == ("timeout" if fault == "timeout" else "done")
    assert bool(answer["meta"].get("warnings")) == (fault == "warnings")


async def test_a_span_that_holds_events_may_be_empty_once():
    client = Client()
    ids = client.fill(10)
    client.fake.on(2, "empty")
    found = [await client.ids() for _ in range(3)]
    assert found == [ids, [], ids]


async def test_a_short_page_goes_on_with_its_cursor():
    client = Client()
    ids = client.fill(12)
    client.fake.on(1, "short")
    pages = await client.walk(8)
    assert [len(page) for page in pages] == [4, 8, 0]
    assert [name for page in pages for name in page] == ids
