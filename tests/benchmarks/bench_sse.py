"""SSE to many: CPU for each delivered event, its growth, and what stalled clients cost the others.

python tests/benchmarks/bench_sse.py [fanout] [stalled] [hostile]
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench_process import cpu_seconds

HERE = Path(__file__).parent
ROOT = "/api/log-monitor"
DELIVERIES_PER_SECOND = 20_000
SECONDS = 6.0
QUERIES = [
    "@n:<5", "@n:>=5", "status:info", "status:warn", "@n:(0 OR 2 OR 4 OR 6 OR 8)", "@n:[3 TO 7]",
    "source:service-0 OR source:service-1 OR source:service-2 OR source:service-3 OR source:service-4",
    "declined @n:<5", "@http.status:402 @n:>=5", "-@n:>4",
]  # fmt: skip
"""Ten filters; each lets half of the rows through."""
_SENT = re.compile(rb'"message": ?"(\d+\.\d+) ')


class Server:
    """A server in a process of its own."""

    def __init__(self, kind: str, rate: float, *more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "sse_server.py"), kind, str(rate), *more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port, self.token = self.process.stdout.readline().split()

    def end(self) -> str:
        """Stop it and return what it said on stderr."""
        _, said = self.process.communicate("", timeout=20)
        return said

    def rss(self) -> int:
        """Return the memory it holds now, in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1_024


class Client(asyncio.Protocol):
    """Reads a stream: counts events, and how long the newest of each read took to come."""

    def __init__(self, request: bytes, latencies: list[float]) -> None:
        self._request = request
        self._latencies = latencies
        self.events = 0

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.events += data.count(b"event: log\n")
        if found := _SENT.search(data, max(0, data.rfind(b"event: log"))):
            self._latencies.append(time.monotonic() - float(found[1]))


async def connect(server: Server, count: int, latencies: list[float], *, queries=QUERIES):
    """Open streams, the queries in turn."""
    from urllib.parse import quote

    loop = asyncio.get_running_loop()
    clients = []
    for number in range(count):
        query = quote(queries[number % len(queries)])
        request = (
            f"GET {ROOT}/events/stream?q={query} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {server.token}\r\n\r\n"
        ).encode()
        _, client = await loop.create_connection(
            lambda request=request: Client(request, latencies), "127.0.0.1", int(server.port)
        )
        clients.append(client)
    return clients


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def measure(kind: str, clients: int) -> tuple[float, float, float]:
    """Return CPU µs for each delivered event, deliveries a second, and the p99 in ms.

    What publishing alone costs is measured first and left out.
    """
    rate = 2 * DELIVERIES_PER_SECOND / clients
    server = Server(kind, rate)
    latencies: list[float] = []
    cpu, began = cpu_seconds(server.process.pid), time.monotonic()
    await asyncio.sleep(SECONDS / 2)
    publishing = (cpu_seconds(server.process.pid) - cpu) / (time.monotonic() - began)
    opened = await connect(server, clients, latencies)
    await asyncio.sleep(1.5)
    latencies.clear()
    before, cpu, began = (
        sum(c.events for c in opened),
        cpu_seconds(server.process.pid),
        time.monotonic(),
    )
    await asyncio.sleep(SECONDS)
    events = sum(c.events for c in opened) - before
    spent, took = cpu_seconds(server.process.pid) - cpu, time.monotonic() - began
    spent -= publishing * took
    for client in opened:
        client.transport.abort()
    server.end()
    return spent / max(1, events) * 1e6, events / took, percentile(latencies, 0.99) * 1e3


async def fanout() -> None:
    print(
        f"{DELIVERIES_PER_SECOND} deliveries/s wanted, {len(QUERIES)} filters, {SECONDS:g} s each"
    )
    print("| clients | server | CPU µs/delivery | deliveries/s | p99 ms |")
    costs: dict[tuple[str, int], float] = {}
    for clients in (10, 100, 1_000):
        for kind in ("ours", "naive"):
            cost, rate, p99 = await measure(kind, clients)
            costs[kind, clients] = cost
            print(f"| {clients} | {kind} | {cost:.1f} | {rate:,.0f} | {p99:.1f} |", flush=True)
    for kind in ("ours", "naive"):
        print(f"{kind}: growth 10 → 1,000 clients × {costs[kind, 1_000] / costs[kind, 10]:.2f}")
    for clients in (10, 100, 1_000):
        print(
            f"naive / ours, {clients} clients: {costs['naive', clients] / costs['ours', clients]:.1f} ×"
        )


