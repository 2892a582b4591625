"""The mock: the same story for the same seed, at the rate asked for, with the faults asked for."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from logmon.batch import events_of
from logmon.errors import MalformedEvent, TransientSourceError
from logmon.event import LogEvent, encode
from logmon.formats import LineDecoder
from logmon.level import Level
from logmon.sources.mock import (
    BATCH_ROWS,
    BURST_ROWS,
    HISTORY_ROWS,
    LAG_S,
    RETRY_AFTER_S,
    MockSettings,
    MockSource,
)
from logmon.sources.mock_services import SERVICES
from logmon.testing import NOON, FakeClock

CHAOS = ["burst", "disorder", "duplicate", "malformed", "disconnect"]


class Told:
    """What a mock gave until `count` events were there; it is observed again when it breaks."""

    def __init__(self, clock: FakeClock | None = None, name: str = "mock", **settings) -> None:
        self.clock = clock or FakeClock()
        self.source = MockSource(
            name,
            settings=MockSettings(**settings),
            monotonic=self.clock.monotonic,
            sleep=self.clock.sleep,
            start=NOON,
        )
        self.events: list[LogEvent] = []
        self.batches: list[int] = []
        self.rejected = []
        self.notices: list[str] = []
        self.failures: list[TransientSourceError] = []

    async def read(self, count: int) -> "Told":
        while len(self.events) < count:
            try:
                await self._read(count)
            except TransientSourceError as error:
                self.failures.append(error)
                self.clock.advance(error.retry_after_s)
        return self

    async def _read(self, count: int) -> None:
        async for arrival in self.source.observe():
            self.rejected += arrival.rejected
            self.notices += [notice.text for notice in arrival.notices]
            if arrival.batch is not None:
                self.batches.append(len(arrival.batch))
                self.events += events_of(arrival.batch)
            if len(self.events) >= count:
                return

    @property
    def live(self) -> list[LogEvent]:
        return self.events[HISTORY_ROWS:]

    def lines(self, count: int) -> list[bytes]:
        return [encode(event) for event in self.events[:count]]


ALL_CHAOS = [(), *[(name,) for name in CHAOS], tuple(CHAOS)]


@pytest.mark.parametrize("chaos", ALL_CHAOS)
async def test_the_same_seed_and_start_give_the_same_bytes(chaos):
    one = await Told(chaos=chaos).read(2_000)
    two = await Told(chaos=chaos).read(2_000)
    assert one.lines(2_000) == two.lines(2_000)
    assert one.rejected == two.rejected


async def test_another_seed_tells_another_story_with_other_ids():
    one, two = await Told(seed=1).read(500), await Told(seed=2).read(500)
    assert [e.message for e in one.events] != [e.message for e in two.events]
    assert not {e.id for e in one.events} & {e.id for e in two.events}


async def test_two_mocks_of_one_seed_never_share_an_id():
    one, two = await Told(name="a").read(100), await Told(name="b").read(100)
    assert [e.message for e in one.events] == [e.message for e in two.events]
    assert not {e.id for e in one.events} & {e.id for e in two.events}
    assert len({e.id for e in one.events}) == len(one.events)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 3), min_size=1, max_size=20), st.sampled_from(ALL_CHAOS))
def test_how_the_clock_runs_changes_no_byte(steps_s, chaos):
    """Time in big and small steps cuts other batches out of the same rows."""

    class Jumpy(FakeClock):
        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)
            self.advance(max(seconds, steps_s[len(self.slept) % len(steps_s)]))
            await asyncio.sleep(0)

    async def play() -> None:
        even = await Told(chaos=chaos).read(500)
        jumpy = await Told(Jumpy(), chaos=chaos).read(500)
        assert jumpy.lines(500) == even.lines(500)

    asyncio.run(play())


async def test_the_first_arrival_is_the_history_of_the_last_seconds():
    told = await Told().read(HISTORY_ROWS)
    assert told.batches == [HISTORY_ROWS]
    assert told.clock.slept == []
    assert timedelta(0) < NOON - told.events[-1].timestamp < timedelta(seconds=0.1)
    assert NOON - told.events[0].timestamp < timedelta(seconds=5)


async def test_an_error_comes_within_the_first_second_for_every_seed():
    for seed in range(30):
        told = await Told(seed=seed).read(HISTORY_ROWS + 25)
        first_second = [e for e in told.live if e.timestamp < NOON + timedelta(seconds=1)]
        assert any(event.level >= Level.WARN for event in first_second), seed


async def test_it_tells_of_six_services_and_most_of_it_is_calm():
    told = await Told().read(5_000)
    assert {event.source for event in told.events} == set(SERVICES)
    levels = Counter(event.level for event in told.events)
    assert set(levels) >= {Level.TRACE, Level.DEBUG, Level.INFO, Level.NOTICE, Level.WARN}
    assert set(levels) >= {Level.ERROR, Level.CRITICAL}
    assert 0.6 < levels[Level.INFO] / len(told.events) < 0.95
    assert sum(levels[level] for level in levels if level >= Level.ERROR) < 0.15 * len(told.events)


async def test_a_message_is_its_template_filled_with_its_attributes():
    told = await Told().read(5_000)
    assert all(e.message == e.message_template.format_map(e.attributes) for e in told.events)
    assert all("{" in e.message_template for e in told.events)
    assert len({e.message_template for e in told.events}) >= 20
    statuses = {e.attributes["http"]["status"] for e in told.events if "http" in e.attributes}
    assert statuses >= {200, 201, 402, 404}
    assert all(e.host and e.tags[0] == "env:prod" for e in told.events)


async def test_one_trace_runs_through_several_services():
    told = await Told().read(2_000)
    services: dict[str, set[str]] = {}
    for event in told.events:
        services.setdefault(event.trace_id, set()).add(event.source)
    assert sum(len(found) >= 3 for found in services.values()) > 50
    assert len({event.span_id for event in told.events}) == len(told.events)
    assert all(len(e.trace_id) == 32 and len(e.span_id) == 16 for e in told.events)


async def test_an_incident_has_a_cause_then_failures_and_then_a_recovery():
    told = await Told().read(25 * 130)
    bad = [e for e in told.events if e.level >= Level.CRITICAL]
    assert len(bad) >= 4
    assert bad[0].timestamp < NOON + timedelta(seconds=5)
    for cause in bad[:3]:
        passed_s = [(e.timestamp - cause.timestamp).total_seconds() for e in told.events]
        rows = list(zip(passed_s, told.events, strict=True))
        during = [e.level >= Level.WARN for s, e in rows if 0 < s < 5]
        before = [e.level >= Level.WARN for s, e in rows if -1.5 < s < 0]
        assert sum(during) / len(during) > 3 * sum(before) / len(before)
        signs = ("ledger consistent", "new primary", "signing key rotated")
        assert any(e.message.startswith(signs) for s, e in rows if 4.5 < s < 5.5)


@pytest.mark.parametrize("rate", [0.5, 20, 25, 1_000, 150_001.5, 200_000])
async def test_the_true_rate_is_kept_by_a_clock_that_is_always_late(rate):
    class Late(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds * 1.3 + 0.004)

    clock = Late()
    count = min(int(rate * 3) + 5, 100_000)
    told = await Told(clock, events_per_second=rate).read(HISTORY_ROWS + count)
    assert len(told.live) == pytest.approx(rate * clock.monotonic(), abs=2 + rate * 0.02)
    assert max(told.batches) <= BATCH_ROWS
    assert all(a.timestamp <= b.timestamp for a, b in pairwise(told.events))
    last = told.events[-1].timestamp
    assert clock.now() - timedelta(seconds=1 + 2 / rate) < last <= clock.now()


async def test_an_event_is_given_when_its_time_has_come_and_not_before():
    clock = FakeClock(auto_advance=False)
    observed = Told(clock).source.observe()
    await anext(observed)
    coming = asyncio.create_task(anext(observed))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not coming.done()
    clock.advance(0.05)
    arrival = await asyncio.wait_for(coming, 5)
    assert len(arrival.batch) == 1
    assert NOON < arrival.batch.event(0).timestamp <= clock.now()
    await observed.aclose()


async def test_a_machine_that_slept_is_not_sent_the_hours_it_missed():
    told = await Told().read(100)
    told.clock.advance(3_600)
    await told.read(100 + 25 * int(LAG_S) + 25)
    missed = [e for e in told.events if e.timestamp < told.clock.now() - timedelta(seconds=60)]
    assert len(missed) == 100
    numbers = [int(event.id[-8:], 16) for event in told.events]
    assert numbers == list(range(1, len(numbers) + 1)), "the story goes on where it was"


async def test_without_a_start_it_begins_now():
    before = datetime.now(UTC)
    arrival = await anext(MockSource().observe())
    age = before - arrival.batch.event(HISTORY_ROWS - 1).timestamp
    assert abs(age) < timedelta(seconds=5)


async def test_burst_brings_many_events_in_one_moment_and_none_out_of_order():
    told = await Told(chaos=("burst",)).read(3_000)
    assert max(told.batches[1:]) >= BURST_ROWS
    in_a_tenth = Counter(int(event.timestamp.timestamp() * 10) for event in told.live)
    assert max(in_a_tenth.values()) >= BURST_ROWS
    assert all(a.timestamp <= b.timestamp for a, b in pairwise(told.events))
    assert told.events[-1].timestamp <= told.clock.now()


async def test_disorder_hands_rows_on_late_and_loses_none():
    told = await Told(chaos=("disorder",)).read(2_000)
    plain = await Told().read(2_000)
    assert any(b.timestamp < a.timestamp for a, b in pairwise(told.events))
    in_order = sorted(told.events, key=lambda event: event.timestamp)
    assert [e.message for e in in_order][:1_900] == [e.message for e in plain.events][:1_900]


async def test_duplicate_gives_some_events_twice_with_the_same_id_and_bytes():
    told = await Told(chaos=("duplicate",)).read(2_000)
    by_id: dict[str, list[LogEvent]] = {}
    for event in told.events:
        by_id.setdefault(event.id, []).append(event)
    twice = [events for events in by_id.values() if len(events) > 1]
    assert len(twice) > 10
    assert all(events == [events[0]] * 2 for events in twice)


async def test_malformed_brings_records_that_a_decoder_refuses_for_the_same_reason():
    told = await Told(chaos=("malformed",)).read(5_000)
    assert {letter.reason for letter in told.rejected} == {
        "invalid_json", "bad_time", "unknown_level", "not_an_object",
    }  # fmt: skip
    for letter in told.rejected:
        with pytest.raises(MalformedEvent) as refused:
            LineDecoder("x").decode(letter.raw, 0, 0)
        assert refused.value.reason == letter.reason
        assert letter.source == "mock"
        assert letter.length == len(letter.raw)


async def test_disconnect_fails_for_a_moment_and_then_goes_on_where_it_was():
    told = await Told(chaos=("disconnect",)).read(2_000)
    plain = await Told().read(2_000)
    assert len(told.failures) > 2
    assert all(error.retry_after_s == RETRY_AFTER_S for error in told.failures)
    assert told.notices[0] == f"mock reconnected · {int(RETRY_AFTER_S * 25)} backfilled · 0 lost"
    assert len(told.notices) == len(told.failures)
    assert [e.message for e in told.events[:2_000]] == [e.message for e in plain.events[:2_000]]


@pytest.mark.parametrize("rate", [200_000, 30])
async def test_chaos_at_any_rate_keeps_batches_bounded(rate):
    told = await Told(events_per_second=rate, chaos=tuple(CHAOS)).read(30_000)
    assert max(told.batches) <= BATCH_ROWS


@pytest.mark.parametrize(
    "wrong",
    [
        {"events_per_second": 0}, {"events_per_second": 200_001}, {"chaos": ("brust",)},
        {"sede": 3}, {"seed": "x"},
    ],
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValidationError):
        MockSettings(**wrong)


def test_settings_never_change():
    with pytest.raises(ValidationError):
        MockSettings().seed = 8
