"""From flags and configuration to a run: which sources, which filter, screen or lines."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.config import Config, SourceTable, load_config
from logmon.console import ConsoleOptions, Output
from logmon.errors import ConfigError, PermanentSourceError
from logmon.event import to_ns
from logmon.filter import Clause, GrepClause, TimeClause, build_filter
from logmon.hub import LogEventHub
from logmon.level import parse_level_choice
from logmon.moments import parse_duration, parse_moment, parse_zone
from logmon.patterns import compile_pattern
from logmon.redaction_setup import redact_own_logs, redactor_of
from logmon.rule_files import RuleFile, read_rules, rules_of
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.serving import ApiRun
from logmon.session import LineRun, Playback, ScreenRun, run_lines, run_screen, run_serve
from logmon.source import LogEventSource, LogStreamOptions
from logmon.sources import build_source
from logmon.started import started_as
from logmon.tui.actions import keymap
from logmon.tui.look import Look, parse_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from logmon.config import ApiSettings
    from logmon.courier import Addressee
    from logmon.redaction import Redactor
    from logmon.sentinel.pipeline import Sentinel
    from logmon.store.journal import Store

REPLAY_ROWS = 20_000_000
REPLAY_BYTES = 4 << 30
"""A replay holds its whole input, up to these bounds; beyond them the oldest rows go, counted."""
LINES_ON_SCREEN = 10_000
DRY_RUN_KEY = b"the same pseudonyms in every run"
LINES_IN_LINES = 10
STORE_LOOK_EVERY_S = 0.2
REPEATING_TYPES = ("mock", "file")
"""Source types that may give a new event the id of an older one: the same line, the same place."""
KEPT_TYPES = ("datadog", "otlp")
"""Source types whose events are kept in the store without being asked."""
ENDING_TYPES = ("datadog", "logmon")
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
    _warn(config)
    zone = parse_zone(given["timezone"] or config.tail.timezone)
    if command == "replay" and any(map(given.get, ("dry_run", "diff_rules", "expect"))):
        from logmon.dry_run import check_flags

        check_flags(given)
    screen = not given.get("dry_run") and _wants_screen(given, env)
    keys = keymap(config.tail.keys, config.where_of_key)
    columns = parse_columns(" ".join(config.tail.columns), where="tail.columns")
    clauses = _clauses(given, zone)
    query = _query(given["query"])
    levels = parse_level_choice(given["level"])
    lines = _lines(given["lines"])
    sources = tuple(given["source"] or ())
    drawn = asyncio.Event() if _is_opened(command, given, screen=screen) else None
    entries = _entries(command, given, config, screen=screen, drawn=drawn)
    if given.get("dry_run"):
        passing = build_filter(levels=levels, sources=sources, clauses=(*query, *clauses))
        redactor = redactor_of(config.redaction, asked=True, key=DRY_RUN_KEY)
        entry = _redacted(entries[0], redactor) if given["redact"] and redactor else entries[0]
        from logmon.dry_run import dry_run

        return dry_run(given, config, entry.source, passing)
    build = _builder(command, given, config, entries)
    api = _api(config, env) if command == "tail" and config.api.enabled else None
    if api is None and not given["files"]:
        _say_unheard(config)
    first = _history(given, screen=screen)
    history = config.tail.history if first is None else first
    if screen:
        run = ScreenRun(
            levels=levels,
            sources=sources,
            text=given["query"] or "",
            fixed=clauses,
            history=history,
            look=Look(zone=zone, columns=columns),
            redraw_hz=config.tail.redraw_hz,
            theme=config.tail.theme,
            keys=keys,
            api=api,
            drawn=drawn,
            started=started_as(command, given, config),
            letters=lambda service: letters(service, lambda: load_config(given["config"], env)),
            playback=_playback(given) if command == "replay" else None,
            redactor=lambda: redactor_of(config.redaction),
            welcome="" if given["files"] or config.path else WELCOME,
        )
        return run_screen(build, run)
    output = _output(given["output"])
    options = ConsoleOptions(
        output=output,
        terminal=sys.stdout.isatty(),
        color=_color(given["color"], env),
        zone=zone,
        own_rows=command == "tail" and output != "raw",
    )
    log_filter = build_filter(levels=levels, sources=sources, clauses=(*query, *clauses))
    finite = given["no_follow"] or (command == "replay" and not given["follow"])
    last = lines if finite else None
    if command == "replay":
        history = 0
    line_run = LineRun(
        log_filter=log_filter,
        options=options,
        history=history,
        last=last,
        tell_repeats=bool(given.get("store")),
        api=api,
    )
    return run_lines(build, line_run)


def launch_serve(given: Mapping[str, Any], env: Mapping[str, str]) -> int:
    """Serve what is configured until a signal comes, and return the exit code.

    Raises:
        ConfigError: a flag or the configuration is wrong, or the door cannot be opened.
    """
    config = load_config(given["config"], env)
    _warn(config)
    flags = ("host", "port", "tls_cert", "tls_key", "insecure")
    changed = {name: given[name] for name in flags if given[name] is not None}
    settings = config.api.model_copy(update=changed)
    plain = {"files": (), "no_follow": False}
    entries = _entries("serve", plain, config, screen=False)
    build = _builder("serve", plain, config, entries)
    return run_serve(build, _api(config, env, settings), config.tail.history)


def _warn(config: Config) -> None:
    for warning in config.warnings:
        sys.stderr.write(f"logmon: {warning}\n")


def _say_unheard(config: Config) -> None:
    """Say of a source that gets what the API receives that nothing will come."""
    for name, table in config.sources.items():
        if table.enabled and table.type == "otlp":
            sys.stderr.write(f"logmon: sources.{name}: nothing listens; set api.enabled = true\n")


def _api(config: Config, env: Mapping[str, str], settings: ApiSettings | None = None) -> ApiRun:
    return ApiRun(
        settings=settings or config.api,
        env_token=env.get("LOGMON_API_TOKEN", ""),
        required=settings is not None,
    )


def check_config(path: Path | None, env: Mapping[str, str]) -> str:
    """Load the configuration, build every source, and return a line that says it is right.

    What is not wrong but should be known is said on stderr.

    Raises:
        ConfigError: it is not.
    """
    config = load_config(path, env)
    keymap(config.tail.keys, config.where_of_key)
    for name, table in config.sources.items():
        configured_source(name, table, config)
    _warn(config)
    return f"{config.path or 'built-in defaults'}: ok"


def _wants_screen(given: Mapping[str, Any], env: Mapping[str, str]) -> bool:
    """The screen on a terminal, lines elsewhere and where lines were asked for."""
    if given["tui"] and given["plain"]:
        raise ConfigError("contradicts --plain", where="--tui", hint="give one of them")
    if given["plain"] or given["output"]:
        return False
    terminal = sys.stdout.isatty() and (sys.stdin.isatty() or _reads_stdin(given))
    if given["tui"] and not terminal:
        raise ConfigError("the screen needs a terminal", where="--tui", hint="leave --tui out")
    dumb = env.get("TERM", "") in ("", "dumb")
    return terminal and (given["tui"] or not dumb)


def _reads_stdin(given: Mapping[str, Any]) -> bool:
    return "-" in (given["files"] or ())


def _clauses(given: Mapping[str, Any], zone: tzinfo) -> tuple[Clause, ...]:
    now = datetime.now(UTC)
    clauses: list[Clause] = []
    since, until = given["since"], given["until"]
    if since or until:
        clauses.append(
            TimeClause(
                to_ns(parse_moment(since, now=now, zone=zone, where="--since")) if since else None,
                to_ns(parse_moment(until, now=now, zone=zone, where="--until")) if until else None,
            )
        )
    clauses += [GrepClause(compile_pattern(text)) for text in given["grep"] or ()]
    clauses += [
        GrepClause(compile_pattern(text, where="--exclude"), exclude=True)
        for text in given["exclude"] or ()
    ]
    return tuple(clauses)


def _query(text: str | None) -> tuple[Clause, ...]:
    if not text:
        return ()
    from logmon.query import parse_query

    clause = parse_query(text)
    return () if clause is None else (clause,)


def _lines(text: str | None) -> int | None:
    """Return how many lines were asked for; None is all."""
    if text is None or text == "all":
        return None
    if not text.isdecimal():
        raise ConfigError(f"{text!r} is no number", where="--lines", hint="write 50, or all")
    return int(text)


def _history(given: Mapping[str, Any], *, screen: bool) -> int | None:
    """Return how much history a tail begins with; None is all: asked for, or cut by --since."""
    if given["lines"] is not None or given["since"]:
        return _lines(given["lines"])
    return LINES_ON_SCREEN if screen else LINES_IN_LINES


def _output(text: str | None) -> Output:
    for known in ("text", "json", "raw"):
        if text in (None, known):
            return known
    raise ConfigError(f"{text!r} is no output form", where="--output", hint="text, json or raw")


def _color(text: str, env: Mapping[str, str]) -> bool:
    if text not in ("auto", "always", "never"):
        raise ConfigError(f"{text!r} is no choice", where="--color", hint="auto, always or never")
    if text != "auto":
        return text == "always"
    return sys.stdout.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"


def _options(table: SourceTable, *, history_only: bool) -> LogStreamOptions:
    return LogStreamOptions(
        minimum_level=table.minimum_level,
        sources=tuple(table.only),
        tags=tuple(table.tags),
        throttle_per_second=table.throttle_per_second,
        history_only=history_only,
    )


def configured_source(
    name: str, table: SourceTable, config: Config, *, history_only: bool = False
) -> LogEventSource:
    """Build a source; what is wrong with one of its keys is said with its file and line."""
    try:
        options = _options(table, history_only=history_only)
        return build_source(name, table, options, levels=config.levels)
    except ConfigError as error:
        prefix = f"sources.{name}."
        if not error.where.startswith(prefix):
            raise
        place = table.where(error.where.removeprefix(prefix))
        raise ConfigError(error.message, where=place, hint=error.hint) from None


def _entries(
    command: str,
    given: Mapping[str, Any],
    config: Config,
    *,
    screen: bool,
    drawn: asyncio.Event | None = None,
) -> list[SourceEntry]:
    """Return the sources of this run: the files on the command line, or what is configured."""
    if given.get("from_url"):
        return [_remote(given, screen=screen)]
    if given["files"]:
        return [_files(command, given, config, screen=screen, drawn=drawn)]
    return [
        SourceEntry(
            configured_source(name, table, config, history_only=given["no_follow"]),
            add_tags=tuple(table.add_tags),
            repeats_ids=table.type in REPEATING_TYPES,
            history_only=given["no_follow"] and table.type not in ENDING_TYPES,
        )
        for name, table in config.sources.items()
        if table.enabled
    ]


def _remote(given: Mapping[str, Any], *, screen: bool) -> SourceEntry:
    """Return another logmon's stream as the only source."""
    from logmon.sources.remote import RemoteSettings, RemoteSource

    if given["files"]:
        raise ConfigError("contradicts the files given", where="--from", hint="give one of them")
    try:
        history = _history(given, screen=screen)
        settings = RemoteSettings(url=given["from_url"], history=history)
        options = LogStreamOptions(history_only=given["no_follow"])
        source = RemoteSource("remote", settings, options, environ=os.environ, anywhere=True)
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
    follow = not given["no_follow"] if command == "tail" else given["follow"]
    lines = _lines(given["lines"]) if command == "replay" else _history(given, screen=screen)
    reading = ReplayOptions(
        input_format=given["input_format"],
        zone=UTC,
        levels=config.levels,
        # On the screen all is read at once, and the playhead keeps the pace.
        speed=None if screen else _speed(given.get("speed", "max")),
        max_gap_s=parse_duration(given.get("max_gap", "5s"), where="--max-gap"),
        follow=follow,
        lines=lines if follow else None,
        newest_first=drawn,
    )
    stdin_fd = _move_stdin() if screen and _reads_stdin(given) else 0
    name = "files" if command == "tail" else "replay"
    return SourceEntry(ReplaySource(names, name=name, reading=reading, stdin_fd=stdin_fd))


