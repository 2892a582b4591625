"""Another logmon's stream as a source: many screens share one poller, and say what they missed.

The newest rows are read first, then the stream from exactly behind them; after a cut it goes on
from the last id. What the other side says it lost becomes a row here.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from logmon.addresses import stays_here
from logmon.batch import EventBatch
from logmon.checkpoint import Checkpoint
from logmon.dead_letter import EXCERPT_BYTES, DeadLetter
from logmon.errors import (
    CredentialsError,
    MalformedEvent,
    PermanentSourceError,
    TransientSourceError,
)
from logmon.formats import LineDecoder
from logmon.source import EVERY_ROW, Arrival, LogStreamOptions, LookBack, Notice, Probe
from logmon.sources.remote_address import ROOT, base_url
from logmon.sources.remote_asked import those_passing
from logmon.visible import clipped

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    import httpx2

    from logmon.event import LogEvent
    from logmon.sources.remote_asked import Asked

SILENT_S = 45.0
"""The other side beats every 15 s: three beats missed, and the connection is taken for dead."""
CONNECT_S = 10.0
PAGE_ROWS = 1_000
BATCH_ROWS = 1_000
MOST_WAITING = 10_000
"""Events that were read and not taken yet; at this many, reading waits."""
HASTE_ROWS = 10_000
"""How far rows that pass are looked for where nobody said how many."""
MOST_EVENT_BYTES = 64 << 20
SAID_CHARS = 200


class RemoteSettings(BaseModel):
    """`[sources.NAME]` with `type = "logmon"`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    url: str
    """Where the other logmon serves: https://logs.example.com, or http on this machine."""

    query: str = Field(default="", max_length=1_024)
    """Only what this query finds is sent; it is asked of the other side."""

    history: int | None = Field(default=1_000, ge=0)
    """How many of its newest rows are read first, when there is no place to go on from."""

    token: SecretStr = SecretStr("")
    """Better in a file; on this machine LOGMON_API_TOKEN is taken too."""

    token_file: str = ""
    """A file with the token; read again for each connection."""

    ca_file: str = ""
    """Certificates to trust instead of the system's, as PEM."""


