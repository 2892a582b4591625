"""What on this machine keeps logmon from working well: findings, each with its remedy.

Nothing is changed, written or sent; what it looks at is passed in, so that each finding has a test.
"""

from __future__ import annotations

import locale
import os
import shlex
import shutil
import stat
import sys
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import msgspec

from logmon.config import find_config, load_config
from logmon.configured import configured_source, keeps, store_path
from logmon.errors import ConfigError, LogmonError
from logmon.event import encode_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from logmon.config import Config

Verdict = Literal["ok", "note", "wrong"]
SMALLEST = (60, 20)
"""Columns and rows that the screen needs to show all it has."""
LEAST_FREE_BYTES = 500 << 20
MARK: dict[Verdict, str] = {"ok": "✓", "note": "•", "wrong": "✗"}


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. `remedy` is empty when there is nothing to do."""

    subject: str
    verdict: Verdict
    text: str
    remedy: str = ""


def examine(path: Path | None, env: Mapping[str, str]) -> list[Finding]:
    """Look at everything; `path` is the configuration named on the command line."""
    findings = [*look_at_terminal(env), *look_at_extras(), look_at_zones()]
    try:
        config = load_config(path, env)
    except ConfigError as error:
        return [*findings, Finding("config", "wrong", str(error), "mend it, or name another -c")]
    where = find_config(path, env)
    text = f"{where}: right" if where else "no file: built-in defaults"
    findings.append(Finding("config", "ok", text, "" if where else "logmon config init writes one"))
    findings += [Finding("config", "note", warning) for warning in config.warnings]
    return [*findings, *look_at_sources(config), *look_at_store(config)]


def as_line(finding: Finding, *, json: bool) -> str:
    """Return a finding as one line, for people or as JSON."""
    if json:
        return encode_json(msgspec.to_builtins(finding)).decode()
    remedy = f" → {finding.remedy}" if finding.remedy else ""
    return f"{MARK[finding.verdict]} {finding.subject:<9} {finding.text}{remedy}"


def look_at_terminal(
    env: Mapping[str, str], *, is_terminal: bool | None = None, size: tuple[int, int] | None = None
) -> Iterator[Finding]:
    """Look at what the screen would be drawn on."""
    if not (sys.stdout.isatty() if is_terminal is None else is_terminal):
        yield Finding("terminal", "note", "stdout is none: logmon prints lines here")
    else:
        columns, rows = size or shutil.get_terminal_size()
        small = columns < SMALLEST[0] or rows < SMALLEST[1]
        remedy = f"give it {SMALLEST[0]}×{SMALLEST[1]} to see every pane" if small else ""
        yield Finding("terminal", "note" if small else "ok", f"{columns}×{rows}", remedy)
    name = env.get("TERM", "")
    if name in ("", "dumb"):
        yield Finding(
            "terminal", "note", f"TERM is {name or 'not set'}: no screen", "set TERM, or --tui"
        )
    yield _colours(env)
    yield _clipboard(env)
    if locale.getpreferredencoding(False).upper().replace("-", "") != "UTF8":
        yield Finding("locale", "wrong", "text is not written as UTF-8", "export LC_ALL=C.UTF-8")


def _colours(env: Mapping[str, str]) -> Finding:
    if env.get("NO_COLOR"):
        return Finding("colours", "ok", "none, as NO_COLOR asks; levels are letters too")
    if env.get("COLORTERM") in ("truecolor", "24bit"):
        return Finding("colours", "ok", "16 million")
    if "256" in env.get("TERM", ""):
        remedy = "export COLORTERM=truecolor if the terminal can"
        return Finding("colours", "note", "256: hues of work items are coarser", remedy)
    return Finding("colours", "note", "16", "use a terminal with TERM=…-256color")


def _clipboard(env: Mapping[str, str]) -> Finding:
    """OSC 52 cannot be asked for; multiplexers are known to need a setting."""
    if env.get("TMUX"):
        remedy = "in tmux: set -s set-clipboard on"
        return Finding("clipboard", "note", "copying (OSC 52) passes through tmux", remedy)
    if env.get("STY"):
        return Finding("clipboard", "note", "screen swallows copying (OSC 52)", "use tmux")
    if "Apple_Terminal" in env.get("TERM_PROGRAM", ""):
        return Finding("clipboard", "note", "Terminal.app knows no OSC 52", "use another terminal")
    return Finding(
        "clipboard", "ok", "copying uses OSC 52; some terminals must be told to allow it"
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def look_at_extras(is_there: Callable[[str], bool] = _is_there) -> Iterator[Finding]:
    """Look at the optional packages."""
    for module, extra, use in (
        ("re2", "fast", "regular expressions that cannot run long"),
        ("opentelemetry.proto", "otlp", "OTLP in protobuf"),
    ):
        if is_there(module):
            yield Finding("extra", "ok", f"{extra}: {use}")
        else:
            remedy = f"{sys.executable} -m pip install {_packages_of(extra)}"
            yield Finding("extra", "note", f"{extra} is not installed: {use}", remedy)


def _packages_of(extra: str) -> str:
    """Return what an extra needs, quoted for a shell: logmon itself may be on no index."""
    try:
        asked = [need.partition(";") for need in requires("logmon") or ()]
    except PackageNotFoundError:  # run from its folder
        return f"'.[{extra}]'"
    return shlex.join(need.strip() for need, _, when in asked if f"'{extra}'" in when)


def look_at_zones() -> Finding:
    """Look for the data of time zones, which a bare container lacks."""
    from logmon.moments import parse_zone

    try:
        parse_zone("Europe/Berlin")
    except ConfigError:
        return Finding("clock", "wrong", "no data of time zones", "pip install tzdata")
    return Finding("clock", "ok", "data of time zones is there")


def look_at_sources(config: Config) -> Iterator[Finding]:
    """Look at each source: whether it can be built, and whether its files can be read."""
    for name, table in config.sources.items():
        if not table.enabled:
            yield Finding("source", "ok", f"{name} ({table.type}): off")
            continue
        try:
            configured_source(name, table, config)
        except LogmonError as error:
            yield Finding("source", "wrong", f"{name}: {error}", "mend the configuration")
        else:
            yield Finding("source", "ok", f"{name} ({table.type}): can be built")


def look_at_store(config: Config) -> Iterator[Finding]:
    """Look at the store's file and its folder."""
    path = store_path(config)
    if not keeps(config):
        yield Finding("store", "ok", "off: nothing is written")
        return
    yield from _permissions(path)
    folder = next(place for place in (path, *path.parents) if place.is_dir())
    if not os.access(folder, os.W_OK):
        yield Finding("store", "wrong", f"{folder} cannot be written", "set [store] path")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        text = f"{folder} has {free >> 20} MiB free"
        yield Finding("store", "wrong", text, "make room, or lower [store] max_bytes")
    if path.exists():
        yield _opened(path)
    else:
        yield Finding("store", "ok", f"{path}: made when first needed")


def _permissions(path: Path) -> Iterator[Finding]:
    for place, most in ((path.parent, 0o700), (path, 0o600)):
        if not place.exists():
            continue
        mode = stat.S_IMODE(place.stat().st_mode)
        if place == path and mode & ~most:
            remedy = f"chmod {most:o} {place}"
            yield Finding("store", "wrong", f"{place} may be read by others", remedy)
        elif mode & 0o022:
            yield Finding("store", "wrong", f"others may write in {place}", f"chmod go-w {place}")


def _opened(path: Path) -> Finding:
    from logmon.store.journal import open_reader

    try:
        store = open_reader(path)
        rows = store.newest_seq()
        store.close()
    except LogmonError as error:
        return Finding(
            "store", "wrong", str(error), "logmon sets a damaged file aside at its start"
        )
    use = "in use by another logmon" if _in_use(path) else "free"
    size = path.stat().st_size >> 20
    return Finding("store", "ok", f"{path}: {rows:,} rows so far, {size} MiB, {use}")


def _in_use(path: Path) -> bool:
    from logmon.store.place import Lock

    return Lock(path).is_held()
