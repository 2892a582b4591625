"""The columns of lines that were read a block at a time, as far as they are proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class _Places(dict[str, int]):
    """The place of each name in a list, new ones added: a name that is known costs one look."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> int:
        place = self[name] = len(self._names)
        self._names.append(name)
        return place


class Scanned:
    """The columns of lines, as far as they are read: `proven` says of which."""

    __slots__ = ("_places", "levels", "names", "proven", "source_ids", "times")

    def __init__(self, rows: int) -> None:
        self.times = np.zeros(rows, dtype=np.int64)
        self.levels = np.zeros(rows, dtype=np.uint8)
        self.source_ids: NDArray[np.uint16] = np.zeros(rows, dtype=np.uint16)
        self.proven: NDArray[np.bool_] = np.zeros(rows, dtype=bool)
        self.names: list[str] = []
        self._places = _Places(self.names)

    def put(self, row: int, time_ns: int, level: int, source: str) -> None:
        """Take what another decoder read."""
        self.times[row] = time_ns
        self.levels[row] = level
        self.source_ids[row] = self._places[source]

    def places(self, names: Sequence[str]) -> NDArray[np.uint16]:
        """Return the place of each name, new ones added."""
        places = map(self._places.__getitem__, names)
        return np.fromiter(places, dtype=np.uint16, count=len(names))

    def part(self, first: int, stop: int) -> Scanned:
        """Return a range of the rows: it shares their columns and names."""
        part = Scanned(0)
        part.times, part.levels = self.times[first:stop], self.levels[first:stop]
        part.source_ids, part.proven = self.source_ids[first:stop], self.proven[first:stop]
        part.names, part._places = self.names, self._places
        return part
