"""The hub: accounting, back-pressure, gaps, pipelines, late and slow readers."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.dead_letter import DeadLetter
from logmon.errors import TransientSourceError
from logmon.filter import build_filter
from logmon.hub import LogEventHub
from logmon.level import Level, at_least
from logmon.source import Arrival, LogStreamOptions, Notice
from logmon.testing import FakeClock, ScriptedSource, arrival_of, make_event

WARNINGS = build_filter(levels=at_least(Level.WARN))
DEAD = DeadLetter(source="app", reason="invalid_json", raw=b"{", length=1)


async def give(hub: LogEventHub, count: int, **fields: object) -> None:
    await hub.intake("app").accept(
        Arrival(batch=EventBatch([make_event(f"m{n}", **fields) for n in range(count)]))
    )


async def test_every_reader_gets_what_its_filter_lets_through():
    hub = LogEventHub()
    everything = hub.subscribe()
    warnings = hub.subscribe(WARNINGS)
    await hub.intake("app").accept(
        arrival_of(make_event("a"), make_event("b", level=Level.ERROR), make_event("c"))
    )
    hub.close()
    assert [event.message async for event in everything] == ["a", "b", "c"]
    assert [event.message async for event in warnings] == ["b"]


async def test_a_late_reader_starts_behind_the_newest_row_or_where_it_says():
    hub = LogEventHub()
    await give(hub, 3)
    late, early = hub.subscribe(), hub.subscribe(after=0)
    await give(hub, 1)
    hub.close()
    assert len([event async for event in late]) == 1
    assert [event.message async for event in early] == ["m1", "m2", "m0"]


async def test_a_reader_that_was_overtaken_is_told_exactly_how_many_rows_it_missed():
    hub = LogEventHub(max_rows=10)
    reader = hub.subscribe(WARNINGS)
    for _ in range(5):
        await give(hub, 5, level=Level.ERROR)
    rows = reader.take()
    assert rows is not None
    assert rows.missed == 15
    assert len(rows) == 10
    statistics = reader.statistics()
    assert statistics.passed + statistics.skipped + statistics.missed + statistics.pending == 25


async def test_a_blocking_reader_makes_the_source_wait_and_misses_nothing():
    hub = LogEventHub(max_rows=20)
    reader = hub.subscribe(when_full="block")
    seen: list[str] = []

    async def publish() -> None:
        intake = hub.intake("app")
        for n in range(100):
            await intake.accept(arrival_of(make_event(f"m{n}")))
        hub.close()

    publishing = asyncio.create_task(publish())
    async for event in reader:
        seen.append(event.message)
        await asyncio.sleep(0)
    await publishing
    assert seen == [f"m{n}" for n in range(100)]
    assert reader.missed == 0


async def test_what_a_pipeline_says_never_pushes_rows_past_a_blocking_reader():
    hub = LogEventHub(max_rows=16)
    reader = hub.subscribe(when_full="block", settled=True)
    pipeline = hub.subscribe_pipeline(WARNINGS, name="sentinel")
    intake = hub.intake("app")

    async def publish() -> None:
        for n in range(60):
            await intake.accept(arrival_of(make_event(f"m{n}", level=Level.ERROR)))
        await hub.drained()
        hub.close()

    async def automate() -> None:
        async for rows in pipeline.batches():
            hub.publish_own([make_event(f"said {len(rows)}")], origin="sentinel")

    tasks = [asyncio.create_task(publish()), asyncio.create_task(automate())]
    seen = [event.message async for event in reader]
    await asyncio.gather(*tasks)
    assert reader.missed == 0
    assert [m for m in seen if m.startswith("m")] == [f"m{n}" for n in range(60)]


async def test_a_pipeline_never_hears_what_logmon_itself_wrote():
    hub = LogEventHub()
    pipeline = hub.subscribe_pipeline(WARNINGS, name="sentinel")
    hub.publish_own([make_event(level=Level.ERROR)], origin="sentinel")
    hub.announce(Notice(text="gap", level=Level.ERROR), source="app")
    assert pipeline.take() is None
    await hub.intake("app").accept(arrival_of(make_event(source="sentinel", level=Level.ERROR)))
    assert len(pipeline.take()) == 1, "a row that only claims to be Sentinel's is heard"


async def test_a_settled_reader_waits_for_every_pipeline():
    hub = LogEventHub()
    pipeline = hub.subscribe_pipeline(WARNINGS, name="sentinel")
    reader = hub.subscribe(settled=True)
    await give(hub, 1, level=Level.ERROR)
    assert reader.take() is None
    assert pipeline.take() is not None
    assert reader.take() is None
    assert pipeline.take() is None
    assert reader.take() is not None


async def test_what_a_source_asks_for_is_enforced_and_counted():
    clock = FakeClock()
    hub = LogEventHub(monotonic=clock.monotonic)
    options = LogStreamOptions(
        minimum_level=Level.INFO, tags=("env:prod",), sources=("api",), throttle_per_second=2
    )
    intake = hub.intake("app", options)
    good = {"source": "api", "tags": ("env:prod",)}
    await intake.accept(
        arrival_of(
            make_event(level=Level.DEBUG, **good),
            make_event(source="api"),
            make_event(source="other", tags=("env:prod",)),
            *[make_event(f"g{n}", **good) for n in range(5)],
        )
    )
    account = hub.sources["app"]
    assert (account.received, account.filtered, account.dropped, account.stored) == (8, 3, 3, 2)
    clock.advance(1)
    await intake.accept(arrival_of(make_event(**good)))
    assert account.stored == 3


async def test_a_repeated_id_is_a_duplicate_and_stands_outside_the_account():
    hub = LogEventHub()
    intake = hub.intake("app")
    event = make_event()
    await intake.accept(arrival_of(event, event))
    await intake.accept(arrival_of(event))
    account = hub.sources["app"]
    assert (account.received, account.stored, account.duplicates) == (1, 1, 2)
    assert account.difference == 0


async def test_enrichment_gives_what_is_missing_before_anyone_reads():
    hub = LogEventHub()
    reader = hub.subscribe()
    intake = hub.intake("app", add_tags=("team:a",))
    await intake.accept(
        arrival_of(make_event(source="", id="", tags=("x",)), make_event(source="", id=""))
    )
    hub.close()
    first, second = [event async for event in reader]
    assert first.source == "app"
    assert first.tags == ("x", "team:a")
    assert first.id
    assert first.id != second.id


async def test_a_notice_becomes_a_row_of_logmons_own():
    hub = LogEventHub()
    await hub.intake("app").accept(Arrival(notices=(Notice(text="reconnected"),)))
    (row,) = hub.recent(10)
    assert row.is_own
    assert (row.origin, row.event.message) == ("logmon", "reconnected")
    assert hub.sources["app"].received == 0


async def test_dead_letters_are_kept_and_counted():
    hub = LogEventHub()
    await hub.intake("app").accept(Arrival(rejected=(DEAD, DEAD)))
    assert list(hub.dead_letters) == [DEAD, DEAD]
    assert hub.sources["app"].dead_lettered == 2
    assert hub.sources["app"].difference == 0


async def test_a_source_that_breaks_raises_out_of_drain_and_is_released():
    hub = LogEventHub()
    source = ScriptedSource("app", [arrival_of(make_event()), TransientSourceError("gone")])
    with pytest.raises(TransientSourceError):
        await hub.drain(source, hub.intake("app"))
    assert source.released == 1
    assert hub.sources["app"].stored == 1


STEP = st.one_of(
    st.tuples(st.just("accept"), st.integers(0, 12), st.sampled_from(Level), st.integers(0, 2)),
    st.tuples(st.just("read"), st.integers(0, 2)),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("turns"), st.integers(1, 4)),
    st.tuples(st.just("advance"), st.floats(0, 2)),
)


@given(
    steps=st.lists(STEP, max_size=40),
    bound=st.integers(1, 40),
    throttle=st.sampled_from([None, 3.0]),
)
@settings(max_examples=150, deadline=None)
def test_the_account_balances_at_every_moment(steps, bound, throttle):
    """Random rates, filters, slow and blocking readers, and cancels in the middle."""

    async def play() -> None:
        clock = FakeClock()
        hub = LogEventHub(max_rows=bound, monotonic=clock.monotonic)
        options = LogStreamOptions(minimum_level=Level.INFO, throttle_per_second=throttle)
        intake = hub.intake("app", options)
        readers = [
            hub.subscribe(WARNINGS, name="slow"),
            hub.subscribe(name="fast"),
            hub.subscribe(name="block", when_full="block"),
        ]
        publishing: list[asyncio.Task[None]] = []

        def balanced() -> None:
            assert hub.sources["app"].difference == 0
            for reader in readers:
                s = reader.statistics()
                behind = max(0, hub.log.snapshot.first_seq - reader.position)
                assert s.passed + s.skipped + s.missed + s.pending == hub.log.snapshot.next_seq
                assert behind == 0 or reader.when_full == "drop"

        for step in steps:
            match step:
                case ("accept", count, level, dead):
                    events = [make_event(level=level) for _ in range(count)]
                    arrival = Arrival(batch=EventBatch(events), rejected=(DEAD,) * dead)
                    publishing.append(asyncio.create_task(intake.accept(arrival)))
                case ("read", which):
                    readers[which].take()
                case ("cancel",) if publishing:
                    publishing.pop().cancel()
                case ("turns", turns):
                    for _ in range(turns):
                        await asyncio.sleep(0)
                        balanced()
                case ("advance", seconds):
                    clock.advance(seconds)
            balanced()
        for task in publishing:
            task.cancel()
        await asyncio.gather(*publishing, return_exceptions=True)
        balanced()
        assert hub.sources["app"].in_flight == 0
        assert readers[2].missed == 0

    asyncio.run(play())


async def test_cancelling_a_reader_loses_nothing():
    hub = LogEventHub()
    reader = hub.subscribe()
    seen: list[str] = []

    async def read() -> None:
        async for event in reader:
            seen.append(event.message)

    for n in range(20):
        task = asyncio.create_task(read())
        for _ in range(n % 4):
            await asyncio.sleep(0)
        await hub.intake("app").accept(arrival_of(make_event(f"m{n}")))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    hub.close()
    await read()
    assert seen == [f"m{n}" for n in range(20)]


async def test_unsubscribing_a_stalled_blocking_reader_lets_publishers_go_on():
    hub = LogEventHub(max_rows=4)
    stalled = hub.subscribe(when_full="block")
    publishing = asyncio.create_task(give(hub, 20))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not publishing.done()
    hub.unsubscribe(stalled)
    await publishing
    assert hub.sources["app"].stored == 20
