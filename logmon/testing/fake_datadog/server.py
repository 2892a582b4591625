"""`FakeDatadog`: requests in, answers out; an ASGI app, and a transport for httpx2.

Nothing happens on its own: which events there are and what may be seen of them is worked out from
the clock when a request comes.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from logmon.testing.fake_datadog import aggregate, faults
from logmon.testing.fake_datadog.access import Access, last_4
from logmon.testing.fake_datadog.behaviour import Behaviour
from logmon.testing.fake_datadog.events import EPOCH, EventStore
from logmon.testing.fake_datadog.journal import Asked, RequestJournal
from logmon.testing.fake_datadog.limits import Bucket, RateLimit
from logmon.testing.fake_datadog.reply import Refused, Reply, json_reply, refusal
from logmon.testing.fake_datadog.search import (
    Ask,
    BadCursor,
    Page,
    next_link,
    page,
    parse_get,
    parse_post,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from logmon.testing.fake_datadog.events import FakeEvent, Traffic
    from logmon.testing.fake_datadog.transport import FakeTransport

SEARCH_PATHS = ("/api/v2/logs/events/search", "/api/v2/logs/events", "/api/v2/events/search")
ENDPOINTS = dict.fromkeys(SEARCH_PATHS, "search") | {
    "/api/v2/logs/analytics/aggregate": "aggregate",
    "/api/v1/validate": "validate",
    "/api/v2/validate_keys": "validate_keys",
}
SMALLEST_ZIPPED_BYTES = 1_024


class Clock(Protocol):
    """The time of day, and how to wait for it: `logmon.testing.FakeClock` is one."""

    def now(self) -> datetime:
        """Return the time of day, aware."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so long."""
        ...


class WallClock:
    """Time as it is."""

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait so long."""
        await asyncio.sleep(seconds)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request; header names are lower-case."""

    method: str
    path: str
    query: bytes = b""
    headers: dict[str, str] = {}
    body: bytes = b""


