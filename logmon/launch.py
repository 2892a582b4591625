"""From flags and configuration to a run: which sources, which filter, screen or lines."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.config import Config, load_config
from logmon.config_check import columns_of, say_warnings
from logmon.configured import (
    addressees,
    configured_source,
    keeps,
    open_store,
    rule_file_of,
    sentinel_of,
    store_path,
)
from logmon.console import ConsoleOptions
from logmon.errors import ConfigError, PermanentSourceError
from logmon.flags import (
    look_back,
    move_stdin,
    output_form,
    playback,
    reads_stdin,
    replay_speed,
    rows_asked,
    rows_held,
    wants_color,
    wants_screen,
)
from logmon.hub import LogEventHub
from logmon.moments import parse_duration, parse_zone
from logmon.redaction_setup import redact_own_logs, redactor_of
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.serving import ApiRun
from logmon.session import LineRun, ScreenRun, run_lines, run_screen, run_serve
from logmon.source import EVERY_ROW, LogStreamOptions, LookBack
from logmon.started import started_as
from logmon.tui.actions import keymap
from logmon.tui.look import Look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from logmon.config import ApiSettings
    from logmon.filter import LogFilter
    from logmon.flags import RowsAsked
    from logmon.redaction import Redactor
    from logmon.store.journal import Store
    from logmon.tui.actions import Keymap

REPLAY_ROWS = 20_000_000
REPLAY_BYTES = 4 << 30
"""A replay holds its whole input, up to these bounds; beyond them the oldest rows go, counted."""
DRY_RUN_KEY = b"the same pseudonyms in every run"
REPEATING_TYPES = ("mock", "file")
"""Source types that may give a new event the id of an older one: the same line, the same place."""
ENDING_TYPES = ("datadog", "file", "logmon", "otlp")
"""Source types that know when their history is out; others are stopped a moment later."""


WELCOME = (
    "Nothing is configured yet: these are a made-up shop's logs, and ◆ is what Sentinel, the "
    "automation, made of them.\n"
    "?  keys · q  quit\n"
    "logmon tail FILE follows a file, logmon replay FILE shows one.\n"
    "logmon config init writes a file for sources, Datadog among them."
)


def launch(
    command: str,
    given: Mapping[str, Any],
    env: Mapping[str, str],
    letters: Callable[[LogMonitorService, Callable[[], Config]], Any],
) -> int:
    """Run a command and return its exit code.

    `letters` makes what the screen shows of dead letters, from the service and a function that
    reads the configuration of now.

    Raises:
        ConfigError: a flag or the configuration is wrong.
    """
    config = load_config(given["config"], env)
    say_warnings(config)
    zone = parse_zone(given["timezone"] or config.tail.timezone)
    _check_dry_run(given)
    screen = not given.get("dry_run") and wants_screen(given, env)
    keys = keymap(config.tail.keys, config.where_of_key)
    columns = columns_of(config)
    rows = rows_asked(given, zone)
    drawn = asyncio.Event() if _is_opened(command, given, screen=screen) else None
    held = rows_held(given, config.tail.history, screen=screen)
    look = look_back(command, given, rows.filter, held=held if screen else None)
    entries = _entries(command, given, config, look, drawn=drawn, screen=screen)
    if given.get("dry_run"):
        return _dry_run(given, config, entries[0], rows.filter, look)
    build = _builder(command, given, config, entries, held=held)
    api = _api(config, env) if command == "tail" and config.api.enabled else None
    if not entries:
        _say_nothing_is_on(config)
    if api is None and not given["files"]:
        _say_unheard(config)
    if not screen:
        return run_lines(build, _line_run(command, given, env, rows, look, zone, api))
    run = msgspec.structs.replace(
        _screen_run(command, given, config, rows, keys, Look(zone=zone, columns=columns)),
        look_back=look or LookBack(rows=held),
        api=api,
        drawn=drawn,
        letters=lambda service: letters(service, lambda: load_config(given["config"], env)),
    )
    return run_screen(build, run)


def _screen_run(
    command: str,
    given: Mapping[str, Any],
    config: Config,
    rows: RowsAsked,
    keys: Keymap,
    look: Look,
) -> ScreenRun:
    return ScreenRun(
        levels=rows.levels,
        sources=rows.sources,
        text=given["query"] or "",
        fixed=rows.clauses,
        look_back=LookBack(rows=config.tail.history),
        look=look,
        redraw_hz=config.tail.redraw_hz,
        theme=config.tail.theme,
        theme_where=config.where("tail", "theme"),
        keys=keys,
        started=started_as(command, given, config),
        playback=playback(given) if command == "replay" else None,
        redactor=lambda: redactor_of(config.redaction),
        welcome=_welcome(given, config),
    )


def _check_dry_run(given: Mapping[str, Any]) -> None:
    if any(map(given.get, ("dry_run", "diff_rules", "expect"))):
        from logmon.dry_run import check_flags

        check_flags(given)


def _dry_run(
    given: Mapping[str, Any],
    config: Config,
    entry: SourceEntry,
    passing: LogFilter,
    look: LookBack | None,
) -> int:
    from logmon.dry_run import dry_run

    redactor = redactor_of(config.redaction, asked=True, key=DRY_RUN_KEY)
    if given["redact"] and redactor:
        entry = _redacted(entry, redactor)
    last = None if look is None else look.rows
    return dry_run(given, config, entry.source, passing, last=last)


def _line_run(
    command: str,
    given: Mapping[str, Any],
    env: Mapping[str, str],
    rows: RowsAsked,
    look: LookBack | None,
    zone: tzinfo,
    api: ApiRun | None,
) -> LineRun:
    output = output_form(given["output"])
    options = ConsoleOptions(
        output=output,
        terminal=sys.stdout.isatty(),
        color=wants_color(given["color"], env),
        zone=zone,
        own_rows=output != "raw" and (command == "tail" or "sentinel" in rows.sources),
    )
    finite = given["no_follow"] or (command == "replay" and not given["follow"])
    return LineRun(
        log_filter=rows.filter,
        options=options,
        look_back=LookBack(rows=0) if command == "replay" else look or LookBack(rows=EVERY_ROW),
        last=None if look is None else look.rows,
        follow=not finite,
        tell_repeats=bool(given.get("store")),
        api=api,
    )


def _welcome(given: Mapping[str, Any], config: Config) -> str:
    """Return what is said to somebody who sees the made-up logs because nothing is configured."""
    chosen = given["files"] or given.get("from_url") or config.path
    return "" if chosen or config.sources.keys() != {"mock"} else WELCOME


def launch_serve(given: Mapping[str, Any], env: Mapping[str, str]) -> int:
    """Serve what is configured until a signal comes, and return the exit code.

    Raises:
        ConfigError: a flag or the configuration is wrong, or the door cannot be opened.
    """
    config = load_config(given["config"], env)
    say_warnings(config)
    flags = ("host", "port", "tls_cert", "tls_key", "insecure")
    changed = {name: given[name] for name in flags if given[name] is not None}
    settings = config.api.model_copy(update=changed)
    plain = {"files": (), "no_follow": False}
    entries = _entries("serve", plain, config, None, screen=False)
    rows = config.tail.history
    build = _builder("serve", plain, config, entries, held=rows)
    return run_serve(build, _api(config, env, settings), LookBack(rows=rows))


def _say_unheard(config: Config) -> None:
    """Say of a source that gets what the API receives that nothing will come."""
    for name, table in config.sources.items():
        if table.enabled and table.type == "otlp":
            sys.stderr.write(f"logmon: sources.{name}: nothing listens; set api.enabled = true\n")


def _say_nothing_is_on(config: Config) -> None:
    """Say why nothing will come."""
    place = config.path or "the environment"
    sys.stderr.write(f"logmon: {place}: no source is enabled; name files, or enable one\n")


def _api(config: Config, env: Mapping[str, str], settings: ApiSettings | None = None) -> ApiRun:
    return ApiRun(
        settings=settings or config.api,
        env_token=env.get("LOGMON_API_TOKEN", ""),
        required=settings is not None,
    )


def _entries(
    command: str,
    given: Mapping[str, Any],
    config: Config,
    look: LookBack | None,
    *,
    screen: bool,
    drawn: asyncio.Event | None = None,
) -> list[SourceEntry]:
    """Return the sources of this run: the files on the command line, or what is configured."""
    if given.get("from_url") is not None:
        return [_remote(given, look, screen=screen)]
    if given["files"]:
        return [_files(command, given, config, look, screen=screen, drawn=drawn)]
    # With a store, what it holds must not depend on what somebody wanted to see.
    asked = given.get("lines") is not None and not keeps(config)
    wanted = (look or LookBack(rows=EVERY_ROW)) if asked else None
    return [
        SourceEntry(
            configured_source(
                name, table, config, look_back=wanted, history_only=given["no_follow"]
            ),
            add_tags=tuple(table.add_tags),
            repeats_ids=table.type in REPEATING_TYPES,
            history_only=given["no_follow"] and table.type not in ENDING_TYPES,
        )
        for name, table in config.sources.items()
        if table.enabled
    ]


def _remote(given: Mapping[str, Any], look: LookBack | None, *, screen: bool) -> SourceEntry:
    """Return another logmon's stream as the only source; on the screen filters can be lifted."""
    from logmon.sources.remote import RemoteSettings, RemoteSource
    from logmon.sources.remote_asked import asked_for

    if given["files"]:
        raise ConfigError("contradicts the files given", where="--from", hint="give one of them")
    try:
        settings = RemoteSettings(url=given["from_url"], history=None)
        options = LogStreamOptions(history_only=given["no_follow"], look_back=look)
        asked = {} if screen else asked_for(given["level"], given["source"] or (), given["query"])
        source = RemoteSource(
            "remote", settings, options, environ=os.environ, anywhere=True, asked=asked
        )
    except ConfigError as error:
        raise ConfigError(error.message, where="--from", hint=error.hint) from None
    return SourceEntry(source)


