"""Every source keeps the contract; the contract test catches every broken promise; the doubles."""

import asyncio
import itertools
import os
from contextlib import suppress
from datetime import timedelta, timezone

import numpy as np
import pytest

from logmon.batch import Columns, EventBatch, events_of
from logmon.checkpoint import Checkpoint
from logmon.dead_letter import EXCERPT_BYTES, DeadLetter
from logmon.errors import CredentialsError, PermanentSourceError, SourceError, TransientSourceError
from logmon.source import Arrival, LogStreamOptions
from logmon.sources.memory import InMemoryLogEventSource
from logmon.sources.mock import MockSettings, MockSource
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.testing import (
    NOON,
    FakeClock,
    ScriptedSource,
    arrival_of,
    check_source_contract,
    hang,
    make_event,
)

CHAOS = ["burst", "disorder", "duplicate", "malformed", "disconnect"]


async def filled() -> InMemoryLogEventSource:
    source = InMemoryLogEventSource("app")
    await source.enqueue_many(map(make_event, "abc"))
    source.complete()
    return source


async def test_memory_keeps_the_contract():
    await check_source_contract(filled, messages=["a", "b", "c"], ends=True)


async def test_memory_keeps_the_contract_while_it_is_fed():
    await check_source_contract(
        lambda: InMemoryLogEventSource("app", capacity=2),
        feed=lambda source: source.enqueue(make_event()),
    )


@pytest.mark.parametrize("chaos", [(), *[(name,) for name in CHAOS], tuple(CHAOS)])
@pytest.mark.parametrize("rate", [25, 200_000])
async def test_the_mock_keeps_the_contract(rate, chaos):
    def make() -> MockSource:
        clock = FakeClock()
        settings = MockSettings(events_per_second=rate, chaos=chaos)
        return MockSource(
            settings=settings, monotonic=clock.monotonic, sleep=clock.sleep, start=NOON
        )

    assert await check_source_contract(make)


async def test_the_mock_keeps_the_contract_in_real_time():
    assert await check_source_contract(MockSource)


async def test_replay_keeps_the_contract(tmp_path):
    path = tmp_path / "x.log"
    path.write_text('a\n{"message":"b"}\n{broken\nc\n')
    await check_source_contract(
        lambda: ReplaySource([str(path)], name="x"), messages=["a", "b", "c"], ends=True
    )


