"""The Datadog source against the fake: what comes, in which order, and over every fault."""

import re

import msgspec
import pytest

from logmon.dead_letter import DeadLetter
from logmon.errors import CredentialsError, MalformedEvent, PermanentSourceError
from logmon.event import encode
from logmon.level import Level
from logmon.source import LogStreamOptions
from logmon.testing import FakeClock, check_source_contract
from logmon.testing.fake_datadog import (
    ASSUMED,
    FAULTS,
    MALFORMED,
    Behaviour,
    RateLimit,
    Traffic,
    log_event,
    malformed_event,
)
from tests.sources.datadog.world import World

QUICK = RateLimit(limit=60, period_s=60)


async def test_the_source_keeps_the_contract():
    await check_source_contract(lambda: World(traffic=Traffic(per_second=5)).source)


async def test_the_newest_page_comes_after_one_request():
    world = World(traffic=Traffic(per_second=5), history_s=900)
    await world.read(60, until=lambda arrival: arrival.batch is not None)
    assert world.fake.asked() == 1
    assert len(world.events) == 1_000
    assert world.events == sorted(world.events, key=lambda event: event.timestamp)
    age = world.clock.now() - world.events[-1].timestamp
    assert age.total_seconds() < 5


async def test_every_event_comes_however_late_it_became_visible():
    """97.8 % come within seconds, 2 % within half a minute, 0.2 % minutes to an hour late."""
    world = World(traffic=Traffic(per_second=1, lags=ASSUMED), history_s=900)
    world.began_ms = world.fake.now_ms() - 890_000
    await world.read(2 * 3600)
    assert len(world.events) > 6_000
    assert world.missing(visible_for_s=900) == []


async def test_a_minute_is_enough_for_what_comes_within_the_overlap():
    world = World(traffic=Traffic(per_second=5), history_s=60)
    world.began_ms = world.fake.now_ms()
    await world.read(600)
    assert world.missing(visible_for_s=60) == []


@pytest.mark.parametrize("ahead_s", [-3600.0, 3600.0])
async def test_a_clock_that_is_an_hour_wrong_loses_nothing(ahead_s):
    world = World(traffic=Traffic(per_second=3), history_s=900, wall_ahead_s=ahead_s)
    world.began_ms = world.fake.now_ms() - 890_000
    await world.read(600)
    assert world.missing(visible_for_s=60) == []
    assert all(event.timestamp <= world.clock.now() for event in world.events)


async def test_a_datadog_whose_clock_jumps_loses_nothing():
    world = World(traffic=Traffic(per_second=3), history_s=900)
    world.began_ms = world.fake.now_ms() - 890_000
    await world.read(300)
    for jump_s in (3600.0, 0.0):
        world.fake.behaviour.skew_s = jump_s
        await world.read(300)
    assert world.missing(visible_for_s=60) == []


async def test_a_datadog_that_told_a_time_to_come_does_not_stop_the_polling():
    world = World(traffic=Traffic(per_second=1), history_s=60)
    await world.read(60)
    world.fake.behaviour.skew_s = 7_200
    await world.read(60)
    world.fake.behaviour.skew_s = 0
    before = world.fake.asked()
    await world.read(120)
    assert world.fake.asked() - before > 20


@pytest.mark.parametrize(
    ("bounds", "last_page"),
    [("[)", "empty"), ("[]", "natural"), ("()", "with_data"), ("(]", "natural"), ("()", "empty")],
)
async def test_it_does_not_matter_which_ends_belong_to_a_search(bounds, last_page):
    behaviour = Behaviour(bounds=bounds, last_page=last_page, search_rate=QUICK)
    world = World(traffic=Traffic(per_second=8), history_s=300, behaviour=behaviour)
    world.began_ms = world.fake.now_ms() - 290_000
    await world.read(60)
    assert world.missing(visible_for_s=60) == []
    assert world.fake.journal.strayed() == []
    assert world.fake.journal.relative() == []


