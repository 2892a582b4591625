"""The work items themselves: opened, extended and closed; never two open ones for one cause."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

import msgspec

from logmon.journal import ItemChange, ItemRecord
from logmon.sentinel.rule import PRIORITIES, Cause
from logmon.work_item import Feedback, Priority, Status, WorkItem, priority_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from logmon.event import LogEvent
    from logmon.sentinel.rule import Rule
    from logmon.sentinel.window import Match

MOST_ITEMS = 10_000
"""Items kept in memory; the one unchanged longest is forgotten first, done ones before open."""
SAMPLE_IDS = 10
"""How many of the first and of the last event ids an item keeps."""
SAMPLES = 3
"""How many of the first and of the last events themselves an item keeps."""
SAMPLE_CHARS = 2_000
"""How much of a sample's message is kept, and of its attributes, as text."""
REMEMBERED_IDS = 1_000
"""How many event ids an item remembers so that a repeat of one never changes its count."""

Value = TypeVar("Value")
_NO_MERGES: dict[str, str] = {}


class Tracked(msgspec.Struct):
    """An item with what is needed to extend it."""

    number: int
    item: WorkItem
    cause: Cause
    counted: OrderedDict[str, None]
    last_told_at: datetime | None = None
    """Time of the last repeat that was told; None while none was."""
    milestone: int = 1
    """The highest power of ten of its repeats that was told."""


