"""Runs one source for as long as it makes sense: what it raises is shown, and waited out."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

import msgspec

from logmon.errors import PermanentSourceError, TransientSourceError
from logmon.level import Level
from logmon.source import LogEventSource, Notice, SourceStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from logmon.checkpoint import Checkpoint
    from logmon.hub import LogEventHub
    from logmon.intake import Intake, SourceStatistics

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
HEALTHY_AFTER_S = 60.0
"""A source that ran this long starts again from the shortest wait."""
STATUS_EVERY_S = 1.0
AT_WORK = ("starting", "live")

logger = logging.getLogger(__name__)


class SourceEntry(msgspec.Struct, frozen=True):
    """A source with what its rows are given on the way in."""

    source: LogEventSource
    add_tags: tuple[str, ...] = ()
    repeats_ids: bool = False
    """Its events have the ids of earlier runs, as the mock's: an id says nothing about newness."""
    history_only: bool = False
    """Stop it when its history is out: `HISTORY_WITHIN_S` after its first rows."""


class Supervisor:
    """Runs one source for as long as it makes sense, and keeps its account's state true."""

    def __init__(
        self,
        hub: LogEventHub,
        entry: SourceEntry,
        *,
        checkpoint: Callable[[str], Checkpoint | None] = lambda _: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._hub = hub
        self._source = entry.source
        self._intake: Intake = hub.intake(
            entry.source.name,
            entry.source.options,
            add_tags=entry.add_tags,
            repeats_ids=entry.repeats_ids,
        )
        self._checkpoint = checkpoint
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._monotonic = monotonic or asyncio.get_running_loop().time
        self._failures = 0
        self.failed: PermanentSourceError | None = None

    @property
    def account(self) -> SourceStatistics:
        """The source's statistics."""
        return self._intake.statistics

    @property
    def is_caught_up(self) -> bool:
        """Whether all that was there at the start has come, as far as the source can tell."""
        source = getattr(self._source, "inner", self._source)
        waited_for = getattr(source, "tells_caught_up", False)
        return not waited_for or self.account.caught_up or self.account.state not in AT_WORK

    @property
    def obituary(self) -> str:
        """What is said of a source that failed for good; empty while it has not."""
        return f"{self._source.name} failed for good: {self.failed}" if self.failed else ""

    async def run(self) -> None:
        """Drain the source until it ends, fails for good, or this task is cancelled."""
        while True:
            started = self._monotonic()
            self._set("live")
            try:
                if resume := getattr(self._source, "resume", None):
                    resume(self._checkpoint(self._source.name))
                await self._drain()
            except PermanentSourceError as error:
                self.failed = error
                self._set("failed", str(error))
                self._say(self.obituary, Level.ERROR)
                return
            except TransientSourceError as error:
                await self._wait(str(error), error.retry_after_s, started)
            except Exception as error:
                logger.debug("source %s", self._source.name, exc_info=True)
                await self._wait(f"{type(error).__name__}: {error}", None, started)
            else:
                self._set("ended")
                self._hub.changed()
                return

    async def _drain(self) -> None:
        """Read the source, and keep what it says of itself in its account meanwhile."""
        status: Callable[[], SourceStatus] | None = getattr(self._source, "status", None)
        if status is None:
            await self._hub.drain(self._source, self._intake)
            return
        telling = asyncio.create_task(self._tell(status), name=f"status {self._source.name}")
        try:
            await self._hub.drain(self._source, self._intake)
        finally:
            telling.cancel()
            await asyncio.wait({telling})

    async def _tell(self, status: Callable[[], SourceStatus]) -> None:
        while True:
            said = status()
            self._set(said.state, said.detail)
            self.account.progress = said.progress
            await asyncio.sleep(STATUS_EVERY_S)

    async def _wait(self, reason: str, advised_s: float | None, started: float) -> None:
        """Say what happened and wait: full jitter up to 1, 2, 4 … 60 s, or as long as advised."""
        if self._monotonic() - started >= HEALTHY_AFTER_S:
            self._failures = 0
        most = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**self._failures)
        self._failures += 1
        wait = advised_s if advised_s is not None else self._rng.uniform(most / 2, most)
        self._set(f"retry in {wait:.0f} s", reason)
        self._say(f"{self._source.name} stopped: {reason} · retry in {wait:.1f} s", Level.WARN)
        await self._sleep(wait)

    def _set(self, state: str, detail: str = "") -> None:
        self.account.state = state
        self.account.progress = ""
        self.account.detail = detail

    def _say(self, text: str, level: Level) -> None:
        self._hub.announce(Notice(text=text, level=level), source=self._source.name)
