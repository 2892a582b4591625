"""How many held rows each emitter has, how bad, and its newest; no Textual here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.filter import EVERYTHING
from logmon.tui.digests import Digests
from logmon.tui.histogram import CLASSES, classes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from logmon.event_log import EventLog
    from logmon.segment import Segment

    Rows = NDArray[np.intp]


class Emitter(msgspec.Struct):
    """One name in the Source column, over all held rows."""

    name: str
    rows: int = 0
    warnings: int = 0
    errors: int = 0
    newest_ns: int = 0


class Emitters:
    """Sums over the held rows, at the cost of the segments that changed."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._parts = Digests(_sum_up)
        self._version = -1
        self.found: list[Emitter] = []
        """The emitters, the one with the most rows first."""

    def sync(self) -> None:
        """Bring the sums up to date: about 10 ms for a million rows, then almost nothing."""
        snapshot = self._log.snapshot
        self._parts.sync(snapshot, EVERYTHING, most=len(snapshot.segments))
        if self._version == self._parts.version:
            return
        self._version = self._parts.version
        totals: dict[str, Emitter] = {}
        for part in self._parts.values():
            for name, rows, warnings, errors, newest_ns in part:
                total = totals.setdefault(name, Emitter(name, newest_ns=newest_ns))
                total.rows += rows
                total.warnings += warnings
                total.errors += errors
                total.newest_ns = max(total.newest_ns, newest_ns)
        self.found = sorted(totals.values(), key=lambda one: (-one.rows, one.name))


def _sum_up(segment: Segment, rows: Rows) -> list[tuple[str, int, int, int, int]]:
    ids = segment.source_ids[rows].astype(np.int64)
    size = len(segment.names)
    places = ids * CLASSES + classes(segment.levels[rows])
    counts = np.bincount(places, minlength=size * CLASSES).reshape(size, CLASSES)
    newest = np.full(size, np.iinfo(np.int64).min)
    np.maximum.at(newest, ids, segment.times[rows])
    return [
        (segment.names[place], sum(row), row[1], row[2], int(newest[place]))
        for place, row in enumerate(counts.tolist())
        if any(row)
    ]