async def stalled() -> None:
    """32 clients that read nothing beside 10 that do: memory, the others' p99, and their end."""
    server = Server("ours", 4_000, "6s")
    latencies: list[float] = []
    readers = await connect(server, 10, latencies)
    await asyncio.sleep(3)
    base = []
    for _ in range(3):
        latencies.clear()
        await asyncio.sleep(2)
        base.append(percentile(latencies, 0.99))
    rss = server.rss()
    stuck = await connect(server, 32, [], queries=[""])
    for client in stuck:
        client.transport.pause_reading()
    beside, held = [], []
    for _ in range(3):
        latencies.clear()
        await asyncio.sleep(1.5)
        beside.append(percentile(latencies, 0.99))
        held.append(server.rss())
    await asyncio.sleep(8)
    for client in (*readers, *stuck):
        client.transport.abort()
    said = server.end().splitlines()
    closed = [line for line in said if "took nothing for 6 s" in line]
    before, during = statistics.median(base), statistics.median(beside)
    print(f"32 stalled streams: RSS +{(max(held) - rss) / 2**20:.1f} MiB (goal ≤ 8)")
    print(
        f"p99 of 10 others {before * 1e3:.1f} → {during * 1e3:.1f} ms: × {during / before:.2f} (goal ≤ 1.1)"
    )
    print(
        f"closed after the send timeout with one line each: {len(closed)} of 32; other lines: {len(said) - len(closed)}"
    )


async def attack(port: str, token: str) -> None:
    """Send every hostile request, and 200 resets, again and again; say how it went at the end."""
    sys.path.insert(0, str(HERE.parent.parent))
    from tests.api.test_hostile import CASES, ask

    tokens = {"read": token, "READ": token.upper(), "ingest": "x"}
    requests = [text.format(**tokens).encode("latin-1", "replace") for text in CASES.values()]
    until = time.monotonic() + 10
    sent = leaked = 0
    while time.monotonic() < until:
        for answer in await asyncio.gather(*(ask(int(port), r, 0.5) for r in requests)):
            sent += 1
            leaked += b"declined" in answer
        for _ in range(200):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", int(port))
                writer.transport.abort()
                sent += 1
    print(sent, leaked)


async def honest(server: Server, going) -> list[float]:
    """Ask for a page of 100 rows, a connection each, and return how long each took."""
    from http.client import HTTPConnection

    times = []
    while going():
        began = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", int(server.port), timeout=10)
        headers = {"Authorization": f"Bearer {server.token}"}
        connection.request("GET", f"{ROOT}/events/recent?limit=100", headers=headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()[:11]) == (200, b'{"events":[')
        times.append(time.perf_counter() - began)
        connection.close()
        await asyncio.sleep(0.01)
    return times


async def hostile() -> None:
    """An honest client while another process sends every hostile request again and again."""
    server = Server("ours", 100)
    until = time.monotonic() + 4
    alone = await honest(server, lambda: time.monotonic() < until)
    attacking = subprocess.Popen(
        [sys.executable, __file__, "attack", server.port, server.token],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    times = await honest(server, lambda: attacking.poll() is None)
    sent, leaked = attacking.stdout.read().split()
    said = server.end().splitlines()
    print(f"{sent} hostile requests in 10 s beside {len(times)} honest ones")
    before, during = percentile(alone, 0.99) * 1e3, percentile(times, 0.99) * 1e3
    print(f"p99 of the honest ones {during:.0f} ms (goal ≤ 200), before it {before:.0f} ms")
    print(f"answers with a byte of an event: {leaked}; lines the server said: {len(said)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["attack"]:
        asyncio.run(attack(*sys.argv[2:]))
        raise SystemExit
    for name in sys.argv[1:] or ("fanout", "stalled", "hostile"):
        asyncio.run({"fanout": fanout, "stalled": stalled, "hostile": hostile}[name]())
