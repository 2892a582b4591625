"""`type = "datadog"`: an organisation's logs as they become visible, every one of them once.

At least once from Datadog, for whatever becomes visible within 18 hours; with the store, which
knows the ids of the last 19 hours, exactly once. See `tailing` for how.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import aclosing
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from logmon.batch import EventBatch
from logmon.checkpoint import Checkpoint
from logmon.dead_letter import EXCERPT_BYTES, DeadLetter
from logmon.errors import ConfigError, MalformedEvent, PermanentSourceError
from logmon.event import to_ns
from logmon.formats import LineDecoder
from logmon.source import Arrival, LogStreamOptions, Notice, SourceStatus
from logmon.sources.datadog.absence import span_text
from logmon.sources.datadog.credentials import CredentialRing
from logmon.sources.datadog.pages import record_of
from logmon.sources.datadog.pushdown import search_text
from logmon.sources.datadog.server_clock import ServerClock
from logmon.sources.datadog.site import parse_site
from logmon.sources.datadog.tail_state import decode_state
from logmon.sources.datadog.tailing import Tail

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    import httpx2

    from logmon.event import LogEvent
    from logmon.level import Level
    from logmon.source import Probe
    from logmon.sources.datadog.api import Record
    from logmon.sources.datadog.client import DatadogClient
    from logmon.sources.datadog.settings import DatadogSettings
    from logmon.sources.datadog.site import Site
    from logmon.sources.datadog.tail_state import Step

ROWS_A_TURN = 50
"""Decoded in one go, at about 20 µs each for events of 2.7 KB, before others get a turn."""
NOT_YET = "starting"


class DatadogSource:
    """Reads one query of one organisation. What it reads by (time, chance, HTTP) is passed in."""

    def __init__(
        self,
        name: str,
        settings: DatadogSettings,
        options: LogStreamOptions | None = None,
        levels: Mapping[str, Level] | None = None,
        *,
        environ: Mapping[str, str],
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        open_http: Callable[[Site, str], httpx2.AsyncClient] | None = None,
    ) -> None:
        self.name = name
        self.options = options or LogStreamOptions()
        self.settings = settings
        self.site = _site(name, settings, environ)
        self._ring = CredentialRing(settings, self.site, environ)
        self._monotonic = monotonic
        self._wall = wall
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._open_http = open_http
        self._decoder = LineDecoder(name, input_format="datadog", levels=levels)
        self._cursor = ""
        self._running: tuple[DatadogClient, Tail] | None = None

    @property
    def search(self) -> str:
        """What Datadog is asked for: the query, narrowed by the source's own options."""
        return search_text(self.settings.query, self.options, self.name)

    @property
    def key(self) -> str:
        """Names what is read: a checkpoint of something else says nothing about it."""
        settings = self.settings
        parts = (self.site.name, self.search, *sorted(settings.indexes), settings.storage_tier)
        return blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()

    def resume(self, checkpoint: Checkpoint | None) -> None:
        """Go on from the last checkpoint that was committed."""
        self._cursor = checkpoint.cursor if checkpoint else ""

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Yield what each request brings.

        Raises:
            PermanentSourceError: Datadog refuses the query.
            CredentialsError: it refuses every credential, or there are none.
        """
        async with await self.open_http() as http:
            client = self.client(http)
            state = decode_state(self._cursor, self.key)
            tail = Tail(
                client,
                self.settings.tailing(ends=self.options.history_only),
                state,
                key=self.key,
                name=self.name,
                monotonic=self._monotonic,
                sleep=self._sleep,
                rng=self._rng,
            )
            self._running = client, tail
            try:
                if notices := self._opening(anew=state is None):
                    yield Arrival(notices=notices)
                async with aclosing(tail.steps()) as steps:
                    async for step in steps:
                        arrival = await self._arrival(step, client)
                        if arrival is not None:
                            yield arrival
                        # Where nothing is stored, the next reading goes on from here.
                        self._cursor = step.checkpoint or self._cursor
            finally:
                self._running = None

    def _opening(self, *, anew: bool) -> tuple[Notice, ...]:
        """Say what nobody would guess."""
        notices = []
        if not self.site.is_datadog:
            text = f"{self.name} reads from {self.site.url}, not from Datadog"
            notices.append(Notice(text=text))
        if self._cursor and anew:
            text = f"{self.name} reads something else than before, and begins anew"
            notices.append(Notice(text=text))
        return tuple(notices)

    async def open_http(self) -> httpx2.AsyncClient:
        """Return an HTTP client; making one takes 50 ms, so it is made in a thread.

        Raises:
            PermanentSourceError: `ca_file` cannot be read.
        """
        from logmon.sources.datadog.client import open_http

        opening = self._open_http or open_http
        try:
            return await asyncio.to_thread(opening, self.site, self.settings.ca_file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise PermanentSourceError(f"ca_file {self.settings.ca_file}: {reason}") from None

    def client(self, http: httpx2.AsyncClient) -> DatadogClient:
        """Return a client for what this source reads."""
        from logmon.sources.datadog.client import DatadogClient, LogQuery

        return DatadogClient(
            http,
            self.site,
            self._ring,
            LogQuery(self.search, tuple(self.settings.indexes), self.settings.storage_tier),
            share=self.settings.share,
            clock=ServerClock(self._monotonic, self._wall),
            monotonic=self._monotonic,
            sleep=self._sleep,
            rng=self._rng,
        )

    # What came

    async def _arrival(self, step: Step, client: DatadogClient) -> Arrival | None:
        events: list[LogEvent] = []
        rejected: list[DeadLetter] = []
        for place, record in enumerate(step.records):
            if place % ROWS_A_TURN == ROWS_A_TURN - 1:
                await asyncio.sleep(0)
            try:
                events.append(self.event(record))
            except MalformedEvent as error:
                rejected.append(self._dead_letter(record, error))
        said = [Notice(text=f"{self.name}: {text}") for text in client.said]
        client.said.clear()
        if not (step.records or step.checkpoint or step.notices or said):
            return None
        return Arrival(
            batch=EventBatch(events) if events else None,
            rejected=tuple(rejected),
            checkpoint=Checkpoint(self.name, step.checkpoint) if step.checkpoint else None,
            notices=(*said, *step.notices),
            duplicates=step.duplicates,
        )

    def event(self, record: Record) -> LogEvent:
        """Return the event of a record.

        Raises:
            MalformedEvent: its time or its status cannot be read, or it is no event at all.
        """
        event = self._decoder.decode(record.raw, 0, record.time_ms * 1_000_000)
        return event if event.id == record.id else msgspec.structs.replace(event, id=record.id)

    def reread(self, letter: DeadLetter) -> list[LogEvent]:
        """Return the event that a dead letter of this source reads as now.

        Raises:
            MalformedEvent: it is still none.
        """
        seen_ms = 0 if letter.seen_at is None else to_ns(letter.seen_at) // 1_000_000
        record = record_of(letter.raw, seen_ms)
        return [self.event(record)]

    def _dead_letter(self, record: Record, error: MalformedEvent) -> DeadLetter:
        return DeadLetter(
            source=self.name,
            origin=self.site.name,
            reason=error.reason,
            detail=error.detail,
            raw=record.raw[:EXCERPT_BYTES],
            length=len(record.raw),
            parser="datadog",
            seen_at=datetime.fromtimestamp(self._wall(), UTC),
        )

    async def check(self, *, thorough: bool = False) -> AsyncGenerator[Probe, None]:
        """Yield what is found when reading is tried, and, `thorough`, what only a trial can tell.

        Raises:
            CredentialsError: every credential is refused, or there are none.
            SourceError: Datadog cannot be reached, or refuses the query.
        """
        from logmon.sources.datadog.doctor import Examination

        async with await self.open_http() as http:
            examination = Examination(
                self, self.client(http), monotonic=self._monotonic, sleep=self._sleep
            )
            async for probe in examination.check():
                yield probe
            if thorough:
                async for probe in examination.measure():
                    yield probe

    # What the screen says

    def status(self) -> SourceStatus:
        """Return how it stands: `38/60 · 4 s behind · next 3 s`."""
        if self._running is None:
            return SourceStatus(state=NOT_YET)
        client, tail = self._running
        if tail.trouble:
            state = f"retry in {tail.retry_in_s():.0f} s"
            return SourceStatus(state=state, detail=tail.trouble)
        limiter = client.limits["search"]
        parts = [] if self.site.is_datadog else [self.site.name]
        if (left := limiter.left()) is not None:
            parts.append(f"{left}/{limiter.limit}")
        parts.append(f"{span_text(tail.behind_s())} behind")
        if tail.catching_up:
            parts.append(f"backfill {tail.progress():.0%}")
        else:
            parts.append(f"next {tail.next_poll_in_s():.0f} s")
        if tail.blind:
            parts.append("no counts: reading again")
        return SourceStatus(state="live", progress=" · ".join(parts))


def _site(name: str, settings: DatadogSettings, environ: Mapping[str, str]) -> Site:
    if settings.site:
        return parse_site(settings.site)
    try:
        return parse_site(environ.get("DD_SITE") or "datadoghq.com")
    except ValueError as error:
        raise ConfigError(
            str(error), where="$DD_SITE", hint=f"or set sources.{name}.site"
        ) from None
