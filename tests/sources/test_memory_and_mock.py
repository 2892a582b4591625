"""The in-memory source and the mock."""

import asyncio
from itertools import pairwise

import pytest

from logmon.batch import events_of
from logmon.errors import ConfigError, TransientSourceError
from logmon.event import encode
from logmon.level import Level
from logmon.source import LogStreamOptions
from logmon.sources import build_source
from logmon.sources.memory import InMemoryLogEventSource
from logmon.sources.mock import MockSettings, MockSource
from logmon.testing import NOON, FakeClock, check_source_contract, make_event

CHAOS = ["burst", "disorder", "duplicate", "malformed", "disconnect"]


async def test_what_was_enqueued_is_observed_in_order_and_then_the_end():
    source = InMemoryLogEventSource("app")
    await source.enqueue_many([make_event("a"), make_event("b")])
    source.complete()
    seen = [e.message async for arrival in source.observe() for e in events_of(arrival.batch)]
    assert seen == ["a", "b"]


async def test_completing_with_an_error_delivers_what_is_queued_and_then_raises_it():
    source = InMemoryLogEventSource("app")
    await source.enqueue(make_event("a"))
    source.complete(TransientSourceError("gone"))
    seen = []
    with pytest.raises(TransientSourceError, match="gone"):  # noqa: PT012 - read to its end
        async for arrival in source.observe():
            seen += events_of(arrival.batch)
    assert len(seen) == 1


async def test_nothing_can_be_enqueued_after_completion():
    source = InMemoryLogEventSource("app")
    source.complete()
    with pytest.raises(RuntimeError, match="completed"):
        await source.enqueue(make_event())


async def test_enqueue_waits_while_the_queue_is_full():
    source = InMemoryLogEventSource("app", capacity=2)
    many = (make_event() for _ in range(5))
    waiting = asyncio.create_task(source.enqueue_many(many))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    count = 0
    async for arrival in source.observe():
        count += len(arrival.batch)
        if count == 5:
            break
    await asyncio.wait_for(waiting, 5)


async def test_cancelling_a_reader_keeps_what_it_did_not_get():
    source = InMemoryLogEventSource("app")

    async def read():
        async for _ in source.observe():
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await source.enqueue(make_event("kept"))
    source.complete()
    assert [e.message async for a in source.observe() for e in events_of(a.batch)] == ["kept"]


async def test_memory_keeps_the_contract_of_sources():
    def make():
        source = InMemoryLogEventSource("app")
        source._queue.extend([make_event("a"), make_event("b")])
        source.complete()
        return source

    assert len(await check_source_contract(make)) == 2


def mock(**settings) -> MockSource:
    clock = FakeClock()
    return MockSource(
        settings=MockSettings(**settings), monotonic=clock.monotonic, sleep=clock.sleep, start=NOON
    )


async def first(source: MockSource, count: int):
    events, rejected = [], []
    while len(events) < count:
        try:
            async for arrival in source.observe():
                rejected += arrival.rejected
                if arrival.batch is not None:
                    events += events_of(arrival.batch)
                if len(events) >= count:
                    break
        except TransientSourceError:
            continue
    return events[:count], rejected


@pytest.mark.parametrize("chaos", [(), *[(name,) for name in CHAOS], tuple(CHAOS)])
async def test_the_same_seed_gives_the_same_bytes(chaos):
    one, _ = await first(mock(chaos=chaos), 2_000)
    two, _ = await first(mock(chaos=chaos), 2_000)
    assert [encode(event) for event in one] == [encode(event) for event in two]
    other, _ = await first(mock(chaos=chaos, seed=8), 2_000)
    assert other != one


async def test_the_mock_tells_of_six_services_with_templates_traces_and_incidents():
    events, _ = await first(mock(), 3_000)
    assert {event.source for event in events} == {
        "gateway",
        "auth",
        "payments",
        "inventory",
        "search",
        "ledger",
    }
    assert all(e.message == e.message_template.format_map(e.attributes) for e in events)
    traces = {e.trace_id for e in events}
    assert any(len({e.source for e in events if e.trace_id == t}) > 1 for t in list(traces)[:200])
    assert sum(event.level >= Level.CRITICAL for event in events) >= 3
    assert 0.5 < sum(event.level == Level.INFO for event in events) / len(events) < 0.95


async def test_a_warning_comes_within_the_first_second_and_the_rate_is_kept():
    source = mock()
    events, _ = await first(source, 40 + 26)
    live = events[40:]
    assert any(event.level >= Level.WARN for event in live)
    seconds = (live[-1].timestamp - live[0].timestamp).total_seconds()
    assert 0.5 < seconds < 1.6


async def test_chaos_brings_each_fault():
    events, rejected = await first(mock(chaos=("disorder", "duplicate", "malformed")), 2_000)
    assert rejected
    assert len({event.id for event in events}) < len(events)
    assert any(b.timestamp < a.timestamp for a, b in pairwise(events))


@pytest.mark.parametrize("chaos", [(), *[(name,) for name in CHAOS]])
async def test_the_mock_keeps_the_contract_of_sources(chaos):
    assert len(await check_source_contract(lambda: mock(chaos=chaos))) >= 40


class Table:
    """A source's table in the configuration, as the registry sees it."""

    def __init__(self, kind: str, **keys: object) -> None:
        self.type = kind
        self._keys = keys

    def settings(self, model):
        return model(**self._keys)


def test_the_registry_builds_by_type_and_suggests_the_nearest():
    options = LogStreamOptions()
    assert isinstance(build_source("m", Table("mock", seed=1), options), MockSource)
    with pytest.raises(ConfigError, match="did you mean 'mock'"):
        build_source("m", Table("mokc"), options)
