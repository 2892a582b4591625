"""`LogMonitorService`: where sources, hub, Sentinel and doors meet, start in order and stop.

Each source runs under its own supervisor: what it raises is shown and counted there, and touches
neither its siblings nor the screen. When every source has ended and the pipelines are done, the
hub is closed and the readers end.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.errors import (
    ConfigError,
    CredentialsError,
    PermanentSourceError,
    TransientSourceError,
    UnknownItem,
)
from logmon.event import as_new
from logmon.event_log import Slice
from logmon.filter import EVERYTHING
from logmon.item_desk import ItemDesk
from logmon.letter_desk import grant_letters
from logmon.level import Level
from logmon.source import LogEventSource, Notice, SourceStatus
from logmon.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from logmon.checkpoint import Checkpoint
    from logmon.courier import Addressee, Courier
    from logmon.event import LogEvent
    from logmon.event_log import Delivery
    from logmon.hub import LogEventHub
    from logmon.intake import Intake, SourceStatistics
    from logmon.redaction import Redactor
    from logmon.rule_files import RuleFile
    from logmon.sentinel.pipeline import Sentinel
    from logmon.sentinel.rule import Rule
    from logmon.sentinel.statistics import RuleStatistics
    from logmon.store.journal import Store
    from logmon.subscription import Subscription
    from logmon.work_item import Feedback, Status, WorkItem

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
HEALTHY_AFTER_S = 60.0
"""A source that ran this long starts again from the shortest wait."""
HISTORY_WITHIN_S = 0.3
FIRST_ROWS_WITHIN_S = 5.0
"""How long a source that is asked for its history alone may take to deliver its first rows."""
STATUS_EVERY_S = 1.0
WATCH_EVERY_S = 1.0
"""How often the rules' file is looked at."""
ORPHANED = "nobody reads it: start logmon again"
READ_ALONG_ROWS = 10_000
READ_ALONG_EVERY_S = 0.25
STOP_WITHIN_S = 1.5
"""How long stopping waits for sources that do not let go."""

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


