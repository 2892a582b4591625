"""Work items as they were when the playhead's row was the newest one; no Textual here.

Worked out from the rows that are linked to each item: an item is there from its first linked row
on, and its count is what it is now less what is linked to it after the playhead. Its status is
today's: in a replay only the user changes it. A row that several rules made items of is linked to
the first one's: the others are there from what Sentinel said of them, with today's count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.event import from_ns
from logmon.level import Level
from logmon.segment import OWN_ORIGINS
from logmon.work_item import priority_of

if TYPE_CHECKING:
    from logmon.event_log import EventLog, Snapshot
    from logmon.tui.doors import ShownItems
    from logmon.tui.transport import Transport
    from logmon.work_item import WorkItem


class _Links:
    """Every link between a held row and an item, oldest first, as columns."""

    def __init__(self, snapshot: Snapshot) -> None:
        parts = [np.zeros((5, 0), dtype=np.int64)]
        for segment in snapshot.segments:
            if segment.item_ids is None:
                continue
            start, stop = snapshot.bounds(segment)
            rows = np.flatnonzero(segment.item_ids[start:stop]) + start
            part = np.empty((5, len(rows)), dtype=np.int64)
            part[0] = rows + segment.first_seq
            part[1] = segment.item_ids[rows]
            part[2] = segment.times[rows]
            part[3] = segment.levels[rows]
            part[4] = segment.origin_ids[rows] < len(OWN_ORIGINS)
            parts.append(part)
        self.names = snapshot.segments[0].items if snapshot.segments else []
        self.seqs, self.items, self.times, self.levels, own = np.concatenate(parts, axis=1)
        self.own = own > 0


class ItemsAsOf:
    """The items of a transport's playhead; at its end, the items themselves."""

    def __init__(self, items: ShownItems, log: EventLog, transport: Transport) -> None:
        self._items = items
        self._log = log
        self._transport = transport
        self._links: _Links | None = None
        self._linked: tuple[int, Snapshot] | None = None
        self._key: tuple[int, int | None] | None = None
        self._then: list[WorkItem] = []
        self._by_id: dict[str, WorkItem] = {}
        self._changes = 0

    @property
    def version(self) -> int:
        """Counts changes of the items and moves of the playhead."""
        self._look()
        return self._changes

    def __len__(self) -> int:
        return len(self._items) if self._look() else len(self._then)

    def latest(self, limit: int) -> list[WorkItem]:
        """Return the first items: open ones first, the one that changed last first."""
        return self._items.latest(limit) if self._look() else self._then[:limit]

    def open_count(self) -> int:
        """Return how many items are not done."""
        if self._look():
            return self._items.open_count()
        return sum(item.is_open for item in self._then)

    def get(self, item_id: str) -> WorkItem | None:
        """Return an item by its id, if it was there."""
        return self._items.get(item_id) if self._look() else self._by_id.get(item_id)

    def _look(self) -> bool:
        """Work out what there was, where anything has changed; return whether it is the end."""
        position = self._transport.position
        key = (self._items.version, position)
        if key != self._key:
            self._key = key
            self._changes += 1
            if position is not None:
                self._then = self._work_out(position)
                self._by_id = {item.id: item for item in self._then}
        return position is None

    def _all_links(self) -> _Links:
        held = (self._items.version, self._log.snapshot)
        if self._links is None or self._linked != held:
            self._links, self._linked = _Links(held[1]), held
        return self._links

    def _work_out(self, position: int) -> list[WorkItem]:
        links = self._all_links()
        size = len(links.names) + 1
        behind = links.seqs < position
        real = behind & ~links.own
        later = np.bincount(links.items[~behind & ~links.own], minlength=size)
        newest = np.full(size, -1, dtype=np.int64)
        np.maximum.at(newest, links.items[behind], links.seqs[behind])
        seen = np.full(size, np.iinfo(np.int64).min)
        np.maximum.at(seen, links.items[real], links.times[real])
        worst = np.zeros(size, dtype=np.int64)
        np.maximum.at(worst, links.items[real], links.levels[real])
        found = []
        for place in np.argsort(-newest, kind="stable").tolist():
            if newest[place] < 0:
                break
            item = self._items.get(links.names[place])
            if item is not None:
                found.append(_then(item, int(later[place]), int(seen[place]), int(worst[place])))
        return sorted(found, key=lambda item: not item.is_open)


def _then(item: WorkItem, later: int, seen_ns: int, worst: int) -> WorkItem:
    """Return an item without what came later."""
    if not worst:  # no row of its own is held: only what was said about it
        return item
    level, last = Level(worst), from_ns(seen_ns)
    rises = item.priority == priority_of(item.level)
    return msgspec.structs.replace(
        item,
        count=max(1, item.count - later),
        level=level,
        priority=priority_of(level) if rises else item.priority,
        last_seen=max(item.first_seen, last),
        updated_at=max(item.created_at, last),
    )
