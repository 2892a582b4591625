"""Asks Datadog over HTTP: one search, one count, one look at the keys; each request once.

What may work later is a `TransientSourceError`, and the tail tries again; a refused key is changed
for the next one at once, so that no poll fails for it. Redirects are never followed: keys go
nowhere else. Nothing raised here holds a secret.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec

from logmon.errors import PermanentSourceError, TransientSourceError
from logmon.sources.datadog.api import MOST_ROWS, CountsUnavailable, CursorRefused, Kind, Page
from logmon.sources.datadog.limits import RateLimiter
from logmon.sources.datadog.pages import (
    Unreadable,
    decode_counts,
    decode_page,
    error_texts,
    is_json,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Mapping

    from logmon.sources.datadog.credentials import Credential, CredentialRing
    from logmon.sources.datadog.server_clock import ServerClock
    from logmon.sources.datadog.site import Site

SEARCH = "/api/v2/logs/events/search"
COUNT = "/api/v2/logs/analytics/aggregate"
CONNECT_S, READ_S, WHOLE_S = 5.0, 30.0, 60.0
MOST_BYTES = 64 << 20
"""Largest answer that is held, in bytes; a larger one is asked for in smaller pages."""
SMALLEST_PAGE = 10
TRANSIENT = frozenset({408, 425, *range(500, 600)})
"""Statuses that pass: those the official client tries again, and all other faults of a server."""


class LogQuery(msgspec.Struct, frozen=True):
    """Which of the organisation's logs are read."""

    text: str = "*"
    indexes: tuple[str, ...] = ("*",)
    storage_tier: str = "indexes"

    def filter(self, start: str, end: str) -> dict[str, Any]:
        """Return it with its times as a request's `filter`."""
        asked: dict[str, Any] = {
            "query": self.text,
            "indexes": list(self.indexes),
            "from": start,
            "to": end,
        }
        if self.storage_tier != "indexes":
            asked["storage_tier"] = self.storage_tier
        return asked


