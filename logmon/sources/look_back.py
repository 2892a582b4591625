"""Where to begin in files for their last rows that pass: looked for backwards, block after block.

Nothing is held but the places and times of rows that were found, at most as many as are wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.errors import PatternTooSlow, PermanentSourceError
from logmon.file_batch import FileBatch
from logmon.filter import TimeClause
from logmon.segment import segment_of
from logmon.source import EVERY_ROW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from logmon.batch import Batch
    from logmon.filter import LogFilter
    from logmon.source import Arrival, LookBack
    from logmon.sources.opened import OpenedFile

QUICK_BYTES = 16 << 20
"""How much of each file is looked through where nobody asked for a number: a tenth of a second."""
STRAY_NS = 3_600 * 10**9
"""A block that is older than what is wanted by this much ends the search: rows stray less."""


class Start(msgspec.Struct, frozen=True):
    """Where a file is read from."""

    offset: int = 0
    before_ns: int | None = None
    """The time of what stands before the offset, for rows that have none of their own."""
    whole_from: int = 0
    """Before this byte only rows that pass are handed on."""


def starts_of(
    paths: Iterable[str],
    opened: Callable[[str], OpenedFile],
    look: LookBack,
    stopped: Callable[[], bool],
) -> dict[str, Start]:
    """Return where to begin in each file; takes long where little passes: for a thread.

    Files that cannot be opened are left out. What begins earlier than it had to, because fewer
    rows passed than were wanted, is for the reader to pass over. A file that is not named is read
    from its beginning. Ends early when `stopped`.
    """
    paths = tuple(paths)
    if look.rows >= EVERY_ROW:
        return {}
    if look.each:
        one = msgspec.structs.replace(look, each=False)
        found = [starts_of([path], opened, one, stopped) for path in paths]
        return {path: start for starts in found for path, start in starts.items()}
    room = None if look.room is None else look.room // max(1, len(paths))
    files: dict[str, _File] = {}
    for path in paths:
        try:
            file = _File(opened(path), look, room)
        except PermanentSourceError:
            continue
        if look.rows:
            file.search(_oldest_wanted(look, files.values()), stopped)
        files[path] = file.closed()
    # What Sentinel says of rows, and which are new, only reading them all can tell; and without a
    # filter what is no row belongs to the history, too: it becomes dead letters.
    asked = look.passing
    all_matter = not asked.clauses or asked.asks_new or asked.asks_for("sentinel")
    wanted = _of_each(list(files.values()), look.rows, all_matter=all_matter)
    return {
        path: file.start(count) for (path, file), count in zip(files.items(), wanted, strict=True)
    }


def passing(batch: Batch, log_filter: LogFilter) -> NDArray[np.intp]:
    """Return the rows of a batch that pass.

    Raises:
        PatternTooSlow: a regular expression ran out of its time.
    """
    segment = segment_of(0, batch, "file", {})
    return np.flatnonzero(segment.evaluate(log_filter, 0, len(batch)))


def _oldest_wanted(look: LookBack, files: Iterable[_File]) -> int:
    """Return a time before which nothing can be among the rows that are wanted."""
    since = [
        clause.since_ns
        for clause in look.passing.clauses
        if isinstance(clause, TimeClause) and clause.since_ns is not None
    ]
    times = np.concatenate([np.empty(0, dtype=np.int64), *(file.times for file in files)])
    if len(times) >= look.rows:
        since.append(int(np.partition(times, -look.rows)[-look.rows]))
    return max(since, default=-(1 << 62))


def _of_each(files: list[_File], rows: int, *, all_matter: bool) -> list[int | None]:
    """Return how many of the newest rows of all are in each file; None: all that was looked at."""
    if any(file.gave_up for file in files):
        return [None] * len(files)
    if sum(len(file.times) for file in files) < rows:
        return [None if all_matter else len(file.times) for file in files]
    keys = [np.maximum.accumulate(file.times) for file in files]  # as following weaves them
    of = np.repeat(np.arange(len(files)), [len(one) for one in keys])
    order = np.argsort(np.concatenate([np.empty(0, dtype=np.int64), *keys]), kind="stable")
    newest = of[order[len(order) - rows :]]
    return [int(count) for count in np.bincount(newest, minlength=len(files))]


class _File:
    """What was found in one file, the oldest first."""

    def __init__(self, opened: OpenedFile, look: LookBack, room: int | None) -> None:
        self._opened: OpenedFile | None = opened
        self._look = look
        self._room = room
        self._rows = 0
        self.times = np.empty(0, dtype=np.int64)
        self._places = np.empty(0, dtype=np.int64)
        self._newest_ns = 0
        self.gave_up = False
        """Whether a regular expression ran out of its time: whoever shows the rows says so."""
        self._left = opened.size
        self._end = opened.whole_lines_end()
        self._whole_from = self._end if room == 0 else 0

    def search(self, oldest_wanted_ns: int, stopped: Callable[[], bool]) -> None:
        """Look backwards until enough passed, or nothing that is wanted can come any more."""
        file = self._opened
        assert file is not None  # noqa: S101 - searched before it is closed
        arrivals, _ = file.newest(hold=False)
        while True:
            self._newest_ns = -(1 << 63)
            try:
                for arrival in arrivals:
                    self._take(arrival, file.left)
            except PatternTooSlow:
                self.gave_up = True
                return
            self._left = file.left
            enough = len(self.times) >= self._look.rows
            stale = arrivals and self._newest_ns < oldest_wanted_ns - STRAY_NS
            quick = not self._look.thorough and file.size - file.left >= QUICK_BYTES
            if enough or stale or quick or stopped() or not file.left:
                return
            arrivals = file.block()

    def _take(self, arrival: Arrival, block: int) -> None:
        batch = arrival.batch
        if batch is None or not len(batch):
            return
        times = batch.columns.times
        self._newest_ns = max(self._newest_ns, int(times.max()))
        rows = passing(batch, self._look.passing)
        rows = rows[max(0, len(rows) - (self._look.rows - len(self.times))) :]
        self.times = np.concatenate([times[rows], self.times])
        self._places = np.concatenate([_places(batch, rows, block), self._places])
        if self._room is not None and self._rows < self._room <= self._rows + len(batch):
            row = np.array([len(batch) - (self._room - self._rows)])
            self._whole_from = int(_places(batch, row, block)[0])
        self._rows += len(batch)

    def closed(self) -> _File:
        """Let go of the file; what was found stays."""
        self._opened = None
        return self

    def start(self, count: int | None) -> Start:
        """Return where to begin for so many of the rows found; None: for all looked at."""
        if count is None:
            return Start(self._left, None, self._whole_from)
        if not count:
            return Start(self._end)
        place, time_ns = int(self._places[-count]), int(self.times[-count])
        return Start(place, time_ns, self._whole_from)


def _places(batch: Batch, rows: NDArray[np.intp], block: int) -> NDArray[np.int64]:
    """Return where rows begin; of a line that holds many events, where its block does."""
    if isinstance(batch, FileBatch):
        return batch.places(rows)
    return np.full(len(rows), block, dtype=np.int64)
