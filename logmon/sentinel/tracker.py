"""The work items themselves: opened, extended and closed; never two open ones for one cause."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

import msgspec

from logmon.event import encode_json
from logmon.journal import ItemChange, ItemRecord
from logmon.sentinel.rule import PRIORITIES, Cause
from logmon.work_item import Priority, Status, WorkItem, priority_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from logmon.event import LogEvent
    from logmon.sentinel.rule import Rule

MOST_ITEMS = 10_000
"""Items kept in memory; the one unchanged longest is forgotten first, done ones before open."""
SAMPLES = 10
"""How many of the first and of the last event ids an item keeps."""
REMEMBERED_IDS = 1_000
"""How many event ids an item remembers so that a repeat of one never changes its count."""


class Tracked(msgspec.Struct):
    """An item with what is needed to extend it."""

    number: int
    item: WorkItem
    cause: Cause
    counted: OrderedDict[str, None]
    last_said_at: datetime
    """Time of the last event Sentinel made about it."""


class WorkItems:
    """All items, as far as they are held in memory; what changed is handed over to be kept."""

    def __init__(self) -> None:
        self._dirty: dict[str, Tracked] = {}
        self._changes: list[ItemChange] = []
        self._tracked: dict[str, Tracked] = {}
        self._open: dict[Cause, str] = {}
        self._opened_at: dict[Cause, datetime] = {}
        self._next = 1
        self._newest: dict[bool, OrderedDict[str, None]] = {
            True: OrderedDict(),
            False: OrderedDict(),
        }
        self.version = 0
        """Counts changes, so that whoever shows the items knows when to look again."""

    def __len__(self) -> int:
        return len(self._tracked)

    def all(self) -> list[WorkItem]:
        """Return every item, open ones first, the one that changed last first."""
        return self.latest(len(self._tracked))

    def latest(self, limit: int) -> list[WorkItem]:
        """Return the first `limit` of `all`, at the cost of `limit`."""
        names = chain(reversed(self._newest[True]), reversed(self._newest[False]))
        return [self._tracked[name].item for name in islice(names, limit)]

    def _changed(self, item: WorkItem) -> None:
        """Put an item in front of the open or of the done ones."""
        self.version += 1
        self._dirty[item.id] = self._tracked[item.id]
        self._newest[not item.is_open].pop(item.id, None)
        order = self._newest[item.is_open]
        order[item.id] = None
        order.move_to_end(item.id)

    def open_count(self) -> int:
        """Return how many items are not done."""
        return len(self._open)

    def get(self, item_id: str) -> WorkItem | None:
        """Return an item by its id."""
        tracked = self._tracked.get(item_id)
        return tracked.item if tracked else None

    def tracked(self, cause: Cause) -> Tracked | None:
        """Return the open item of a cause."""
        item_id = self._open.get(cause)
        return self._tracked[item_id] if item_id else None

    def last_opened(self, cause: Cause) -> datetime | None:
        """Return when an item was last opened for a cause, in event time."""
        return self._opened_at.get(cause)

    def open(self, cause: Cause, rule: Rule, event: LogEvent, pending: list[str]) -> Tracked:
        """Open an item for a cause that has none open; `pending` are the ids that led to it."""
        ids = (*pending, event.id)
        item = WorkItem(
            id=f"WI-{self._next}",
            title=rule.title or cause.template,
            description=event.message,
            priority=_priority(rule, event),
            rule=rule.name,
            template=cause.template,
            source=event.source,
            level=event.level,
            count=len(ids),
            first_seen=event.timestamp,
            last_seen=event.timestamp,
            event_ids=ids[-2 * SAMPLES :],
            source_data=_source_data(event),
            created_at=event.timestamp,
            updated_at=event.timestamp,
        )
        self._next += 1
        tracked = Tracked(self._next - 1, item, cause, OrderedDict.fromkeys(ids), event.timestamp)
        self._tracked[item.id] = tracked
        self._open[cause] = item.id
        self._opened_at[cause] = event.timestamp
        self._changes.append(ItemChange(item.id, event.timestamp, "opened"))
        self._changed(item)
        self._forget_oldest()
        return tracked

    def extend(self, tracked: Tracked, rule: Rule, event: LogEvent) -> bool:
        """Count a repeat; return False for an event that was counted before."""
        counted = tracked.counted
        if event.id in counted:
            return False
        counted[event.id] = None
        while len(counted) > REMEMBERED_IDS:
            counted.popitem(last=False)
        item = tracked.item
        ids = (*item.event_ids, event.id)
        if len(ids) > 2 * SAMPLES:
            ids = ids[:SAMPLES] + ids[-SAMPLES:]
        tracked.item = msgspec.structs.replace(
            item,
            count=item.count + 1,
            first_seen=min(item.first_seen, event.timestamp),
            last_seen=max(item.last_seen, event.timestamp),
            updated_at=max(item.updated_at, event.timestamp),
            level=max(item.level, event.level),
            priority=min(item.priority, _priority(rule, event), key=PRIORITIES.index),
            event_ids=ids,
        )
        self._changed(tracked.item)
        return True

    def rekey(self, merges: Mapping[str, str], at: datetime) -> None:
        """Move open items whose template became part of another one under that one.

        Where that one has an open item too, the newer of the two becomes part of the older.
        """
        for cause in [cause for cause in self._open if cause.template in merges]:
            tracked = self._tracked[self._open.pop(cause)]
            wider = msgspec.structs.replace(cause, template=merges[cause.template])
            item = tracked.item
            title = wider.template if item.title == cause.template else item.title
            tracked.cause = wider
            tracked.item = msgspec.structs.replace(item, template=wider.template, title=title)
            other = self.tracked(wider)
            if other is None:
                self._open[wider] = item.id
            elif other.number < tracked.number:
                self._join(other, tracked, at)
            else:
                self._open[wider] = item.id
                self._join(tracked, other, at)
            self._changed(tracked.item)

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
            event_ids=(*one.event_ids, *other.event_ids)[-2 * SAMPLES :],
            updated_at=max(one.updated_at, other.updated_at),
        )
        older.counted.update(newer.counted)
        newer.item = msgspec.structs.replace(other, status="done", updated_at=at)
        self._changes.append(ItemChange(other.id, at, f"became part of {one.id}"))
        self._changed(older.item)
        self._changed(newer.item)

    def set_status(self, item_id: str, status: Status, at: datetime) -> WorkItem | None:
        """Change an item's status and return it, or None when there is nothing to change.

        Reopening is refused (None) while a newer item of the same cause is open.
        """
        tracked = self._tracked.get(item_id)
        if tracked is None or tracked.item.status == status:
            return None
        if status == "done":
            self._open.pop(tracked.cause, None)
        elif self._open.setdefault(tracked.cause, item_id) != item_id:
            return None
        self._changes.append(ItemChange(item_id, at, f"{tracked.item.status} → {status}"))
        tracked.item = msgspec.structs.replace(
            tracked.item, status=status, updated_at=max(at, tracked.item.updated_at)
        )
        self._changed(tracked.item)
        return tracked.item

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
        """Take in items that were kept, the one that changed first first."""
        for kept in records:
            item, cause = kept.item, Cause.of(kept.cause)
            counted = OrderedDict.fromkeys(item.event_ids)
            self._tracked[item.id] = Tracked(kept.number, item, cause, counted, item.last_seen)
            self._next = max(self._next, kept.number + 1)
            self._opened_at[cause] = max(
                item.created_at, self._opened_at.get(cause, item.created_at)
            )
            if item.is_open:
                self._open[cause] = item.id
            elif self._open.get(cause) == item.id:
                del self._open[cause]
            self._changed(item)
        self._dirty.clear()
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        while len(self._tracked) > MOST_ITEMS:
            order = self._newest[False] or self._newest[True]
            name, _ = order.popitem(last=False)
            oldest = self._tracked.pop(name)
            if self._open.get(oldest.cause) == name:
                del self._open[oldest.cause]
            self._opened_at.pop(oldest.cause, None)


class Window:
    """Matches of causes that have no item yet: which event ids within the last `window_s`."""

    MOST_CAUSES = 10_000

    def __init__(self) -> None:
        self._dirty: dict[Cause, None] = {}
        self._seen: OrderedDict[Cause, deque[tuple[datetime, str]]] = OrderedDict()

    def add(self, cause: Cause, rule: Rule, event: LogEvent) -> list[str]:
        """Remember a match and return the ids of all matches inside the window, this one last."""
        seen = self._seen.pop(cause, None)
        if seen is None:
            seen = deque(maxlen=max(rule.threshold, 1))
        self._seen[cause] = seen
        self._dirty[cause] = None
        if all(event_id != event.id for _, event_id in seen):
            seen.append((event.timestamp, event.id))
        while seen and (event.timestamp - seen[0][0]).total_seconds() > rule.window_s:
            seen.popleft()
        while len(self._seen) > self.MOST_CAUSES:
            forgotten, _ = self._seen.popitem(last=False)
            self._dirty[forgotten] = None
        return [event_id for _, event_id in seen]

    def rekey(self, merges: Mapping[str, str]) -> None:
        """Move matches whose template became part of another one under that one."""
        for cause in [cause for cause in self._seen if cause.template in merges]:
            wider = msgspec.structs.replace(cause, template=merges[cause.template])
            seen = self._seen.pop(cause)
            both = sorted({*seen, *self._seen.get(wider, ())})
            self._seen[wider] = deque(both, maxlen=seen.maxlen)
            self._dirty |= {cause: None, wider: None}

    def clear(self, cause: Cause) -> None:
        """Forget a cause, now that it has an item."""
        if self._seen.pop(cause, None) is not None:
            self._dirty[cause] = None

    def take_changes(self) -> dict[str, bytes | None]:
        """Return the causes whose matches changed since the last call, by name, None if gone."""
        changed: dict[str, bytes | None] = {}
        for cause in self._dirty:
            seen = self._seen.get(cause)
            name = PENDING + encode_json({"cause": cause.parts()}).decode()
            changed[name] = None if seen is None else _encode(list(seen))
        self._dirty.clear()
        return changed

    def restore(self, rules: Mapping[str, Rule], values: Mapping[str, bytes]) -> None:
        """Take in matches that were kept."""
        for name, value in values.items():
            if not name.startswith(PENDING):
                continue
            parts = _decode_cause(name.removeprefix(PENDING))["cause"]
            cause = Cause.of(parts)
            seen = _decode_seen(value)
            if rule := rules.get(cause.rule):
                self._seen[cause] = deque(seen, maxlen=max(rule.threshold, 1))


PENDING = "pending "
_encode = msgspec.json.Encoder().encode
_decode_cause = msgspec.json.Decoder(dict[str, tuple[str, ...]]).decode
_decode_seen = msgspec.json.Decoder(list[tuple[datetime, str]]).decode


def _priority(rule: Rule, event: LogEvent) -> Priority:
    for priority in PRIORITIES:
        if rule.priority == priority:
            return priority
    return priority_of(event.level)


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
