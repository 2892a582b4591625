"""The fake on a loopback socket: uvicorn, and the broken connections that ASGI cannot express."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from logmon.testing.fake_datadog.control import answer_control
from logmon.testing.fake_datadog.server import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from logmon.testing.fake_datadog.reply import Reply
    from logmon.testing.fake_datadog.server import FakeDatadog


async def answer_scope(fake: FakeDatadog, scope: Any, receive: Any, send: Any) -> None:
    """Answer one ASGI scope."""
    if scope["type"] == "lifespan":
        return
    body = await _body(receive)
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if scope["path"].startswith("/fake/"):
        reply = answer_control(fake, scope["path"], body)
    else:
        reply = fake.answer(
            Request(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"],
                headers=headers,
                body=body,
            )
        )
    if reply.wait_s and await _leaves(fake.clock.sleep(reply.wait_s), receive):
        return
    if reply.ending == "reset":
        await _reset(scope, receive)
        return
    await _send(fake, reply, send)
    if reply.ending == "reset_after_headers":
        await _reset(scope, receive)


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _leaves(waiting: Any, receive: Any) -> bool:
    """Wait, and return whether the client went away meanwhile."""
    tasks = {asyncio.ensure_future(waiting), asyncio.ensure_future(receive())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return any(isinstance(task.result(), dict) for task in done)
    finally:
        for task in tasks:
            task.cancel()


async def _send(fake: FakeDatadog, reply: Reply, send: Any) -> None:
    headers = reply.headers | {"content-length": str(len(reply.body))}
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    for piece in reply.pieces():
        if reply.drip_s:
            await fake.clock.sleep(reply.drip_s)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if reply.ending == "whole":
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _reset(scope: Any, receive: Any) -> None:
    """Break the connection; without a socket the client sees the error itself."""
    transport = _CONNECTIONS.get(tuple(scope.get("client") or ()))
    if transport is None:
        raise ConnectionResetError
    # Lingering for no time makes the kernel send a reset where it would say an orderly goodbye.
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    with suppress(Exception):
        await receive()


_CONNECTIONS: dict[tuple[Any, ...], asyncio.Transport] = {}
"""Open connections of this process by the client's address."""


def _protocol() -> type[asyncio.Protocol]:
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class BreakableProtocol(H11Protocol):
        """uvicorn's own, and a way to its transport: an ASGI app cannot reset a connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            self._address = tuple(transport.get_extra_info("peername") or ())
            _CONNECTIONS[self._address] = transport
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            _CONNECTIONS.pop(self._address, None)
            super().connection_lost(exc)

    return BreakableProtocol


@asynccontextmanager
async def serving(fake: FakeDatadog, *, port: int = 0) -> AsyncIterator[str]:
    """Serve a fake on a loopback socket of this loop; gives its URL.

    Raises:
        OSError: the port is taken.
    """
    import uvicorn

    config = uvicorn.Config(
        fake, http=_protocol(), lifespan="off", log_level="critical", access_log=False, ws="none",
        date_header=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", port)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        fake.behaviour.site_url = url
        running = asyncio.create_task(server._serve([listening]))  # `serve` takes the signals
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn sets a flag, no event
                await asyncio.sleep(0.005)
            yield url
        finally:
            server.should_exit = True
            await running
