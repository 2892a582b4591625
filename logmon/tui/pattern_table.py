"""The templates of the shown rows: how often, since when, how bad, rising or falling; no Textual.

Figures are sums over the rows that the tail's filter lets through, exact as far as rows have been
looked at; `looked_at` says how far that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from logmon.tui.digests import Digests
from logmon.tui.histogram import CLASSES, EMPTY_GRID, TimeGrid, TimeSpan, classes
from logmon.tui.row_templates import OWN, RowTemplates

if TYPE_CHECKING:
    from logmon.segment import Segment
    from logmon.tui.tail_model import TailModel

    Rows = NDArray[np.intp]

Counts = NDArray[np.int64]

TREND_BUCKETS = 12
SEGMENTS_A_SLICE = 24
"""Segments summed up at once: about 5 ms."""


class PatternSummary(msgspec.Struct, frozen=True):
    """One template of the shown rows."""

    template: str
    count: int
    severities: tuple[int, ...]
    """Rows below warn, rows of warn, rows of error and above."""
    first_ns: int
    last_ns: int
    trend: tuple[int, ...]
    """Rows in each of `TREND_BUCKETS` or fewer equal stretches of the held time."""


class _Part(msgspec.Struct, frozen=True):
    """One segment's sums, for each template that occurs in it."""

    ids: NDArray[np.int64]
    severities: Counts
    first: Counts
    last: Counts
    trend: Counts
    own: int


class _Sums(msgspec.Struct, frozen=True):
    """All segments' sums, and which template comes at which place of the table."""

    ids: NDArray[np.int64]
    severities: Counts
    first: Counts
    last: Counts
    trend: Counts
    order: NDArray[np.int64]


class PatternTable:
    """Sums up templates over the rows that a tail shows; `work` until it says there is no more."""

    def __init__(self, model: TailModel, templates: RowTemplates | None = None) -> None:
        self._model = model
        self.templates = RowTemplates() if templates is None else templates
        self._span = TimeSpan()
        self._grid = EMPTY_GRID
        self._parts = Digests(self._sum_up, progress=self.templates.learned)
        self._version = -1
        self._merged = _merge([])

    def work(self) -> bool:
        """Learn and sum up a slice of rows; return whether more are left."""
        snapshot = self._model.snapshot
        learning = self.templates.work(snapshot)
        ends = self._span.ends(snapshot)
        self._grid = EMPTY_GRID if ends is None else TimeGrid.over(*ends, TREND_BUCKETS)
        key = (self._grid, self.templates.version)
        summing = self._parts.sync(snapshot, self._model.filter, key, most=SEGMENTS_A_SLICE)
        return learning or summing

    def looked_at(self) -> tuple[int, int]:
        """Return how many shown rows were looked at, and how many the tail shows."""
        seen = sum(int(part.severities.sum()) + part.own for part in self._parts.values())
        return seen, max(seen, self._model.shown())

    @property
    def own(self) -> int:
        """How many of the rows looked at are logmon's own: they are no pattern."""
        return sum(part.own for part in self._parts.values())

    def _sums(self) -> _Sums:
        if self._version != self._parts.version:
            self._version = self._parts.version
            self._merged = _merge([part for part in self._parts.values() if len(part.ids)])
        return self._merged

    def __len__(self) -> int:
        return len(self._sums().ids)

    @property
    def span_ns(self) -> int:
        """How long a stretch of time the held rows cover, in nanoseconds."""
        return self._grid.width_ns * self._grid.count

    def template(self, place: int) -> str:
        """Return the template at a place."""
        sums = self._sums()
        return self.templates.name(int(sums.ids[sums.order[place]]))

    def at(self, place: int) -> PatternSummary:
        """Return the template at a place; the most frequent one is at 0."""
        sums = self._sums()
        row = int(sums.order[place])
        severities = sums.severities[row]
        return PatternSummary(
            self.templates.name(int(sums.ids[row])),
            int(severities.sum()),
            tuple(severities.tolist()),
            int(sums.first[row]),
            int(sums.last[row]),
            tuple(sums.trend[row].tolist()),
        )

    def _sum_up(self, segment: Segment, rows: Rows) -> _Part:
        all_ids = self.templates.ids(segment)[rows]
        known = all_ids > OWN
        rows, ids = rows[known], all_ids[known]
        names, places = np.unique(ids, return_inverse=True)
        times = segment.times[rows]
        size = len(names)
        wide = max(1, self._grid.count)
        severity = places * CLASSES + classes(segment.levels[rows])
        bucket = places * wide + self._grid.buckets(times)
        first, last = _ends(size)
        np.minimum.at(first, places, times)
        np.maximum.at(last, places, times)
        return _Part(
            names.astype(np.int64),
            np.bincount(severity, minlength=size * CLASSES).reshape(size, CLASSES),
            first,
            last,
            np.bincount(bucket, minlength=size * wide).reshape(size, wide),
            int((all_ids == OWN).sum()),
        )


def _ends(size: int) -> tuple[Counts, Counts]:
    """Return arrays that any time is earlier than, and later than."""
    limits = np.iinfo(np.int64)
    return np.full(size, limits.max), np.full(size, limits.min)


def _merge(parts: list[_Part]) -> _Sums:
    none = np.zeros(0, dtype=np.int64)
    names, places = np.unique(
        np.concatenate([none, *(part.ids for part in parts)]), return_inverse=True
    )
    wide = parts[0].trend.shape[1] if parts else 1
    severities = np.zeros((len(names), CLASSES), dtype=np.int64)
    trend = np.zeros((len(names), wide), dtype=np.int64)
    first, last = _ends(len(names))
    if parts:
        np.add.at(severities, places, np.concatenate([part.severities for part in parts]))
        np.add.at(trend, places, np.concatenate([part.trend for part in parts]))
        np.minimum.at(first, places, np.concatenate([part.first for part in parts]))
        np.maximum.at(last, places, np.concatenate([part.last for part in parts]))
    order = np.lexsort((names, -severities.sum(axis=1)))
    return _Sums(names, severities, first, last, trend, order)
