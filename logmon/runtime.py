"""`LogMonitorService`: where sources, hub, Sentinel and doors meet, start in order and stop.

Each source runs under its own supervisor: what it raises is shown and counted there, and touches
neither its siblings nor the screen. When every source has ended and the pipelines are done, the
hub is closed and the readers end.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from logmon.automation import Automation
from logmon.errors import CredentialsError, PermanentSourceError
from logmon.letter_desk import grant_letters
from logmon.level import Level
from logmon.source import Notice
from logmon.supervisor import SourceEntry, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from logmon.courier import Addressee
    from logmon.hub import LogEventHub
    from logmon.intake import SourceStatistics
    from logmon.redaction import Redactor
    from logmon.rule_files import RuleFile
    from logmon.sentinel.pipeline import Sentinel
    from logmon.source import LogEventSource, LookBack
    from logmon.store.journal import Store

HISTORY_WITHIN_S = 0.3
FIRST_ROWS_WITHIN_S = 5.0
"""How long a source that is asked for its history alone may take to deliver its first rows."""
ORPHANED = "nobody reads it: start logmon again"
READ_ALONG_ROWS = 10_000
READ_ALONG_EVERY_S = 0.25
STOP_WITHIN_S = 1.5
"""How long stopping waits for sources that do not let go."""

__all__ = ["LogMonitorService", "SourceEntry", "Supervisor"]

logger = logging.getLogger(__name__)


class LogMonitorService(Automation):
    """Coordinates the parts. `run` serves until the sources end or the task is cancelled."""

    def __init__(
        self,
        hub: LogEventHub,
        sources: Iterable[SourceEntry],
        *,
        sentinel: Sentinel | None = None,
        store: Store | None = None,
        redactor: Redactor | None = None,
        rule_file: RuleFile | None = None,
        addressees: Iterable[Addressee] = (),
        history_only: bool = False,
    ) -> None:
        super().__init__(
            hub,
            sentinel=sentinel,
            store=store,
            redactor=redactor,
            rule_file=rule_file,
            addressees=addressees,
        )
        self._entries = tuple(sources)
        self._history_only = history_only
        self._supervisors: list[Supervisor] = []
        self.is_orphan = False
        """Whether the process whose store this one reads along with has ended."""

    async def warm(self, look: LookBack) -> int:
        """Hold the newest rows the store kept, as many as fit, before anyone reads the hub.

        Returns the `seq` to begin with for so many that pass; what is not held, readers get from
        the store.
        """
        if self._store is None:
            return self.hub.log.began_at
        newest = self._store.newest_seq()
        first = await self._store.first_of_newest(look)
        held = min(max(newest - first, look.room or 0), self.hub.log.max_rows)
        if self._store.writes:
            await self.hub.warm(held)
        else:
            self.hub.history = self._store
            self.hub.log.begin_at(newest)
            await self._read_along(self._store, newest - held - 1)
        if self._store.damage:
            self.hub.announce(Notice(text=self._store.damage, level=Level.ERROR), source="store")
        return first

    async def _read_along(self, store: Store, after: int) -> None:
        """Hold what another process has written since."""
        while blocks := await store.read(after, READ_ALONG_ROWS):
            for block in blocks:
                self.hub.show_block(block)
            after = self.hub.log.snapshot.next_seq - 1
            await asyncio.sleep(0)

    async def caught_up(self) -> int:
        """Wait until the sources that can tell have delivered what was there at the start.

        Returns the first `seq` behind it.
        """
        while not self._is_caught_up():
            await self.hub.moved()
        return self.hub.log.snapshot.next_seq

    def _is_caught_up(self) -> bool:
        if self._store is not None and not self._store.writes:
            return True
        started = len(self._supervisors) == len(self._entries)
        return started and all(run.is_caught_up for run in self._supervisors)

    @property
    def sources(self) -> list[LogEventSource]:
        """The sources themselves, without what is wrapped round them."""
        return [getattr(entry.source, "inner", entry.source) for entry in self._entries]

    @property
    def store(self) -> Store | None:
        """Return the store, where there is one."""
        return self._store

    def close_store(self) -> None:
        """Close the store, when nobody reads any more."""
        if self._store is not None:
            self._store.close()

    @property
    def failures(self) -> Sequence[PermanentSourceError]:
        """Why sources failed for good."""
        return [run.failed for run in self._supervisors if run.failed is not None]

    @property
    def obituaries(self) -> Sequence[str]:
        """What was said of each source that failed for good."""
        return [run.obituary for run in self._supervisors if run.obituary]

    @property
    def exit_code(self) -> int:
        """0, or 4 when credentials were refused, or 3 when a source failed for good."""
        if any(isinstance(error, CredentialsError) for error in self.failures):
            return 4
        return 3 if self.failures else 0

    async def run(self) -> None:
        """Run everything; returns when all sources have ended and all pipelines are done.

        Where another process writes into the store, run nothing and show what it brings; with
        `history_only` what it brought until now.
        """
        if self._store is not None and not self._store.writes:
            return await self._follow(self._store)
        pipeline = self._start_sentinel()
        if self._store is not None:
            granting = grant_letters(self.hub, self._store)
            pipeline.append(asyncio.create_task(granting, name="dead letters"))
        known = self._store.checkpoint if self._store is not None else lambda _: None
        self._supervisors = [
            Supervisor(self.hub, entry, checkpoint=known) for entry in self._entries
        ]
        self.hub.changed()
        tasks = [
            asyncio.create_task(run.run(), name=f"source {entry.source.name}")
            for run, entry in zip(self._supervisors, self._entries, strict=True)
        ]
        cutting = [
            asyncio.create_task(self._cut(task, run.account))
            for task, run, entry in zip(tasks, self._supervisors, self._entries, strict=True)
            if entry.history_only
        ]
        try:
            if tasks:
                await asyncio.wait(tasks)
            await self.hub.drained()
        finally:
            await self._stop([*tasks, *cutting, *pipeline, *self._helpers])
            self.hub.close()

    async def _follow(self, store: Store) -> None:
        accounts = [self.hub.intake(entry.source.name).statistics for entry in self._entries]
        while True:
            self.is_orphan = not store.is_written()
            for account in accounts:
                account.state = ORPHANED if self.is_orphan else "read along"
            self._see_items(store)
            await self._read_along(store, self.hub.log.snapshot.next_seq - 1)
            if self._history_only:
                return self.hub.close()
            await asyncio.sleep(READ_ALONG_EVERY_S)

    async def _cut(self, task: asyncio.Task[None], account: SourceStatistics) -> None:
        """Stop a source whose history is all that is wanted."""
        for _ in range(round(FIRST_ROWS_WITHIN_S / HISTORY_WITHIN_S)):
            await asyncio.sleep(HISTORY_WITHIN_S)
            if account.received:
                break
        task.cancel()

    async def _stop(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Cancel what still runs and wait a bounded time for it to let go."""
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        done, pending = await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
        for task in done:
            with suppress(asyncio.CancelledError):
                task.exception()
        for task in pending:
            logger.debug("%s did not let go", task.get_name())
