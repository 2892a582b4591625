"""Rows the user marked, and the places jumps began at. No Textual here."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from logmon.segment import Delivery


class Marks:
    """Marked rows by `seq`. A mark keeps its row: it can be copied when the log has let it go."""

    def __init__(self) -> None:
        self._rows: dict[int, Delivery] = {}
        self._seqs: list[int] = []

    def __len__(self) -> int:
        return len(self._seqs)

    def __contains__(self, seq: int) -> bool:
        return seq in self._rows

    @property
    def rows(self) -> list[Delivery]:
        """The marked rows, oldest first."""
        return [self._rows[seq] for seq in self._seqs]

    @property
    def seqs(self) -> NDArray[np.int64]:
        """The marked rows by `seq`, oldest first."""
        return np.array(self._seqs, dtype=np.int64)

    def toggle(self, row: Delivery) -> bool:
        """Mark a row, or take the mark off; return whether it is marked now."""
        place = bisect_left(self._seqs, row.seq)
        if self._rows.pop(row.seq, None) is not None:
            del self._seqs[place]
            return False
        self._rows[row.seq] = row
        self._seqs.insert(place, row.seq)
        return True

    def clear(self) -> None:
        """Take all marks off."""
        self._rows.clear()
        self._seqs.clear()


class Trail:
    """Where jumps began; going back from there swaps the two places, as in less."""

    def __init__(self) -> None:
        self._place: int | None = None

    def leave(self, seq: int | None) -> None:
        """Remember where a jump begins."""
        if seq is not None:
            self._place = seq

    def back(self, seq: int | None) -> int | None:
        """Return where the last jump began, and remember where this one does."""
        place, self._place = self._place, seq if seq is not None else self._place
        return place
