"""The service: supervisors, failures that stay where they are, an orderly end."""

import asyncio
import logging
import random

import pytest

from logmon.errors import CredentialsError, PermanentSourceError, TransientSourceError
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.runtime import LogMonitorService, SourceEntry, Supervisor
from logmon.sentinel.pipeline import Sentinel
from logmon.source import SourceStatus
from logmon.testing import FakeClock, ScriptedSource, arrival_of, make_event


async def hang() -> None:
    await asyncio.Event().wait()


async def garbage() -> None:
    raise ZeroDivisionError("a fault of its own")


def good(name: str = "good") -> ScriptedSource:
    return ScriptedSource(name, [arrival_of(make_event("fine"))])


async def test_sources_flow_sentinel_hears_them_and_everything_ends():
    hub = LogEventHub()
    sentinel = Sentinel()
    source = ScriptedSource("app", [arrival_of(make_event(level=Level.ERROR), make_event())])
    service = LogMonitorService(hub, [SourceEntry(source)], sentinel=sentinel)
    reader = hub.subscribe(settled=True, after=-1)
    await service.run()
    seen = [(event.source, event.level.label) async for event in reader]
    assert seen == [("tests", "error"), ("tests", "info"), ("sentinel", "error")]
    assert hub.recent(10)[0].work_item == "WI-1"
    assert service.exit_code == 0
    assert hub.sources["app"].state == "ended"


async def test_what_a_source_says_of_itself_is_in_its_account():
    class Telling(ScriptedSource):
        def status(self) -> SourceStatus:
            return SourceStatus(state="live", progress="38/60 · 4 s behind")

    async def look() -> None:
        await asyncio.sleep(0)
        account = hub.sources["prod"]
        seen.append((account.state, account.progress))

    hub, seen = LogEventHub(), []
    source = Telling("prod", [arrival_of(make_event("fine")), look])
    service = LogMonitorService(hub, [SourceEntry(source)])
    await service.run()
    assert seen == [("live", "38/60 · 4 s behind")]
    assert (hub.sources["prod"].state, hub.sources["prod"].progress) == ("ended", "")


async def test_a_transient_failure_is_retried_with_growing_waits_and_said():
    clock = FakeClock()
    hub = LogEventHub()
    source = ScriptedSource(
        "app",
        [TransientSourceError("down")],
        [TransientSourceError("busy", retry_after_s=7)],
        [TransientSourceError("down")],
        [arrival_of(make_event("back"))],
    )
    supervisor = Supervisor(
        hub, SourceEntry(source), sleep=clock.sleep, rng=random.Random(1), monotonic=clock.monotonic
    )
    await supervisor.run()
    assert 0.5 <= clock.slept[0] <= 1
    assert clock.slept[1] == 7
    assert 2 <= clock.slept[2] <= 4
    messages = [row.event.message for row in hub.recent(10)]
    assert messages[-1] == "back"
    assert "app stopped: down" in messages[0]


async def test_a_source_that_was_healthy_for_long_waits_the_shortest_time_again():
    clock = FakeClock()
    hub = LogEventHub()

    async def live_long() -> None:
        clock.advance(120)

    source = ScriptedSource(
        "app", *[[TransientSourceError("x")]] * 5, [live_long, TransientSourceError("x")], []
    )
    await Supervisor(hub, SourceEntry(source), sleep=clock.sleep, monotonic=clock.monotonic).run()
    assert clock.slept[4] > 7
    assert clock.slept[5] <= 1


@pytest.mark.parametrize(
    "bad",
    [
        ScriptedSource("bad", [PermanentSourceError("no such file")]),
        ScriptedSource("bad", [arrival_of(make_event()), garbage]),
        ScriptedSource("bad", [garbage]),
        ScriptedSource("bad", [hang]),
        ScriptedSource("bad", [arrival_of(make_event())], in_cleanup=ValueError("in cleanup")),
        ScriptedSource("bad", ["neither an arrival nor anything"]),
        ScriptedSource("bad", [TransientSourceError("gone", retry_after_s=0.01)]),
    ],
    ids=[
        "at connect",
        "in mid-stream",
        "garbage",
        "hangs",
        "in cleanup",
        "yields garbage",
        "floods errors",
    ],
)
async def test_a_broken_source_never_touches_its_siblings(bad):
    hub = LogEventHub()
    service = LogMonitorService(hub, [SourceEntry(bad), SourceEntry(good())])
    running = asyncio.create_task(service.run())
    reader = hub.subscribe(after=-1)
    async with asyncio.timeout(5):
        async for event in reader:
            if event.message == "fine":
                break
    for _ in range(20):
        await asyncio.sleep(0.001)
    state = hub.sources["bad"].state
    assert state == "live" or state == "failed" or state.startswith("retry"), state
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert hub.sources["good"].stored == 1


async def test_a_permanent_failure_gives_exit_code_3_and_refused_credentials_4():
    hub = LogEventHub()
    bad = ScriptedSource("bad", [PermanentSourceError("gone")])
    service = LogMonitorService(hub, [SourceEntry(bad), SourceEntry(good())])
    await service.run()
    assert service.exit_code == 3
    refused = ScriptedSource("x", [CredentialsError("refused")])
    service = LogMonitorService(LogEventHub(), [SourceEntry(refused)])
    await service.run()
    assert service.exit_code == 4


async def test_stopping_does_not_wait_for_a_source_that_never_lets_go(caplog):
    caplog.set_level(logging.DEBUG)

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if released.is_set():
                    raise

    released = asyncio.Event()
    service = LogMonitorService(LogEventHub(), [SourceEntry(ScriptedSource("bad", [stubborn]))])
    running = asyncio.create_task(service.run())
    await asyncio.sleep(0.01)
    running.cancel()
    async with asyncio.timeout(3):
        await asyncio.gather(running, return_exceptions=True)
    assert "source bad did not let go" in caplog.messages
    released.set()
    for task in asyncio.all_tasks():
        if task.get_name() == "source bad":
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_sentinel_failing_is_said_and_the_stream_goes_on():
    class Broken(Sentinel):
        def process(self, rows):
            raise RuntimeError("bug")

    hub = LogEventHub()
    source = ScriptedSource(
        "app", [arrival_of(make_event(level=Level.ERROR)), arrival_of(make_event("after"))]
    )
    await LogMonitorService(hub, [SourceEntry(source)], sentinel=Broken()).run()
    messages = [row.event.message for row in hub.recent(10)]
    assert "after" in messages
    assert any("sentinel stopped: RuntimeError" in message for message in messages)


async def test_with_history_only_an_endless_source_is_stopped_after_its_first_rows():
    source = ScriptedSource("app", [arrival_of(make_event()), hang])
    hub = LogEventHub()
    async with asyncio.timeout(5):
        await LogMonitorService(hub, [SourceEntry(source, history_only=True)]).run()
    assert hub.sources["app"].stored == 1
