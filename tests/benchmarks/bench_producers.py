"""What a log call costs with LogmonHandler, and what a record costs on its way in over HTTP.

    python -m tests.benchmarks.bench_producers

The call is measured in CPU time of its own thread, beside a StreamHandler that formats into
memory; the way in, from the socket to the hub's log, in CPU time of client and server together.
"""

from __future__ import annotations

import asyncio
import io
import logging
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logmon import LogmonHandler
from logmon.producers.otlp_json import encode_export
from logmon.producers.records import event_of
from tests.api.otlp_rig import receiving, rows

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 20_000


class Nowhere:
    """A producer that keeps nothing: what is left is the handler's own work."""

    def put(self, _event: object) -> None:
        pass

    def flush(self, _within_s: float = 0) -> bool:
        return True

    def close(self, _within_s: float = 0) -> None:
        pass

    def statistics(self) -> Any:
        return None


def call_us(handler: logging.Handler) -> float:
    """Return the least cost of a call in five rounds, in microseconds."""
    logger = logging.getLogger("bench")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    found = []
    for _ in range(5):
        began = time.thread_time()
        for place in range(CALLS):
            logger.info("user %s paid %d", "bob", place)
        found.append(time.thread_time() - began)
    logger.removeHandler(handler)
    return min(found) / CALLS * 1e6


async def taken_in_us(count: int) -> float:
    """Return the CPU time a record costs from the socket into the log, client and all, in µs."""
    made = [
        event_of(logging.LogRecord("bench", 20, "/app/a.py", 1, "row %d", (place,), None))
        for place in range(count)
    ]
    bodies = [encode_export(made[start : start + 500], "x") for start in range(0, count, 500)]
    with tempfile.TemporaryDirectory() as folder:
        async with receiving(Path(folder)) as served:
            headers = served.auth("ingest") | {"Content-Type": "application/json"}
            began = time.process_time()
            for body in bodies:
                url = f"{served.server.url}/v1/logs"
                answer = await served.client.post(url, content=body, headers=headers)
                assert answer.status_code == 200
            took_s = time.process_time() - began
            assert len(rows(served)) == count
    return took_s / count * 1e6


def main() -> None:
    stream = logging.StreamHandler(io.StringIO())
    stream.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handlers: list[tuple[str, Callable[[], logging.Handler]]] = [
        ("StreamHandler into memory", lambda: stream),
        ("LogmonHandler", lambda: LogmonHandler(Nowhere())),
    ]
    costs = []
    for name, make in handlers:
        costs.append(call_us(make()))
        print(f"{name:<28}{costs[-1]:6.1f} µs a call")
    print(f"ratio {costs[1] / costs[0]:.2f}")
    us = asyncio.run(taken_in_us(20_000))
    print(f"POST /v1/logs, JSON, 500 records each: {us:.0f} µs CPU a record")


if __name__ == "__main__":
    main()