class FakeDatadog:
    """One organisation's logs, and the API that reads them."""

    def __init__(
        self,
        *,
        traffic: Traffic | None = None,
        history_s: float = 900.0,
        behaviour: Behaviour | None = None,
        clock: Clock | None = None,
        seed: int = 7,
    ) -> None:
        """`traffic` begins `history_s` before now and goes on with the clock."""
        self.clock: Clock = clock or WallClock()
        self.behaviour = behaviour or Behaviour()
        self.events = EventStore()
        self.access = Access()
        self.journal = RequestJournal()
        self._rng = Random(seed)  # noqa: S311 - a story to tell again, not a secret
        self._script: dict[tuple[str, int], str] = {}
        self._counts: Counter[str] = Counter()
        self._buckets: dict[str, Bucket] = {}
        self._cursors: dict[str, float] = {}
        self._page_before: tuple[FakeEvent, ...] = ()
        self._coming: Iterator[FakeEvent] = iter(())
        if traffic is not None:
            self._coming = traffic.events(self.now_ms() - int(history_s * 1000))
        self._next: FakeEvent | None = next(self._coming, None)

    # What a test does

    def add(self, *events: FakeEvent) -> None:
        """Take events in."""
        self.events.add(events)

    def on(self, number: int, fault: str, *, endpoint: str = "search") -> None:
        """Let a fault befall one request: `number` counts those to its endpoint, from 1."""
        self._script[endpoint, number] = faults.known(fault)

    def asked(self, endpoint: str = "search") -> int:
        """Return how many requests to an endpoint there were."""
        return self._counts[endpoint]

    def visible(self) -> list[FakeEvent]:
        """Return every event that a search could have returned by now: the truth."""
        self._let_time_pass()
        now_ms = self.now_ms()
        return [event for event in self.events if event.visible_ms <= now_ms and not event.hidden]

    def transport(self) -> FakeTransport:
        """Return a transport for an httpx2 client that talks to this fake without a socket."""
        from logmon.testing.fake_datadog.transport import FakeTransport

        return FakeTransport(self)

    def now_ms(self) -> int:
        """Return the time as the fake sees it, skew and all, in milliseconds since 1970."""
        skew = timedelta(seconds=self.behaviour.skew_s)
        return (self.clock.now() + skew - EPOCH) // timedelta(milliseconds=1)

    # Answering

    def answer(self, request: Request) -> Reply:
        """Return the answer to a request, and note both."""
        self._let_time_pass()
        endpoint = ENDPOINTS.get(request.path, request.path)
        self._counts[endpoint] += 1
        note: dict[str, Any] = {"fault": self._fault(endpoint)}
        bucket = self._bucket(endpoint)
        try:
            reply = self._answer(endpoint, request, bucket, note)
        except Refused as refused:
            reply = refused.reply
        said = dict(reply.headers)
        if bucket is not None and reply.status != 429:
            said |= bucket.headers(self.now_ms() / 1000)
        moment = EPOCH + timedelta(milliseconds=self.now_ms())
        said.setdefault("date", format_datetime(moment.replace(microsecond=0), usegmt=True))
        self._note(endpoint, request, reply.status, said, note)
        reply = msgspec.structs.replace(reply, headers=said)
        accepted = request.headers.get("accept-encoding", "")
        return _zipped(reply) if self.behaviour.gzip and "gzip" in accepted else reply

    def _answer(
        self, endpoint: str, request: Request, bucket: Bucket | None, note: dict[str, Any]
    ) -> Reply:
        now_s = self.now_ms() / 1000
        if endpoint in ("validate", "validate_keys"):
            return self._validate(endpoint, request.headers, now_s)
        if bucket is None:
            raise Refused(refusal(404, "Not found"))
        self.access.check(request.headers, now_s)
        if not bucket.take(now_s):
            raise Refused(faults.too_many(bucket, "", now_s))
        fault, ask = note["fault"], None
        if endpoint == "search":
            ask = parse_post(request.body) if request.method == "POST" else parse_get(request.query)
            note |= {"filter": ask.filter, "sort": ask.sort, "limit": ask.limit}
            note["cursor"] = ask.cursor
        has_cursor = ask is not None and ask.cursor is not None
        faults.refuse(fault, bucket=bucket, now_s=now_s, has_cursor=has_cursor)
        reply = self._search(ask, fault, note) if ask else self._aggregate(request.body, fault)
        return faults.on_the_way(fault, reply)

    def _note(
        self,
        endpoint: str,
        request: Request,
        status: int,
        said: Mapping[str, str],
        note: dict[str, Any],
    ) -> None:
        reset = said.get("x-ratelimit-reset", "")
        asked = Asked(
            number=self._counts[endpoint],
            endpoint=endpoint,
            method=request.method,
            at_s=self.now_ms() / 1000,
            credential=last_4(request.headers),
            status=status,
            reset_s=float(reset) if reset.isdecimal() else 0.0,
            **note,
        )
        self.journal.add(asked, request.headers)

    def _search(self, ask: Ask, fault: str, note: dict[str, Any]) -> Reply:
        if ask.cursor is not None and self._is_expired(ask.cursor):
            raise BadCursor
        half = fault in ("short", "timeout", "warnings")
        limit = max(1, ask.limit // 2) if half else ask.limit
        found = page(self.events, ask, self.now_ms(), self.behaviour, limit)
        if fault in ("empty", "timeout", "warnings"):
            found = Page(() if fault == "empty" else found.events, None)
        events = list(found.events)
        if fault == "twice" and events:
            events.insert(self._rng.randrange(len(events) + 1), self._rng.choice(events))
        elif fault == "again" and self._page_before:
            events.insert(0, self._page_before[-1])
        self._page_before = found.events or self._page_before
        if found.cursor is not None:
            self._cursors[found.cursor] = self.now_ms() / 1000
        note |= {"rows": len(events), "next_cursor": found.cursor}
        return self._page_reply(ask, [msgspec.Raw(e.body) for e in events], found.cursor, fault)

    def _page_reply(
        self, ask: Ask, data: list[msgspec.Raw], cursor: str | None, fault: str
    ) -> Reply:
        new = self.behaviour.style == "new"
        meta: dict[str, Any] = {} if cursor is None else {"page": {"after": cursor}}
        if new:
            meta |= self._meta("timeout" if fault == "timeout" else "done")
        if fault == "warnings":
            detail = "results might be partial"
            meta["warnings"] = [{"code": "partial", "title": "Partial results", "detail": detail}]
        document: dict[str, Any] = {"data": data}
        if meta:
            document["meta"] = meta
        if cursor is not None:
            link = next_link(self.behaviour.site_url, ask, cursor, self._rng)
            document["links"] = {"next": link}
        return json_reply(document, newline=new)

    def _aggregate(self, body: bytes, fault: str) -> Reply:
        if not self.behaviour.aggregate_allowed:
            raise Refused(refusal(403, "Forbidden", "Failed permission authorization checks"))
        found = aggregate.buckets(self.events, body, self.now_ms(), self.behaviour.bounds)
        if fault in ("empty", "timeout"):
            found = []
        meta = self._meta("timeout" if fault == "timeout" else "done")
        return json_reply({"meta": meta, "data": {"buckets": found}})

    def _validate(self, endpoint: str, headers: Mapping[str, str], now_s: float) -> Reply:
        if endpoint == "validate_keys":
            self.access.check(headers, now_s)
            return json_reply({"status": "ok"})
        if not headers.get("dd-api-key"):
            raise Refused(refusal(403, "API key required"))
        if not self.access.knows_api_key(headers):
            raise Refused(refusal(403, "Forbidden"))
        return json_reply({"valid": True})

    def _meta(self, status: str) -> dict[str, Any]:
        request_id = f"pddv1{self._rng.randbytes(40).hex()}"
        return {"elapsed": self._rng.randrange(5, 300), "request_id": request_id, "status": status}

    def _is_expired(self, cursor: str) -> bool:
        limit = self.behaviour.cursor_expires_s
        made_s = self._cursors.get(cursor)
        return limit is not None and made_s is not None and self.now_ms() / 1000 - made_s > limit

    def _fault(self, endpoint: str) -> str:
        scripted = self._script.pop((endpoint, self._counts[endpoint]), "")
        if scripted or endpoint not in ("search", "aggregate"):
            return scripted
        draw = self._rng.random()
        for name, chance in self.behaviour.chances.items():
            draw -= chance
            if draw < 0:
                return faults.known(name)
        return ""

    def _bucket(self, endpoint: str) -> Bucket | None:
        rates: dict[str, RateLimit] = {
            "search": self.behaviour.search_rate,
            "aggregate": self.behaviour.aggregate_rate,
        }
        if (rate := rates.get(endpoint)) is None:
            return None
        bucket = self._buckets.get(endpoint)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[endpoint] = Bucket(rate)
        return bucket

    def _let_time_pass(self) -> None:
        """Take in the traffic up to now: an event is not visible before its time."""
        now_ms = self.now_ms()
        if self._next is None or self._next.time_ms > now_ms:
            return
        self.events.add((self._next,))
        self._next = None
        for event in self._coming:
            if event.time_ms > now_ms:
                self._next = event
                return
            self.events.add((event,))

    # ASGI

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as an ASGI app."""
        from logmon.testing.fake_datadog.serving import answer_scope

        await answer_scope(self, scope, receive, send)


def _zipped(reply: Reply) -> Reply:
    if len(reply.body) < SMALLEST_ZIPPED_BYTES or "content-encoding" in reply.headers:
        return reply
    headers = reply.headers | {"content-encoding": "gzip"}
    return msgspec.structs.replace(reply, headers=headers, body=gzip.compress(reply.body, 1))