async def test_replay_keeps_the_contract_while_it_follows_a_file(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("first\n")

    async def append(_source: ReplaySource) -> None:
        with path.open("a") as file:
            file.write("another\n")

    await check_source_contract(
        lambda: ReplaySource([str(path)], reading=ReplayOptions(follow=True)), feed=append
    )


# What the contract test must catch.


def letter(**fields) -> Arrival:
    fields = {"source": "bad", "reason": "invalid_json", "raw": b"{", "length": 1, **fields}
    return Arrival(rejected=(DeadLetter(**fields),))


def with_columns(**wrong) -> Arrival:
    event = make_event()
    columns = EventBatch([event]).columns
    parts = {
        "times": columns.times,
        "levels": columns.levels,
        "source_ids": columns.source_ids,
        "names": columns.names,
    }
    return Arrival(batch=EventBatch([event], columns=Columns(**{**parts, **wrong})))


ok = arrival_of(make_event())
TOKYO = NOON.astimezone(timezone(timedelta(hours=9)))
nothing_twice = np.zeros(2, dtype=np.int64)

WRONG = {
    "yields no arrivals": (["a string"], "yields Arrivals, not 'a string'"),
    "yields bare events": ([make_event()], "yields Arrivals"),
    "says nothing": ([ok, Arrival()], "something to say"),
    "brings an empty batch": ([Arrival(batch=EventBatch([]))], "something to say"),
    "fills batches without bound": ([arrival_of(*map(make_event, "x" * 1_001))], "at most 1000"),
    "rejects without a reason": ([letter(reason="")], "has a reason"),
    "rejects for another source": ([letter(source="x")], "record's source is 'bad': 'x'"),
    "loses a record's bytes": (
        [letter(raw=b"", length=9)],
        f"keeps its first {EXCERPT_BYTES} bytes",
    ),
    "keeps a record of any size": (
        [letter(raw=b"x" * (EXCERPT_BYTES + 9), length=EXCERPT_BYTES + 9)],
        "keeps its first",
    ),
    "checkpoints for another": ([Arrival(checkpoint=Checkpoint("x", "1"))], "names its source"),
    "tells a wrong time": ([with_columns(times=np.zeros(1, dtype=np.int64))], "columns tell time"),
    "tells a wrong level": ([with_columns(levels=np.array([50], np.uint8))], "columns tell time"),
    "tells a wrong source": ([with_columns(names=("x",))], "columns tell time, level and source"),
    "has too long columns": ([with_columns(times=nothing_twice)], "as long as their batch"),
    "has times of another zone": ([arrival_of(make_event(timestamp=TOKYO))], "aware, and UTC"),
    "raises an error of its own": ([ok, ZeroDivisionError()], "raised ZeroDivisionError"),
    "raises a bare SourceError": ([ok, SourceError("x")], "not a transient or permanent"),
    "raises a timeout": ([ok, TimeoutError()], "raised TimeoutError"),
    "cancels itself": ([ok, asyncio.CancelledError()], "though nobody cancelled it"),
    "fails before anything": ([PermanentSourceError("no file")], "before it gave anything"),
    "is empty": ([], "before it gave anything"),
}


@pytest.mark.parametrize("fault", WRONG)
async def test_a_source_that_is_caught(fault):
    script, text = WRONG[fault]
    with pytest.raises(AssertionError, match=text):
        await check_source_contract(lambda: ScriptedSource("bad", script))


class Changing(EventBatch):
    """A batch that says something else each time it is looked at."""

    def event(self, row):
        return make_event()


class Growing(EventBatch):
    """A batch whose events change after a while."""

    looks = 0

    def event(self, row):
        self.looks += 1
        return super().event(row) if self.looks < 3 else make_event()


class Faulty:
    """A source with one fault; each test writes its own `observe`."""

    name = "bad"
    options = LogStreamOptions()


async def caught(make, text: str, **how) -> None:
    with pytest.raises(AssertionError, match=text):
        await check_source_contract(make, **how)


async def test_batches_that_change_are_caught():
    changing = Arrival(batch=Changing([make_event()]))
    await caught(lambda: ScriptedSource("bad", [changing]), "same event each time")
    await caught(
        lambda: ScriptedSource("bad", [Arrival(batch=Growing([make_event()]))]),
        "never changes after it was yielded",
    )


async def test_a_source_without_name_or_options_is_caught():
    await caught(lambda: ScriptedSource("", [ok]), "has a name")

    class Optionless(ScriptedSource):
        def __init__(self):
            super().__init__("bad", [ok])
            self.options = None

    await caught(Optionless, "`options` are LogStreamOptions")


async def test_observe_that_returns_no_iterator_is_caught():
    class Lists(Faulty):
        def observe(self):
            return [ok]

    await caught(Lists, r"async iterator with aclose\(\)")


async def test_an_end_that_does_not_come_is_caught():
    await caught(lambda: ScriptedSource("bad", [ok, hang]), "did not end", ends=True, within_s=0.05)


async def test_an_end_that_is_a_failure_is_caught():
    source = ScriptedSource("bad", [ok, TransientSourceError("x")])
    await caught(lambda: source, "it did not end, it failed", ends=True)


async def test_a_wrong_order_is_caught():
    source = ScriptedSource("bad", [arrival_of(make_event("b"), make_event("a"))])
    await caught(lambda: source, "in the order they were received", messages=["a", "b"])


async def test_a_source_that_can_be_observed_only_once_is_caught():
    broken = ScriptedSource("bad", [ok], [RuntimeError("used up")])
    await caught(lambda: broken, "raised RuntimeError")


async def test_a_swallowed_cancellation_is_caught():
    class Deaf(Faulty):
        async def observe(self):
            with suppress(asyncio.CancelledError):
                for _ in range(3):
                    yield ok
                await hang()

    await caught(Deaf, "it was swallowed")


async def test_a_cancellation_that_becomes_another_error_is_caught():
    class Translating(Faulty):
        async def observe(self):
            try:
                yield ok
                yield ok
                yield ok
                await hang()
            except asyncio.CancelledError:
                raise TransientSourceError("connection lost") from None

    await caught(Translating, "turned into TransientSourceError")


async def test_an_error_in_cleanup_is_caught():
    source = ScriptedSource("bad", [ok, ok, ok], in_cleanup=ValueError("in cleanup"))
    await caught(lambda: source, "raised ValueError")


class Queued(Faulty):
    """A source that is fed, and yields `at_least` events at a time."""

    def __init__(self, at_least: int) -> None:
        self.queue: asyncio.Queue = asyncio.Queue()
        self.at_least = at_least

    async def observe(self):
        while True:
            yield arrival_of(*[await self.queue.get() for _ in range(self.at_least)])


def put(source: Queued):
    return source.queue.put(make_event())


async def test_a_batch_held_back_until_it_is_full_is_caught():
    await check_source_contract(lambda: Queued(1), feed=put)
    await caught(lambda: Queued(2), "held back", feed=put, within_s=0.05)


async def test_events_that_are_lost_while_nobody_reads_are_caught():
    class Forgetful(Queued):
        observed = 0

        def observe(self):
            self.observed += 1
            if self.observed > 1:
                self.queue = asyncio.Queue()
            return super().observe()

    await caught(lambda: Forgetful(1), "while nobody was reading is not lost", feed=put)


@pytest.mark.parametrize("leak", ["task", "file"])
async def test_what_is_left_behind_is_caught(leak):
    left = []

    class Leaking(Faulty):
        async def observe(self):
            if leak == "task":
                left.append(asyncio.create_task(hang(), name="left behind"))
            else:
                left.append(os.open(os.devnull, os.O_RDONLY))
            yield ok

    await caught(
        Leaking, "holds nothing; left behind: " + ("left behind" if leak == "task" else "1 open")
    )
    for thing in left:
        if leak == "task":
            thing.cancel()
        else:
            os.close(thing)


@pytest.mark.parametrize("error", [TransientSourceError, PermanentSourceError, CredentialsError])
async def test_the_errors_a_source_may_raise_are_no_fault(error):
    events = await check_source_contract(lambda: ScriptedSource("fine", [ok, error("x")]))
    assert len(events) == 1


async def test_a_source_that_floods_is_no_fault():
    flood = itertools.repeat(ok)
    assert len(await check_source_contract(lambda: ScriptedSource("fine", [flood]))) == 3


# The doubles themselves.


async def test_a_script_plays_arrivals_waits_floods_garbage_and_errors_in_order():
    told = []

    async def wait() -> None:
        told.append("waited")

    script = [ok, wait, iter([ok, ok]), "garbage", TransientSourceError("end")]
    source = ScriptedSource("app", script, [hang])
    with pytest.raises(TransientSourceError, match="end"):
        await collect(source, told)
    assert told == [ok, "waited", ok, ok, "garbage"]
    assert (source.observed, source.released) == (1, 1)
    hanging = asyncio.create_task(collect(source, told))
    await asyncio.sleep(0)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    assert (source.observed, source.released) == (2, 2)


async def collect(source: ScriptedSource, told: list) -> None:
    async for arrival in source.observe():
        told.append(arrival)


async def test_a_source_without_a_script_ends():
    await collect(ScriptedSource("app"), told := [])
    assert told == []


async def test_a_fake_clock_passes_when_it_is_slept_on():
    clock = FakeClock()
    await clock.sleep(90)
    assert clock.monotonic() == 90
    assert (clock.now() - NOON).total_seconds() == 90
    assert clock.slept == [90]


async def test_a_fake_clock_that_is_told_wakes_sleepers_when_their_time_has_come():
    clock = FakeClock(auto_advance=False)
    woken: list[int] = []

    async def sleep(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as tasks:
        for seconds in (3, 1, 2, 0):
            tasks.create_task(sleep(seconds))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert woken == [0]
        clock.advance(2)
        await asyncio.sleep(0)
        assert woken == [0, 1, 2]
        clock.advance(0.5)
        await asyncio.sleep(0)
        assert woken == [0, 1, 2]
        clock.advance(0.5)


async def test_made_events_are_distinct_and_take_any_field():
    one, two = make_event(), make_event("x", host="h")
    assert one.id != two.id
    assert (two.message, two.host, two.timestamp) == ("x", "h", NOON)
    assert [event.message for event in events_of(arrival_of(one, two).batch)] == [one.message, "x"]
