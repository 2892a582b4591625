"""Reads several inputs that end as one, in the order of their times; each keeps its own order.

An input is opened when the others have come to its first time: a log and what rotation left of it
are read one after another, whatever their names, and only what overlaps is open side by side.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.errors import PermanentSourceError
from logmon.source import Arrival
from logmon.sources.archives import packing
from logmon.sources.inputs import is_regular
from logmon.sources.weave import Weave

if TYPE_CHECKING:
    from logmon.batch import Batch

Read = Callable[[str], AsyncGenerator[Arrival, None]]
"""Reads one input."""

MOST_OPEN = 200
"""Inputs that are read side by side; what begins while so many are open comes `late`."""
_NOTHING, _LAST = -(1 << 63), (1 << 63) - 1
_AT_ONCE_S = 0.0


async def in_order(paths: Sequence[str], read: Read) -> AsyncGenerator[Arrival, None]:
    """Yield all that inputs hold, in the order of their times.

    One after another, as they are named, where one is no file or none begins with a time.
    """
    begins = await _begins(paths, read)
    if begins is not None:
        readings = [_Merging(begins, lambda place: read(paths[place])).arrivals()]
    else:
        readings = [read(path) for path in paths]
    for reading in readings:
        async with aclosing(reading) as arrivals:
            async for arrival in arrivals:
                yield arrival


async def by_beginning(paths: Sequence[str], read: Read) -> list[str]:
    """Return files in the order of their first rows, or as they are named where none has a time."""
    begins = await _begins(paths, read)
    return list(paths) if begins is None else [paths[begin.place] for begin in sorted(begins)]


async def _begins(paths: Sequence[str], read: Read) -> list[_Begin] | None:
    """Return when each input begins; None where they are to be read one after another."""
    if len(paths) < 2 or not all(packing(path) or is_regular(path) for path in paths):
        return None
    begins, timed = [], False
    for place, path in enumerate(paths):
        first_ns = await _first_time(read(path))
        # A row that names no time has that of its file, to the microsecond.
        known = _NOTHING < first_ns < _LAST
        timed = timed or (known and first_ns // 1_000 != _changed_ns(path) // 1_000)
        begins.append(_Begin(first_ns, place))
        await asyncio.sleep(0)
    return begins if timed else None


async def _first_time(reading: AsyncGenerator[Arrival, None]) -> int:
    """Return the time of an input's first row; what cannot be read comes last, and says so then."""
    try:
        async with aclosing(reading) as arrivals:
            async for arrival in arrivals:
                if arrival.batch is not None and len(arrival.batch):
                    return int(arrival.batch.columns.times[0])
    except PermanentSourceError:
        return _LAST
    return _NOTHING


def _changed_ns(path: str) -> int:
    return Path(path).stat().st_mtime_ns


class _Begin(msgspec.Struct, frozen=True, order=True):
    """An input that is not opened yet."""

    first_ns: int
    """The time of its first row."""
    place: int
    """Tells apart what begins at the same time: the order they were named in."""


class _Merging:
    """Reads inputs side by side, always the one that is furthest behind."""

    def __init__(
        self, begins: list[_Begin], open_input: Callable[[int], AsyncGenerator[Arrival, None]]
    ) -> None:
        self._waiting = list(begins)
        heapq.heapify(self._waiting)
        self._open_input = open_input
        self._open: dict[int, AsyncGenerator[Arrival, None]] = {}
        self._newest: dict[int, int] = {}
        self._weave = Weave(_AT_ONCE_S)

    async def arrivals(self) -> AsyncGenerator[Arrival, None]:
        """Yield all that the inputs hold."""
        try:
            while self._waiting or self._open:
                self._open_what_begins()
                place = min(self._open, key=lambda known: (self._newest[known], known))
                arrival = await anext(self._open[place], None)
                if arrival is None:
                    await self._close(place)
                else:
                    for part in self._taken(place, arrival):
                        yield part
                for batch in self._ripe():
                    yield Arrival(batch=batch)
                await asyncio.sleep(0)  # rows that wait for others hand nobody a turn
        finally:
            for place in tuple(self._open):
                await self._close(place)

    def _open_what_begins(self) -> None:
        """Open what begins no later than the input that is furthest behind has come."""
        while self._waiting and len(self._open) < MOST_OPEN:
            behind = min(self._newest.values(), default=_LAST)
            if self._waiting[0].first_ns > behind:
                return
            place = heapq.heappop(self._waiting).place
            self._open[place] = self._open_input(place)
            self._newest[place] = _NOTHING

    async def _close(self, place: int) -> None:
        del self._newest[place]
        await self._open.pop(place).aclose()

    def _taken(self, place: int, arrival: Arrival) -> Iterator[Arrival]:
        """Take an input's rows; yield what need not wait for the others."""
        batch = arrival.batch
        if batch is None or not len(batch):
            yield arrival
            return
        self._newest[place] = max(self._newest[place], int(batch.columns.times.max()))
        begins_ns = self._waiting[0].first_ns if self._waiting else _LAST
        if len(self._open) == 1 and not self._weave.waiting and begins_ns > self._newest[place]:
            yield arrival
            return
        if arrival.rejected:
            yield msgspec.structs.replace(arrival, batch=None)
        self._weave.add(str(place), batch, np.full(len(batch), -1), _AT_ONCE_S)

    def _ripe(self) -> Iterator[Batch]:
        """Yield the rows that no input may still bring an older one than."""
        if not self._open and not self._waiting:
            yield from self._weave.all()
        elif self._open and (not self._waiting or len(self._open) == MOST_OPEN or self._is_ahead()):
            yield from self._weave.ripe(_AT_ONCE_S, [str(place) for place in self._open])

    def _is_ahead(self) -> bool:
        """Whether what is not opened yet begins behind all that may be handed on."""
        return self._waiting[0].first_ns > min(self._newest.values())
