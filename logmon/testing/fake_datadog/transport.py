"""A transport for httpx2 that asks a fake without a socket, with the same errors as one.

Waiting is done on the fake's clock: with a `FakeClock` a client's timeout costs no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

from logmon.testing.fake_datadog.server import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from logmon.testing.fake_datadog.reply import Reply
    from logmon.testing.fake_datadog.server import FakeDatadog


class FakeTransport(httpx2.AsyncBaseTransport):
    """Hands requests to a `FakeDatadog`."""

    def __init__(self, fake: FakeDatadog) -> None:
        self._fake = fake

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request.

        Raises:
            ReadTimeout: the first byte takes longer than the client waits.
            ReadError: the connection is reset.
            RemoteProtocolError: the body ends early (raised while it is read).
        """
        asked = Request(
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.aread(),
        )
        reply = self._fake.answer(asked)
        patience_s = request.extensions.get("timeout", {}).get("read")
        await self._wait(reply.wait_s, patience_s)
        if reply.ending == "reset":
            raise httpx2.ReadError("connection reset")
        headers = reply.headers | {"content-length": str(len(reply.body))}
        stream = _Body(self._fake, reply)
        return httpx2.Response(reply.status, headers=headers, stream=stream, request=request)

    async def _wait(self, seconds: float, patience_s: float | None) -> None:
        if patience_s is not None and seconds > patience_s:
            await self._fake.clock.sleep(patience_s)
            raise httpx2.ReadTimeout("the fake does not answer")
        if seconds:
            await self._fake.clock.sleep(seconds)


class _Body(httpx2.AsyncByteStream):
    """A body in its pieces; one that is cut ends with the error of a closed connection."""

    def __init__(self, fake: FakeDatadog, reply: Reply) -> None:
        self._fake = fake
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._reply.pieces():
            if self._reply.drip_s:
                await self._fake.clock.sleep(self._reply.drip_s)
            yield piece
        if self._reply.ending == "reset_after_headers":
            raise httpx2.ReadError("connection reset")
        if self._reply.ending == "cut":
            raise httpx2.RemoteProtocolError("peer closed connection without sending complete body")