def _is_opened(command: str, given: Mapping[str, Any], *, screen: bool) -> bool:
    """Whether files are opened to look around in them, newest rows first, not read in order."""
    in_order = (
        given.get("store")
        or given.get("dry_run")
        or given.get("speed") != "max"
        or given["lines"] is not None
    )
    return command == "replay" and screen and not in_order


def _files(
    command: str,
    given: Mapping[str, Any],
    config: Config,
    look: LookBack | None,
    *,
    screen: bool,
    drawn: asyncio.Event | None,
) -> SourceEntry:
    from logmon.sources.inputs import expand
    from logmon.sources.replay import ReplayOptions, ReplaySource

    names = given["files"]
    try:
        expand(names)
    except PermanentSourceError as error:
        raise ConfigError(str(error), hint="check the name") from None
    reading = ReplayOptions(
        input_format=given["input_format"],
        zone=UTC,
        levels=config.levels,
        # On the screen all is read at once, and the playhead keeps the pace.
        speed=None if screen else replay_speed(given.get("speed", "max")),
        max_gap_s=parse_duration(given.get("max_gap", "5s"), where="--max-gap"),
        follow=command == "tail" or given["follow"],
        look_back=look,
        newest_first=drawn,
    )
    stdin_fd = move_stdin() if screen and reads_stdin(given) else 0
    name = "files" if command == "tail" else "replay"
    options = LogStreamOptions(history_only=command == "tail" and given["no_follow"])
    source = ReplaySource(names, name=name, reading=reading, options=options, stdin_fd=stdin_fd)
    return SourceEntry(source)


