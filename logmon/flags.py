"""What the flags of a run mean: which rows, screen or lines, which form, which pace."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.errors import ConfigError
from logmon.event import to_ns
from logmon.filter import Clause, GrepClause, LogFilter, TimeClause, build_filter
from logmon.level import Level, parse_level_choice
from logmon.moments import parse_duration, parse_moment
from logmon.patterns import compile_pattern
from logmon.session import Playback
from logmon.source import LookBack

LINES_ON_SCREEN = 10_000
LINES_IN_LINES = 10
MOST_ON_SCREEN = 1_000_000
"""The largest number that [tail] history takes."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.console import Output


def wants_screen(given: Mapping[str, Any], env: Mapping[str, str]) -> bool:
    """The screen on a terminal, lines elsewhere and where lines were asked for."""
    if given["tui"] and given["plain"]:
        raise ConfigError("contradicts --plain", where="--tui", hint="give one of them")
    if given["no_follow"] and given.get("follow"):
        raise ConfigError("contradicts --no-follow", where="--follow", hint="give one of them")
    if given["plain"] or given["output"]:
        return False
    terminal = sys.stdout.isatty() and (sys.stdin.isatty() or reads_stdin(given))
    if given["tui"] and not terminal:
        raise ConfigError("the screen needs a terminal", where="--tui", hint="leave --tui out")
    dumb = env.get("TERM", "") in ("", "dumb")
    return terminal and (given["tui"] or not dumb)


def reads_stdin(given: Mapping[str, Any]) -> bool:
    """Whether standard input is among the files."""
    return "-" in (given["files"] or ())


class RowsAsked(msgspec.Struct, frozen=True):
    """Which rows the flags ask for."""

    levels: frozenset[Level]
    sources: tuple[str, ...]
    query: tuple[Clause, ...]
    clauses: tuple[Clause, ...]
    """Times and regular expressions."""

    @property
    def filter(self) -> LogFilter:
        """What passes all of them."""
        return build_filter(
            levels=self.levels, sources=self.sources, clauses=(*self.query, *self.clauses)
        )


def rows_asked(given: Mapping[str, Any], zone: tzinfo) -> RowsAsked:
    """Return which rows are asked for; also their number is checked. Clock times are in `zone`.

    Raises:
        ConfigError: a flag cannot be read; `where` names it.
    """
    clauses = _clauses_of(given, zone)
    query = _query_clauses(given["query"])
    levels = parse_level_choice(given["level"])
    line_count(given["lines"])
    return RowsAsked(levels, tuple(given["source"] or ()), query, clauses)


def _clauses_of(given: Mapping[str, Any], zone: tzinfo) -> tuple[Clause, ...]:
    """Return the clauses of time and of regular expressions."""
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


def _query_clauses(text: str | None) -> tuple[Clause, ...]:
    """Return what `--query` asks for."""
    if not text:
        return ()

    from logmon.query import parse_query

    clause = parse_query(text)
    return () if clause is None else (clause,)


def line_count(text: str | None) -> int | None:
    """Return how many lines were asked for; None is all."""
    if text is None or text == "all":
        return None
    if not text.isdecimal():
        raise ConfigError(f"{text!r} is no number", where="--lines", hint="write 50, or all")
    return int(text)


def look_back(
    command: str, given: Mapping[str, Any], passing: LogFilter, *, held: int | None
) -> LookBack | None:
    """Return how much history is shown first; None is all: asked for, cut by --since, a replay.

    `held` is how many rows the screen can hold, None for lines. On the screen a filter can be
    taken off again: there it counts only with a number given.
    """
    rows = line_count(given["lines"])
    if given["lines"] is None and not given["since"] and command == "tail":
        if held is not None:
            return LookBack(rows=LINES_ON_SCREEN)
        return LookBack(rows=LINES_IN_LINES, passing=passing, thorough=False)
    if rows is None:
        return None
    return LookBack(rows=rows, passing=passing, room=None if held is None else (held - rows) // 2)


def rows_held(given: Mapping[str, Any], history: int, *, screen: bool) -> int:
    """Return how many rows are held: `history`, on the screen more where more are asked for."""
    if not screen or given["lines"] is None:
        return history
    rows = line_count(given["lines"])
    return min(MOST_ON_SCREEN, max(history, MOST_ON_SCREEN if rows is None else rows))


def output_form(text: str | None) -> Output:
    """Return the form of line output that is asked for; text when none is."""
    for known in ("text", "json", "raw"):
        if text in (None, known):
            return known
    raise ConfigError(f"{text!r} is no output form", where="--output", hint="text, json or raw")


def wants_color(text: str, env: Mapping[str, str]) -> bool:
    """Whether lines are coloured: as asked, else on a terminal that takes it."""
    if text not in ("auto", "always", "never"):
        raise ConfigError(f"{text!r} is no choice", where="--color", hint="auto, always or never")
    if text != "auto":
        return text == "always"
    return sys.stdout.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"


def playback(given: Mapping[str, Any]) -> Playback:
    """Return the pace of a replay on the screen."""
    gap_s = parse_duration(given["max_gap"], where="--max-gap")
    return Playback(replay_speed(given["speed"]), gap_s)


def replay_speed(text: str) -> float | None:
    """Return how many times the recorded pace is wanted; None is all at once."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise ConfigError(f"{text!r} is no speed", where="--speed", hint="max, 1, 10 or 0.5")
    return speed


def move_stdin() -> int:
    """Keep the piped input under another number and give the keyboard to the screen."""
    piped = os.dup(0)
    try:
        keyboard = os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        raise ConfigError(f"no keyboard: {error.strerror}", hint="use --plain") from None
    os.dup2(keyboard, 0)
    os.close(keyboard)
    return piped
