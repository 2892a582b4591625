"""Folds repeats: of each template and level only the first shown row is left, with its count.

Also how long it went on coming. Totals, histogram and filters know nothing of it. No Textual here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from logmon.tui.digests import Digests
from logmon.tui.row_templates import OWN, UNKNOWN, RowTemplates

if TYPE_CHECKING:
    from logmon.event_log import Snapshot
    from logmon.filter import LogFilter
    from logmon.segment import Segment

    Rows = NDArray[np.intp]

SEGMENTS_A_SLICE = 24
"""Segments summed up at once: about 5 ms."""


class Repeats(msgspec.Struct, frozen=True):
    """What a folded row stands for."""

    count: int
    first_ns: int
    last_ns: int


class _Part(msgspec.Struct, frozen=True):
    """One segment's causes: where each comes first, how often, and its first and last time."""

    causes: NDArray[np.uint64]
    seqs: NDArray[np.int64]
    counts: NDArray[np.int64]
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]


class Fold:
    """Knows the first row of each cause (template and level) among the rows that pass."""

    def __init__(self, templates: RowTemplates) -> None:
        self._templates = templates
        self._parts = Digests(self._part, progress=templates.learned)
        self._unfolded: set[int] = set()
        self._heads: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._repeats: dict[int, Repeats] = {}
        self._merged = (-1, -1)

    def work(self, snapshot: Snapshot, log_filter: LogFilter) -> bool:
        """Learn and sum up for a slice; return whether more is left."""
        learning = self._templates.work(snapshot)
        return self.sync(snapshot, log_filter) or learning

    def sync(self, snapshot: Snapshot, log_filter: LogFilter) -> bool:
        """Take in new rows and another filter; return whether more is left."""
        key = self._templates.version
        more = self._parts.sync(snapshot, log_filter, key, most=SEGMENTS_A_SLICE)
        if self._merged != (self._parts.version, key):
            self._merged = (self._parts.version, key)
            self._merge()
        return more

    def _causes(self, segment: Segment, rows: Rows) -> NDArray[np.uint64]:
        ids = self._templates.ids(segment)[rows].astype(np.uint64)
        causes: NDArray[np.uint64] = ids << np.uint64(8) | segment.levels[rows]
        return causes

    def _part(self, segment: Segment, rows: Rows) -> _Part:
        causes = self._causes(segment, rows)
        kept = causes >= np.uint64((OWN + 1) << 8)
        rows, causes = rows[kept], causes[kept]
        found, places, inverse, counts = np.unique(
            causes, return_index=True, return_inverse=True, return_counts=True
        )
        times = segment.times[rows]
        firsts = np.full(len(found), np.iinfo(np.int64).max)
        lasts = np.full(len(found), np.iinfo(np.int64).min)
        np.minimum.at(firsts, inverse, times)
        np.maximum.at(lasts, inverse, times)
        return _Part(found, rows[places] + segment.first_seq, counts, firsts, lasts)

    def _merge(self) -> None:
        """Add the segments up: the first row of each cause stays, with the sums of all."""
        parts = list(self._parts.values())
        self._repeats, self._heads = {}, np.zeros(0, dtype=np.int64)
        if not parts:
            return
        causes = np.concatenate([part.causes for part in parts])
        found, inverse = np.unique(causes, return_inverse=True)
        heads = np.full(len(found), np.iinfo(np.int64).max)
        np.minimum.at(heads, inverse, np.concatenate([part.seqs for part in parts]))
        counts = np.zeros(len(found), dtype=np.int64)
        np.add.at(counts, inverse, np.concatenate([part.counts for part in parts]))
        firsts = np.full(len(found), np.iinfo(np.int64).max)
        np.minimum.at(firsts, inverse, np.concatenate([part.firsts for part in parts]))
        lasts = np.full(len(found), np.iinfo(np.int64).min)
        np.maximum.at(lasts, inverse, np.concatenate([part.lasts for part in parts]))
        self._heads = np.sort(heads)
        self._repeats = {
            head: Repeats(*figures)
            for head, *figures in zip(
                heads.tolist(), counts.tolist(), firsts.tolist(), lasts.tolist(), strict=True
            )
        }

    def narrow(self, segment: Segment, rows: Rows) -> Rows:
        """Return those rows that are not folded away; rows not learned yet are all there."""
        causes = self._causes(segment, rows)
        own = causes < np.uint64((OWN + 1) << 8)
        first, last = np.searchsorted(
            self._heads, (segment.first_seq, segment.first_seq + segment.capacity)
        )
        kept = own | np.isin(rows, self._heads[first:last] - segment.first_seq)
        if self._unfolded:
            kept |= np.isin(causes, np.array(list(self._unfolded), dtype=np.uint64))
        narrowed: Rows = rows[kept]
        return narrowed

    def repeats(self, seq: int) -> Repeats | None:
        """Return what a row stands for, or None for one that stands for itself."""
        found = self._repeats.get(seq)
        return found if found is not None and found.count > 1 else None

    @property
    def length(self) -> int:
        """How many rows are left, as far as rows were learned and nothing is unfolded."""
        return len(self._heads)

    def rank(self, seq: int) -> int:
        """Return how many of them lie before a row."""
        return int(np.searchsorted(self._heads, seq))

    def unfold(self, segment: Segment, row: int, *, wanted: bool) -> None:
        """Show all rows of one row's cause, or fold them again."""
        cause = int(self._causes(segment, np.array([row]))[0])
        if cause >> 8 == UNKNOWN:
            return
        (self._unfolded.add if wanted else self._unfolded.discard)(cause)