@pytest.mark.parametrize("bounds", ["[)", "[]", "()", "(]"])
async def test_counts_are_used_when_events_lie_on_the_edges_of_buckets(bounds):
    behaviour = Behaviour(bounds=bounds, search_rate=QUICK)
    world = World(behaviour=behaviour, settings={"lookback": "300s"})
    begin_ms = world.fake.now_ms() // 1000 * 1000 - 300_000
    world.fake.add(
        *[
            log_event(begin_ms + 1000 * number, id=str(number), message="tick")
            for number in range(1_200)
        ]
    )
    await world.read(600)
    assert world.fake.asked("aggregate") >= 10
    assert not any("no counts" in text for text in [world.source.status().progress, *world.said])


@pytest.mark.parametrize("fault", sorted(FAULTS - {"400"}))
async def test_a_fault_now_and_then_loses_nothing(fault):
    behaviour = Behaviour(search_rate=QUICK, chances={fault: 0.2})
    settings = {"lookback": "120s"}
    world = World(
        traffic=Traffic(per_second=2), history_s=120, behaviour=behaviour, settings=settings
    )
    world.began_ms = world.fake.now_ms() - 110_000
    await world.read(180)
    behaviour.chances = {}
    await world.read(120)
    assert world.missing(visible_for_s=90) == []
    assert world.fake.journal.before_reset() == []


async def test_a_query_that_datadog_refuses_ends_the_source():
    world = World(traffic=Traffic(per_second=5))
    world.fake.on(2, "400")
    with pytest.raises(PermanentSourceError, match=r"400 .*filter\.query") as failed:
        await world.read(60)
    assert not isinstance(failed.value, CredentialsError)


async def test_a_malformed_event_costs_no_other():
    world = World(traffic=Traffic(per_second=2), history_s=300)
    odd = {name: f"odd-{place}" for place, name in enumerate(MALFORMED)}
    at_ms = world.fake.now_ms() - 60_000
    for name, odd_id in odd.items():
        world.fake.add(malformed_event(name, at_ms, id=odd_id))
    world.began_ms = world.fake.now_ms() - 290_000
    await world.read(120)
    named = {odd_id: name for name, odd_id in odd.items()}
    missing = {named.get(found, found) for found in world.missing(visible_for_s=60)}
    refused = {"no object", "bad timestamp", "unknown status", "list status", "nested 5000 deep",
               "lone surrogate"} & missing  # fmt: skip
    assert missing - refused == {"no id"}
    assert {letter.reason for letter in world.rejected} <= {
        "not_an_object", "bad_time", "unknown_level", "too_deep", "invalid_json",
    }  # fmt: skip
    assert len({letter.raw for letter in world.rejected}) == len(refused)
    assert any(event.message == "no id" for event in world.events)


async def test_attributes_tags_service_host_and_trace_are_where_they_belong():
    world = World()
    world.fake.add(
        log_event(
            world.fake.now_ms() - 5_000, id="one", message="paid", status="WARN", service="shop",
            host="i-1", tags=["env:prod", "lonely", "env:prod"],
            attributes={"http": {"status": 402}, "dd": {"trace_id": "77", "span_id": "8"}},
        )
    )  # fmt: skip
    await world.read(5)
    (event,) = world.events
    assert (event.source, event.host, event.message) == ("shop", "i-1", "paid")
    assert event.level.label == "warn"
    assert event.tags == ("env:prod", "lonely")
    assert event.attributes["http"] == {"status": 402}
    assert (event.trace_id, event.span_id) == ("77", "8")


