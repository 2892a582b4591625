"""What a configuration makes: its sources, Sentinel with its rules, the store."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logmon.config import Config, SourceTable, load_config
from logmon.errors import ConfigError
from logmon.rule_files import RuleFile, read_rules, rules_of
from logmon.source import LogEventSource, LogStreamOptions, LookBack
from logmon.sources import build_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.courier import Addressee
    from logmon.redaction import Redactor
    from logmon.sentinel.pipeline import Sentinel
    from logmon.store.journal import Store


STORE_LOOK_EVERY_S = 0.2
KEPT_TYPES = ("datadog", "otlp")
"""Source types whose events are kept in the store without being asked."""


def _options(
    table: SourceTable, *, look_back: LookBack | None, history_only: bool
) -> LogStreamOptions:
    return LogStreamOptions(
        look_back=look_back,
        minimum_level=table.minimum_level,
        sources=tuple(table.only),
        tags=tuple(table.tags),
        throttle_per_second=table.throttle_per_second,
        history_only=history_only,
    )


def configured_source(
    name: str,
    table: SourceTable,
    config: Config,
    *,
    look_back: LookBack | None = None,
    history_only: bool = False,
) -> LogEventSource:
    """Build a source; what is wrong with one of its keys is said with its file and line."""
    try:
        options = _options(table, look_back=look_back, history_only=history_only)
        return build_source(name, table, options, levels=config.levels)
    except ConfigError as error:
        prefix = f"sources.{name}."
        if not error.where.startswith(prefix):
            raise
        place = table.where(error.where.removeprefix(prefix))
        raise ConfigError(error.message, where=place, hint=error.hint) from None


def keeps(config: Config) -> bool:
    """Whether what comes in is kept on disk: asked for, or a source needs it."""
    told = config.sentinel.enabled and any(
        table.enabled for table in config.sentinel.trackers.values()
    )
    return (
        config.store.enabled
        or told
        or any(table.enabled and table.type in KEPT_TYPES for table in config.sources.values())
    )


def open_store(config: Config, redactor: Redactor | None, *, wait: bool) -> Store:
    """Open the store to write; where another process does, read along, or `wait` for it to end."""
    from logmon.store.journal import StoreOptions, open_reader, open_writer

    path = store_path(config)
    options = StoreOptions(
        keep_s=config.store.keep, max_bytes=config.store.max_bytes, redactor=redactor
    )
    store = open_writer(path, options)
    if store is not None:
        return store
    if not wait:
        sys.stderr.write(f"logmon: another logmon writes into {path}; reading along\n")
        return open_reader(path)
    sys.stderr.write(f"logmon: another logmon writes into {path}; waiting for it to end\n")
    while store is None:
        time.sleep(STORE_LOOK_EVERY_S)
        store = open_writer(path, options)
    return store


def store_path(config: Config) -> Path:
    """Return where the store's file is."""
    if config.store.path:
        return Path(config.store.path).expanduser()
    from platformdirs import user_state_path

    return user_state_path("logmon") / "logmon.db"


def addressees(config: Config) -> tuple[Addressee, ...]:
    """Return the trackers, where any are configured."""
    if not config.sentinel.trackers or not config.sentinel.enabled:
        return ()
    from logmon.tracker_setup import addressees

    return tuple(addressees(config.sentinel))


def rule_file_of(config: Config, given: Mapping[str, Any]) -> RuleFile:
    """Return the file that rules are read from again when it changes."""
    if rules := given.get("rules"):
        return RuleFile(load_config(rules, {}), rules, {})
    return RuleFile(config, given.get("config"), os.environ)


def sentinel_of(config: Config, rules: Path | None = None) -> Sentinel:
    """Return Sentinel with the configured rules, or with those of another file."""
    from logmon.sentinel.pipeline import Sentinel

    return Sentinel(read_rules(rules) if rules else rules_of(config.sentinel))
