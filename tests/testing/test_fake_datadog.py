"""The fake Datadog behaves as the API is documented and was recorded, and breaks on demand."""

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from logmon.testing import NOON, FakeClock
from logmon.testing.fake_datadog import (
    ASSUMED,
    EIGHTEEN_HOURS,
    FAULTS,
    MALFORMED,
    UNLIMITED,
    Behaviour,
    FakeDatadog,
    RateLimit,
    Traffic,
    log_event,
    malformed_event,
    serving,
)

SEARCH = "/api/v2/logs/events/search"
AGGREGATE = "/api/v2/logs/analytics/aggregate"
KEYS = {"dd-api-key": "a" * 32, "dd-application-key": "b" * 40}
NOON_MS = int(NOON.timestamp() * 1000)


class Client:
    """An httpx2 client and the fake it talks to, in virtual time."""

    def __init__(self, clock: FakeClock | None = None, **behaviour: Any) -> None:
        self.clock = clock or FakeClock()
        behaviour.setdefault("search_rate", UNLIMITED)
        behaviour.setdefault("aggregate_rate", UNLIMITED)
        self.fake = FakeDatadog(clock=self.clock, behaviour=Behaviour(**behaviour))
        self.http = httpx2.AsyncClient(
            transport=self.fake.transport(), base_url="http://fake", headers=KEYS, timeout=30
        )

    def fill(self, count: int, *, step_ms: int = 1_000, **attributes: Any) -> list[str]:
        """Put in events before noon, the oldest first; return their ids in that order."""
        ids = [f"e{number:04}" for number in range(count)]
        first_ms = NOON_MS - count * step_ms
        self.fake.add(
            *(
                log_event(first_ms + place * step_ms, id=name, message=name, **attributes)
                for place, name in enumerate(ids)
            )
        )
        return ids

    async def search(self, **body: Any) -> httpx2.Response:
        body.setdefault("filter", {"from": "now-2d", "to": "now"})
        return await self.http.post(SEARCH, json=body)

    async def ids(self, **body: Any) -> list[str]:
        answer = await self.search(**{"page": {"limit": 1000}, "sort": "timestamp"} | body)
        assert answer.status_code == 200, answer.text
        return [event["id"] for event in answer.json()["data"]]

    async def walk(self, limit: int, **body: Any) -> list[list[str]]:
        """Follow the cursor to the end; return the ids of each page."""
        pages, cursor = [], None
        while True:
            page = {"limit": limit} | ({"cursor": cursor} if cursor else {})
            answer = (await self.search(page=page, sort="timestamp", **body)).json()
            pages.append([event["id"] for event in answer["data"]])
            cursor = answer.get("meta", {}).get("page", {}).get("after")
            if cursor is None:
                return pages


# 1 to 3: forms, defaults, times, limits


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


# 4 to 6: cursors, pages, hidden events


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


# 8, 14: answers that are not all


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


# 9: rate limits


@pytest.mark.parametrize(("limit", "period_s"), [(2, 10), (3, 10), (10, 10), (60, 60)])
async def test_a_period_has_its_budget_and_ends_with_the_calendar(limit: int, period_s: int):
    client = Client(search_rate=RateLimit(limit=limit, period_s=period_s))
    client.clock.advance(period_s - 3)
    for left in range(limit - 1, -1, -1):
        answer = await client.search()
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-remaining"] == str(left)
        assert answer.headers["x-ratelimit-reset"] == "3"
    refused = await client.search()
    assert refused.status_code == 429
    assert f"{limit} requests in {period_s} seconds" in refused.json()["errors"][0]
    assert refused.headers["x-ratelimit-name"] == "logs_public_search_api"
    client.clock.advance(3)
    assert (await client.search()).status_code == 200


