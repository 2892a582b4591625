"""The template of each held row, learned a slice at a time; no Textual here.

Costs nothing until it is asked to work, then four bytes a row. Newest rows are learned first. A
template that becomes part of a wider one later takes its rows along.
"""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

from logmon.segment import OWN_ORIGINS
from logmon.template import TemplateMiner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from logmon.event import LogEvent
    from logmon.event_log import Snapshot
    from logmon.segment import Segment

    Ids = NDArray[np.uint32]

UNKNOWN, OWN = 0, 1
"""Ids of rows that are not learned yet, and of rows that logmon itself wrote."""
ROWS_A_SLICE = 1_000
"""Rows learned at once: about 5 ms."""
FIRST_COMPACTION = 65_536
"""Templates named before those that no held row has are forgotten."""


class RowTemplates:
    """Ids of templates for rows: `ids` of a segment, `name` of an id, `of` a single event."""

    def __init__(self) -> None:
        self._miner = TemplateMiner()
        self._lock = RLock()
        """An export asks `of` and `canonical` on a thread of its own."""
        self._names: list[str] = ["", ""]
        self._places: dict[str, int] = {}
        self._canon: Ids = np.arange(64, dtype=np.uint32)
        self._learned: dict[int, tuple[Ids, int]] = {}
        self._absorbed: dict[str, int] = {}
        self._compact_at = FIRST_COMPACTION
        self.version = 0
        """Changes when ids that were given out mean another template now."""

    def work(self, snapshot: Snapshot, rows: int = ROWS_A_SLICE) -> bool:
        """Learn about so many rows, the newest segments first; return whether more are left."""
        self._forget(snapshot)
        left = rows
        for segment in reversed(snapshot.segments):
            start, stop = snapshot.bounds(segment)
            ids, done = self._learned.get(segment.first_seq) or (_none(segment), start)
            done = max(done, start)
            if done >= stop:
                continue
            if left <= 0:
                return True
            until = min(stop, done + left)
            left -= until - done
            self._learn(segment, ids, done, until)
            self._learned[segment.first_seq] = (ids, until)
            if until < stop:
                return True
        return False

    def _learn(self, segment: Segment, ids: Ids, start: int, stop: int) -> None:
        own = segment.origin_ids[start:stop] < len(OWN_ORIGINS)
        with self._lock:
            for row, is_own in enumerate(own.tolist(), start):
                ids[row] = OWN if is_own else self._id(self.of(segment.event(row)))
            self.settle()

    def of(self, event: LogEvent) -> str:
        """Return the template of an event: its own, else the one mined; safe on any thread."""
        if event.message_template:
            return event.message_template
        with self._lock:
            return self._miner.template(event.message)

    def _id(self, name: str) -> int:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = len(self._names)
            self._names.append(name)
            if place >= len(self._canon):
                more = np.arange(len(self._canon), 2 * len(self._canon), dtype=np.uint32)
                self._canon = np.concatenate([self._canon, more])
        return int(self._canon[place])

    def settle(self) -> None:
        """Give rows of templates that became part of others to those."""
        with self._lock:
            for old, new in self._miner.merges().items():
                if old in self._places:
                    self._merge(self._places[old], self._id(new))
            if len(self._names) > self._compact_at:
                self._compact()

    def _merge(self, place: int, wider: int) -> None:
        self._canon[self._canon == self._canon[place]] = wider
        name = self._names[wider]
        self._absorbed[name] = self._absorbed.get(name, 0) + 1
        self.version += 1

    def _compact(self) -> None:
        """Forget templates that no held row has."""
        used = np.zeros(len(self._canon), dtype=bool)
        used[:2] = True
        for ids, _ in self._learned.values():
            used[self._canon[ids]] = True
        renamed = (np.cumsum(used) - 1).astype(np.uint32)
        for ids, _ in self._learned.values():
            ids[:] = renamed[self._canon[ids]]
        kept = np.flatnonzero(used).tolist()
        self._names = [self._names[place] for place in kept]
        self._places = {name: place for place, name in enumerate(self._names) if place > OWN}
        self._absorbed = {n: count for n, count in self._absorbed.items() if n in self._places}
        self._canon = np.arange(max(64, 2 * len(kept)), dtype=np.uint32)
        self._compact_at = max(FIRST_COMPACTION, 2 * len(kept))
        self.version += 1

    def _forget(self, snapshot: Snapshot) -> None:
        if len(self._learned) > len(snapshot.segments):
            held = {segment.first_seq for segment in snapshot.segments}
            for first in [first for first in self._learned if first not in held]:
                del self._learned[first]

    def ids(self, segment: Segment) -> Ids:
        """Return the id of each row of a segment; `UNKNOWN` for rows not learned yet."""
        ids, _ = self._learned.get(segment.first_seq) or (_none(segment), 0)
        return self._canon[ids]

    def learned(self, segment: Segment) -> int:
        """Return up to which row of a segment templates are known."""
        return self._learned.get(segment.first_seq, (None, 0))[1]

    def name(self, template_id: int) -> str:
        """Return the template that an id stands for."""
        return self._names[int(self._canon[template_id])]

    def canonical(self, name: str) -> str:
        """Return what a template has become part of, or itself; safe on any thread."""
        with self._lock:
            place = self._places.get(name)
            return name if place is None else self._names[int(self._canon[place])]

    def absorbed(self, name: str) -> int:
        """Return how many templates have become part of this one."""
        return self._absorbed.get(name, 0)


def _none(segment: Segment) -> Ids:
    return np.zeros(segment.capacity, dtype=np.uint32)
