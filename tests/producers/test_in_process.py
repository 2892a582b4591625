"""Producers into a hub of the same process: from any thread, in order, with an exact account."""

import asyncio
import io
import logging
import sys
import threading
from typing import Any

import pytest
import structlog

from logmon import LogmonHandler, LogmonProcessor, install_excepthook
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.producers.in_process import HubProducer
from logmon.testing import make_event


def record(message: str, *args: Any) -> logging.LogRecord:
    return logging.LogRecord("shop", logging.INFO, "", 1, message, args, None)


async def test_records_of_many_threads_arrive_each_once() -> None:
    hub = LogEventHub()
    handler = LogmonHandler(hub, service="shop")

    def work(worker: int) -> None:
        for place in range(500):
            handler.handle(record("%d of %d", place, worker))

    await asyncio.gather(*(asyncio.to_thread(work, worker) for worker in range(4)))
    assert await asyncio.to_thread(handler.producer.flush, 10)
    events = [row.event for row in hub.recent(10_000)]
    for worker in range(4):
        mine = [e.attributes["arg0"] for e in events if e.attributes["arg1"] == worker]
        assert mine == list(range(500))
    found = handler.statistics()
    assert (found.put, found.sent, found.waiting) == (2_000, 2_000, 0)
    account = hub.sources["shop"]
    assert (account.stored, account.difference) == (2_000, 0)
    await asyncio.to_thread(handler.close)


async def test_more_than_can_be_held_is_dropped_and_counted() -> None:
    hub = LogEventHub()
    producer = HubProducer(hub, name="shop", capacity=10)
    for place in range(25):
        producer.put(make_event(str(place)))
    assert not producer.flush()
    await asyncio.sleep(0.05)
    found = producer.statistics()
    assert (found.put, found.sent, found.dropped) == (25, 10, 15)
    assert producer.flush()
    producer.close()
    producer.put(make_event("too late"))
    assert producer.statistics().dropped == 16
    await asyncio.sleep(0.01)


def test_after_the_loop_has_gone_putting_still_does_no_harm() -> None:
    async def begin() -> HubProducer:
        producer = HubProducer(LogEventHub(), name="shop")
        await asyncio.sleep(0)
        return producer

    producer = asyncio.run(begin())
    producer.put(make_event("x"))
    found = producer.statistics()
    assert (found.put, found.dropped, found.waiting) == (1, 1, 0)
    producer.close()


async def test_structlogs_events_arrive_and_go_on_to_the_renderer() -> None:
    hub = LogEventHub()
    processor = LogmonProcessor(hub, service="shop")
    printed: list[str] = []
    logger = structlog.wrap_logger(
        structlog.PrintLogger(file=io.StringIO()),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            processor,
            structlog.processors.JSONRenderer(),
            lambda _logger, _name, text: printed.append(text) or text,
        ],
    )
    logger.warning("stock low", part="A-17", left=2)
    try:
        raise ValueError("no card")
    except ValueError:
        logger.exception("declined", order=812)
    await asyncio.sleep(0.05)
    low, declined = (row.event for row in hub.recent(9))
    assert (low.message, low.message_template, low.level) == ("stock low", "stock low", Level.WARN)
    assert low.attributes == {"part": "A-17", "left": 2}
    assert declined.level is Level.ERROR
    assert "ValueError: no card" in declined.attributes["exception.stacktrace"]
    assert ['"part": "A-17"' in text for text in printed] == [True, False]
    processor.producer.close()
    await asyncio.sleep(0.01)


async def test_what_nobody_catches_is_said_and_then_done_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before: list[type] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, _error, _trace: before.append(kind))
    monkeypatch.setattr(threading, "excepthook", lambda args: before.append(args.exc_type))
    hub = LogEventHub()
    handler = LogmonHandler(hub, service="shop")
    uninstall = install_excepthook(handler)

    def fail() -> None:
        raise RuntimeError("reader is gone")

    def work() -> None:
        thread = threading.Thread(target=fail, name="reader")
        thread.start()
        thread.join()
        for error in (ValueError("no card"), KeyboardInterrupt()):
            try:
                raise error
            except BaseException:  # noqa: BLE001
                sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]

    await asyncio.to_thread(work)
    in_thread, in_main = (row.event for row in hub.recent(9))
    assert in_thread.message == "uncaught RuntimeError in reader: reader is gone"
    assert in_thread.level is Level.CRITICAL
    assert in_thread.attributes["code.function.name"] == "fail"
    assert in_main.message == "uncaught ValueError in the main thread: no card"
    assert before == [RuntimeError, ValueError, KeyboardInterrupt]
    uninstall()
    sys.excepthook(ValueError, ValueError(), None)
    assert len(hub.recent(9)) == 2
    await asyncio.to_thread(handler.close)
