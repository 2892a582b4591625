"""Puts rows of several inputs into the order of their times, within a bounded window.

A row waits for rows of other inputs at most so long; each input keeps its own order. What comes
after a later row has been handed on is handed on at once, with the tag `late`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from logmon.batch import Batch, MappedBatch, WovenBatch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from logmon.event import LogEvent

LATE = "late"
BATCH_ROWS = 1_000


class _Waiting(msgspec.Struct, eq=False):
    """Rows of one input that are not handed on yet: those from `first` on."""

    batch: Batch
    keys: NDArray[np.int64]
    """Times that never go back within an input."""
    ends: NDArray[np.int64]
    source: str
    since_s: float
    first: int = 0


class Weave:
    """Takes batches of inputs by name and gives rows back in order of time."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._waiting: list[_Waiting] = []
        self._newest: dict[str, int] = {}
        self._handed_on = -(1 << 63)
        self.ends: dict[str, int] = {}
        """Of each input, the byte behind its last row that was handed on."""

    @property
    def waiting(self) -> int:
        """How many rows wait."""
        return sum(len(held.keys) - held.first for held in self._waiting)

    def waits_for(self, source: str) -> bool:
        """Whether rows of an input wait."""
        return any(held.source == source for held in self._waiting)

    def add(self, source: str, batch: Batch, ends: NDArray[np.int64], now_s: float) -> None:
        """Take rows of an input; `ends` are the bytes behind each of them."""
        floor = self._newest.get(source, -(1 << 63))
        keys = np.maximum.accumulate(np.maximum(batch.columns.times, floor))
        self._newest[source] = int(keys[-1])
        self._waiting.append(_Waiting(batch, keys, ends, source, now_s))

    def ripe(self, now_s: float, behind: Collection[str] = ()) -> Iterator[Batch]:
        """Yield rows that have waited long enough, and all that are older than one of these.

        While inputs are `behind` with reading what they hold already, no row is handed on that
        one of them may still bring an older one for, however long that takes.
        """
        waiting = self._waiting
        if behind:
            limit = min(self._newest.get(source, -(1 << 63)) for source in behind)
        else:
            due = [held for held in waiting if now_s - held.since_s >= self._window_s]
            limit = max((int(held.keys[-1]) for held in due), default=-(1 << 63))
        yield from self._up_to(limit)

    def all(self) -> Iterator[Batch]:
        """Yield all rows that wait."""
        yield from self._up_to((1 << 63) - 1)

    def _up_to(self, limit: int) -> Iterator[Batch]:
        """Yield the rows up to a time, in order; each counts as handed on with its batch."""
        parts = [held for held in self._waiting if held.keys[held.first] <= limit]
        if not parts:
            return
        places = [
            np.arange(held.first, np.searchsorted(held.keys, limit, side="right")) for held in parts
        ]
        keys = np.concatenate([held.keys[rows] for held, rows in zip(parts, places, strict=True)])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        of = np.repeat(np.arange(len(parts)), [len(rows) for rows in places])[order]
        rows = np.concatenate(places)[order]
        batches = [held.batch for held in parts]
        late = int(np.searchsorted(keys, self._handed_on))
        edges = [*range(late, len(rows), BATCH_ROWS), len(rows)]
        for start, stop in pairwise([0, *edges] if late else edges):
            woven = WovenBatch(batches, of[start:stop], rows[start:stop])
            self._hand_on(parts, of[start:stop], rows[start:stop])
            self._handed_on = max(self._handed_on, int(keys[stop - 1]))
            yield MappedBatch(woven, _late) if stop <= late else woven

    def _hand_on(self, parts: list[_Waiting], of: NDArray[np.intp], rows: NDArray[np.intp]) -> None:
        """Remember how far each input was handed on."""
        for place in np.unique(of).tolist():
            held, last = parts[place], int(rows[of == place][-1])
            held.first = last + 1
            if held.ends[last] >= 0:
                self.ends[held.source] = int(held.ends[last])
        self._waiting = [held for held in self._waiting if held.first < len(held.keys)]


def _late(event: LogEvent) -> LogEvent:
    return msgspec.structs.replace(event, tags=(*event.tags, LATE))
