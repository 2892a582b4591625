"""Every open SSE stream, served by one task: what is new goes to all that wait for it.

A stream is a cursor into the log and a connection; it holds no rows. One that takes nothing is
passed over: it costs what its connection buffers (about 100 KiB at most), the log goes on without
it, and what it lost meanwhile is said in a `gap` event with the exact number.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from logmon.api.refused import try_later

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from logmon.api.frames import Frames
    from logmon.api.stream import Stream
    from logmon.api.tokens import Token, Tokens
    from logmon.hub import LogEventHub

TURN_STREAMS = 32
"""So many streams are served before other tasks get a turn."""
REST = 2.0
SHORTEST_REST_S, LONGEST_REST_S = 0.005, 0.1
"""After a round the streams rest `REST` times as long as it took: what comes meanwhile goes out
together, and however many streams there are, serving them takes a third of the loop at most."""


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many streams there may be, and how long one may take nothing."""

    total: int
    per_token: int
    send_timeout_s: float
    heartbeat_s: float = 15.0
    look_every_s: float = 0.5
    """How often stalled streams and revoked tokens are looked for."""


class Streams:
    """The streams of one server."""

    def __init__(
        self,
        hub: LogEventHub,
        frames: Frames,
        tokens: Tokens,
        limits: StreamLimits,
        say: Callable[[str], None],
    ) -> None:
        self.hub = hub
        self.frames = frames
        self.limits = limits
        self._tokens = tokens
        self._say = say
        self._open: dict[Stream, None] = {}
        self._claimed: Counter[str] = _counter()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    @property
    def claimed(self) -> int:
        """How many slots are taken."""
        return self._claimed.total()

    @contextmanager
    def claim(self, token: Token) -> Iterator[None]:
        """Hold one slot for as long as the block runs.

        Raises:
            Refused: 429 when the token has its share, 503 when there are none left, or at the end.
        """
        if self._closing or self._claimed.total() >= self.limits.total:
            raise try_later(503, "no more streams can be opened now", 5)
        if self._claimed[token.id] >= self.limits.per_token:
            raise try_later(429, "too many streams are open with this token", 5)
        self._claimed[token.id] += 1
        try:
            yield
        finally:
            self._claimed[token.id] -= 1
            if not self._claimed[token.id]:
                del self._claimed[token.id]

    def add(self, stream: Stream) -> None:
        """Serve a stream from now on."""
        self._open[stream] = None
        stream.connection.on_writable = self._wake.set
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._serve(), name="streams"),
                asyncio.create_task(self._listen(), name="streams, log"),
                asyncio.create_task(self._look_after(), name="streams, care"),
            ]
        self._wake.set()

    def remove(self, stream: Stream) -> None:
        """Forget a stream; with the last one the tasks end."""
        self._open.pop(stream, None)
        stream.release(self.hub)
        if not self._open:
            self._end_tasks()

    def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    def close(self) -> None:
        """End every stream with a word."""
        self._closing = True
        for stream in list(self._open):
            stream.end("shutting_down")
        self._end_tasks()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = loop.time()
            await self._serve_all()
            rest_s = REST * (loop.time() - began)
            await asyncio.sleep(min(max(rest_s, SHORTEST_REST_S), LONGEST_REST_S))

    async def _serve_all(self) -> None:
        """Give every stream what there is for it, a little to each in turn."""
        hungry = list(self._open)
        while hungry:
            more: list[Stream] = []
            for place, stream in enumerate(hungry):
                if stream in self._open and self._advance(stream):
                    more.append(stream)
                if place % TURN_STREAMS == TURN_STREAMS - 1:
                    await asyncio.sleep(0)
            hungry = more
            await asyncio.sleep(0)

    def _advance(self, stream: Stream) -> bool:
        try:
            return stream.advance()
        except Exception as error:  # noqa: BLE001 - one stream's fault must not end the others
            self._say(f"a stream failed: {type(error).__name__}: {error}")
            stream.connection.abort()
            return False

    async def _listen(self) -> None:
        """Wake up when the log moves."""
        while True:
            await self.hub.moved()
            self._wake.set()

    async def _look_after(self) -> None:
        """Send heartbeats, close streams that take nothing or whose token was revoked."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.limits.look_every_s)
            now = loop.time()
            for stream in list(self._open):
                self._care(stream, now)

    def _care(self, stream: Stream, now: float) -> None:
        if not self._tokens.is_valid(stream.token.id):
            stream.end("token_revoked")
        elif stream.stalled_s(now) >= self.limits.send_timeout_s:
            self._say(
                f"closed a stream of {stream.address} (token {stream.token.id}): it took "
                f"nothing for {self.limits.send_timeout_s:g} s, {stream.behind} rows behind"
            )
            stream.connection.abort()
        else:
            stream.beat(now, self.limits.heartbeat_s)


def _counter() -> Counter[str]:
    from collections import Counter

    return Counter()
