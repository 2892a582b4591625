"""TOML with places: which line a key stands on, and who may have written the file."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Any

from logmon.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

Path_ = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*="""
)
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*\.?""")
SECRET_KEY = re.compile(r"(?:(?<!^tls_)key|token|secret|password)$", re.IGNORECASE)
"""Keys whose value is a secret; `tls_key` names a file."""


def read_toml(path: Path) -> tuple[dict[str, Any], dict[Path_, int]]:
    """Return a file's values, and the line of each table and key by its path.

    Raises:
        ConfigError: it cannot be read, is not TOML, or someone else could have written it.
    """
    try:
        with path.open("rb") as file:
            _refuse_foreign(os.fstat(file.fileno()), path)
            text = file.read().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=str(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8", where=str(path), hint=f"see byte {error.start}") from None
    try:
        return tomllib.loads(text), key_lines(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        line = re.search(r"at line (\d+)", message)
        place = f"{path}:{line[1]}" if line else str(path)
        raise ConfigError(message, where=place) from None
    except RecursionError:
        raise ConfigError("is nested too deep", where=str(path)) from None


def _refuse_foreign(status: os.stat_result, path: Path) -> None:
    if status.st_uid not in (os.getuid(), 0):
        raise ConfigError(
            "belongs to another user", where=str(path), hint="copy it, or give it to yourself"
        )
    if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            "may be written by others", where=str(path), hint=f"run chmod go-w {path}"
        )


def key_lines(text: str) -> dict[Path_, int]:
    """Return the line (from 1) of every table and key: `("sources", "mock", "seed")` → 4."""
    lines: dict[Path_, int] = {}
    table: Path_ = ()
    counts: dict[Path_, int] = {}
    inside: str | None = None
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        if inside is not None:
            inside = None if inside in line else inside
            continue
        header = _HEADER.match(line) if depth == 0 else None
        if header:
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines.setdefault(table, number)
            continue
        key = _KEY.match(line) if depth == 0 else None
        rest = line
        if key:
            lines.setdefault((*table, *_parts(key[1])), number)
            rest = line[key.end() :]
        inside = _opens_text(rest)
        depth = max(0, depth + _balance(rest))
    return lines


def key_columns(line: str) -> tuple[int, int]:
    """Return the columns (from 1) where a line's key and its value begin."""
    key = _KEY.match(line)
    start = key.end() if key else 0
    value = len(line) - len(line[start:].lstrip()) if line[start:].strip() else start
    first = len(line) - len(line.lstrip()) + 1
    return first, value + 1


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in _PART.findall(dotted))


def _opens_text(rest: str) -> str | None:
    """Return the quotes that a multi-line text opened here ends with."""
    for quotes in ('"""', "'''"):
        if rest.count(quotes) % 2:
            return quotes
    return None


def _balance(rest: str) -> int:
    """Return how many brackets a line opens more than it closes, texts and comments left out."""
    bare = re.sub(r""""(?:\\.|[^"\\])*"|'[^']*'|#.*""", "", rest)
    return sum(bare.count(char) for char in "[{") - sum(bare.count(char) for char in "]}")


def open_secrets(values: dict[str, Any], path: Path) -> list[str]:
    """Return a warning for each literal secret in a file that others can read."""
    if not path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return []
    return [
        f"{path}: {'.'.join(place)} is a secret in a file that others can read; "
        f"use {place[-1]}_file, or run chmod 600 {path}"
        for place in _secrets(values, ())
    ]


def _secrets(values: dict[str, Any], place: tuple[str, ...]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _secrets(value, (*place, key))
        elif isinstance(value, str) and value and SECRET_KEY.search(key):
            found.append((*place, key))
    return found
