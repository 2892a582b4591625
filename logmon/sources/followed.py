"""One regular file that is followed: it may grow, be cut short, be replaced, vanish and come back.

Each line is read once, in order: a file that is renamed is read to its end before the new one, and
what a copy-and-truncate took away unread is read from the copy. Each such event is a notice.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from logmon.batch import RawBatch
from logmon.errors import PatternTooSlow
from logmon.filter import EVERYTHING
from logmon.source import Arrival, Notice
from logmon.sources.inputs import shown
from logmon.sources.look_back import Start, passing
from logmon.sources.rotated import (
    OPEN_TO_READ,
    PRINT_BYTES,
    Place,
    Rotated,
    print_at,
    print_of,
)
from logmon.sources.streams import TRACE_AFTER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logmon.filter import LogFilter
    from logmon.sources.lines import LineReader

LAST_LINE_AFTER_S = 5.0
"""A last line without its line end is taken as it is when nothing was added for this long."""
AT_REST_S = 5.0
"""A file that was not written to for this long when it is opened has no half-written last line."""
STRAGGLERS_S = 5.0
"""A file that was renamed is read on for this long: its writer may not know of the new one yet."""
AT_ONCE_BYTES = 1 << 20
"""Lines that come together are read together: numpy's calls cost the same for few and for many."""
MOST_BYTES = 4 << 20
"""How much is read of one file before the next one has its turn."""
NO_PLACE = -1


class Read(msgspec.Struct, frozen=True):
    """What was read at once, and the byte of the file behind each of its rows."""

    arrival: Arrival
    ends: NDArray[np.int64]


