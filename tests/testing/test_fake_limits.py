"""Who may ask the fake, and how often: rate limits and credentials."""

from collections.abc import Callable

import httpx2
import pytest

from logmon.testing import NOON
from logmon.testing.fake_datadog import RateLimit
from tests.testing.client import Client


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