class RemoteSource:
    """Reads another logmon.

    Where the settings name no token, that of the environment is sent: to this machine, and with
    `anywhere` to an address the user typed beside it.
    """

    def __init__(
        self,
        name: str,
        settings: RemoteSettings,
        options: LogStreamOptions | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        anywhere: bool = False,
        asked: Asked | None = None,
    ) -> None:
        """`asked` are parameters of the other side's API: only what they let through is sent."""
        self.name = name
        self.options = options or LogStreamOptions()
        self._settings = settings
        self._asked = {**({"q": settings.query} if settings.query else {}), **(asked or {})}
        self._url = base_url(settings.url)
        self._environ = environ or {} if anywhere or stays_here(self._url) else {}
        self._decoder = LineDecoder(name, input_format="canonical")
        self._last_id = ""

    def resume(self, checkpoint: Checkpoint | None) -> None:
        """Go on behind what is kept already."""
        if checkpoint is not None:
            self._last_id = checkpoint.cursor

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Yield the newest rows, then what comes.

        Raises:
            CredentialsError: the token is missing or refused.
            PermanentSourceError: there is no logmon at that address, or it refuses the query.
            TransientSourceError: it does not answer, or ended the stream.
        """
        import httpx2

        async with self._client() as client:
            try:
                if not self._last_id:
                    async for arrival in self._history(client):
                        yield arrival
                if self.options.history_only:
                    return
                async for arrival in self._stream(client):
                    yield arrival
            except httpx2.HTTPError as error:
                raise TransientSourceError(f"{self._url}: {_words(error)}") from None

    async def check(self) -> AsyncGenerator[Probe, None]:
        """Yield what is found when the other side is asked for one row.

        Raises:
            SourceError: it cannot be reached, or refuses.
        """
        import httpx2

        async with self._client() as client:
            began = time.monotonic()
            try:
                page, last_id = await self._page(client, limit=1, before=None)
            except httpx2.HTTPError as error:
                raise TransientSourceError(f"{self._url}: {_words(error)}") from None
        took_ms = (time.monotonic() - began) * 1e3
        rows = "has rows" if page["events"] else "has no row that the query finds"
        yield Probe(
            "url", "ok", f"{self._url} answers in {took_ms:.0f} ms and {rows}; at {last_id}"
        )

    def reread(self, letter: DeadLetter) -> list[LogEvent]:
        """Return the event that a dead letter of this source reads as now.

        Raises:
            MalformedEvent: it is still none.
        """
        return [self._decoder.decode(letter.raw, 0, 0)]

    def _client(self) -> httpx2.AsyncClient:
        import ssl

        import httpx2

        verify: ssl.SSLContext | bool = True
        try:
            if self._settings.ca_file:
                verify = ssl.create_default_context(cafile=self._settings.ca_file)
        except OSError as error:
            raise PermanentSourceError(f"{self._settings.ca_file}: {error.strerror}") from None
        return httpx2.AsyncClient(
            verify=verify,
            trust_env=not stays_here(self._url),
            follow_redirects=False,
            timeout=httpx2.Timeout(SILENT_S, connect=CONNECT_S),
            headers={"Authorization": f"Bearer {self._token()}"},
        )

    def _token(self) -> str:
        settings = self._settings
        if settings.token_file:
            try:
                return Path(settings.token_file).expanduser().read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "is no text"
                raise CredentialsError(f"{settings.token_file}: {reason}") from None
        token = settings.token.get_secret_value() or self._environ.get("LOGMON_API_TOKEN", "")
        if not token:
            hint = "set token_file, or LOGMON_API_TOKEN for --from and on this machine"
            raise CredentialsError(f"{self._url}: no token; {hint}")
        return token

    async def _history(self, client: httpx2.AsyncClient) -> AsyncGenerator[Arrival, None]:
        """Yield the newest rows, the oldest first, and remember where the stream goes on.

        It begins with the last so many that pass what is looked back for.
        """
        kept = self._settings.history
        look = self.options.look_back or LookBack(rows=EVERY_ROW if kept is None else kept)
        pages: list[Arrival] = []
        before: int | None = None
        found = looked = 0
        began_at = ""
        while True:
            most = PAGE_ROWS if found < looked else min(PAGE_ROWS, max(1, look.rows - found))
            page, last_id = await self._page(client, limit=most, before=before)
            began_at = began_at or last_id
            arrival = self._arrival([_line(row) for row in page["events"]])
            passing = those_passing(arrival.batch, look.passing)
            found, looked = found + len(passing), looked + len(page["events"])
            if look.room is not None and looked > look.room:
                arrival = msgspec.structs.replace(arrival, batch=_batch(passing))
            pages.append(msgspec.structs.replace(arrival, checkpoint=None))
            before = page.get("next")
            if before is None or found >= look.rows or (looked >= HASTE_ROWS and not look.thorough):
                break
        self._last_id = began_at
        for arrival in reversed(pages if look.rows else []):
            yield arrival
        yield self._arrival([])  # from here on it is known where to go on

    async def _page(
        self, client: httpx2.AsyncClient, *, limit: int, before: int | None
    ) -> tuple[dict[str, Any], str]:
        """Return a page of rows, and the id behind which the stream goes on."""
        asked = {"limit": limit, **self._asked, **({} if before is None else {"before": before})}
        answer = await client.get(f"{self._url}{ROOT}/events/recent", params=asked)
        self._check(answer.status_code, answer.headers, answer.content)
        last_id = answer.headers.get("Logmon-Last-Event-ID", "")
        try:
            page = msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.DecodeError:
            page = {}
        if not isinstance(page.get("events"), list) or not last_id:
            raise PermanentSourceError(f"{self._url}: that is no logmon")
        return page, last_id

    async def _stream(self, client: httpx2.AsyncClient) -> AsyncGenerator[Arrival, None]:
        import httpx2

        headers = {"Accept": "text/event-stream", "Last-Event-ID": self._last_id}
        url = f"{self._url}{ROOT}/events/stream"
        async with client.stream("GET", url, params=self._asked, headers=headers) as response:
            if response.status_code != httpx2.codes.OK:
                await response.aread()
                self._check(response.status_code, response.headers, response.content)
            async with _Reading(response) as reading:
                while said := await reading.take():
                    for arrival in self._heard(said):
                        yield arrival
        raise TransientSourceError(f"{self._url}: the stream ended")

    def _heard(self, said: list[Any]) -> Iterator[Arrival]:
        """Yield what some events of the stream bring; a gap stands between the rows around it."""
        lines: list[bytes] = []
        for event in said:
            notice = _notice(self._url, event.event, event.data)
            if notice is not None:
                if lines:
                    yield self._arrival(lines)
                    lines = []
                self._last_id = event.id or self._last_id
                yield self._arrival([], (notice,))
            elif event.event == "log":
                lines.append(event.data.encode())
            self._last_id = event.id or self._last_id
        if lines:
            yield self._arrival(lines)

    def _arrival(self, lines: list[bytes], notices: tuple[Notice, ...] = ()) -> Arrival:
        events: list[LogEvent] = []
        rejected: list[DeadLetter] = []
        for line in lines:
            try:
                events.append(self._decoder.decode(line, 0, 0))
            except MalformedEvent as error:
                rejected.append(self._rejected(line, error))
        return Arrival(
            batch=_batch(events),
            rejected=tuple(rejected),
            checkpoint=Checkpoint(self.name, self._last_id),
            notices=notices,
        )

    def _rejected(self, line: bytes, error: MalformedEvent) -> DeadLetter:
        return DeadLetter(
            source=self.name,
            origin=self._url,
            reason=error.reason,
            detail=error.detail,
            raw=line[:EXCERPT_BYTES],
            length=len(line),
            parser="canonical",
        )

    def _check(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raise what a status means; 200 means nothing."""
        if status == 200:
            return
        said = clipped(_error_of(body), SAID_CHARS)
        text = f"{self._url}: {status} {said}".rstrip()
        if status in (401, 403):
            raise CredentialsError(text)
        if status in (408, 425, 429) or status >= 500:
            after = headers.get("Retry-After", "")
            raise TransientSourceError(
                text, retry_after_s=float(after) if after.isdecimal() else None
            )
        raise PermanentSourceError(text)