class WorkItems:
    """All items, as far as they are held in memory; what changed is handed over to be kept."""

    def __init__(self) -> None:
        self._dirty: dict[str, Tracked] = {}
        self._changes: list[ItemChange] = []
        self._tracked: dict[str, Tracked] = {}
        self._open: dict[Cause, str] = {}
        self._newest_of: dict[Cause, str] = {}
        self._of_template: dict[str, dict[str, None]] = {}
        self._next = 1
        self._newest: dict[bool, OrderedDict[str, None]] = {
            True: OrderedDict(),
            False: OrderedDict(),
        }
        self.version = 0
        """Counts changes, so that whoever shows the items knows when to look again."""

    def __len__(self) -> int:
        return len(self._tracked)

    def next_id(self, ahead: int = 0) -> str:
        """Return the id that the next item will get, or one after so many others."""
        return f"WI-{self._next + ahead}"

    def all(self) -> list[WorkItem]:
        """Return every item, open ones first, the one that changed last first."""
        return self.latest(len(self._tracked))

    def latest(self, limit: int) -> list[WorkItem]:
        """Return the first `limit` of `all`, at the cost of `limit`."""
        names = chain(reversed(self._newest[True]), reversed(self._newest[False]))
        return [self._tracked[name].item for name in islice(names, limit)]

    def open_count(self) -> int:
        """Return how many items are not done."""
        return len(self._open)

    def get(self, item_id: str) -> WorkItem | None:
        """Return an item by its id."""
        tracked = self._tracked.get(item_id)
        return tracked.item if tracked else None

    def tracked(self, cause: Cause, moved: Mapping[str, str] = _NO_MERGES) -> Tracked | None:
        """Return the open item of a cause, the oldest where `moved` templates bring others in."""
        if not moved:
            name = self._open.get(cause)
            return None if name is None else self._tracked[name]
        found = [self._open[one] for one in (cause, *cause.formerly(moved)) if one in self._open]
        return min((self._tracked[name] for name in found), key=_number, default=None)

    def newest(self, cause: Cause, moved: Mapping[str, str] = _NO_MERGES) -> Tracked | None:
        """Return the item that was opened last for a cause, open or not, as far as it is held."""
        if not moved:
            name = self._newest_of.get(cause)
            return None if name is None else self._tracked[name]
        causes = (cause, *cause.formerly(moved))
        found = [self._newest_of[one] for one in causes if one in self._newest_of]
        return max((self._tracked[name] for name in found), key=_number, default=None)

    # Changes

    def open(self, cause: Cause, rule: Rule, event: LogEvent, matches: Sequence[Match]) -> Tracked:
        """Open an item for a cause that has none open; `matches` led to it, this event the last."""
        ids = tuple(event_id for _, event_id in matches)
        before = self.newest(cause)
        item = WorkItem(
            id=self.next_id(),
            title=rule.title or cause.template,
            description=event.message,
            priority=_priority(rule, event),
            rule=rule.name,
            template=cause.template,
            source=event.source,
            level=event.level,
            count=len(ids),
            first_seen=min(at for at, _ in matches),
            last_seen=max(at for at, _ in matches),
            event_ids=ids[-2 * SAMPLE_IDS :],
            source_data=_source_data(event),
            samples=(_sample(event),),
            previous=before.item.id if before else "",
            created_at=event.timestamp,
            updated_at=event.timestamp,
        )
        tracked = Tracked(self._next, item, cause, OrderedDict.fromkeys(ids))
        self._next += 1
        self._hold(tracked)
        self._open[cause] = item.id
        more = f", after {item.previous}" if item.previous else ""
        self._changes.append(ItemChange(item.id, event.timestamp, f"opened{more}"))
        if before:
            told = ItemChange(before.item.id, event.timestamp, f"happened again: {item.id}")
            self._changes.append(told)
        self._changed(tracked)
        self._forget_oldest()
        return tracked

    def extend(self, tracked: Tracked, rule: Rule, event: LogEvent) -> None:
        """Count an event that was not counted before."""
        counted = tracked.counted
        counted[event.id] = None
        while len(counted) > REMEMBERED_IDS:
            counted.popitem(last=False)
        item = tracked.item
        tracked.item = msgspec.structs.replace(
            item,
            count=item.count + 1,
            first_seen=min(item.first_seen, event.timestamp),
            last_seen=max(item.last_seen, event.timestamp),
            updated_at=max(item.updated_at, event.timestamp),
            level=max(item.level, event.level),
            priority=min(item.priority, _priority(rule, event), key=PRIORITIES.index),
            event_ids=_ends((*item.event_ids, event.id), SAMPLE_IDS),
            samples=_ends((*item.samples, _sample(event)), SAMPLES),
        )
        self._changed(tracked)

    def rekey(self, merges: Mapping[str, str], at: datetime) -> list[WorkItem]:
        """Move items whose template became part of another one under that one.

        Where that one has an open item too, the newer of the two becomes part of the older.
        Returns the items that became part of others.
        """
        names = [name for old in merges for name in self._of_template.get(old, ())]
        found = [
            self._move(tracked, merges[tracked.cause.template], at)
            for tracked in sorted((self._tracked[name] for name in names), key=_number)
        ]
        return [item for item in found if item is not None]

    def _move(self, tracked: Tracked, template: str, at: datetime) -> WorkItem | None:
        item, narrow = tracked.item, tracked.cause
        wider = msgspec.structs.replace(narrow, template=template)
        other = self.tracked(wider)
        self._let_go(tracked)
        title = template if item.title == narrow.template else item.title
        tracked.cause = wider
        tracked.item = msgspec.structs.replace(item, template=template, title=title)
        self._hold(tracked)
        if item.is_open and other is not None:
            older, newer = sorted((other, tracked), key=_number)
            self._open[wider] = older.item.id
            self._join(older, newer, at)
            return newer.item
        if item.is_open:
            self._open[wider] = item.id
        self._changed(tracked)
        return None

    def _join(self, older: Tracked, newer: Tracked, at: datetime) -> None:
        """Make an item part of another one of what is now the same cause."""
        one, other = older.item, newer.item
        older.item = msgspec.structs.replace(
            one,
            count=one.count + other.count,
            first_seen=min(one.first_seen, other.first_seen),
            last_seen=max(one.last_seen, other.last_seen),
            level=max(one.level, other.level),
            priority=min(one.priority, other.priority, key=PRIORITIES.index),
            event_ids=_ends((*one.event_ids, *other.event_ids), SAMPLE_IDS),
            samples=_ends((*one.samples, *other.samples), SAMPLES),
            updated_at=max(one.updated_at, other.updated_at),
        )
        older.counted.update(newer.counted)
        newer.item = msgspec.structs.replace(other, status="done", part_of=one.id, updated_at=at)
        self._changes.append(ItemChange(other.id, at, f"became part of {one.id}"))
        self._changes.append(ItemChange(one.id, at, f"took in {other.id}"))
        self._changed(older)
        self._changed(newer)

    def set_status(
        self, item_id: str, status: Status, at: datetime, by: str = ""
    ) -> WorkItem | None:
        """Change an item's status and return it, or None when there is nothing to change.

        Reopening is refused (None) while a newer item of the same cause is open, and for one
        that became part of another.
        """
        tracked = self._tracked.get(item_id)
        if tracked is None or tracked.item.status == status or tracked.item.part_of:
            return None
        if status == "done":
            self._open.pop(tracked.cause, None)
        elif self._open.setdefault(tracked.cause, item_id) != item_id:
            return None
        self._note(tracked, at, f"{tracked.item.status} → {status}", by)
        tracked.item = msgspec.structs.replace(tracked.item, status=status)
        self._touch(tracked, at)
        return tracked.item

    def set_feedback(
        self, item_id: str, feedback: Feedback, at: datetime, by: str = ""
    ) -> WorkItem | None:
        """Mark an item as useful, as noise, or as neither; None when there is nothing to change."""
        tracked = self._tracked.get(item_id)
        if tracked is None or tracked.item.feedback == feedback:
            return None
        self._note(tracked, at, f"marked {feedback or 'neither useful nor noise'}", by)
        tracked.item = msgspec.structs.replace(tracked.item, feedback=feedback)
        self._touch(tracked, at)
        return tracked.item

    def _note(self, tracked: Tracked, at: datetime, change: str, by: str) -> None:
        text = f"{change} · {by}" if by else change
        self._changes.append(ItemChange(tracked.item.id, at, text))

    def _touch(self, tracked: Tracked, at: datetime) -> None:
        updated = max(at, tracked.item.updated_at)
        tracked.item = msgspec.structs.replace(tracked.item, updated_at=updated)
        self._changed(tracked)

    def _changed(self, tracked: Tracked) -> None:
        """Put an item in front of the open or of the done ones."""
        item = tracked.item
        self.version += 1
        self._dirty[item.id] = tracked
        self._newest[not item.is_open].pop(item.id, None)
        order = self._newest[item.is_open]
        order[item.id] = None
        order.move_to_end(item.id)

    # Holding

    def take_changes(self) -> tuple[tuple[ItemRecord, ...], tuple[ItemChange, ...]]:
        """Return the items that are new or have changed since the last call, and what happened."""
        records = tuple(
            ItemRecord(tracked.number, tracked.cause.parts(), tracked.item)
            for tracked in self._dirty.values()
        )
        changes = tuple(self._changes)
        self._dirty.clear()
        self._changes.clear()
        return records, changes

    def restore(self, records: Iterable[ItemRecord]) -> None:
        """Take in items that were kept, the one that changed first first; known ones anew."""
        for kept in records:
            item, cause = kept.item, Cause.of(kept.cause)
            if known := self._tracked.get(item.id):
                self._let_go(known)
            counted = OrderedDict.fromkeys(item.event_ids)
            tracked = Tracked(kept.number, item, cause, counted)
            tracked.milestone = milestone(item.count - 1)
            if tracked.milestone > 1:
                tracked.last_told_at = item.last_seen
            self._next = max(self._next, kept.number + 1)
            self._hold(tracked)
            if item.is_open:
                self._open[cause] = item.id
            self._changed(tracked)
        self._dirty.clear()
        self._forget_oldest()

    def _hold(self, tracked: Tracked) -> None:
        """Keep an item where its id, its cause and its template find it."""
        name = tracked.item.id
        self._tracked[name] = tracked
        self._of_template.setdefault(tracked.cause.template, {})[name] = None
        newest = self._newest_of.setdefault(tracked.cause, name)
        if self._tracked[newest].number < tracked.number:
            self._newest_of[tracked.cause] = name

    def _let_go(self, tracked: Tracked) -> None:
        name, cause = tracked.item.id, tracked.cause
        del self._tracked[name]
        if self._open.get(cause) == name:
            del self._open[cause]
        if self._newest_of.get(cause) == name:
            del self._newest_of[cause]
        names = self._of_template.get(cause.template, {})
        names.pop(name, None)
        if not names:
            self._of_template.pop(cause.template, None)

    def _forget_oldest(self) -> None:
        while len(self._tracked) > MOST_ITEMS:
            order = self._newest[False] or self._newest[True]
            name, _ = order.popitem(last=False)
            self._let_go(self._tracked[name])


