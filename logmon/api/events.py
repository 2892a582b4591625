"""The events themselves: a page of recent ones, and the live stream."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

from starlette.responses import Response

from logmon.api.door import token_of
from logmon.api.pages import page_back
from logmon.api.parameters import MOST_SEQ, Parameters
from logmon.api.stream import Stream, start_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from logmon.api.connection import Connection
    from logmon.api.door import Api
    from logmon.filter import LogFilter

DEFAULT_LIMIT = 100
MOST_LIMIT = 1_000
STREAM_SEND_BUFFER_BYTES = 128 << 10
"""What the kernel holds for one stream: enough for 1 MB/s over 100 ms, little to go stale."""
DEAD_PEER_AFTER_MS = 30_000
"""A peer that acknowledges nothing for so long is gone, though it never said so."""
ID_CHARS = 200


async def recent(api: Api, request: Request) -> Response:
    """Answer with the newest events that pass, oldest first, and where the page before begins."""
    given = Parameters(request, "limit", "level", "source", "q", "before")
    limit = given.number("limit", least=1, most=MOST_LIMIT) or DEFAULT_LIMIT
    before = given.number("before", least=0, most=MOST_SEQ)
    wanted = given.filter()
    if wanted.asks_new:
        api.service.look_for_news()
    log_filter = api.frames.seen(wanted)
    page = await page_back(api.service.hub, api.frames, log_filter, before=before, limit=limit)
    following = b"null" if page.next is None else b"%d" % page.next
    body = b'{"events":[' + b",".join(page.events) + b'],"next":' + following + b"}"
    headers = {"Logmon-Last-Event-ID": api.frames.id(page.last)}
    return Response(body, 200, headers, "application/json")


async def stream(api: Api, request: Request) -> Response:
    """Answer with a stream that goes on until one side ends it."""
    given = Parameters(request, "level", "source", "q", "last_event_id")
    wanted = given.filter()
    if wanted.asks_new:
        api.service.look_for_news()
    log_filter = api.frames.seen(wanted)
    asked = request.headers.get("last-event-id") or given.text("last_event_id") or None
    return EventStream(api, log_filter, asked[:ID_CHARS] if asked else None)


class EventStream(Response):
    """The answer that is a stream. Its slot is held by the call that serves it, and only there."""

    def __init__(self, api: Api, log_filter: LogFilter, last_event_id: str | None) -> None:
        self._api = api
        self._filter = log_filter
        self._last_event_id = last_event_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until the client goes or the stream is closed.

        Raises:
            Refused: there is no slot.
        """
        connection: Connection = scope["state"]["connection"]
        with self._api.streams.claim(token_of(scope)):
            stream = await self._open(connection, scope, send)
            self._api.streams.add(stream)
            try:
                while (await receive())["type"] != "http.disconnect":
                    pass
            finally:
                self._api.streams.remove(stream)

    async def _open(self, connection: Connection, scope: Scope, send: Send) -> Stream:
        api = self._api
        hub = api.service.hub
        start = await start_of(hub, api.frames, self._last_event_id)
        token = token_of(scope)
        subscription = hub.subscribe(
            self._filter, name=f"stream {token.id}", after=start.after, settled=True
        )
        opened = Stream(
            connection,
            subscription,
            api.frames,
            token=token,
            address=scope["client"][0] if scope["client"] else "",
            log_filter=self._filter,
            chunked=scope["http_version"] == "1.1",
        )
        before = api.frames.id(subscription.position - 1)
        _bound(connection)
        try:
            await send(_head(start.gap, before))
            # h11 learns that the body has begun; from here on the stream writes by itself.
            await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
        except BaseException:
            opened.release(hub)
            raise
        opened.greet(start.gap, fresh=self._last_event_id is None)
        return opened


def _head(gap: dict[str, object] | None, before: str) -> dict[str, object]:
    headers = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store, no-transform",
        "x-accel-buffering": "no",
        "connection": "close",
        "logmon-last-event-id": before,
    }
    if gap is not None:
        headers["logmon-gap"] = json.dumps(gap, separators=(",", ":"))
    raw = [(name.encode(), value.encode("ascii")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": 200, "headers": raw}


def _bound(connection: Connection) -> None:
    """Keep little in the kernel for a client that is slow, and notice one that has died."""
    plain = connection.transport.get_extra_info("socket")
    if plain is None:
        return
    try:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_SEND_BUFFER_BYTES)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_AFTER_MS)
    except OSError:
        return