class _Reading:
    """Reads a stream ahead in a task of its own, so that what came together is taken together."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._came: deque[Any] = deque()
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()

    async def __aenter__(self) -> _Reading:
        self._task = asyncio.create_task(self._read(), name="remote stream")
        self._task.add_done_callback(lambda _: self._changed.set())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._task

    async def _read(self) -> None:
        import httpx2

        async for event in httpx2.EventSource(self._response, MOST_EVENT_BYTES):
            self._came.append(event)
            self._changed.set()
            while len(self._came) >= MOST_WAITING:
                self._taken.clear()
                await self._taken.wait()

    async def take(self) -> list[Any]:
        """Return the events that are there, as soon as there are any; none at the end.

        Raises:
            httpx2.HTTPError: the connection broke.
        """
        while not self._came and not self._task.done():
            self._changed.clear()
            await self._changed.wait()
        if not self._came:
            self._task.result()
        taken = [self._came.popleft() for _ in range(min(len(self._came), BATCH_ROWS))]
        self._taken.set()
        return taken


def _batch(events: list[LogEvent]) -> EventBatch | None:
    return EventBatch(events) if events else None


def _line(row: dict[str, Any]) -> bytes:
    """Return a row as the other side's line output would write it."""
    return msgspec.json.encode({key: row[key] for key in row if key != "seq"})


def _notice(url: str, event: str, data: str) -> Notice | None:
    """Return what a person must see of an event that is no row."""
    if event not in ("gap", "status"):
        return None
    try:
        told = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    if event == "status":
        state = str(told.get("state"))
        return None if state == "live" else Notice(text=f"{url}: {clipped(state, 40)}")
    missed = told.get("missed")
    lost = missed if isinstance(missed, int) and missed >= 0 else None
    rows = "an unknown number of" if lost is None else str(lost)
    reason = clipped(str(told.get("reason")), 40)
    return Notice(text=f"{url}: {rows} rows are missing here ({reason})", lost=lost)


def _error_of(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any]).get("error", ""))
    except msgspec.DecodeError:
        return ""


def _words(error: Exception) -> str:
    """Return an error's kind as words, with what it says of itself."""
    kind = "".join(f" {char.lower()}" if char.isupper() else char for char in type(error).__name__)
    said = clipped(str(error), SAID_CHARS)
    return f"{kind.strip()}: {said}" if said else kind.strip()
