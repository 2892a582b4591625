"""The fake's events in time: late, early, repeated, and an endless story of them."""

from typing import Any

import pytest

from logmon.testing import FakeClock
from logmon.testing.fake_datadog import (
    ASSUMED,
    EIGHTEEN_HOURS,
    FakeDatadog,
    Traffic,
    log_event,
)
from tests.testing.client import NOON_MS, Client


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