def _hub(command: str, held: int, journal: Store | None) -> LogEventHub:
    if command != "replay":
        return LogEventHub(max_rows=held, journal=journal)
    hub = LogEventHub(max_rows=REPLAY_ROWS, max_bytes=REPLAY_BYTES, journal=journal)
    if journal is None:
        hub.log.begin_at(REPLAY_ROWS)  # a file's rows are numbered downwards from its end
    return hub


def _builder(
    command: str,
    given: Mapping[str, Any],
    config: Config,
    entries: list[SourceEntry],
    *,
    held: int,
) -> Callable[[], LogMonitorService]:
    def build() -> LogMonitorService:
        store = None
        elsewhere = given["files"] or given.get("from_url")
        keeping = given.get("store") or (not elsewhere and keeps(config))
        asked = given.get("redact", False)
        redactor = None
        if keeping or asked or command != "replay":
            path = store_path(config) if keeping else None
            redactor = redactor_of(config.redaction, store=path, asked=asked)
        if redactor is not None:
            redact_own_logs(redactor)
        if keeping:
            store = open_store(config, redactor, wait=command == "replay")
        journal = store if store is not None and store.writes else None
        # Another logmon's rows went through its own Sentinel; a second one would double its items.
        judged = config.sentinel.enabled and not given.get("from_url")
        sentinel = sentinel_of(config, given.get("rules")) if judged else None
        sources = entries
        if asked and redactor is not None:
            sources = [_redacted(entry, redactor) for entry in entries]
        return LogMonitorService(
            _hub(command, held, journal),
            sources,
            sentinel=sentinel,
            store=store,
            redactor=redactor,
            rule_file=rule_file_of(config, given),
            addressees=addressees(config) if command != "replay" else (),
            history_only=bool(given.get("no_follow")),
        )

    return build


def _redacted(entry: SourceEntry, redactor: Redactor) -> SourceEntry:
    from logmon.sources.redacted import RedactedSource

    return msgspec.structs.replace(entry, source=RedactedSource(entry.source, redactor))
