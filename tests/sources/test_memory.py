"""The in-memory source: what is enqueued comes out once, in order, whatever happens between."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.batch import events_of
from logmon.errors import PermanentSourceError, TransientSourceError
from logmon.source import LogStreamOptions
from logmon.sources.memory import BATCH_ROWS, InMemoryLogEventSource
from logmon.testing import make_event


async def rest(source: InMemoryLogEventSource, seen: list[str] | None = None) -> list[str]:
    """Read to the end; `seen` keeps what came before an error."""
    seen = [] if seen is None else seen
    async for arrival in source.observe():
        seen += [event.message for event in events_of(arrival.batch)]
    return seen


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_was_enqueued_is_observed_in_order_and_then_the_end():
    source = InMemoryLogEventSource("app")
    await source.enqueue(make_event("a"))
    await source.enqueue_many([make_event("b"), make_event("c")])
    source.complete()
    assert await rest(source) == ["a", "b", "c"]


async def test_it_carries_the_name_and_the_options_it_was_given():
    options = LogStreamOptions(tags=("env:prod",))
    source = InMemoryLogEventSource("app", options=options)
    assert (source.name, source.options) == ("app", options)
    assert InMemoryLogEventSource("app").options == LogStreamOptions()


async def test_a_waiting_reader_gets_one_event_at_once_and_not_when_a_batch_is_full():
    source = InMemoryLogEventSource("app")
    reading = asyncio.create_task(anext(source.observe()))
    await turns()
    assert not reading.done()
    await source.enqueue(make_event("only"))
    arrival = await asyncio.wait_for(reading, 5)
    assert [event.message for event in events_of(arrival.batch)] == ["only"]


async def test_a_batch_holds_what_is_there_up_to_its_bound():
    source = InMemoryLogEventSource("app")
    await source.enqueue_many(make_event() for _ in range(BATCH_ROWS + 3))
    source.complete()
    assert [len(arrival.batch) async for arrival in source.observe()] == [BATCH_ROWS, 3]


@pytest.mark.parametrize("error", [TransientSourceError("gone"), PermanentSourceError("gone")])
async def test_completing_with_an_error_delivers_what_is_queued_and_then_raises_it(error):
    source = InMemoryLogEventSource("app")
    await source.enqueue(make_event("a"))
    source.complete(error)
    seen: list[str] = []
    with pytest.raises(type(error), match="gone"):
        await rest(source, seen)
    assert seen == ["a"]
    with pytest.raises(type(error), match="gone"):
        await rest(source)


async def test_only_the_first_completion_counts():
    source = InMemoryLogEventSource("app")
    source.complete()
    source.complete(TransientSourceError("too late"))
    assert await rest(source) == []


async def test_completing_ends_a_reader_that_waits():
    source = InMemoryLogEventSource("app")
    reading = asyncio.create_task(rest(source))
    await turns()
    source.complete()
    assert await asyncio.wait_for(reading, 5) == []


async def test_nothing_can_be_enqueued_after_completion():
    source = InMemoryLogEventSource("app")
    source.complete()
    with pytest.raises(RuntimeError, match="'app' is completed"):
        await source.enqueue(make_event())


async def test_a_full_queue_makes_enqueue_wait_until_a_reader_took_something():
    source = InMemoryLogEventSource("app", capacity=2)
    waiting = asyncio.create_task(source.enqueue_many(make_event(f"{n}") for n in range(5)))
    await turns()
    assert not waiting.done()
    reading = asyncio.create_task(rest(source))
    await asyncio.wait_for(waiting, 5)
    source.complete()
    assert await reading == ["0", "1", "2", "3", "4"]


async def test_completing_turns_away_those_who_wait_for_room():
    source = InMemoryLogEventSource("app", capacity=1)
    await source.enqueue(make_event("in"))
    waiting = asyncio.create_task(source.enqueue(make_event("out")))
    await turns()
    source.complete()
    with pytest.raises(RuntimeError, match="completed"):
        await asyncio.wait_for(waiting, 5)
    assert await rest(source) == ["in"]


async def test_an_enqueue_that_is_cancelled_while_it_waits_added_nothing():
    source = InMemoryLogEventSource("app", capacity=1)
    await source.enqueue(make_event("in"))
    waiting = asyncio.create_task(source.enqueue(make_event("out")))
    await turns()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    source.complete()
    assert await rest(source) == ["in"]


def test_a_capacity_below_one_is_refused():
    with pytest.raises(ValueError, match="capacity"):
        InMemoryLogEventSource("app", capacity=0)


@given(st.lists(st.integers(0, 6), max_size=30), st.integers(1, 5))
def test_readers_that_come_and_go_lose_nothing_and_repeat_nothing(pauses, capacity):
    """Each number is how many turns a reader gets before it is cancelled."""

    async def play() -> None:
        source = InMemoryLogEventSource("app", capacity=capacity)
        sent = [str(number) for number in range(20)]
        producing = asyncio.create_task(source.enqueue_many(map(make_event, sent)))
        seen: list[str] = []
        for pause in pauses:
            reading = asyncio.create_task(rest(source, seen))
            await turns(pause)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        reading = asyncio.create_task(rest(source, seen))
        await producing
        source.complete()
        await reading
        assert seen == sent

    asyncio.run(play())
