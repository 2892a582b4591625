"""Producers over HTTP: everything arrives, in order; what cannot is counted; nothing blocks."""

import asyncio
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from logmon import LogmonHandler
from logmon.event import LogEvent
from logmon.level import Level
from logmon.producers.http import HttpProducer
from logmon.testing import make_event
from tests.api.otlp_rig import receiving, rows


class Collector:
    """The other end: answers with the statuses it was told, then 200; keeps what it accepted."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.asked = 0
        self.messages: list[str] = []
        self.headers: dict[str, str] = {}
        self.gate = threading.Event()
        self.gate.set()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.gate.wait(10)
        self.asked += 1
        self.headers = dict(request.headers)
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.messages += [
                record["body"]["stringValue"]
                for resource in body["resourceLogs"]
                for scope in resource["scopeLogs"]
                for record in scope["logRecords"]
            ]
        request.send_response(status)
        request.send_header("Content-Length", "2")
        if status in (429, 503):
            request.send_header("Retry-After", "0")
        request.end_headers()
        request.wfile.write(b"{}")


@contextmanager
def listening(collector: Collector) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            collector.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def logging_to(handler: LogmonHandler) -> Iterator[logging.Logger]:
    logger = logging.getLogger("shop.cart")
    logger.propagate, before = False, logger.level
    logger.setLevel(1)
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()


async def test_what_logging_says_arrives_as_it_was_meant(tmp_path: Path) -> None:
    async with receiving(tmp_path) as served:
        handler = LogmonHandler(
            served.server.url, token=served.tokens["ingest"], service="checkout"
        )

        def work() -> None:
            with logging_to(handler) as logger:
                logger.info("user %s paid %d", "bob", 3, extra={"cart": {"parts": [1, 2]}})
                try:
                    raise ValueError("no card")
                except ValueError:
                    logger.exception("order %(order)d failed", {"order": 812})

        await asyncio.to_thread(work)
        paid, failed = rows(served)
    assert (paid.message, paid.source, paid.level) == ("user bob paid 3", "checkout", Level.INFO)
    assert paid.message_template == "user {arg0} paid {arg1}"
    assert (paid.attributes["arg1"], paid.attributes["cart"]) == (3, {"parts": [1, 2]})
    assert paid.attributes["logger"] == "shop.cart"
    assert (failed.message_template, failed.level) == ("order {order} failed", Level.ERROR)
    assert "ValueError: no card" in failed.attributes["exception.stacktrace"]
    assert handler.statistics().sent == 2


async def test_ten_thousand_records_arrive_once_and_in_order(tmp_path: Path) -> None:
    async with receiving(tmp_path) as served:
        handler = LogmonHandler(served.server.url, token=served.tokens["ingest"], capacity=20_000)

        def work() -> None:
            with logging_to(handler) as logger:
                for place in range(10_000):
                    logger.debug("row %d", place)
                assert handler.producer.flush(20)

        await asyncio.to_thread(work)
        assert [event.message for event in rows(served)] == [f"row {n}" for n in range(10_000)]
    found = handler.statistics()
    assert (found.put, found.sent, found.dropped, found.waiting) == (10_000, 10_000, 0, 0)


def put(producer: HttpProducer, *messages: str) -> None:
    for message in messages:
        producer.put(make_event(message))


def test_what_is_answered_later_is_sent_again() -> None:
    collector = Collector(503, 429, 502)
    with listening(collector) as url:
        producer = HttpProducer(url, token="t", rng=lambda: 0.0)  # noqa: S106
        put(producer, "a", "b")
        assert producer.flush(10)
        producer.close()
    assert collector.messages == ["a", "b"]
    assert collector.asked == 4
    assert collector.headers["Authorization"] == "Bearer t"
    assert producer.statistics().sent == 2


def test_what_is_refused_for_good_is_counted_and_the_rest_goes_on() -> None:
    collector = Collector(401)
    with listening(collector) as url:
        producer = HttpProducer(url)
        put(producer, "a")
        assert producer.flush(10)
        assert producer.statistics().last_error.startswith("401")
        put(producer, "b")
        assert producer.flush(10)
        producer.close()
    found = producer.statistics()
    assert (found.refused, found.sent, collector.messages) == (1, 1, ["b"])


def test_more_than_can_be_held_is_dropped_counted_and_said() -> None:
    collector = Collector()
    collector.gate.clear()
    with listening(collector) as url:
        producer = HttpProducer(url, capacity=10)
        started = time.monotonic()
        put(producer, *(str(n) for n in range(100)))
        assert time.monotonic() - started < 5, "put must not wait for the other side"
        collector.gate.set()
        assert producer.flush(10)
        put(producer, "later")
        assert producer.flush(10)
        producer.close()
    found = producer.statistics()
    assert found.put == found.sent + found.dropped == 101
    assert found.dropped == 90
    assert collector.messages[:10] == [str(n) for n in range(10)]
    assert [m for m in collector.messages if "dropped" in m] == [
        "90 records were dropped: more was logged than could be sent"
    ]


def test_without_anyone_there_closing_takes_only_so_long() -> None:
    producer = HttpProducer("http://127.0.0.1:9", capacity=5)
    put(producer, *"abcdefg")
    assert not producer.flush(0.05)
    started = time.monotonic()
    producer.close(0.3)
    assert time.monotonic() - started < 3
    found = producer.statistics()
    assert (found.put, found.dropped, found.sent) == (7, 7, 0)
    assert "Error" in found.last_error


def test_a_forked_child_sends_its_own_and_not_its_parents() -> None:
    collector = Collector()
    collector.gate.clear()
    with listening(collector) as url:
        producer = HttpProducer(url)
        put(producer, "parent")
        child = os.fork()
        if child == 0:  # pragma: no cover - another process
            put(producer, "child")
            collector.gate.set()
            os._exit(0 if producer.statistics().put == 1 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        collector.gate.set()
        assert producer.flush(10)
        producer.close()
    assert collector.messages.count("parent") == 1


@pytest.mark.parametrize("url", ["127.0.0.1:8787", "ftp://x", "http://", "http://logs.example.com"])
def test_a_place_that_is_none_or_where_the_token_could_be_read_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|token"):
        HttpProducer(url, token="t")  # noqa: S106


def test_logmons_own_records_are_left_out() -> None:
    seen: list[LogEvent] = []

    class Kept:
        def put(self, event: LogEvent) -> None:
            seen.append(event)

        def flush(self, within_s: float = 0) -> bool:
            return True

        def close(self, within_s: float = 0) -> None:
            pass

        def statistics(self) -> Any:
            return None

    handler = LogmonHandler(Kept())
    for name in ("logmon", "logmon.hub", "logmonitor"):
        handler.handle(logging.LogRecord(name, 20, "", 1, "x", None, None))
    assert [event.source for event in seen] == ["logmonitor"]
