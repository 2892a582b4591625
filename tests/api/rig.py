"""A served hub on loopback, with tokens of every scope, and the means to ask it by hand."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2

from logmon.api.server import ApiServer
from logmon.api.tokens import Tokens, add_token
from logmon.batch import EventBatch
from logmon.config import ApiSettings
from logmon.hub import LogEventHub
from logmon.runtime import LogMonitorService
from logmon.testing import make_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from logmon.event import LogEvent
    from logmon.redaction import Redactor
    from logmon.sentinel.pipeline import Sentinel
    from logmon.store.journal import Store

ROOT = "/api/log-monitor"
EASY = {"requests_per_second": 1e6, "refusals_per_second": 1e6}


class Rig:
    """A server and its clients."""

    def __init__(self, service: LogMonitorService, server: ApiServer, said: list[str]) -> None:
        self.service = service
        self.hub = service.hub
        self.server = server
        self.said = said
        self.tokens: dict[str, str] = {}
        self.client = httpx2.AsyncClient(timeout=10, limits=httpx2.Limits(max_connections=None))

    @property
    def port(self) -> int:
        return int(self.server.url.rpartition(":")[2])

    @property
    def streams(self) -> Any:
        return self.server.app.api.streams

    @property
    def epoch(self) -> str:
        return self.server.app.api.frames.epoch

    def auth(self, scope: str = "read") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[scope]}"}

    async def get(self, path: str, *, scope: str | None = "read", **given: Any) -> httpx2.Response:
        headers = {**(self.auth(scope) if scope else {}), **given.pop("headers", {})}
        return await self.client.get(f"{self.server.url}{ROOT}{path}", headers=headers, **given)

    async def until(self, done: Callable[[], bool], within_s: float = 5.0) -> None:
        """Let the server work until something is so."""
        async with asyncio.timeout(within_s):
            while not done():  # noqa: ASYNC110 - nobody would tell
                await asyncio.sleep(0.02)

    async def publish(self, *events: LogEvent | str, origin: str = "tests") -> int:
        made = [make_event(event) if isinstance(event, str) else event for event in events]
        return await self.hub.publish(EventBatch(made), origin=origin)

    @asynccontextmanager
    async def stream(
        self, query: str = "", *, after: str | None = None, scope: str = "read"
    ) -> AsyncIterator[Sse]:
        """Open a stream on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        resume = f"Last-Event-ID: {after}\r\n" if after is not None else ""
        writer.write(
            f"GET {ROOT}/events/stream{query} HTTP/1.1\r\nHost: localhost\r\n{resume}"
            f"Authorization: Bearer {self.tokens[scope]}\r\n\r\n".encode()
        )
        sse = Sse(reader, writer)
        try:
            await sse.read_head()
            yield sse
        finally:
            writer.transport.abort()


class Sse:
    """A client that shows everything: heads, chunks, comments, fields."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.comments: list[str] = []
        self.ended = False
        self._text = b""

    async def read_head(self) -> None:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }

    async def next(self, within_s: float = 5.0) -> dict[str, str] | None:
        """Return the fields of the next event, None at the end of the stream."""
        while b"\n\n" not in self._text:
            async with asyncio.timeout(within_s):
                if not await self._chunk():
                    return None
        block, _, self._text = self._text.partition(b"\n\n")
        lines = block.decode("ascii").split("\n")
        self.comments += [line for line in lines if line.startswith(":")]
        fields = dict(line.split(": ", 1) for line in lines if line and not line.startswith(":"))
        return fields or await self.next(within_s)

    async def _chunk(self) -> bool:
        try:
            size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
            data = await self.reader.readexactly(size + 2)
        except (asyncio.IncompleteReadError, ConnectionError):
            return False
        self._text += data[:-2]
        self.ended = size == 0
        return size > 0

    async def events(self, count: int, name: str = "log") -> list[dict[str, str]]:
        """Return the next events of a name, passing over the others."""
        found: list[dict[str, str]] = []
        while len(found) < count:
            fields = await self.next()
            assert fields is not None, "the stream ended"
            if fields["event"] == name:
                found.append(fields)
        return found

    async def messages(self, count: int) -> list[str]:
        return [json.loads(event["data"])["message"] for event in await self.events(count)]


@asynccontextmanager
async def rig(
    folder: Path,
    *,
    hub: LogEventHub | None = None,
    service: LogMonitorService | None = None,
    store: Store | None = None,
    sentinel: Sentinel | None = None,
    redactor: Redactor | None = None,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """Serve a hub for as long as the block runs."""
    if service is None:
        hub = hub or LogEventHub(journal=store)
        service = LogMonitorService(hub, [], sentinel=sentinel, store=store, redactor=redactor)
    path = folder / "tokens.json"
    said: list[str] = []
    texts = {scope: add_token(path, [scope])[1] for scope in ("read", "ingest", "admin")}
    chosen = ApiSettings.model_validate({"port": 0, **EASY, **settings})
    server = ApiServer(service, chosen, tokens=Tokens(path), say=said.append)
    await server.start()
    served = Rig(service, server, said)
    served.tokens = texts
    try:
        yield served
    finally:
        await served.client.aclose()
        await server.stop()