def _playback(given: Mapping[str, Any]) -> Playback:
    gap_s = parse_duration(given["max_gap"], where="--max-gap")
    return Playback(_speed(given["speed"]), gap_s)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise ConfigError(f"{text!r} is no speed", where="--speed", hint="max, 1, 10 or 0.5")
    return speed


def _move_stdin() -> int:
    """Keep the piped input under another number and give the keyboard to the screen."""
    piped = os.dup(0)
    try:
        keyboard = os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        raise ConfigError(f"no keyboard: {error.strerror}", hint="use --plain") from None
    os.dup2(keyboard, 0)
    os.close(keyboard)
    return piped


def _builder(
    command: str,
    given: Mapping[str, Any],
    config: Config,
    entries: list[SourceEntry],
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
            store = _open_store(config, redactor, wait=command == "replay")
        journal = store if store is not None and store.writes else None
        if command == "replay":
            hub = LogEventHub(max_rows=REPLAY_ROWS, max_bytes=REPLAY_BYTES, journal=journal)
            if journal is None:
                hub.log.begin_at(REPLAY_ROWS)  # a file's rows are numbered downwards from its end
        else:
            hub = LogEventHub(max_rows=config.tail.history, journal=journal)
        # Another logmon's rows went through its own Sentinel; a second one would double its items.
        judged = config.sentinel.enabled and not given.get("from_url")
        sentinel = sentinel_of(config, given.get("rules")) if judged else None
        sources = entries
        if asked and redactor is not None:
            sources = [_redacted(entry, redactor) for entry in entries]
        return LogMonitorService(
            hub,
            sources,
            sentinel=sentinel,
            store=store,
            redactor=redactor,
            rule_file=_rule_file(config, given),
            addressees=_addressees(config) if command != "replay" else (),
            history_only=bool(given.get("no_follow")),
        )

    return build


def _redacted(entry: SourceEntry, redactor: Redactor) -> SourceEntry:
    from logmon.sources.redacted import RedactedSource

    return msgspec.structs.replace(entry, source=RedactedSource(entry.source, redactor))


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


def _open_store(config: Config, redactor: Redactor | None, *, wait: bool) -> Store:
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


def _addressees(config: Config) -> tuple[Addressee, ...]:
    """Return the trackers, where any are configured."""
    if not config.sentinel.trackers or not config.sentinel.enabled:
        return ()
    from logmon.tracker_setup import addressees

    return tuple(addressees(config.sentinel))


def _rule_file(config: Config, given: Mapping[str, Any]) -> RuleFile:
    """Return the file that rules are read from again when it changes."""
    if rules := given.get("rules"):
        return RuleFile(load_config(rules, {}), rules, {})
    return RuleFile(config, given.get("config"), os.environ)


def sentinel_of(config: Config, rules: Path | None = None) -> Sentinel:
    """Return Sentinel with the configured rules, or with those of another file."""
    from logmon.sentinel.pipeline import Sentinel

    return Sentinel(read_rules(rules) if rules else rules_of(config.sentinel))