@pytest.mark.parametrize(
    ("attributes", "trace_and_span"),
    [
        ({"trace_id": None, "span_id": None}, (None, None)),
        ({"dd": {"trace_id": None, "span_id": None}}, (None, None)),
        ({"dd": {"trace_id": "77", "span_id": None}}, ("77", None)),
        ({"trace_id": "77", "span_id": None}, ("77", None)),
        ({"trace_id": None, "span_id": None, "dd": {"trace_id": 77, "span_id": 8}}, ("77", "8")),
        ({"trace_id": None, "span_id": "8"}, (None, None)),
    ],
)
async def test_a_trace_or_span_that_is_null_is_none(attributes, trace_and_span):
    world = World()
    stamp = world.fake.now_ms() - 5_000
    world.fake.add(log_event(stamp, id="one", message="paid", attributes=attributes))
    await world.read(5)
    (event,) = world.events
    assert (event.trace_id, event.span_id) == trace_and_span
    assert event.attributes == attributes, "what Datadog sent stays as it is"
    written = msgspec.json.decode(encode(event))
    assert {"trace_id", "span_id"} & written.keys() == {
        name for name in ("trace_id", "span_id") if getattr(event, name)
    }


async def test_an_event_without_a_service_bears_the_sources_name():
    world = World()
    world.fake.add(log_event(world.fake.now_ms() - 5_000, id="one", message="who"))
    await world.read(5)
    assert world.events[0].source == "prod"
    assert world.events[0].has_level is False


async def test_an_hour_away_is_made_up_for_while_new_rows_keep_coming():
    behaviour = Behaviour(search_rate=QUICK)
    world = World(traffic=Traffic(per_second=4), history_s=900, behaviour=behaviour)
    world.began_ms = world.fake.now_ms() - 890_000
    await world.read(120)
    world.clock.advance(3600)
    back_s = world.clock.monotonic()
    world.source = world.make()
    await world.read(600)
    assert world.missing(visible_for_s=60) == []
    assert any("catching up on 60 min" in text for text in world.notices)
    assert any("caught up" in text and "0 lost" in text for text in world.notices)
    old = world.clock.now().timestamp() - 1_500
    last_old_s = max(came_s for event in world.events if event.timestamp.timestamp() < old
                     and (came_s := world.came_at[event.id]) > back_s)  # fmt: skip
    started = world.clock.now().timestamp() - world.clock.monotonic()
    while_behind = [
        event
        for event in world.events
        if back_s < (came_s := world.came_at[event.id]) < last_old_s
        and started + came_s - event.timestamp.timestamp() < 30
    ]
    assert len(while_behind) > 100


@pytest.mark.parametrize("seed", range(5))
async def test_repeats_refused_cursors_and_answers_in_part_skip_nothing(seed):
    """Without counts to compare: a window goes on where its pages have come to, nowhere else."""
    chances = {"again": 0.3, "invalid-cursor": 0.3, "timeout": 0.1}
    behaviour = Behaviour(search_rate=QUICK, chances=chances)
    world = World(traffic=Traffic(per_second=8), history_s=60, behaviour=behaviour, seed=seed,
                  settings={"reconcile": False})  # fmt: skip
    world.began_ms = world.fake.now_ms() - 50_000
    await world.read(60)
    world.clock.advance(600)
    world.source = world.make()
    await world.read(300)
    assert world.missing(visible_for_s=60) == []


async def test_what_lies_too_far_back_is_skipped_and_said():
    world = World(traffic=Traffic(per_second=1), history_s=60, settings={"max_catch_up": "1h"})
    await world.read(60)
    world.clock.advance(3 * 3600)
    world.source = world.make()
    await world.read(60)
    (gap,) = [text for text in world.notices if text.startswith("gap ")]
    assert "prod skipped 2.0 h" in gap


async def test_a_restart_in_the_middle_of_a_window_goes_on_there():
    behaviour = Behaviour(search_rate=QUICK)
    settings = {"lookback": "300s"}
    world = World(
        traffic=Traffic(per_second=20), history_s=300, behaviour=behaviour, settings=settings
    )
    world.began_ms = world.fake.now_ms() - 290_000
    for _ in range(40):
        await world.read(0.01, until=lambda arrival: arrival.checkpoint is not None)
        world.source = world.make()
    await world.read(300)
    assert world.missing(visible_for_s=60) == []


