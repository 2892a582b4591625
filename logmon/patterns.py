"""Regular expressions from users, run on text from anywhere, bounded in time.

With google-re2 installed (extra `fast`) matching is linear. Without it the standard library's
`re` runs, which can backtrack for ever: a timer stops it on the main thread (CPython's matcher
looks for signals every 4,096 steps, checked on 3.11), and elsewhere the text is cut short.
"""

from __future__ import annotations

import re
import signal
import threading
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.errors import ConfigError, PatternTooSlow
from logmon.literals import literal_of_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

MATCH_LIMIT_S = 1.0
"""Longest one text may be searched, in seconds."""
OFF_MAIN_THREAD_CHARS = 2_000
"""How much of a text is searched where no timer can be set, in characters."""


class Pattern(msgspec.Struct, frozen=True):
    """A checked regular expression; smart case: no capital letter in it means any case matches."""

    text: str

    def found_in(self, text: str) -> bool:
        """Whether the pattern occurs in the text.

        Raises:
            PatternTooSlow: matching took longer than `MATCH_LIMIT_S`.
        """
        return self._search(text) is not None

    @property
    def literal(self) -> str:
        """Text that every match holds, in any case; empty when none is plain to see."""
        return _literal(self.text)

    def spans(self, text: str, limit: int = 100) -> list[tuple[int, int]]:
        """Return the first `limit` places where the pattern occurs, empty matches left out."""
        compiled, linear = _compiled(self.text)
        with bounded() if not linear else nullcontext():
            found: list[tuple[int, int]] = []
            for match in compiled.finditer(text if linear else _cut(text)):
                if match.end() > match.start():
                    found.append((match.start(), match.end()))
                if len(found) >= limit:
                    break
            return found

    def _search(self, text: str) -> Any:
        compiled, linear = _compiled(self.text)
        if linear or _Bound.running or len(text) < 16:
            return compiled.search(text)
        with bounded():
            return compiled.search(_cut(text))


def compile_pattern(text: str, *, where: str = "--grep") -> Pattern:
    """Check a user's pattern.

    Raises:
        ConfigError: it is no regular expression; the message gives the position.
    """
    try:
        _compiled(text)
    except re.error as error:
        place = f" at position {error.pos}" if error.pos is not None else ""
        raise ConfigError(
            f"{text!r} is no regular expression: {error.msg}{place}",
            where=where,
            hint="put a backslash before characters meant literally",
        ) from None
    except (RecursionError, OverflowError):
        raise ConfigError("the regular expression is too deep", where=where) from None
    return Pattern(text)


_literal = lru_cache(maxsize=256)(literal_of_pattern)


@lru_cache(maxsize=256)
def _compiled(text: str) -> tuple[Any, bool]:
    standard = re.compile(text, 0 if _has_capital(text) else re.IGNORECASE)
    try:
        import re2
    except ImportError:
        return standard, False
    options = re2.Options()
    options.case_sensitive = _has_capital(text)
    options.log_errors = False
    try:
        return re2.compile(text, options), True
    except re2.error:  # look-arounds and back references are re's alone
        return standard, False


def _has_capital(text: str) -> bool:
    """Whether the user typed a capital letter; `\\W` and its like are no letters."""
    return any(char.isupper() for char in re.sub(r"\\.", "", text))


def _cut(text: str) -> str:
    return text if _on_main_thread() else text[:OFF_MAIN_THREAD_CHARS]


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class _Bound:
    """One timer serves all matches inside `bounded()`: setting it costs 6 µs, a match 0.3 µs."""

    running = False


@contextmanager
def bounded(limit_s: float = MATCH_LIMIT_S) -> Iterator[None]:
    """Give all the matching inside this block so many seconds together, on the main thread.

    Raises:
        PatternTooSlow: the time ran out.
    """
    if _Bound.running or not _on_main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise PatternTooSlow(
            f"a regular expression took longer than {limit_s:g} s; simplify it, "
            "or install the extra 'fast'"
        )

    before = signal.signal(signal.SIGALRM, stop)
    _Bound.running = True
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _Bound.running = False
        signal.signal(signal.SIGALRM, before)
