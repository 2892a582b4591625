"""Sentinel inside the service: fed, explained, its rules changed, its items written and told of."""

from __future__ import annotations

import asyncio
import logging
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.errors import ConfigError, UnknownItem
from logmon.event import as_new
from logmon.filter import EVERYTHING
from logmon.item_desk import ItemDesk
from logmon.level import Level
from logmon.segment import Slice
from logmon.source import Notice
from logmon.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from logmon.courier import Addressee, Courier
    from logmon.event import LogEvent
    from logmon.hub import LogEventHub
    from logmon.redaction import Redactor
    from logmon.rule_files import RuleFile
    from logmon.segment import Delivery
    from logmon.sentinel.pipeline import Sentinel
    from logmon.sentinel.rule import Rule
    from logmon.sentinel.statistics import RuleStatistics
    from logmon.store.journal import Store
    from logmon.subscription import Subscription
    from logmon.work_item import Feedback, Status, WorkItem

REST_S = 0.05
"""How long Sentinel rests when it has heard everything."""
WATCH_EVERY_S = 1.0
"""How often the rules' file is looked at."""

logger = logging.getLogger(__name__)


class Automation:
    """What `LogMonitorService` does with Sentinel; without one it does nothing."""

    def __init__(
        self,
        hub: LogEventHub,
        *,
        sentinel: Sentinel | None,
        store: Store | None,
        redactor: Redactor | None,
        rule_file: RuleFile | None,
        addressees: Iterable[Addressee],
    ) -> None:
        self.hub = hub
        self.sentinel = sentinel
        self.rule_file = rule_file
        self.redactor = redactor
        """Takes the secrets out of what Sentinel hears, and so out of its items, and of what
        leaves; the log itself holds rows as they came."""
        self._store = store
        self._desk = None if sentinel is None else ItemDesk(hub, sentinel, store)
        self._courier = self._engage(store, tuple(addressees))
        self._items_seen = -1
        self._finding_news = False
        self._helpers: list[asyncio.Task[None]] = []
        self._listening: Subscription | None = None

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
        """Return the names of the rules, those that are off included."""
        return tuple(rule.name for rule in self.rules())

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules in their order, those that are off included; () if Sentinel is off."""
        return () if self.sentinel is None else self.sentinel.known_rules

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

    def change_rule(self, before: Rule, after: Rule) -> Path:
        """Write a rule in place of the one of its name, and apply it; return the file.

        Applied from the next row on: items, windows and counts stay.

        Raises:
            ConfigError: the file has another rule by now, cannot be written, or there is none.
        """
        if self.rule_file is None:
            raise ConfigError("there is no configuration to write the rule into")
        path = self.rule_file.change(before, after)
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

    def _see_items(self, store: Store) -> None:
        """Take in the items that another process has changed since."""
        if self.sentinel is not None:
            changed = store.work_items(changed_after=self._items_seen)
            self._items_seen = max((at for at, _ in changed), default=self._items_seen)
            self.sentinel.items.restore([record for _, record in reversed(changed)])

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
                # What comes in quick succession is judged together: a turn costs more than a row.
                waiting = subscription.position < self.hub.log.snapshot.next_seq
                await asyncio.sleep(0 if waiting else REST_S)
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