class LogMonitorService:
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
    ) -> None:
        self.hub = hub
        self.sentinel = sentinel
        self.rule_file = rule_file
        self.redactor = redactor
        """Takes the secrets out of what Sentinel hears, and so out of its items, and of what
        leaves; the log itself holds rows as they came."""
        self._store = store
        self._entries = tuple(sources)
        self._desk = None if sentinel is None else ItemDesk(hub, sentinel, store)
        self._courier = self._engage(store, tuple(addressees))
        self._supervisors: list[Supervisor] = []
        self._items_seen = -1
        self._finding_news = False
        self._helpers: list[asyncio.Task[None]] = []
        self._listening: Subscription | None = None
        self.is_orphan = False
        """Whether the process whose store this one reads along with has ended."""
        self.stuck = 0
        """Sources that did not let go when they were stopped."""

    def _engage(self, store: Store | None, told: tuple[Addressee, ...]) -> Courier | None:
        """Return who tells trackers; only the process that writes the store does."""
        if not told or store is None or not store.writes or self._desk is None:
            return None
        from logmon.courier import Courier

        self._desk.courier = Courier(self.hub, store, told)
        return self._desk.courier

    def tracker_statistics(self) -> dict[str, dict[str, Any]]:
        """Return for each tracker whether it is enabled, what waits, was told, and went wrong."""
        return {} if self._courier is None else self._courier.statistics()

    async def warm(self, rows: int) -> int:
        """Hold the newest rows the store kept, before anyone reads the hub.

        Returns the `seq` of the first of them.
        """
        if self._store is None:
            return self.hub.log.began_at
        if self._store.writes:
            await self.hub.warm(rows)
        else:
            self.hub.history = self._store
            newest = self._store.newest_seq()
            self.hub.log.begin_at(newest)
            await self._read_along(self._store, newest - rows - 1)
        log = self.hub.log
        first = max(log.began_at, log.snapshot.next_seq - rows)
        if self._store.damage:
            self.hub.announce(Notice(text=self._store.damage, level=Level.ERROR), source="store")
        return first

    def _see_items(self, store: Store) -> None:
        """Take in the items that another process has changed since."""
        if self.sentinel is not None:
            changed = store.work_items(changed_after=self._items_seen)
            self._items_seen = max((at for at, _ in changed), default=self._items_seen)
            self.sentinel.items.restore([record for _, record in reversed(changed)])

    async def _read_along(self, store: Store, after: int) -> None:
        """Hold what another process has written since."""
        while blocks := await store.read(after, READ_ALONG_ROWS):
            for block in blocks:
                self.hub.show_block(block)
            after = self.hub.log.snapshot.next_seq - 1
            await asyncio.sleep(0)

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

    # Work items: what the screen, the API and the command line call

    async def set_status(self, item_id: str, status: Status, *, by: str = "") -> WorkItem:
        """Change a work item's status and return the item; the change is an event and is audited.

        `by` names who asks, for the audit. With a store it returns when the change is written;
        where another process writes into it, when that one has granted it.

        Raises:
            UnknownItem: there is no such item, or Sentinel is off.
            ItemError: it cannot be reopened: a newer item of its cause is open, or it became part
                of another one; or the process that writes did not answer in time.
            StoreError: the store cannot be written.
        """
        return await self._items_desk().change(item_id, status, by)

    async def set_feedback(self, item_id: str, feedback: Feedback, *, by: str = "") -> WorkItem:
        """Mark a work item as `useful`, as `noise`, or as neither (`""`); otherwise `set_status`.

        Raises:
            UnknownItem: there is no such item, or Sentinel is off.
            ItemError: the process that writes did not answer in time.
            StoreError: the store cannot be written.
        """
        return await self._items_desk().change(item_id, feedback or "unmarked", by)

    def _items_desk(self) -> ItemDesk:
        if self._desk is None:
            raise UnknownItem("Sentinel is off", hint="set sentinel.enabled = true")
        return self._desk

    def explain(self, event: LogEvent, *, seq: int | None = None) -> Verdict:
        """Return what each rule made of an event, and why: see `logmon.verdict.Verdict`.

        With the `seq` of a row of the log it says what happened when the row came (`judged`), or
        what will when Sentinel comes to it. Without, what would happen if the event came now.
        Changes nothing; takes about a millisecond.
        """
        if self.sentinel is None:
            return Verdict(event.id, "", "", False, False, (), "Sentinel is off")
        delivery = None if seq is None else self.hub.log.snapshot.delivery(seq)
        if delivery is not None and delivery.is_own:
            remark = "logmon wrote this row itself; rules never hear it"
            return Verdict(event.id, "", "", False, True, (), remark)
        if self.redactor is not None:  # as Sentinel heard it
            event = self.redactor.event(event)
        if delivery is not None and delivery.is_new:
            event = as_new(event)
        if seq is None or (self._listening is not None and seq >= self._listening.acknowledged):
            return self.sentinel.explain(event)
        kept = self._store.decisions(seq) if self._store is not None else b""
        link = delivery.work_item if delivery is not None else None
        return self.sentinel.explain(event, seq=seq, link=link, kept=kept)

    def look_for_news(self) -> None:
        """Mark the first row of each template from now on, and among the rows that are held.

        Rows that rules match are marked anyway; the others cost about 10 µs each, so they are
        heard only when somebody asks for `is:new`.
        """
        if self.sentinel is None or self._finding_news:
            return
        self._finding_news = True
        self.sentinel.look_for_news()
        if self._listening is not None and self._desk is not None:
            self._listening.filter = self.sentinel.filter
            finding = self._find_news(self.sentinel, self._desk, self._listening.position)
            self._helpers.append(asyncio.create_task(finding, name="news"))

    async def _find_news(self, sentinel: Sentinel, desk: ItemDesk, stop: int) -> None:
        snapshot = self.hub.log.snapshot
        for segment, first, last in snapshot.spans(snapshot.first_seq, stop):
            rows = Slice(segment, segment.rows(EVERYTHING, first, last, outside=True))
            await desk.keep(sentinel.find_news(self._without_secrets(rows)), None)
            await asyncio.sleep(0)

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Apply other rules from the next row on; items, windows and counts stay.

        Raises:
            QueryError: a rule's `when` cannot be read; the old rules stay.
        """
        if self.sentinel is None:
            return
        self.sentinel.set_rules(rules)
        if self._listening is not None:
            self._listening.filter = self.sentinel.filter

    def rule_names(self) -> tuple[str, ...]:
        """Return the names of the rules that are applied now."""
        return () if self.sentinel is None else tuple(rule.name for rule in self.sentinel.rules)

    def add_rule(self, rule: Rule, remark: str = "") -> Path:
        """Write a rule into the configuration's file and apply it; return the file.

        Raises:
            ConfigError: the name is taken, the file cannot be written, or there is none to write.
        """
        if self.rule_file is None:
            raise ConfigError("there is no configuration to write the rule into")
        path = self.rule_file.add(rule, remark)
        self.reload_rules()
        return path

    def reload_rules(self) -> None:
        """Read the rules' file again if it changed; say what came of it in a row of logmon's own.

        A file that is wrong changes nothing.
        """
        if self.rule_file is None or self.sentinel is None:
            return
        try:
            rules = self.rule_file.changed()
        except ConfigError as error:
            text = f"rules not changed: {error}"
            self.hub.announce(Notice(text=text, level=Level.ERROR), source="sentinel")
            return
        if rules is not None:
            self.set_rules(rules)
            names = ", ".join(rule.name for rule in rules)
            self.hub.announce(Notice(text=f"rules changed: {names}"), source="sentinel")

    async def _watch_rules(self, rule_file: RuleFile) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            if rule_file.is_other():
                self.reload_rules()

    def rule_statistics(self) -> dict[str, RuleStatistics]:
        """Return the counts of every rule by name, in the rules' order; {} if Sentinel is off."""
        return {} if self.sentinel is None else self.sentinel.statistics()

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

        Where another process writes into the store, run nothing and show what it brings.
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
            await asyncio.sleep(READ_ALONG_EVERY_S)

    async def _cut(self, task: asyncio.Task[None], account: SourceStatistics) -> None:
        """Stop a source whose history is all that is wanted."""
        for _ in range(round(FIRST_ROWS_WITHIN_S / HISTORY_WITHIN_S)):
            await asyncio.sleep(HISTORY_WITHIN_S)
            if account.received:
                break
        task.cancel()

    def take_up(self) -> int:
        """Let Sentinel go on where the store says it stopped; return the `seq` to read from."""
        if self._store is None or self.sentinel is None:
            return 0
        offset = self._store.offset("sentinel") or 0
        kept = sorted(self._store.work_items(), key=itemgetter(0))
        values = self._store.values("sentinel")
        return self.sentinel.restore([record for _, record in kept], values, offset)

    def _start_sentinel(self) -> list[asyncio.Task[None]]:
        if self.sentinel is None or self._desk is None:
            return []
        first = self.take_up() if self._store is not None else None
        subscription = self.hub.subscribe_pipeline(
            self.sentinel.filter, name="sentinel", first=first
        )
        self._listening = subscription
        if self.rule_file is not None:
            watching = asyncio.create_task(self._watch_rules(self.rule_file), name="rules")
            self._helpers.append(watching)
        if self._courier is not None:
            self._helpers.append(asyncio.create_task(self._courier.run(), name="courier"))
        listening = self._listen(self.sentinel, self._desk, subscription)
        tasks = [asyncio.create_task(listening, name="sentinel")]
        if self._store is not None:
            tasks.append(asyncio.create_task(self._desk.grant(self._store), name="requests"))
        return tasks

    async def _listen(self, sentinel: Sentinel, desk: ItemDesk, subscription: Subscription) -> None:
        """Feed Sentinel; should it fail, say so and let the stream go on without it."""
        try:
            async for rows in subscription.batches():
                effects = sentinel.process(self._without_secrets(rows))
                if self.hub.log.was_there(rows):
                    effects = effects.quiet()
                await desk.keep(effects, subscription.position)
                await asyncio.sleep(0)
        except Exception as error:  # the tail must outlive the automation
            logger.debug("sentinel", exc_info=True)
            self.hub.unsubscribe(subscription)
            text = f"sentinel stopped: {type(error).__name__}: {error}"
            self.hub.announce(Notice(text=text, level=Level.ERROR), source="sentinel")

    def _without_secrets(self, rows: Iterable[Delivery]) -> Iterable[Delivery]:
        if self.redactor is None:
            return rows
        redact, replace = self.redactor.event, msgspec.structs.replace
        return (replace(row, event=redact(row.event)) for row in rows)

    async def _stop(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Cancel what still runs and wait a bounded time for it to let go."""
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        done, pending = await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
        self.stuck = len(pending)
        for task in done:
            with suppress(asyncio.CancelledError):
                task.exception()
        for task in pending:
            logger.debug("%s did not let go", task.get_name())
