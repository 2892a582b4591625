"""Saved views: filter, columns and theme under a name, in the user's config folder.

Nothing is written before it is asked for. The file is TOML, written whole and swapped in, so that
a full disk leaves the old one. No Textual here.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NAME = re.compile(r"[\w.-]{1,60}")
FILE_NAME = "views.toml"


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """What a view restores."""

    query: str = ""
    levels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    theme: str = ""


def views_path() -> Path:
    """Return where views are kept."""
    from platformdirs import user_config_path

    return user_config_path("logmon") / FILE_NAME


def read_views(path: Path) -> dict[str, SavedView]:
    """Return the saved views by name; none when there is no file.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        return {name: msgspec.convert(view, SavedView) for name, view in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # TOML, UTF-8 and msgspec errors are ValueErrors
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"cannot be read: {reason}", where=str(path)) from None


def check_name(name: str) -> str:
    """Return a name that a view may have.

    Raises:
        ConfigError: it may not.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a view", where="save", hint="letters, digits, - _ and ."
        )
    return name


def write_view(path: Path, name: str, view: SavedView) -> None:
    """Keep a view, in the place of one with the same name.

    Raises:
        ConfigError: the file cannot be read or written.
    """
    views = {**read_views(path), name: view}
    text = "".join(f"[{_text(key)}]\n{_table(value)}\n" for key, value in views.items())
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{FILE_NAME}")
        try:
            with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            os.replace(draft, path)  # noqa: PTH105 - Path.replace says nothing more
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)  # noqa: PTH108
            raise
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(path)) from None


def _table(view: SavedView) -> str:
    values = msgspec.structs.asdict(view)
    return "".join(f"{key} = {_text(value)}\n" for key, value in values.items() if value)


def _text(value: object) -> str:
    """Write a text, or a list of them: JSON with U+007F escaped as well is TOML."""
    plain = list(value) if isinstance(value, tuple) else value
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
