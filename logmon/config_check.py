"""A configuration is right when all that a run would make of it can be made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from logmon.config import Config, load_config
from logmon.configured import configured_source
from logmon.tui.actions import keymap
from logmon.tui.look import parse_columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def check_config(path: Path | None, env: Mapping[str, str]) -> str:
    """Load the configuration, build every source, and return a line that says it is right.

    What is not wrong but should be known is said on stderr.

    Raises:
        ConfigError: it is not.
    """
    from logmon.tui.themes import check_theme

    config = load_config(path, env)
    keymap(config.tail.keys, config.where_of_key)
    columns_of(config)
    check_theme(config.tail.theme, where=config.where("tail", "theme"))
    for name, table in config.sources.items():
        configured_source(name, table, config)
    say_warnings(config)
    return f"{config.path or 'built-in defaults'}: ok"


def columns_of(config: Config) -> tuple[str, ...]:
    """Return the screen's columns.

    Raises:
        ConfigError: there is no such column.
    """
    return parse_columns(" ".join(config.tail.columns), where=config.where("tail", "columns"))


def say_warnings(config: Config) -> None:
    """Say on stderr what is not wrong but should be known."""
    for warning in config.warnings:
        sys.stderr.write(f"logmon: {warning}\n")
