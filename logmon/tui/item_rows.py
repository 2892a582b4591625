"""The rows of one work item: those still held, and those the item itself kept; no Textual here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.event import LogEvent
from logmon.segment import OWN_ORIGINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from logmon.event_log import Snapshot
    from logmon.work_item import WorkItem

ENDS = 20
"""Held rows at either end that are compared with what the item kept: its first and last events."""


class ItemRow(msgspec.Struct, frozen=True):
    """One event of an item; `seq` is None when the log holds it no more, but the item does."""

    event: LogEvent
    seq: int | None


class ItemRows:
    """Events of an item, the newest first; a held one is decoded when it is looked at."""

    def __init__(self, item: WorkItem, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.held = _linked(item.id, snapshot)[::-1]
        """`seq` of each held row, the newest first."""
        self.evicted = max(0, item.count - len(self.held))
        """How many of the item's events are not held any more."""
        self._kept: list[LogEvent] = []
        if self.evicted:
            ends = {*self.held[:ENDS].tolist(), *self.held[-ENDS:].tolist()}
            there = {found.event.id for seq in ends if (found := snapshot.delivery(seq))}
            self._kept = [event for event in reversed(item.samples) if event.id not in there]

    def __len__(self) -> int:
        return len(self.held) + len(self._kept)

    def at(self, place: int) -> ItemRow:
        """Return the event at a place."""
        if place >= len(self.held):
            return ItemRow(self._kept[place - len(self.held)], None)
        seq = int(self.held[place])
        delivery = self._snapshot.delivery(seq)
        assert delivery is not None  # noqa: S101 - a snapshot never changes
        return ItemRow(delivery.event, seq)

    def key(self, place: int) -> int | str:
        """Return what names the event at a place."""
        if place < len(self.held):
            return int(self.held[place])
        return self._kept[place - len(self.held)].id


def _linked(item_id: str, snapshot: Snapshot) -> NDArray[np.intp]:
    parts = [np.arange(0)]
    names = snapshot.segments[0].items if snapshot.segments else []
    place = names.index(item_id) if item_id in names else 0
    for segment in snapshot.segments:
        if place and segment.item_ids is not None:
            start, stop = snapshot.bounds(segment)
            rows = np.flatnonzero(segment.item_ids[start:stop] == place) + start
            parts.append(rows[segment.origin_ids[rows] >= len(OWN_ORIGINS)] + segment.first_seq)
    return np.concatenate(parts)
