"""Rows in, effects out: what Sentinel links, opens, extends and says. It touches nothing else.

The same rows in the same order give the same effects: time is the events' own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from logmon.batch import EventBatch
from logmon.event import LogEvent, event_id
from logmon.filter import LogFilter
from logmon.journal import Commit
from logmon.journal import Effects as Kept
from logmon.level import Level
from logmon.sentinel.rule import Cause, Rule
from logmon.sentinel.tracker import Tracked, Window, WorkItems
from logmon.template import TemplateMiner

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from logmon.event_log import Delivery
    from logmon.journal import ItemRecord
    from logmon.work_item import Status, WorkItem

CONSUMER = "sentinel"
"""The name its offset and values are kept under."""
MINER, MINED_TO = "miner", "mined to"
MINER_KEPT_EVERY_ROWS = 20_000
"""What the miner learned is kept each so many rows; a restart learns the rest again."""
SAY_AGAIN_AFTER_S = 10.0
"""Least time between two events about one item's repeats, in seconds of event time."""


class Effects(msgspec.Struct, frozen=True):
    """What processing some rows led to: links from `seq` to item id, and events to publish."""

    links: dict[int, str]
    events: list[LogEvent]

    def __bool__(self) -> bool:
        return bool(self.links or self.events)

    def commit(self, kept: Kept) -> Commit:
        """Return what is written in one transaction: what Sentinel says and what it did."""
        batch = EventBatch(self.events) if self.events else None
        return Commit(origin=CONSUMER, batch=batch, effects=kept)


class Sentinel:
    """Applies rules to rows. Belongs to one task; the items may be read between its calls."""

    def __init__(self, rules: Iterable[Rule] = (Rule(),)) -> None:
        self._rules = [(rule, rule.filter()) for rule in rules]
        self._window = Window()
        self._miner = TemplateMiner()
        self._done_to = 0
        self._mined_to = 0
        self.items = WorkItems()

    @property
    def filter(self) -> LogFilter:
        """Return what a row must pass for any rule to want it, as far as levels say."""
        from logmon.filter import LevelClause
        from logmon.level import ALL_LEVELS, at_least

        lowest = min((rule.minimum_level for rule, _ in self._rules), default=Level.EMERGENCY)
        levels = at_least(lowest)
        return LogFilter() if levels == ALL_LEVELS else LogFilter((LevelClause(levels),))

    def process(self, rows: Iterable[Delivery]) -> Effects:
        """Apply every rule to every row and return the effects."""
        effects = Effects({}, [])
        for delivery in rows:
            for rule, condition in self._rules:
                if condition.matches(delivery.event):
                    if delivery.seq < self._done_to:  # judged by an earlier run: only learn again
                        self.cause(rule, delivery.event)
                    else:
                        self._apply(rule, delivery, effects)
            if merges := self._miner.merges():
                self.items.rekey(merges, delivery.event.timestamp)
                self._window.rekey(merges)
        return effects

    def _apply(self, rule: Rule, delivery: Delivery, effects: Effects) -> None:
        event = delivery.event
        cause = self.cause(rule, event)
        tracked = self.items.tracked(cause)
        if tracked is not None:
            before = tracked.item.priority
            if self.items.extend(tracked, rule, event):
                if tracked.item.priority != before:
                    said = _say(tracked.item, "raised", event.timestamp, event.level)
                    effects.events.append(said)
                self._say_repeat(tracked, event, effects)
        else:
            tracked = self._open(rule, cause, event, effects)
        if tracked is not None:
            effects.links.setdefault(delivery.seq, tracked.item.id)

    def to_keep(
        self, links: dict[int, str], offset: int | None, requests: tuple[int, ...] = ()
    ) -> Kept:
        """Return all that changed since the last call, to be kept together with the offset."""
        items, changes = self.items.take_changes()
        values = self._window.take_changes()
        if offset is not None and offset - self._mined_to >= MINER_KEPT_EVERY_ROWS:
            values |= {MINER: self._miner.state(), MINED_TO: b"%d" % offset}
            self._mined_to = offset
        return Kept(
            consumer=CONSUMER,
            offset=offset,
            links=links,
            items=items,
            changes=changes,
            requests=requests,
            values=values,
        )

    def restore(
        self, items: Iterable[ItemRecord], values: Mapping[str, bytes], offset: int = 0
    ) -> int:
        """Go on where an earlier run stopped: its items, the one that changed first first.

        Returns the `seq` to read from: rows before `offset` are only learned from again, so that
        their messages have the templates they had.
        """
        self.items.restore(items)
        self._window.restore({rule.name: rule for rule, _ in self._rules}, values)
        self._done_to = offset
        if MINER in values:
            self._miner = TemplateMiner.restore(values[MINER])
            self._mined_to = int(values[MINED_TO])
        return min(self._mined_to, offset)

    def cause(self, rule: Rule, event: LogEvent) -> Cause:
        """Return what an event's item is recognised by.

        The template is the one the event carries, else one mined from messages.
        """
        template = event.message_template or self._miner.template(event.message)
        return Cause(rule.name, event.source, template, rule.group_of(event))

    def _open(self, rule: Rule, cause: Cause, event: LogEvent, effects: Effects) -> Tracked | None:
        ids = self._window.add(cause, rule, event)
        if len(ids) < rule.threshold:
            return None
        opened = self.items.last_opened(cause)
        if opened and (event.timestamp - opened).total_seconds() < rule.cooldown_s:
            return None
        self._window.clear(cause)
        tracked = self.items.open(cause, rule, event, ids[:-1])
        effects.events.append(_say(tracked.item, "opened", event.timestamp, event.level))
        return tracked

    def _say_repeat(self, tracked: Tracked, event: LogEvent, effects: Effects) -> None:
        """Say the 10th, 100th, 1,000th … repeat, at most one in 10 s of event time an item."""
        repeats = tracked.item.count - 1
        if repeats < 10 or str(repeats).rstrip("0") != "1":
            return
        if (event.timestamp - tracked.last_said_at).total_seconds() < SAY_AGAIN_AFTER_S:
            return
        tracked.last_said_at = event.timestamp
        since = tracked.item.first_seen.strftime("%H:%M:%S")
        said = _say(
            tracked.item, "joined", event.timestamp, event.level, f" · {repeats} since {since}"
        )
        effects.events.append(said)

    def set_status(self, item_id: str, status: Status, at: datetime) -> Effects:
        """Change an item's status for a person; the change is an event too."""
        item = self.items.set_status(item_id, status, at)
        if item is None:
            return Effects({}, [])
        word = {"new": "reopened", "in_progress": "started", "done": "done"}[status]
        return Effects({}, [_say(item, word, at, item.level)])


def _say(item: WorkItem, verb: str, at: datetime, level: Level, more: str = "") -> LogEvent:
    message = f"{item.id} {verb} · {item.priority} · {item.title}{more}"
    return LogEvent(
        timestamp=at,
        level=level,
        source="sentinel",
        message=message,
        message_template=f"{{work_item}} {verb} · {{priority}} · {{title}}",
        attributes={
            "work_item": item.id,
            "status": item.status,
            "priority": item.priority,
            "title": item.title,
            "rule": item.rule,
            "source": item.source,
            "count": item.count,
        },
        id=event_id("sentinel", item.count, f"{item.id} {verb} {at.isoformat()}".encode()),
        work_item=item.id,
    )
