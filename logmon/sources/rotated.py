"""The files a rotation leaves beside a followed one: each is known again by what was read of it.

What holds the bytes that were read is a copy or the old file; what holds others nobody has read.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

PRINT_BYTES = 1_024
"""By how many bytes before a place a file is known again."""
OPEN_TO_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC

_SUFFIX = re.compile(r"[.\-_]?\d[\dT.:\-_]*")
"""What is put behind the name of a file that is rotated: a number or a date."""


class Place(msgspec.Struct, frozen=True):
    """How far a file has been read, and by what it is known again."""

    device: int
    inode: int
    offset: int
    print: str = ""
    """A hash of the bytes just before the offset; empty where there are none."""


class Rotated:
    """What a path was before, and what lies beside it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._used_ns = 0
        self._read_out: set[tuple[int, int]] = set()
        """Files that were read to their end: inode (used again), time of change."""
        self.head = b""
        """The first bytes of what the path named last."""

    def note_use(self, fd: int, status: os.stat_result) -> None:
        """Remember the file that is read from now on."""
        self._used_ns = status.st_ctime_ns
        self.head = os.pread(fd, PRINT_BYTES, 0)

    def note_read_out(self, fd: int) -> None:
        """Remember that a file was read to its end."""
        status = os.fstat(fd)
        self._read_out.add((status.st_ino, status.st_mtime_ns))

    def was_read(self, status: os.stat_result) -> bool:
        """Whether a file was read to its end, and not written to since."""
        return (status.st_ino, status.st_mtime_ns) in self._read_out

    def is_known(self, fd: int, place: Place) -> bool:
        """Whether a file holds, before a place, what was read there.

        Where nothing was read it is the same file, or one written since this one was opened.
        """
        status = os.fstat(fd)
        if place.offset:
            return status.st_size >= place.offset and print_at(fd, place.offset) == place.print
        if self.was_read(status):
            return False
        return status.st_ino == place.inode or 0 < self._used_ns <= status.st_mtime_ns

    def holding(self, place: Place) -> int:
        """Return the open file beside this one that holds what was read up to a place, or -1."""
        for path in reversed(self._beside()):
            with suppress(OSError):
                fd = os.open(path, OPEN_TO_READ)
                if self.is_known(fd, place):
                    return fd
                os.close(fd)
        return -1

    def came_between(self, *known: int) -> Iterator[int]:
        """Open and yield files that came and were rotated away between two looks.

        `known` are inodes that were read or will be. Whoever takes a file closes it.
        """
        for path in self._beside():
            try:
                fd = os.open(path, OPEN_TO_READ)
            except OSError:
                continue
            status = os.fstat(fd)
            is_new = status.st_mtime_ns >= self._used_ns and status.st_ino not in known
            if is_new and not self.was_read(status) and not self._is_copy(fd):
                yield fd
            else:
                os.close(fd)

    def _beside(self) -> list[str]:
        """Return the files that the rotation may have left, oldest first."""
        folder, name = os.path.split(self._path)
        found: list[tuple[int, str]] = []
        with suppress(OSError):
            for entry in os.scandir(folder or "."):
                suffix = entry.name.removeprefix(name)
                if suffix != entry.name and _SUFFIX.fullmatch(suffix) and entry.is_file():
                    found.append((entry.stat().st_mtime_ns, entry.path))
        return [path for _, path in sorted(found)]

    def _is_copy(self, fd: int) -> bool:
        """Whether a file begins as this one did: somebody's copy of it."""
        return self.head != b"" and os.pread(fd, len(self.head), 0) == self.head


def print_of(before: bytes) -> str:
    """Return the hash of the bytes before a place; empty where there are none."""
    return hashlib.blake2b(before, digest_size=16).hexdigest() if before else ""


def print_at(fd: int, offset: int) -> str:
    """Return the hash of the bytes before an offset of a file."""
    start = max(0, offset - PRINT_BYTES)
    return print_of(os.pread(fd, offset - start, start))
