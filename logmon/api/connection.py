"""uvicorn's HTTP/1.1 connection with what it lacks: deadlines for what a client owes us.

Measured on uvicorn 0.54: an idle socket and a half-sent head stay open for ever, a body goes on
being read after the answer, and warnings about bad requests are logged with what was in them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

SILENT = logging.getLogger("logmon.api.connection")
SILENT.setLevel(logging.CRITICAL + 1)
"""What uvicorn would log holds request bytes and tracebacks; the gate says what matters."""


MOST_INCOMPLETE_BYTES = 16_384
"""The longest request head."""
MOST_CRUMBS, CRUMB_BYTES = 256, 64
"""More chunks than this, of fewer bytes than this on average, are no honest body."""


class Connections:
    """Every open connection, and which of them owe us a request head, the longest first."""

    def __init__(self, most: int, header_timeout_s: float) -> None:
        self.most = most
        self.header_timeout_s = header_timeout_s
        self.count = 0
        self.waiting: dict[Connection, None] = {}

    def opened(self) -> None:
        """Make room for one more: the one that owes us a head for longest has to go."""
        self.count += 1
        if self.count > self.most and self.waiting:
            next(iter(self.waiting)).abort()


class Metered(h11.Connection):
    """h11's connection, for a client that does not send a body in crumbs.

    A chunk costs about 30 µs whatever its size: 50 KB in chunks of five bytes hold the loop up
    for 150 ms (h11 0.16).
    """

    def __init__(self, most_incomplete: int) -> None:
        super().__init__(h11.SERVER, most_incomplete)
        self._parts = 0
        self._bytes = 0

    def next_event(self) -> Any:
        """Return what came next.

        Raises:
            h11.RemoteProtocolError: it is no HTTP, or a body in crumbs.
        """
        event = super().next_event()
        if type(event) is h11.Data:
            self._parts += 1
            self._bytes += len(event.data)
            if self._parts > MOST_CRUMBS and self._bytes < self._parts * CRUMB_BYTES:
                raise h11.RemoteProtocolError("a body in crumbs")
        return event


class Connection(H11Protocol):
    """One client's connection."""

    def __init__(self, *, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self.logger = SILENT
        self.conn = Metered(self.config.h11_max_incomplete_event_size or MOST_INCOMPLETE_BYTES)
        self.app_state = {"connection": self}
        self.on_writable: Callable[[], None] | None = None
        """Called when the client took what was waiting for it; set by the stream it carries."""
        self._all = connections
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._all.opened()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._all.count -= 1
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that has begun must be whole in time, also on a kept connection."""
        if self._deadline is None and self._between_requests():
            self._await_head()
        try:
            super().data_received(data)
        except h11.LocalProtocolError:  # uvicorn answers 400 also where an answer was given
            self.abort()
        if not self._between_requests():
            self._head_came()

    def on_response_complete(self) -> None:
        """Give a body that was refused unread a bounded time to end, so that the answer arrives.

        Closing a socket with bytes unread resets it, and the client would not see why.
        """
        unread = self.cycle.more_body
        super().on_response_complete()  # may begin the next, pipelined request
        if unread and self._deadline is None and not self.transport.is_closing():
            self._await_head()

    @property
    def paused(self) -> bool:
        """Whether the client is behind: about 64 KiB wait for it."""
        return self.flow.write_paused

    def write(self, data: bytes) -> None:
        """Send bytes past h11, which knows that a chunked body has begun: no copy, no await."""
        if not self.transport.is_closing():  # asyncio warns on stderr of writes to a closed one
            self.transport.write(data)

    def resume_writing(self) -> None:
        """Go on sending: the client took what was waiting for it."""
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()

    def close(self) -> None:
        """Close when everything is sent."""
        self.transport.close()

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self._head_came()
        self.transport.abort()

    def _between_requests(self) -> bool:
        cycle: Any = self.cycle  # None until the first head is whole
        return cycle is None or cycle.response_complete

    def _await_head(self) -> None:
        self._all.waiting[self] = None
        self._deadline = self.loop.call_later(self._all.header_timeout_s, self.abort)

    def _head_came(self) -> None:
        self._all.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
