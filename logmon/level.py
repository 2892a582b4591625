"""The ten levels, their order, and how every other system's severities translate to them.

| Level     | rank | Datadog in (out)         | syslog | Python         | .NET            | OTel  |
|-----------|------|--------------------------|--------|----------------|-----------------|-------|
| trace     | 10   | t*, v* (debug)           | 7      | 5              | Trace (0)       | 1–4   |
| debug     | 20   | d* (debug)               | 7      | DEBUG 10       | Debug (1)       | 5–8   |
| info      | 30   | i*, ok, o*, s* (info)    | 6      | INFO 20        | Information (2) | 9–12  |
| notice    | 35   | n* (notice)              | 5      | 25             | Information (2) | 10    |
| warn      | 40   | w* (warn)                | 4      | WARNING 30     | Warning (3)     | 13–16 |
| error     | 50   | err* (error)             | 3      | ERROR 40       | Error (4)       | 17–20 |
| critical  | 60   | c* (critical)            | 2      | CRITICAL 50    | Critical (5)    | 18    |
| alert     | 70   | a* (alert)               | 1      | 55             | Critical (5)    | 19    |
| emergency | 80   | emerg*, f*, p* (emerg)   | 0      | 60             | Critical (5)    | 21–24 |

`ok` reads as info. Names beat numbers where an input has both. .NET's `None` is a filter word,
never an event's level. Sources: OpenTelemetry logs data model, appendix B; Datadog's status
remapper ("Log processors", read 2026-11); RFC 5424 §6.2.1.
"""

from __future__ import annotations

from enum import IntEnum

from logmon.errors import ConfigError


class Level(IntEnum):
    """A severity. The value is its rank: comparing levels compares how bad they are."""

    TRACE = 10
    DEBUG = 20
    INFO = 30
    NOTICE = 35
    WARN = 40
    ERROR = 50
    CRITICAL = 60
    ALERT = 70
    EMERGENCY = 80

    @property
    def label(self) -> str:
        """The canonical spelling, as JSON and flags use it: `warn`."""
        return _LABELS[self]

    @property
    def code(self) -> str:
        """Three letters for a column, so that colour is never the only sign: `WRN`."""
        return _CODES[self]


_LABELS = {level: level.name.lower() for level in Level}
_CODES = dict(
    zip(Level, ["TRC", "DBG", "INF", "NTC", "WRN", "ERR", "CRT", "ALR", "EMG"], strict=True)
)
LABELS: tuple[str, ...] = tuple(_LABELS.values())
"""Every canonical spelling, mildest first."""

_SPELLINGS: dict[str, Level] = {label: level for level, label in _LABELS.items()} | {
    "verbose": Level.TRACE, "vrb": Level.TRACE, "trc": Level.TRACE, "finest": Level.TRACE,
    "finer": Level.TRACE, "silly": Level.TRACE, "t": Level.TRACE, "v": Level.TRACE,
    "dbg": Level.DEBUG, "fine": Level.DEBUG, "d": Level.DEBUG, "config": Level.DEBUG,
    "information": Level.INFO, "informational": Level.INFO, "inf": Level.INFO, "i": Level.INFO,
    "ok": Level.INFO, "success": Level.INFO, "default": Level.INFO, "log": Level.INFO,
    "http": Level.INFO, "note": Level.NOTICE, "ntc": Level.NOTICE, "n": Level.NOTICE,
    "warning": Level.WARN, "wrn": Level.WARN, "w": Level.WARN,
    "err": Level.ERROR, "eror": Level.ERROR, "e": Level.ERROR, "severe": Level.ERROR,
    "failure": Level.ERROR, "fail": Level.ERROR,
    "crit": Level.CRITICAL, "crt": Level.CRITICAL, "c": Level.CRITICAL, "dpanic": Level.CRITICAL,
    "alr": Level.ALERT, "a": Level.ALERT,
    "emerg": Level.EMERGENCY, "emg": Level.EMERGENCY, "fatal": Level.EMERGENCY,
    "ftl": Level.EMERGENCY, "f": Level.EMERGENCY, "panic": Level.EMERGENCY,
}  # fmt: skip


def parse_level(text: str) -> Level | None:
    """Return the level a word names in any known spelling and case, or None for an unknown word."""
    found = _SPELLINGS.get(text)
    return found if found is not None else _SPELLINGS.get(text.strip().lower())


ALL_LEVELS = frozenset(Level)


def at_least(minimum: Level) -> frozenset[Level]:
    """Return `minimum` and every level worse than it."""
    return frozenset(level for level in Level if level >= minimum)


def parse_level_choice(text: str, *, where: str = "--level") -> frozenset[Level]:
    """Read a `--level` value: `warn` = warn and up, `error,critical` = these, `!debug` = all but.

    Raises:
        ConfigError: a word is no level; the message lists the levels.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise _unknown(text, where)
    if len(words) == 1 and not words[0].startswith("!"):
        return at_least(_known(words[0], where))
    excluded = frozenset(_known(word[1:], where) for word in words if word.startswith("!"))
    named = frozenset(_known(word, where) for word in words if not word.startswith("!"))
    return (named or ALL_LEVELS) - excluded


def _known(word: str, where: str) -> Level:
    level = parse_level(word)
    if level is None:
        raise _unknown(word, where)
    return level


def _unknown(word: str, where: str) -> ConfigError:
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), LABELS, n=1)
    meant = f"did you mean '{near[0]}'? " if near else ""
    return ConfigError(
        f"{word!r} is not a level", where=where, hint=f"{meant}levels are {', '.join(LABELS)}"
    )