class FollowedFile:
    """Follows what a path names. `look` reads what is new; nothing is read in between."""

    def __init__(
        self,
        path: str,
        make_reader: Callable[[str, int], LineReader],
        *,
        clock_ns: Callable[[], int],
    ) -> None:
        self.path = path
        self.title = shown(Path(path).name)
        self._make_reader = make_reader
        self._clock_ns = clock_ns
        self._fd = -1
        self._position = 0
        self._before = b""
        self._rotated = Rotated(path)
        self._reader = make_reader(self.title, 0)
        self._written_ns = 0
        self._size_at_rest = -1
        self._gone = False
        self._known: Place | None = None
        self._leaving: FollowedFile | None = None
        self._sieve = EVERYTHING
        self._whole_from = 0
        self.is_behind = False
        """Whether the last look left bytes unread, so that other files had their turn."""

    @property
    def place(self) -> Place:
        """Where the first record begins that was not handed on yet."""
        status = os.fstat(self._fd)
        return self._place(status, self._reader.done)

    def place_at(self, offset: int) -> Place:
        """Return the place of a record that was handed on."""
        return self._place(os.fstat(self._fd), offset)

    def _place(self, status: os.stat_result, offset: int) -> Place:
        known = self._known
        if known is None or (known.inode, known.offset) != (status.st_ino, offset):
            known = Place(status.st_dev, status.st_ino, offset, print_at(self._fd, offset))
            self._known = known
        return known

    @property
    def done(self) -> int:
        """The byte behind the last record that was handed on."""
        return self._reader.done

    @property
    def is_open(self) -> bool:
        """Whether there is a file to read."""
        return self._fd >= 0

    def has_read(self, status: os.stat_result) -> bool:
        """Whether a file under another name is one that this one was."""
        held = [self._fd] + ([] if self._leaving is None else [self._leaving._fd])
        known = [os.fstat(fd).st_ino for fd in held if fd >= 0]
        return status.st_ino in known or self._rotated.was_read(status)

    # Opening

    def open(self, start: Start | None = None, sieve: LogFilter = EVERYTHING) -> None:
        """Open the file where it is to be read from; at its beginning where nothing is said.

        `sieve` is what rows before `start.whole_from` must pass.

        Raises:
            OSError: it cannot be read.
        """
        fd = os.open(self.path, OPEN_TO_READ)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise OSError(0, "no regular file")
        start = start or Start()
        self._use(fd, status, start.offset, start.before_ns)
        self._sieve, self._whole_from = sieve, start.whole_from
        if (self._clock_ns() - status.st_mtime_ns) / 1e9 > AT_REST_S:
            self._size_at_rest = status.st_size

    def resume(self, place: Place) -> Iterator[Read]:
        """Open the file where it was left; yield what was added before it was rotated meanwhile.

        Raises:
            OSError: it cannot be read.
        """
        with suppress(FileNotFoundError):
            self.open()
        same = False
        if self.is_open:
            status = os.fstat(self._fd)
            same = (status.st_dev, status.st_ino) == (place.device, place.inode)
            if same and self._rotated.is_known(self._fd, place):
                self._use(self._fd, status, place.offset)
                return
        yield from self._rest_of(self._rotated.holding(place), place.offset)
        if self.is_open:
            self._use(self._fd, os.fstat(self._fd), 0)
        what = "truncated" if same else "replaced"
        yield self._notice(f"{self.title} was {what} while logmon was away, reading it from 0")

    def _use(
        self, fd: int, status: os.stat_result, offset: int, before_ns: int | None = None
    ) -> None:
        self._fd = fd
        self._gone = False
        self._position = offset
        self._before = os.pread(fd, min(PRINT_BYTES, offset), max(0, offset - PRINT_BYTES))
        self._rotated.note_use(fd, status)
        self._reader.restart(offset, before_ns)
        self._reader.newest_ns = status.st_mtime_ns
        self._written_ns = self._clock_ns()

    def close(self) -> None:
        """Let go of the file."""
        if self._leaving is not None:
            self._leaving.close()
            self._leaving = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # Reading

    def look(self) -> Iterator[Read]:
        """Yield what is new."""
        if self._fd < 0:
            yield from self._come_back()
            return
        if self._leaving is not None:
            yield from self._stragglers(self._leaving)
        yield from self._read_on(MOST_BYTES)
        if self._held_long_enough():
            yield from self._reads(self._reader.flush())
        yield from self._renamed()

    def _read_on(self, most: int) -> Iterator[Read]:
        size = os.fstat(self._fd).st_size
        if size < self._position or (size > self._position and not self._is_as_it_was()):
            yield from self._truncated()
        yield from self._new_bytes(most)

    def _new_bytes(self, most: int) -> Iterator[Read]:
        until = self._position + most
        self.is_behind = True
        while self._position < until:
            data = os.pread(self._fd, AT_ONCE_BYTES, self._position)
            if not data:
                self.is_behind = False
                return
            if self._position == 0:
                self._rotated.head = data[:PRINT_BYTES]
            self._position += len(data)
            self._before = (self._before + data[-PRINT_BYTES:])[-PRINT_BYTES:]
            self._written_ns = self._clock_ns()
            self._reader.newest_ns = os.fstat(self._fd).st_mtime_ns
            yield from self._reads(self._reader.feed(data))

    def _reads(self, arrivals: Iterator[Arrival]) -> Iterator[Read]:
        for arrival in arrivals:
            batch = arrival.batch
            ends = np.full(0 if batch is None else len(batch), self._reader.done, dtype=np.int64)
            if isinstance(batch, RawBatch) and len(batch) > 1:
                ends[:-1] = batch.ends_in_input()[:-1]
            yield self._sifted(Read(arrival, ends)) if self._whole_from else Read(arrival, ends)

    def _sifted(self, read: Read) -> Read:
        """Leave out rows that do not pass, as long as those are not wanted."""
        batch = read.arrival.batch
        if batch is None or not len(batch):
            return read
        keep = read.ends > self._whole_from
        if keep[-1]:
            self._whole_from = 0
        try:
            keep[passing(batch, self._sieve)] = True
        except PatternTooSlow:  # whoever shows the rows will say so
            return read
        rows = np.flatnonzero(keep)
        sifted = batch.take(rows) if len(rows) else None
        return Read(msgspec.structs.replace(read.arrival, batch=sifted), read.ends[rows])

    @property
    def holds_record(self) -> bool:
        """Whether a whole line is held back for a moment: trace lines may follow it."""
        return self._reader.holds_whole_line

    def finish(self) -> Iterator[Read]:
        """Yield what is held back as it is: nothing that comes now is wanted."""
        if self._leaving is not None:
            yield from self._stragglers(self._leaving, last=True)
        yield from self._reads(self._reader.flush())

    def _held_long_enough(self) -> bool:
        if not self._reader.holds or self._position == self._size_at_rest:
            return self._reader.holds
        return self._quiet_s >= (
            TRACE_AFTER_S if self._reader.holds_whole_line else LAST_LINE_AFTER_S
        )

    @property
    def _quiet_s(self) -> float:
        return (self._clock_ns() - self._written_ns) / 1e9

    def _notice(self, text: str, *, lost: int | None = 0) -> Read:
        notice = Notice(text=text, lost=lost)
        return Read(Arrival(notices=(notice,)), np.empty(0, dtype=np.int64))

    # What happens to files

    def _is_as_it_was(self) -> bool:
        """Whether the bytes before the place are those that were read: a rewrite shows there."""
        before = self._before
        return os.pread(self._fd, len(before), self._position - len(before)) == before

    def _truncated(self) -> Iterator[Read]:
        """Begin at 0 again; what was cut off unread is read from the copy that was made of it."""
        status = os.fstat(self._fd)
        place = Place(status.st_dev, status.st_ino, self._position, print_of(self._before))
        copy = self._rotated.holding(place)
        rescued = copy >= 0
        if rescued:
            yield from self._rest_of(copy, self._position)
        else:
            yield from self._reads(self._reader.flush())
        yield from self._came_between(status.st_ino)
        self._use(self._fd, status, 0)
        yield self._notice(f"{self.title} truncated, restarted at 0", lost=0 if rescued else None)

    def _came_between(self, *known: int) -> Iterator[Read]:
        """Yield what files hold that came and were rotated away between two looks."""
        if self._leaving is not None:
            known = (*known, os.fstat(self._leaving._fd).st_ino)
        for fd in self._rotated.came_between(*known):
            yield from self._rest_of(fd, 0)

    def _rest_of(self, fd: int, offset: int) -> Iterator[Read]:
        """Yield what an older file holds from a byte on, to its end, and close it."""
        if fd < 0:
            return
        current, self._fd = self._fd, fd
        try:
            if self._position != offset or offset == 0:
                self._position = offset
                self._reader.restart(offset)
            yield from self._new_bytes(os.fstat(fd).st_size)
            yield from self._reads(self._reader.flush())
            self._rotated.note_read_out(fd)
        finally:
            os.close(fd)
            self._fd = current

    def _renamed(self) -> Iterator[Read]:
        """Notice that the path names another file now, or none."""
        here = os.fstat(self._fd)
        try:
            there = Path(self.path).stat()
        except OSError:
            if not self._gone:
                self._gone = True
                yield from self._reads(self._reader.flush_lines())
                yield self._notice(f"{self.title} is gone, waiting for it to come back")
            return
        if (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev):
            self._gone = False
            return
        try:
            fresh = os.open(self.path, OPEN_TO_READ)
        except OSError:
            return
        yield from self._read_on(here.st_size)
        yield from self._reads(self._reader.flush_lines())
        yield from self._leave()
        yield from self._came_between(here.st_ino, there.st_ino)
        self._use(fresh, os.fstat(fresh), 0)
        yield self._notice(f"{self.title} rotated, reading the new file")
        yield from self._new_bytes(MOST_BYTES)

    def _leave(self) -> Iterator[Read]:
        """Put the file that was renamed aside, to be read on for a while."""
        if self._leaving is not None:
            yield from self._stragglers(self._leaving, last=True)
        self._rotated.note_read_out(self._fd)
        old = FollowedFile(self.path, self._make_reader, clock_ns=self._clock_ns)
        old._fd, old._position, old._before = self._fd, self._position, self._before
        old._reader, old._written_ns = self._reader, self._clock_ns()
        self._leaving, self._fd = old, -1
        self._reader = self._make_reader(self.title, 0)

    def _stragglers(self, old: FollowedFile, *, last: bool = False) -> Iterator[Read]:
        """Yield what is still written into a file that was renamed."""
        reads = list(old._new_bytes(MOST_BYTES))
        if last or old._quiet_s >= STRAGGLERS_S:
            reads += old._reads(old._reader.flush())
            self._rotated.note_read_out(old._fd)
            old.close()
            self._leaving = None
        for read in reads:  # their places are no places in the file that is followed now
            yield Read(read.arrival, np.full(len(read.ends), NO_PLACE, dtype=np.int64))

    def _come_back(self) -> Iterator[Read]:
        """Open a file that was not there before."""
        try:
            self.open()
        except OSError:
            return
        yield self._notice(f"{self.title} is there, reading it from 0")
        yield from self._new_bytes(MOST_BYTES)
