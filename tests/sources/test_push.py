"""A push source: who hands something over waits until it is taken in, and nothing goes twice or lost."""

import asyncio
from contextlib import aclosing

import pytest

from logmon.batch import events_of
from logmon.hub import LogEventHub
from logmon.source import Arrival
from logmon.sources.push import PushSource, SourceBusy
from logmon.testing import arrival_of, check_source_contract, make_event


def messages(arrival: Arrival) -> list[str]:
    assert arrival.batch is not None
    return [event.message for event in events_of(arrival.batch)]


async def test_a_delivery_ends_when_the_next_one_is_asked_for() -> None:
    source = PushSource("push")
    async with aclosing(source.observe()) as arrivals:
        first = asyncio.create_task(source.deliver(arrival_of(make_event("a"))))
        second = asyncio.create_task(source.deliver(arrival_of(make_event("b"))))
        assert messages(await anext(arrivals)) == ["a"]
        await asyncio.sleep(0)
        assert not first.done()
        assert messages(await anext(arrivals)) == ["b"]
        await first
        assert not second.done()
        waiting = asyncio.ensure_future(anext(arrivals))
        await second
        waiting.cancel()
        await asyncio.wait({waiting})


async def test_what_a_reading_that_ended_did_not_take_in_the_next_one_gets() -> None:
    source = PushSource("push")
    delivery = asyncio.create_task(source.deliver(arrival_of(make_event("a"))))
    for _ in range(2):
        async with aclosing(source.observe()) as arrivals:
            assert messages(await anext(arrivals)) == ["a"]
        assert not delivery.done()
    hub = LogEventHub()
    draining = asyncio.create_task(hub.drain(source, hub.intake("push")))
    await delivery
    assert [row.event.message for row in hub.recent(9)] == ["a"]
    draining.cancel()
    await asyncio.wait({draining})


async def test_a_push_source_keeps_the_contract() -> None:
    deliveries: set[asyncio.Task[None]] = set()

    async def handed_over() -> PushSource:
        source = PushSource("push")
        for message in "abc":
            arrival = arrival_of(make_event(message))
            deliveries.add(asyncio.create_task(source.deliver(arrival)))
        await asyncio.sleep(0)
        return source

    await check_source_contract(handed_over, messages=["a", "b", "c"])
    for delivery in deliveries:
        delivery.cancel()
    await asyncio.wait(deliveries)


async def test_too_much_that_waits_is_refused_at_once_but_one_is_always_held() -> None:
    source = PushSource("push", most_waiting=2, most_bytes=1)
    one = asyncio.create_task(source.deliver(arrival_of(make_event("a" * 100))))
    await asyncio.sleep(0)
    with pytest.raises(SourceBusy, match="push: 1 deliveries"):
        await source.deliver(arrival_of(make_event("b")))
    one.cancel()
    await asyncio.wait({one})
    two = asyncio.create_task(source.deliver(arrival_of(make_event("c"))))
    async with aclosing(source.observe()) as arrivals:
        assert messages(await anext(arrivals)) == ["c"]
    two.cancel()
    await asyncio.wait({two})


async def test_who_gives_up_in_time_has_handed_nothing_over() -> None:
    source = PushSource("push")
    given_up = asyncio.create_task(source.deliver(arrival_of(make_event("a"))))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait({given_up})
    kept = asyncio.create_task(source.deliver(arrival_of(make_event("b"))))
    async with aclosing(source.observe()) as arrivals:
        assert messages(await anext(arrivals)) == ["b"]
    kept.cancel()
    await asyncio.wait({kept})