class Answer(msgspec.Struct, frozen=True):
    """An answer that came whole. Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


class DatadogClient:
    """A `LogsApi` over HTTP; `http` is opened and closed by the caller."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        site: Site,
        ring: CredentialRing,
        query: LogQuery,
        *,
        share: float,
        clock: ServerClock,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        rng: random.Random,
    ) -> None:
        self.ring = ring
        self.clock = clock
        self.query = query
        self.limits: dict[Kind, RateLimiter] = {
            "search": RateLimiter(share, monotonic, rng),
            "count": RateLimiter(share, monotonic, rng),
        }
        self.said: list[str] = []
        """What a person should know and nobody was told yet: a key that was refused."""
        self._http = http
        self._site = site
        self._monotonic = monotonic
        self._sleep = sleep
        self._most_rows = MOST_ROWS

    # The tail's view

    def now_ms(self) -> int:
        """Return the time by Datadog's clock."""
        return self.clock.now_ms()

    def ready_in_s(self, kind: Kind) -> float:
        """Return how long a call of this kind would wait for its turn."""
        return self.limits[kind].ready_in_s()

    def allowance(self) -> float:
        """Return how many searches a second may be made on average."""
        return self.limits["search"].allowance()

    async def fetch_newest(self, lookback_ms: int, limit: int) -> Page:
        """Return the newest events; times are relative, so that no clock of ours matters."""
        span = self.query.filter(f"now-{-(-lookback_ms // 1000)}s", "now")
        return await self._page(span, newest_first=True, limit=limit, cursor=None)

    async def fetch_page(
        self,
        start_ms: int,
        end_ms: int,
        *,
        newest_first: bool = False,
        limit: int = MOST_ROWS,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of the events from `start_ms` to `end_ms`."""
        span = self.query.filter(str(start_ms), str(end_ms))
        return await self._page(span, newest_first=newest_first, limit=limit, cursor=cursor)

    async def _page(
        self, span: dict[str, Any], *, newest_first: bool, limit: int, cursor: str | None
    ) -> Page:
        page: dict[str, Any] = {"limit": min(limit, self._most_rows)}
        if cursor is not None:
            page["cursor"] = cursor
        sort = "-timestamp" if newest_first else "timestamp"
        try:
            answer = await self.ask("search", SEARCH, {"filter": span, "sort": sort, "page": page})
            decoded = decode_page(answer.body, self.now_ms())
        except _TooMuch:
            self._ask_for_less()
            raise
        except Unreadable as error:
            self._ask_for_less()
            raise TransientSourceError(self._clean(f"{self._site.name}: {error}")) from None
        self._most_rows = min(MOST_ROWS, self._most_rows + SMALLEST_PAGE)
        return decoded

    def _ask_for_less(self) -> None:
        self._most_rows = max(SMALLEST_PAGE, self._most_rows // 2)

    async def count_buckets(self, start_ms: int, end_ms: int, bucket_ms: int) -> dict[int, int]:
        """Return how many events lie in each bucket.

        Raises:
            CountsUnavailable: counting is refused, or the counts are not of these buckets.
        """
        compute = {
            "aggregation": "count",
            "type": "timeseries",
            "interval": f"{bucket_ms // 1000}s",
        }
        span = self.query.filter(str(start_ms), str(end_ms))
        try:
            answer = await self.ask("count", COUNT, {"filter": span, "compute": [compute]})
            counts, partial = decode_counts(answer.body)
        except PermanentSourceError as error:
            raise CountsUnavailable(str(error)) from None
        except Unreadable as error:
            raise CountsUnavailable(self._clean(str(error))) from None
        if partial:
            raise TransientSourceError(f"counts are partial: {partial}")
        if any(start % bucket_ms for start in counts):
            raise CountsUnavailable("the counts are not of the buckets that were asked for")
        return counts

    # One request

    async def ask(self, kind: Kind, path: str, document: Any) -> Answer:
        """Send one request in its turn, with the first credential that is not refused.

        Raises:
            TransientSourceError: refused, broken or late; it may be asked again.
            PermanentSourceError: the request itself is refused.
            CredentialsError: every credential is.
            CursorRefused: the cursor is not valid.
        """
        body = msgspec.json.encode(document)
        credential = self.ring.current()
        while True:
            limiter = self.limits[kind]
            while (wait_s := limiter.ready_in_s()) > 0:
                await self._sleep(wait_s)
            limiter.sent()
            answer = await self.send("POST", path, credential, body)
            if answer.status != 429:
                limiter.answered(answer.headers)
            if answer.status not in (401, 403) or not is_json(answer.body):
                break
            if kind == "count" and self.ring.works(credential):
                raise self._no_counting(answer)
            credential = self._change(credential, answer)
        if answer.status == 200:
            self.ring.accepted(credential)
            return answer
        raise self._error(answer, limiter)

    def _no_counting(self, answer: Answer) -> Exception:
        """Tell a permission that is missing from a key that was revoked: a search will see that."""
        said = self._said(answer)
        if "permission" in said:
            return PermanentSourceError(said)
        return TransientSourceError(said)

    def _change(self, refused: Credential, answer: Answer) -> Credential:
        """Return the credential to use instead of one that was refused."""
        following = self.ring.refuse(refused, self._said(answer))
        self.said.append(f"{refused} refused ({self._said(answer)}), using {following}")
        return following

    async def send(
        self, method: str, path: str, credential: Credential | None, body: bytes = b""
    ) -> Answer:
        """Send one request at once, and return its answer whatever its status.

        Raises:
            TransientSourceError: there was no whole answer.
        """
        headers = {"content-type": "application/json"} if body else {}
        headers |= credential.headers() if credential else {}
        sent_s = self._monotonic()
        try:
            async with asyncio.timeout(WHOLE_S):
                answer = await self._receive(method, path, headers, body)
        except (TimeoutError, httpx2.TimeoutException) as error:
            self._ask_for_less()
            name = "no answer in time" if isinstance(error, TimeoutError) else _name(error)
            raise TransientSourceError(f"{self._site.name}: {name}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            text = self._clean(f"{_name(error)}: {error}" if str(error) else _name(error))
            raise TransientSourceError(f"{self._site.name}: {text}") from None
        self.clock.note(answer.headers.get("date"), sent_s, self._monotonic())
        return answer

    async def _receive(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        async with self._http.stream(
            method, self._site.url + path, content=body, headers=headers
        ) as response:
            parts: list[bytes] = []
            size = 0
            async for part in response.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > MOST_BYTES:
                    raise _TooMuch(f"{self._site.name}: an answer of more than {MOST_BYTES} bytes")
            found = {name.lower(): value for name, value in response.headers.items()}
            if told := found.get("x-ratelimit-name"):  # the one header that people get to see
                found["x-ratelimit-name"] = self._clean(told)
            return Answer(response.status_code, found, b"".join(parts))

    def _error(self, answer: Answer, limiter: RateLimiter) -> Exception:
        """Return the error that an answer other than 200 means."""
        status, text = answer.status, f"{self._site.name}: {self._said(answer)}"
        if status == 429:
            return TransientSourceError(text, retry_after_s=limiter.refused(answer.headers))
        if status in TRANSIENT or status in (401, 403):  # those of a proxy: no JSON
            return TransientSourceError(text)
        if 300 <= status < 400:
            return TransientSourceError(f"{text}: a redirect, which is not followed")
        if status == 400 and "invalid cursor" in text:
            return CursorRefused(text)
        return PermanentSourceError(text)

    def _said(self, answer: Answer) -> str:
        """Return the status and what the body says of it, in one line without secrets."""
        texts = error_texts(answer.body)
        return self._clean(f"{answer.status} {', '.join(texts)}".strip())

    def _clean(self, text: str) -> str:
        return self.ring.scrub(text)[:500]


class _TooMuch(TransientSourceError):
    """An answer is larger than what may be held."""


def _name(error: Exception) -> str:
    """Return an error's kind as words: `ConnectTimeout` → `connect timeout`."""
    words = "".join(f" {char.lower()}" if char.isupper() else char for char in type(error).__name__)
    return words.strip()


def open_http(site: Site, ca_file: str) -> httpx2.AsyncClient:
    """Return a client that verifies certificates, follows nothing, and sends no cookies back.

    Raises:
        OSError: the file of certificates cannot be read (also when it holds none).
    """
    import ssl

    from logmon import __version__

    verify: ssl.SSLContext | bool = True
    if ca_file:
        verify = ssl.create_default_context(cafile=ca_file)
    return httpx2.AsyncClient(
        verify=verify,
        # A proxy of the environment must not get to see what is meant for this machine.
        trust_env=not site.is_loopback,
        follow_redirects=False,
        timeout=httpx2.Timeout(READ_S, connect=CONNECT_S),
        headers={"user-agent": f"logmon/{__version__}", "accept": "application/json"},
        limits=httpx2.Limits(max_connections=2, keepalive_expiry=60.0),
    )
