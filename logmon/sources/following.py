"""Follows files, folders and globs side by side: what they hold now, and whatever comes.

New members of a folder or glob are taken in. Rows of several files are put into the order of
their times. With a checkpoint each file goes on where it was left, whatever became of it meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from logmon.checkpoint import Checkpoint
from logmon.errors import PermanentSourceError
from logmon.filter import EVERYTHING
from logmon.source import Arrival, Notice
from logmon.sources.archives import packing
from logmon.sources.followed import FollowedFile, Read
from logmon.sources.inputs import is_regular, members, shown
from logmon.sources.look_back import Start, starts_of
from logmon.sources.rotated import Place
from logmon.sources.streams import TRACE_AFTER_S
from logmon.sources.weave import Weave

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence

    from logmon.batch import Batch
    from logmon.source import LookBack
    from logmon.sources.lines import LineReader
    from logmon.sources.opened import OpenedFile

LOOK_EVERY_S = 0.05
LOOK_SELDOM_S = 0.2
SELDOM_AFTER_S = 2.0
"""Files that were quiet for this long are looked at more seldom."""
MEMBERS_EVERY_S = 1.0
"""How often new members of folders and globs are looked for."""
WINDOW_S = 0.5
"""How long a row waits for older rows of other files."""
MOST_FILES = 1_000


class _Cursor(msgspec.Struct, frozen=True):
    files: dict[str, Place]


class Following:
    """Follows regular files: those given, and those their folders and globs come to hold."""

    def __init__(
        self,
        inputs: Sequence[str],
        make_reader: Callable[[str, int], LineReader],
        *,
        name: str,
        sleep: Callable[[float], Awaitable[None]],
        clock_ns: Callable[[], int] = time.time_ns,
        opened: Callable[[str], OpenedFile],
        look_back: LookBack | None = None,
        starts: dict[str, int] | None = None,
        ends: bool = False,
        must_exist: bool = True,
        keeps_places: bool = False,
    ) -> None:
        self._inputs = inputs
        self._make_reader = make_reader
        self._name = name
        self._sleep = sleep
        self._clock_ns = clock_ns
        self._file_opened = opened
        self._look_back = look_back
        self._starts = {path: Start(offset) for path, offset in (starts or {}).items()}
        self._ends = ends
        self._must_exist = must_exist
        self._keeps_places = keeps_places
        self._files: dict[str, FollowedFile] = {}
        self._weave = Weave(WINDOW_S)
        self._members_at_s = 0.0

    async def arrivals(self, cursor: str | None = None) -> AsyncGenerator[Arrival, None]:
        """Yield what the files hold, say that this was all, then what comes, for ever.

        With `ends` nothing that comes is waited for.

        Raises:
            PermanentSourceError: a file that must exist cannot be read.
        """
        try:
            known = msgspec.json.decode(cursor, type=_Cursor).files if cursor else {}
            await self._find_starts(known)
            for arrival in self._opening(known):
                yield arrival
            quiet_s, looks, is_told = 0.0, 0, False
            while True:
                came = False
                for arrival in self._look():
                    came = came or arrival.batch is not None
                    yield arrival
                looks += 1
                if not is_told and self._is_at_end(looks):
                    is_told = True
                    for arrival in self._caught_up():
                        yield arrival
                    if self._ends:
                        return
                quiet_s = 0.0 if came or self._weave.waiting else quiet_s + LOOK_EVERY_S
                await self._sleep(LOOK_EVERY_S if quiet_s < SELDOM_AFTER_S else LOOK_SELDOM_S)
        finally:
            for file in self._files.values():
                file.close()
            self._files.clear()

    async def _find_starts(self, known: Mapping[str, Place]) -> None:
        """Look, in a thread, where to begin in files that were not read before."""
        if self._look_back is None:
            return
        found = dict.fromkeys(path for pattern in self._inputs for path in _growing(pattern))
        paths = [path for path in found if path not in known and path not in self._starts]
        stop = threading.Event()
        try:
            self._starts |= await asyncio.to_thread(
                starts_of, paths[:MOST_FILES], self._file_opened, self._look_back, stop.is_set
            )
        finally:
            stop.set()

    def _is_at_end(self, looks: int) -> bool:
        """Whether all that the files held has been read; records held back are, after a moment."""
        files = self._files.values()
        if any(file.is_behind for file in files):
            return False
        moment = self._ends or looks * LOOK_EVERY_S > 2 * TRACE_AFTER_S
        return moment or not any(file.holds_record for file in files)

    def _caught_up(self) -> Iterator[Arrival]:
        if self._ends:
            for file in tuple(self._files.values()):
                yield from self._handed_on(file, file.finish())
        for batch in self._weave.all():
            yield self._arrival(batch)
        yield Arrival(caught_up=True)

    def _opening(self, known: Mapping[str, Place]) -> Iterator[Arrival]:
        self._members_at_s = self._now_s()
        for pattern in self._inputs:
            found = members(pattern)
            if not found:
                waiting = "" if self._ends else " yet, waiting for it"
                yield _said(f"nothing at {shown(pattern)}{waiting}")
            for path in dict.fromkeys([*_growing(pattern), *(() if found else (pattern,))]):
                file = self._file(path)
                if file is not None:
                    yield from self._opened(file, known.get(path))
        for path, place in known.items():  # a file that vanished meanwhile may lie beside its place
            if path not in self._files and (file := self._file(path)) is not None:
                yield from self._opened(file, place)
        if self._keeps_places:
            yield Arrival(checkpoint=self._checkpoint())

    def _opened(self, file: FollowedFile, place: Place | None) -> Iterator[Arrival]:
        yield from self._handed_on(file, self._open(file, place))
        self._weave.ends[file.path] = file.done

    def _file(self, path: str) -> FollowedFile | None:
        if path in self._files:
            return None
        if len(self._files) >= MOST_FILES:
            return None
        file = FollowedFile(path, self._make_reader, clock_ns=self._clock_ns)
        self._files[path] = file
        return file

    def _open(self, file: FollowedFile, place: Place | None) -> Iterator[Read]:
        try:
            if place is not None:
                yield from file.resume(place)
            else:
                look = self._look_back
                sieve = EVERYTHING if look is None else look.passing
                file.open(self._starts.get(file.path), sieve)
        except OSError as error:
            if self._must_exist:
                raise PermanentSourceError(f"{shown(file.path)}: {error.strerror}") from None

    def _now_s(self) -> float:
        return self._clock_ns() / 1e9

    # Looking

    def _look(self) -> Iterator[Arrival]:
        self._take_members()
        for file in tuple(self._files.values()):
            yield from self._handed_on(file, file.look())
        behind = [file.path for file in self._files.values() if file.is_behind]
        for batch in self._weave.ripe(self._now_s(), behind):
            yield self._arrival(batch)

    def _handed_on(self, file: FollowedFile, reads: Iterator[Read]) -> Iterator[Arrival]:
        """Yield what one file brought; rows of several files go through the weave."""
        alone = len(self._files) == 1
        for read in reads:
            arrival, batch = read.arrival, read.arrival.batch
            if arrival.notices:  # places before it are no places in the file behind it
                for rest in self._weave.all():
                    yield self._arrival(rest)
                self._weave.ends[file.path] = file.done
            if batch is None or not len(batch) or (alone and not self._weave.waiting):
                yield msgspec.structs.replace(arrival, checkpoint=self._checkpoint())
                continue
            if arrival.rejected or arrival.notices:
                yield msgspec.structs.replace(arrival, batch=None)
            self._weave.add(file.path, batch, read.ends, self._now_s())

    def _arrival(self, batch: Batch) -> Arrival:
        return Arrival(batch=batch, checkpoint=self._checkpoint())

    def _checkpoint(self) -> Checkpoint | None:
        """Return how far each file has been handed on."""
        if not self._keeps_places:
            return None
        places = {
            path: file.place_at(self._weave.ends.get(path, 0))
            if self._weave.waits_for(path)
            else file.place
            for path, file in self._files.items()
            if file.is_open
        }
        return Checkpoint(self._name, msgspec.json.encode(_Cursor(places)).decode())

    def _take_members(self) -> None:
        """Follow files that folders and globs have come to hold."""
        now_s = self._now_s()
        if now_s - self._members_at_s < MEMBERS_EVERY_S:
            return
        self._members_at_s = now_s
        for pattern in self._inputs:
            for path in members(pattern):
                if path not in self._files and is_regular(path) and not self._is_renamed(path):
                    self._file(path)

    def _is_renamed(self, path: str) -> bool:
        """Whether a new name is that of a file whose lines were read under another one."""
        status = Path(path).stat()
        return any(file.has_read(status) for file in self._files.values())


def _growing(pattern: str) -> list[str]:
    """Return the files that a name stands for now, without archives: those do not grow."""
    return [path for path in members(pattern) if not packing(path)]


def _said(text: str) -> Arrival:
    return Arrival(notices=(Notice(text=text),))
