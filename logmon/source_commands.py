"""`logmon sources` and `logmon doctor datadog`: what is configured, and whether it can be read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from logmon import __version__
from logmon.config import SourceTable, load_config
from logmon.configured import configured_source, keeps, store_path
from logmon.doctor import Finding
from logmon.errors import (
    ConfigError,
    CredentialsError,
    LogmonError,
    NoCredentialsError,
    StoreError,
)
from logmon.event import encode_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

    from logmon.config import Config
    from logmon.source import LogEventSource

LAGS = 10_000
"""How many of the newest stored events tell how late events come."""


def listed(config: Config, *, json: bool) -> Iterator[str]:
    """Yield a line for each configured source."""
    for name, table in config.sources.items():
        filters = _filters(table)
        if json:
            yield encode_json(
                {"name": name, "type": table.type, "enabled": table.enabled} | filters
            ).decode()
        else:
            told = " ".join(f"{key}={value}" for key, value in filters.items())
            state = "on" if table.enabled else "off"
            yield f"{name:<16} {table.type:<10} {state:<4} {told}".rstrip()


def _filters(table: SourceTable) -> dict[str, Any]:
    """Return what of its rows a source leaves out or adds."""
    found: dict[str, Any] = {
        "only": list(table.only), "tags": list(table.tags), "add_tags": list(table.add_tags),
    }  # fmt: skip
    if table.minimum_level is not None:
        found["minimum_level"] = table.minimum_level.label
    if table.throttle_per_second is not None:
        found["throttle_per_second"] = table.throttle_per_second
    return {key: value for key, value in found.items() if value}


def check_sources(config: Config, names: list[str], say: Callable[[Finding], None]) -> int:
    """Try to read the sources of these names, or those that are enabled; return the exit code.

    Raises:
        ConfigError: there is no source of a name, or its table is wrong.
    """
    for name in names:
        if name not in config.sources:
            raise ConfigError(
                f"there is no source {name!r}", hint=f"sources are {', '.join(config.sources)}"
            )
    wanted = names or [name for name, table in config.sources.items() if table.enabled]
    codes = [
        asyncio.run(_try(configured_source(name, config.sources[name], config), say))
        for name in wanted
    ]
    return max(codes, default=0)


async def _try(source: LogEventSource, say: Callable[[Finding], None]) -> int:
    check = getattr(source, "check", None)
    if check is None:
        say(Finding(source.name, "ok", "can be built; it has nothing to ask"))
        return 0
    return await _told(check(), source.name, say)


async def _told(
    probes: AsyncIterator[Any], name: str, say: Callable[[Finding], None], *, prefix: str = ""
) -> int:
    """Say what probes find; return the exit code that an error means."""
    try:
        async for probe in probes:
            subject = f"{prefix}{probe.subject}" if prefix else f"{name} {probe.subject}"
            say(Finding(subject, probe.verdict, probe.text, probe.remedy))
    except NoCredentialsError as error:
        say(Finding(name, "wrong", str(error)))
        return 4
    except CredentialsError as error:
        say(Finding(name, "wrong", str(error), "a new key may need some seconds to be known"))
        return 4
    except LogmonError as error:
        say(Finding(name, "wrong", str(error)))
        return 3
    return 0


def examine_datadog(
    path: Path | None,
    name: str | None,
    env: Mapping[str, str],
    say: Callable[[Finding], None],
) -> int:
    """Measure what Datadog does here; return the exit code.

    Raises:
        ConfigError: there is no such source, or its table is wrong.
    """
    config = load_config(path, env)
    source = _datadog(config, name, env)
    text = f"logmon {__version__}: this report holds no secret and no log text"
    say(Finding("report", "ok", text))
    code = asyncio.run(
        _told(source.check(thorough=True), source.name, say, prefix=" ")  # type: ignore[attr-defined]
    )
    if not code:
        say(_lags(config, source.name))
    return code


def _datadog(config: Config, name: str | None, env: Mapping[str, str]) -> LogEventSource:
    """Return the named source, else the first of its type, else one of defaults."""
    tables = {key: table for key, table in config.sources.items() if table.type == "datadog"}
    if name is not None and name not in tables:
        known = f"such sources are {', '.join(tables)}" if tables else "none is configured"
        raise ConfigError(f"there is no Datadog source {name!r}", hint=known)
    if not tables:
        from logmon.sources.datadog.settings import DatadogSettings
        from logmon.sources.datadog.source import DatadogSource

        return DatadogSource("datadog", DatadogSettings(), environ=env)
    chosen = name or min(tables, key=lambda key: not tables[key].enabled)
    return configured_source(chosen, tables[chosen], config)


def _lags(config: Config, name: str) -> Finding:
    """Tell how late events came that are stored: from their own time to when they were written."""
    from logmon.store.journal import open_reader

    if not keeps(config):
        return Finding(" lag", "note", "not measured: no store is in use")
    try:
        store = open_reader(store_path(config))
        try:
            lags_s = sorted(store.lags_s(name, LAGS))
        finally:
            store.close()
    except StoreError as error:
        return Finding(" lag", "note", f"not measured: {error}")
    if not lags_s:
        return Finding(" lag", "note", "not measured: nothing of this source is stored")
    told = ", ".join(
        f"{label} {lags_s[min(len(lags_s) - 1, int(len(lags_s) * part))]:.1f} s"
        for label, part in (("half", 0.5), ("99 %", 0.99), ("99.9 %", 0.999), ("all", 1.0))
    )
    text = f"the newest {len(lags_s):,} stored events were here within: {told}"
    return Finding(" lag", "ok", f"{text} (polling and catching up included)")
