"""A server for `bench_sse.py`, in a process of its own: ours, or a queue for each client.

python tests/benchmarks/sse_server.py ours|naive EVENTS_PER_SECOND

Prints a port and a token, serves until its input ends, and says how many rows were published.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from logmon.batch import EventBatch
from logmon.event import canonical
from logmon.filter import LogFilter
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.query import parse_query
from logmon.runtime import LogMonitorService
from logmon.testing import make_event

TICK_S = 0.01
SETTINGS = {
    "port": 0, "max_streams": 5_000, "max_streams_per_token": 5_000, "max_connections": 10_000,
    "requests_per_second": 1e6, "refusals_per_second": 1e6,
}  # fmt: skip


def made(number: int):
    """Return an event of 350 bytes; the message begins with the time it was made at."""
    return make_event(
        f"{time.monotonic():.6f} card declined for order {number} by the issuer: funds",
        source=f"service-{number % 10}", level=Level.WARN if number % 2 else Level.INFO,
        attributes={"n": number % 10, "order": number, "http": {"status": 402, "method": "POST"}},
        tags=("env:prod", "team:payments"), host="i-0abc",
    )  # fmt: skip


async def publish(rate: float, give) -> int:
    """Publish at a steady rate, what is due every `TICK_S`, until the input ends."""
    loop = asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.read)
    began, count = loop.time(), 0
    while not ended.done():
        due = int((loop.time() - began) * rate) - count
        if due:
            await give([made(count + n) for n in range(due)])
            count += due
        await asyncio.sleep(TICK_S)
    return count


async def ours(rate: float) -> int:
    from logmon.api.server import ApiServer
    from logmon.api.tokens import Tokens, add_token
    from logmon.config import ApiSettings

    hub = LogEventHub(max_rows=20_000)
    send_timeout = sys.argv[3] if len(sys.argv) > 3 else "15s"
    settings = ApiSettings.model_validate({**SETTINGS, "send_timeout": send_timeout})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokens.json"
        _, token = add_token(path, ["read"])
        server = ApiServer(
            LogMonitorService(hub, []),
            settings,
            tokens=Tokens(path),
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
        await server.start()
        print(server.url.rpartition(":")[2], token, flush=True)
        count = await publish(rate, lambda rows: hub.publish(EventBatch(rows), origin="bench"))
        await server.stop()
        return count


async def naive(rate: float) -> int:
    """What is written in an afternoon: a queue for each client, JSON for each event and client."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    queues: set[asyncio.Queue] = set()

    async def stream(request):
        clause = parse_query(request.query_params.get("q", ""))
        log_filter = LogFilter((clause,)) if clause else LogFilter()
        queue: asyncio.Queue = asyncio.Queue()
        queues.add(queue)

        async def generate():
            try:
                yield ": hello\n\n"
                while True:
                    number, event = await queue.get()
                    if log_filter.matches(event):
                        yield f"event: log\nid: {number}\ndata: {json.dumps(canonical(event))}\n\n"
            finally:
                queues.discard(queue)

        return StreamingResponse(generate(), media_type="text/event-stream")

    app = Starlette(routes=[Route("/api/log-monitor/events/stream", stream)])
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    print(server.servers[0].sockets[0].getsockname()[1], "none", flush=True)
    numbers = iter(range(10**9))

    async def give(rows):
        for event in rows:
            number = next(numbers)
            for queue in queues:
                queue.put_nowait((number, event))

    count = await publish(rate, give)
    server.should_exit = server.force_exit = True
    await serving
    return count


if __name__ == "__main__":
    print(asyncio.run({"ours": ours, "naive": naive}[sys.argv[1]](float(sys.argv[2]))))