def milestone(repeats: int) -> int:
    """Return the highest power of ten that so many repeats have reached: 1, 10, 100, …"""
    return int("1" + "0" * (len(str(max(repeats, 1))) - 1))


def _number(tracked: Tracked) -> int:
    return tracked.number


def _ends(values: tuple[Value, ...], size: int) -> tuple[Value, ...]:
    """Return the first and the last `size` of values."""
    return values if len(values) <= 2 * size else values[:size] + values[-size:]


def _priority(rule: Rule, event: LogEvent) -> Priority:
    for priority in PRIORITIES:
        if rule.priority == priority:
            return priority
    return priority_of(event.level)


def _sample(event: LogEvent) -> LogEvent:
    """Return an event small enough to be kept for good."""
    fits = len(event.message) <= SAMPLE_CHARS
    if fits and (not event.attributes or len(str(event.attributes)) <= SAMPLE_CHARS):
        return event
    small = event.attributes if len(str(event.attributes)) <= SAMPLE_CHARS else {}
    return msgspec.structs.replace(event, message=event.message[:SAMPLE_CHARS], attributes=small)


def _source_data(event: LogEvent) -> dict[str, object]:
    """Keep what the first event knew, so that the item explains itself without it."""
    data: dict[str, object] = dict(event.attributes)
    for key in ("message_template", "host", "trace_id", "span_id"):
        value = getattr(event, key)
        if value:
            data[key] = value
    if event.tags:
        data["tags"] = list(event.tags)
    return data