async def test_other_clients_use_the_budget_up():
    client = Client(search_rate=RateLimit(limit=10, period_s=10, taken_by_others=8))
    codes = [(await client.search()).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("429", lambda answer: answer.json()["errors"]),
        ("429:empty", lambda answer: answer.content == b""),
        ("429:bare", lambda answer: not [name for name in answer.headers if "rate" in name]),
        ("429:reset-0", lambda answer: answer.headers["x-ratelimit-reset"] == "0"),
        ("429:reset-text", lambda answer: answer.headers["x-ratelimit-reset"] == "soon"),
    ],
)
async def test_every_kind_of_429_can_be_had(fault: str, check: Callable[[httpx2.Response], bool]):
    client = Client()
    client.fake.on(1, fault)
    answer = await client.search()
    assert answer.status_code == 429
    assert check(answer)


async def test_the_journal_tells_whether_a_client_kept_to_the_budget():
    client = Client(search_rate=RateLimit(limit=3, period_s=10))
    for _ in range(5):
        await client.search()
        client.clock.advance(1)
    journal = client.fake.journal
    assert journal.most_in_a_period(10) == 5
    assert journal.most_within(2) == 2
    assert [asked.number for asked in journal.before_reset()] == [5]
    client.clock.advance(20)
    await client.search()
    assert [asked.number for asked in journal.before_reset()] == [5]


# 10, 17: credentials


async def test_only_known_credentials_may_read():
    client = Client()
    fake, http = client.fake, client.http
    fake.access.add_pair("a" * 32, "b" * 40)
    fake.access.add_token("ddpat_secret")
    assert (await client.search()).status_code == 200
    assert (await http.get("/api/v1/validate")).json() == {"valid": True}
    assert (await http.get("/api/v2/validate_keys")).status_code == 200
    http.headers["dd-api-key"] = "c" * 32
    refused = await client.search()
    assert (refused.status_code, refused.json()) == (403, {"errors": ["Forbidden"]})
    del http.headers["dd-api-key"]
    assert (await client.search()).json() == {"errors": ["API key required"]}
    assert (await http.get("/api/v1/validate")).json() == {"errors": ["API key required"]}
    http.headers["dd-application-key"] = "ddpat_secret"
    assert (await client.search()).status_code == 200
    del http.headers["dd-application-key"]
    http.headers["authorization"] = "Bearer ddpat_secret"
    assert (await client.search()).status_code == 200
    http.headers["authorization"] = "Bearer ddpat_other"
    assert (await client.search()).status_code == 403


async def test_a_key_is_revoked_in_mid_run_and_the_next_one_takes_a_moment_to_spread():
    client = Client()
    old, new = "a" * 32 + ":" + "b" * 40, ("c" * 32, "d" * 40)
    client.fake.access.add_pair(*old.split(":"))
    assert (await client.search()).status_code == 200
    client.fake.access.revoke(old, "401")
    assert (await client.search()).json() == {"errors": ["Unauthorized"]}
    client.fake.access.revoke(old, "scope")
    assert len((await client.search()).json()["errors"]) == 2
    client.fake.access.add_pair(*new, valid_from_s=NOON.timestamp() + 3)
    client.http.headers |= {"dd-api-key": new[0], "dd-application-key": new[1]}
    assert (await client.search()).status_code == 403
    client.clock.advance(3)
    assert (await client.search()).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("401", 401),
        ("403", 403),
        ("403:scope", 403),
        ("403:object", 403),
        ("403:html", 403),
        ("400", 400),
    ],
)
async def test_every_kind_of_refusal_can_be_had(fault: str, status: int):
    client = Client()
    client.fake.on(1, fault)
    answer = await client.search()
    assert answer.status_code == status
    assert (fault == "403:html") == answer.text.startswith("<html>")
    assert fault != "403:object" or answer.json()["errors"][0]["title"] == "Forbidden"


# 11: on the way


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


# 12, 13: late, early and repeated events


