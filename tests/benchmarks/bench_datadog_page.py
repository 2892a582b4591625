"""What a page of 1,000 events costs: taken apart, known again, decoded; one with a broken event.

python -m tests.benchmarks.bench_datadog_page

CPU time of this process, the median of seven runs, beside `json.loads` of the same page.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING

import msgspec

from logmon.formats import LineDecoder
from logmon.sources.datadog.ledger import Ledger
from logmon.sources.datadog.pages import decode_page
from logmon.sources.datadog.source import ROWS_A_TURN
from logmon.testing.fake_datadog import log_event

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 1_000
RUNS = 7
NOON_MS = 1_795_435_200_000


def a_page(*, tags: int) -> bytes:
    """Return a page of events with so many tags each."""
    events = [
        msgspec.Raw(
            log_event(
                NOON_MS + number, id=f"AwAAA{number:0119d}", message=f"Card declined for {number}",
                status="error", service="payments", host="i-0abc",
                tags=[f"tag_{place}:a value of usual length {place}" for place in range(tags)],
                attributes={"http": {"status_code": 402, "url": "/pay"}, "order": number},
            ).body
        )
        for number in range(EVENTS)
    ]  # fmt: skip
    return msgspec.json.encode({"data": events, "meta": {"page": {"after": "x"}}})


def cost_ms(work: Callable[[], object]) -> float:
    """Return the CPU time of some work, in ms."""
    took = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return statistics.median(took) * 1000


def known_twice(page: bytes) -> int:
    """Note a page's events, and note them again; return how many were new the second time."""
    ledger = Ledger()
    records = decode_page(page, 0).records
    for record in records:
        ledger.add(record.time_ms, record.id)
    return sum(ledger.add(record.time_ms, record.id) for record in records)


def main() -> None:
    decoder = LineDecoder("prod", input_format="datadog")
    print(f"{EVENTS} events a page; CPU ms, and as a multiple of json.loads")
    for tags in (5, 55):
        page = a_page(tags=tags)
        broken = page.replace(b'"message":"', b'"message":"\\ud800', 1)
        records = decode_page(page, 0).records
        plain = cost_ms(lambda page=page: json.loads(page))
        assert len(decode_page(broken, 0).records) == EVENTS
        print(f"\n{len(page) / 1e6:.2f} MB, {tags} tags an event")
        for name, work in (
            ("json.loads", lambda page=page: json.loads(page)),
            ("taken apart: ids and times", lambda page=page: decode_page(page, 0)),
            ("… and known again", lambda page=page: known_twice(page)),
            ("taken apart, one event broken", lambda page=broken: decode_page(page, 0)),
            ("decoded to events", lambda rs=records: [decoder.decode(r.raw, 0, 0) for r in rs]),
            (f"{ROWS_A_TURN} of them: one turn of the loop",
             lambda rs=records: [decoder.decode(r.raw, 0, 0) for r in rs[:ROWS_A_TURN]]),
        ):  # fmt: skip
            took = cost_ms(work)
            print(f"  {name:<34} {took:7.2f} ms  {took / plain:5.2f} ×")


if __name__ == "__main__":
    main()
