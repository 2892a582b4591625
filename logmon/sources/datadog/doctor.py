"""What the real service does, measured: whether reading works at all, and what no page tells.

Nothing in what is found is a secret or a log's text: it may be shared. Every request takes its
turn in the rate limit; a request that is meant to be refused bears a made-up key.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import msgspec

from logmon.errors import CredentialsError, SourceError, TransientSourceError
from logmon.source import Probe
from logmon.sources.datadog.absence import span_text
from logmon.sources.datadog.api import CountsUnavailable, Kind, Page, Record
from logmon.sources.datadog.client import COUNT, SEARCH, Answer
from logmon.sources.datadog.credentials import Credential
from logmon.sources.datadog.pages import decode_page, error_texts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from logmon.sources.datadog.client import DatadogClient
    from logmon.sources.datadog.source import DatadogSource

Answered = TypeVar("Answered")

LOOKBACK_MS = 900_000
SKEW_S = 2.0
"""A local clock further off than this is worth a word."""
COUNTED_MS = 60_000
BUCKET_MS = 10_000
SETTLED_MS = 120_000
"""Events this old have all become visible, nearly always."""
MOST_PAGES = 3
TRIES = 4
"""As often as refused keys are tried: a new one takes a moment to be known."""
NO_KEY = "0" * 32
NO_APP_KEY = "0" * 40


class Examination:
    """Tries things out on one client."""

    def __init__(
        self,
        source: DatadogSource,
        client: DatadogClient,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._source = source
        self._client = client
        self._monotonic = monotonic
        self._sleep = sleep
        self._newest = Page([])
        self._cursor: tuple[str, int, int, float] | None = None

    async def check(self) -> AsyncIterator[Probe]:
        """Yield whether the source can be read: credentials, clock, a page, the budget.

        Raises:
            CredentialsError: every credential is refused, or there are none.
            SourceError: Datadog cannot be reached, or refuses the query.
        """
        site = self._source.site
        if site.is_datadog:
            yield Probe("site", "ok", site.url)
        else:
            yield Probe("site", "note", f"{site.url}: a stand-in, not Datadog")
        began_s = self._monotonic()
        self._newest = await self._again(self._client.fetch_newest, LOOKBACK_MS, 1_000)
        took_s = self._monotonic() - began_s
        yield Probe("access", "ok", f"{self._client.ring.label} may read logs")
        for text in self._client.said:
            yield Probe("access", "note", text, "remove the one that is refused")
        yield self._clock()
        yield self._found(took_s)
        yield self._budget("search")

    def _clock(self) -> Probe:
        skew_s = self._client.clock.skew_s()
        text = f"this machine's clock is {abs(skew_s):.1f} s {'behind' if skew_s > 0 else 'ahead'}"
        if abs(skew_s) <= SKEW_S:
            return Probe("clock", "ok", text)
        return Probe("clock", "note", f"{text}; logmon goes by Datadog's", "set it by NTP")

    def _found(self, took_s: float) -> Probe:
        records = self._newest.records
        if not records:
            remedy = "is the query right? A role's restriction query also hides events"
            return Probe("events", "note", "none in the last 15 min", remedy)
        age_s = (self._client.now_ms() - records[0].time_ms) / 1000
        more = " and more" if self._newest.after else ""
        text = (
            f"{len(records)}{more} in the last 15 min, the newest {span_text(max(0.0, age_s))} "
            f"old; the page took {took_s:.2f} s"
        )
        if self._newest.partial:
            return Probe("events", "note", f"{text}; partial: {self._newest.partial}")
        return Probe("events", "ok", text)

    def _budget(self, kind: Kind) -> Probe:
        limiter = self._client.limits[kind]
        if limiter.remaining is None:
            return Probe("budget", "note", f"{kind}: the answers name no rate limit")
        text = (
            f"{kind}: {limiter.limit} in {limiter.period_s:g} s for the organisation "
            f"({limiter.name}), {limiter.left()} left now; up to {limiter.allowed} are ours"
        )
        return Probe("budget", "ok", text)

    async def measure(self) -> AsyncIterator[Probe]:
        """Yield what only the real service can tell; `check` has to come first."""
        for step in (
            self._begin_cursor, self._bounds, self._counts, self._validate, self._get,
            self._tiers, self._refusals, self._cursor_lives,
        ):  # fmt: skip
            try:
                async for probe in step():
                    yield probe
            except CredentialsError:
                raise
            except (SourceError, ValueError) as error:
                yield Probe(step.__name__.strip("_"), "note", f"not measured: {error}")

    async def _bounds(self) -> AsyncIterator[Probe]:
        """Measure whether the ends of a span belong to it."""
        settled = self._settled()
        if not settled:
            yield Probe("bounds", "note", "not measured: no event to try it on")
            return
        time_ms, name = settled[0].time_ms, settled[0].id
        found = []
        for start_ms, end_ms in ((time_ms, time_ms + 1), (time_ms - 1, time_ms)):
            page = await self._again(self._client.fetch_page, start_ms, end_ms)
            found.append(any(record.id == name for record in page.records))
        words = ["included" if one else "left out" for one in found]
        yield Probe("bounds", "ok", f"`from` is {words[0]}, `to` is {words[1]}")

    def _settled(self) -> list[Record]:
        before_ms = self._client.now_ms() - SETTLED_MS
        return [record for record in self._newest.records if record.time_ms < before_ms] or (
            self._newest.records[-1:]
        )

    async def _counts(self) -> AsyncIterator[Probe]:
        """Measure whether counts are of whole buckets, and the same as what is read."""
        end_ms = self._client.now_ms() - SETTLED_MS
        end_ms -= end_ms % COUNTED_MS
        start_ms = end_ms - COUNTED_MS
        try:
            counted = await self._again(self._client.count_buckets, start_ms, end_ms, BUCKET_MS)
        except CountsUnavailable as error:
            yield Probe("counts", "note", f"cannot be had: {error}",
                        "logmon reads everything again instead, at a higher cost")  # fmt: skip
            return
        yield self._budget("count")
        read, whole = await self._read_all(start_ms, end_ms)
        if not whole:
            text = f"not compared: more than {MOST_PAGES} pages in a minute"
            yield Probe("counts", "note", text)
            return
        ours = Counter(time_ms - time_ms % BUCKET_MS for time_ms in read)
        places = range(start_ms, end_ms, BUCKET_MS)
        same = sum(ours[place] == counted.get(place, 0) for place in places)
        text = f"{same} of {len(places)} buckets of 10 s hold what was read ({len(read)} events)"
        yield Probe("counts", "ok" if same == len(places) else "note", text)

    async def _read_all(self, start_ms: int, end_ms: int) -> tuple[list[int], bool]:
        """Return the times of a span's events, and whether these are all."""
        times: dict[str, int] = {}
        cursor = None
        for _ in range(MOST_PAGES):
            page = await self._again(self._client.fetch_page, start_ms, end_ms, cursor=cursor)
            times |= {record.id: record.time_ms for record in page.records}
            cursor = page.after
            if cursor is None:
                return [time for time in times.values() if start_ms <= time < end_ms], True
        return list(times.values()), False

    async def _validate(self) -> AsyncIterator[Probe]:
        """Ask the endpoints that look at keys alone."""
        credential = self._client.ring.current()
        for path in ("/api/v1/validate", "/api/v2/validate_keys"):
            answer = await self._client.send("GET", path, credential)
            yield Probe("validate", "ok", f"GET {path}: {self._said(answer)}")

    async def _get(self) -> AsyncIterator[Probe]:
        """Measure whether the GET form takes the credential: only keys are documented for it."""
        path = f"/api/v2/logs/events?{urlencode({'page[limit]': 1})}"
        kind = "token" if self._client.ring.current().is_token else "keys"
        answer = await self._in_turn("search", "GET", path, self._client.ring.current())
        yield Probe("get", "ok", f"GET with {kind}: {self._said(answer)}")

    async def _tiers(self) -> AsyncIterator[Probe]:
        """Measure which storage tiers can be searched."""
        for tier in ("flex", "online-archives"):
            asked = self._client.query.filter("now-15m", "now") | {"storage_tier": tier}
            answer = await self._post(SEARCH, {"filter": asked, "page": {"limit": 1}})
            yield Probe("tiers", "ok", f"{tier}: {self._said(answer)}")

    async def _refusals(self) -> AsyncIterator[Probe]:
        """Measure what refusals look like."""
        asked = self._client.query.filter("now-1m", "now")
        made_up = Credential(NO_APP_KEY, NO_KEY)
        answer = await self._post(SEARCH, {"filter": asked, "page": {"limit": 1}}, made_up)
        yield Probe("refusals", "ok", f"made-up keys: {self._said(answer)}")
        answer = await self._post(SEARCH, {"filter": asked | {"query": "(unclosed"}})
        yield Probe("refusals", "ok", f"a query that is none: {self._said(answer)}")
        answer = await self._post(SEARCH, {"filter": asked, "page": {"limit": 1_001}})
        yield Probe("refusals", "ok", f"a page of 1,001: {self._said(answer)}")
        answer = await self._post(SEARCH, {"filter": asked, "page": {"cursor": "bm9uZQ"}})
        yield Probe("refusals", "ok", f"a cursor that is none: {self._said(answer)}")
        answer = await self._post(COUNT, {"filter": asked, "compute": [{"aggregation": "x"}]})
        yield Probe("refusals", "ok", f"an aggregation that is none: {self._said(answer)}")

    async def _begin_cursor(self) -> AsyncIterator[Probe]:
        """Get a cursor, to see later how long it lives; and whether a short page is the end."""
        end_ms = self._client.now_ms()
        start_ms = end_ms - LOOKBACK_MS
        page = await self._again(self._client.fetch_page, start_ms, end_ms, limit=2)
        if page.after is None:
            yield Probe("cursor", "note", "not measured: fewer than 3 events")
            return
        self._cursor = (page.after, start_ms, end_ms, self._monotonic())
        yield Probe("cursor", "ok", f"a page of {len(page.records)} of 2 rows has a cursor")

    async def _cursor_lives(self) -> AsyncIterator[Probe]:
        if self._cursor is None:
            return
        cursor, start_ms, end_ms, since_s = self._cursor
        asked = self._client.query.filter(str(start_ms), str(end_ms))
        page = {"limit": 2, "cursor": cursor}
        answer = await self._post(SEARCH, {"filter": asked, "sort": "timestamp", "page": page})
        age_s = self._monotonic() - since_s
        yield Probe("cursor", "ok", f"{age_s:.0f} s later: {self._said(answer)}")

    # Asking

    async def _again(
        self, ask: Callable[..., Awaitable[Answered]], *args: int, **kwargs: Any
    ) -> Answered:
        """Ask up to four times, in case it only failed in passing."""
        for left in reversed(range(TRIES)):
            try:
                return await ask(*args, **kwargs)
            except TransientSourceError as error:
                if not left:
                    raise
                await self._sleep(error.retry_after_s or 1.0)
        raise AssertionError

    async def _post(
        self, path: str, document: dict[str, Any], credential: Credential | None = None
    ) -> Answer:
        kind: Kind = "count" if path == COUNT else "search"
        credential = credential or self._client.ring.current()
        return await self._in_turn(kind, "POST", path, credential, msgspec.json.encode(document))

    async def _in_turn(
        self, kind: Kind, method: str, path: str, credential: Credential, body: bytes = b""
    ) -> Answer:
        limiter = self._client.limits[kind]
        while (wait_s := limiter.ready_in_s()) > 0:
            await self._sleep(wait_s)
        limiter.sent()
        answer = await self._client.send(method, path, credential, body)
        if answer.status == 429:
            limiter.refused(answer.headers)
        else:
            limiter.answered(answer.headers)
        return answer

    def _said(self, answer: Answer) -> str:
        """Return an answer's status and error, or how much it holds: no event, no secret."""
        texts = error_texts(answer.body)
        if answer.status != 200 or texts:
            said = ", ".join(texts) or f"{len(answer.body)} bytes, no JSON error"
            return self._client.ring.scrub(f"{answer.status} {said}")
        try:
            rows = len(decode_page(answer.body, 0).records)
        except ValueError:
            return f"200, {len(answer.body)} bytes"
        return f"200, {rows} events" if rows else "200"