async def test_a_late_event_appears_behind_newer_ones():
    client = Client()
    client.fake.add(log_event(NOON_MS - 60_000, id="late", visible_ms=NOON_MS + 5_000))
    client.fake.add(log_event(NOON_MS - 1_000, id="new"))
    assert await client.ids() == ["new"]
    client.clock.advance(5)
    assert await client.ids() == ["late", "new"]


async def test_an_event_of_the_future_waits_for_its_time():
    client = Client()
    client.fake.add(log_event(NOON_MS + 3_600_000, id="ahead", visible_ms=NOON_MS))
    assert await client.ids() == []
    assert await client.ids(filter={"from": "now", "to": "now+2h"}) == ["ahead"]
    client.clock.advance(3_601)
    assert await client.ids() == ["ahead"]


@pytest.mark.parametrize(
    ("bounds", "found"), [("[)", "12"), ("[]", "123"), ("()", "2"), ("(]", "23")]
)
async def test_the_ends_of_a_span_belong_to_it_or_not(bounds: str, found: str):
    client = Client(bounds=bounds)
    client.fake.add(*(log_event(NOON_MS - 4_000 + 1_000 * n, id=f"{n}") for n in range(5)))
    span = {"from": str(NOON_MS - 3_000), "to": str(NOON_MS - 1_000)}
    assert await client.ids(filter=span) == list(found)


async def test_equal_times_across_the_border_of_a_page_are_each_given_once():
    client = Client()
    client.fake.add(*(log_event(NOON_MS - 1_000, id=f"same {n:03}") for n in range(75)))
    pages = await client.walk(10)
    assert [name for page in pages for name in page] == [f"same {n:03}" for n in range(75)]


async def test_an_event_comes_twice_in_a_page_and_again_in_the_next():
    client = Client()
    ids = client.fill(10)
    client.fake.on(1, "twice")
    client.fake.on(3, "again")
    first = await client.ids()
    assert sorted(set(first)) == ids
    assert len(first) == 11
    pages = await client.walk(5)
    assert pages == [ids[:5], [ids[4], *ids[5:]], []]


async def test_the_date_header_and_the_answers_go_by_the_same_clock():
    client = Client(skew_s=3600)
    client.fake.add(log_event(NOON_MS + 3_000_000, id="a"))
    answer = await client.search(filter={"from": "now-15m"})
    assert answer.headers["date"] == "Mon, 23 Nov 2026 13:00:00 GMT"
    assert len(answer.json()["data"]) == 1


def test_traffic_is_the_same_story_each_time_and_as_late_as_it_is_told():
    def story(**changes: Any) -> list[Any]:
        traffic = Traffic(per_second=100, count=20_000, **changes)
        return list(traffic.events(NOON_MS))

    assert story() == story()
    assert story() != story(seed=8)
    events = story(lags=ASSUMED)
    times = [event.time_ms for event in events]
    assert times == sorted(times)
    assert len({event.id for event in events}) == 20_000
    assert (times[-1] - times[0]) / 1000 == pytest.approx(200, rel=0.1)
    lags = sorted((event.visible_ms - event.time_ms) / 1000 for event in events)
    assert lags[10_000] == pytest.approx(0.8, rel=0.1)
    assert 0.01 < sum(lag > 5 for lag in lags) / 20_000 < 0.04
    assert lags[-1] > 600
    equal = max(times.count(time_ms) for time_ms in times[:2_000])
    assert equal >= 30
    late = story(lags=EIGHTEEN_HOURS)
    lags = [(event.visible_ms - event.time_ms) / 3_600_000 for event in late]
    assert 17 < max(lags) < 18


async def test_traffic_goes_on_with_the_clock():
    clock = FakeClock()
    fake = FakeDatadog(traffic=Traffic(per_second=10), history_s=60, clock=clock)
    before = len(fake.visible())
    assert 450 < before < 750
    clock.advance(60)
    assert 1.6 < len(fake.visible()) / before < 2.5


# 15: malformed events


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


# 16: counts


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


# 18: the journal


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


# The process


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
