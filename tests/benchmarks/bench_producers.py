"""What a log call costs with LogmonHandler, and how many records a server takes in over HTTP.

    python -m tests.benchmarks.bench_producers

The call is measured in CPU time of its own thread, beside a StreamHandler that formats into
memory; the way through is measured by the clock, to the last record in the log.
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


async def through(count: int) -> float:
    """Return records a second from the first call to the last record in the hub's log."""
    with tempfile.TemporaryDirectory() as folder:
        async with receiving(Path(folder)) as served:
            handler = LogmonHandler(
                served.server.url, token=served.tokens["ingest"], capacity=count
            )
            began = time.perf_counter()

            def work() -> None:
                for place in range(count):
                    handler.handle(logging.LogRecord("bench", 20, "", 1, "row %d", (place,), None))
                assert handler.producer.flush(120)

            await asyncio.to_thread(work)
            took_s = time.perf_counter() - began
            assert len(rows(served)) == count
            handler.close()
    return count / took_s


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
    print(f"through HTTP into the log: {asyncio.run(through(20_000)):,.0f} records/s")


if __name__ == "__main__":
    main()