async def test_history_alone_ends_by_itself():
    world = World(traffic=Traffic(per_second=5), history_s=900)
    world.options = LogStreamOptions(history_only=True)
    world.source = world.make()
    began_ms = world.began_ms = world.fake.now_ms() - 890_000
    await world.read(10_000)
    assert world.fake.now_ms() - began_ms < 1_000_000
    assert world.missing(visible_for_s=60) == []


async def test_two_identical_messages_with_two_ids_are_two_events():
    world = World()
    at_ms = world.fake.now_ms() - 5_000
    world.fake.add(*[log_event(at_ms, id=name, message="same") for name in ("a", "b")])
    await world.read(20)
    assert [event.message for event in world.events] == ["same", "same"]


async def test_another_query_begins_anew():
    world = World(traffic=Traffic(per_second=5), clock=FakeClock())
    await world.read(30)
    world.settings = world.settings.model_copy(update={"query": "status:error"})
    world.source = world.make()
    await world.read(30)
    assert "prod reads something else than before, and begins anew" in world.notices


@pytest.mark.parametrize(("limit", "period_s"), [(2, 10), (3, 10), (10, 10), (60, 60)])
async def test_the_budget_is_kept_in_every_span(limit, period_s):
    """Our half of it, with others using some of theirs, over start, catching up and steady tail."""
    behaviour = Behaviour(
        search_rate=RateLimit(limit=limit, period_s=period_s, taken_by_others=limit // 3),
        chances={"429": 0.02},
    )
    world = World(
        traffic=Traffic(per_second=2), history_s=300, behaviour=behaviour,
        settings={"lookback": "300s"},
    )  # fmt: skip
    await world.read(300)
    world.clock.advance(900)
    world.source = world.make()
    await world.read(300)
    journal = world.fake.journal
    assert journal.most_within(period_s) <= max(1, limit // 2)
    assert journal.most_within(10, "aggregate") <= 1
    assert journal.before_reset() == []


async def test_the_screen_says_how_it_stands():
    world = World(traffic=Traffic(per_second=2), history_s=900)
    said = set()

    def look(_arrival) -> bool:
        said.add(world.source.status())
        return False

    await world.read(90, until=look)
    world.fake.behaviour.chances = {"503": 1.0}

    async def watching(seconds: float) -> None:
        said.add(world.source.status())
        await plain_sleep(seconds)
        if len([status for status in said if status.state != "live"]) > 3:
            world.fake.behaviour.chances = {}

    plain_sleep, world.clock.sleep = world.clock.sleep, watching
    await world.read(300)
    lines = {status.progress for status in said if status.state == "live"}
    assert any(
        re.fullmatch(r"127.0.0.1:8126 · \d+/10 · \d+ s behind · next \d+ s", line) for line in lines
    )
    assert any("backfill" in line for line in lines)
    troubles = [status for status in said if status.state.startswith("retry in")]
    assert {status.detail for status in troubles} == {"127.0.0.1:8126: 503 Service Unavailable"}
    assert any("prod is away: 127.0.0.1:8126: 503" in text for text in world.notices)
    assert any(text.startswith("prod reconnected · ") for text in world.notices)


def test_a_dead_letter_reads_again_as_the_event_it_is():
    source = World().source
    event = log_event(1_700_000_000_000, id="a", message="fine", status="error", service="web")
    letter = DeadLetter(source="prod", reason="old", raw=event.body, length=len(event.body))
    (read,) = source.reread(letter)
    assert (read.id, read.source, read.message, read.level) == ("a", "web", "fine", Level.ERROR)
    broken = malformed_event("bad timestamp", 0, id="b").body
    with pytest.raises(MalformedEvent, match="time"):
        source.reread(msgspec.structs.replace(letter, raw=broken, length=len(broken)))
