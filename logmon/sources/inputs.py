"""What names on the command line stand for: files, folders, globs."""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from logmon.errors import PermanentSourceError
from logmon.sources.archives import COMPRESSED, packing

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_BYTES = 128 * 1_024
STDIN = "-"
LARGE_BYTES = 1 << 20
"""Less than this is read whole before one can blink."""


def expand(inputs: Sequence[str]) -> list[str]:
    """Return the files that names, folders and globs stand for, in a stable order.

    Raises:
        PermanentSourceError: a name or a pattern stands for nothing.
    """
    paths: list[str] = []
    for name in inputs:
        found = members(name)
        if not found:
            reason = "the folder holds no files" if name and Path(name).is_dir() else "no such file"
            raise PermanentSourceError(f"{shown(name) or repr(name)}: {reason}")
        paths += found
    return paths


def members(name: str) -> list[str]:
    """Return the files that one name stands for now, sorted; nothing is no error here."""
    if not name:  # as a path it would be the working folder
        return []
    path = Path(name)
    if name == STDIN or _cannot_be_seen(path):
        return [name]
    if path.is_dir():
        return sorted(str(file) for file in path.rglob("*") if _is_file(file))
    if path.exists():
        return [name]
    matches = glob.glob(name, recursive=True)  # noqa: PTH207 - absolute patterns too
    return sorted(match for match in matches if _is_file(Path(match)))


def _cannot_be_seen(path: Path) -> bool:
    """Whether it may be there, in a folder that is closed to us: opening it says so by name."""
    try:
        return path.is_dir() and not os.access(path, os.R_OK)
    except PermissionError:
        return True


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return False


def is_regular(path: str) -> bool:
    """Whether a path names a plain file whose bytes are its lines."""
    if path == STDIN or path.endswith(COMPRESSED):
        return False
    return stat.S_ISREG(Path(path).stat().st_mode) and not packing(path)


def are_large(paths: Sequence[str]) -> bool:
    """Whether all are plain files, and together worth opening at the end."""
    if not all(map(is_regular, paths)):
        return False
    return sum(Path(path).stat().st_size for path in paths) >= LARGE_BYTES


def shown(name: str) -> str:
    """Return a file name as text that may be printed; odd bytes become `\\xNN`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
