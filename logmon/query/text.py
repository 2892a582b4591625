r"""How a text is matched: words, phrases and wildcards; nothing here can backtrack.

`*` stands for any run of characters and `?` for exactly one; a backslash takes the meaning from
what follows. Free text is matched by words: runs of letters, digits and `_`, in any case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Test = Callable[[str], bool]

ANY_RUN, ANY_ONE = "\ufdd0", "\ufdd1"
"""What `*` and `?` become while escapes are resolved: characters that Unicode gives to nobody."""

_WORDS = re.compile(r"\w+")
_PATTERN_WORDS = re.compile(rf"[\w{ANY_RUN}{ANY_ONE}]+")
_ESCAPE = re.compile(r"\\(.)|([*?])", re.DOTALL)


def unescape(term: str) -> str:
    """Resolve backslashes; unescaped `*` and `?` become `ANY_RUN` and `ANY_ONE`."""
    return _ESCAPE.sub(lambda m: m[1] or (ANY_RUN if m[2] == "*" else ANY_ONE), term)


def unquote(phrase: str) -> str:
    """Return what a quoted phrase holds; wildcards in it are plain characters."""
    return re.sub(r"\\(.)", r"\1", phrase[1:-1], flags=re.DOTALL)


def has_wildcard(pattern: str) -> bool:
    """Whether an unescaped term holds `ANY_RUN` or `ANY_ONE`."""
    return ANY_RUN in pattern or ANY_ONE in pattern


def whole(pattern: str) -> Test:
    """Return a test for texts that are the pattern from end to end, case as it is."""
    if not has_wildcard(pattern):
        return pattern.__eq__
    pieces = re.sub(f"{ANY_RUN}+", ANY_RUN, pattern).split(ANY_RUN)
    if len(pieces) == 1:
        return lambda text: len(text) == len(pattern) and _at(text, 0, pattern)
    first, *middle, last = pieces

    def test(text: str) -> bool:
        """Match the ends, then each piece between them as early as it comes: linear."""
        place, end = len(first), len(text) - len(last)
        if place > end or not _at(text, 0, first) or not _at(text, end, last):
            return False
        for piece in middle:
            place = _find(text, piece, place, end)
            if place < 0:
                return False
            place += len(piece)
        return True

    return test


def _at(text: str, place: int, piece: str) -> bool:
    if ANY_ONE not in piece:
        return text.startswith(piece, place)
    there = text[place : place + len(piece)]
    return len(there) == len(piece) and all(
        wanted in (found, ANY_ONE) for wanted, found in zip(piece, there, strict=True)
    )


def _find(text: str, piece: str, start: int, end: int) -> int:
    """Return where a piece begins at or after `start` and ends by `end`, or -1."""
    if ANY_ONE not in piece:
        return text.find(piece, start, end)
    found = _ones(piece).search(text, start, end)
    return found.start() if found else -1


@lru_cache(maxsize=1_024)
def _ones(piece: str) -> re.Pattern[str]:
    return re.compile("".join("." if c == ANY_ONE else re.escape(c) for c in piece), re.DOTALL)


def words(pattern: str) -> Test:
    """Return a test for texts in which the pattern's words stand side by side, in any case.

    `*x*` is found anywhere, also across words. A pattern without any word is found as it is.
    """
    folded = pattern.casefold()
    inner = folded.strip(ANY_RUN)
    if folded[:1] == ANY_RUN == folded[-1:] and inner and not has_wildcard(inner):
        return lambda text: inner in text.casefold()
    wanted = _PATTERN_WORDS.findall(folded)
    if not wanted:
        return lambda text: folded in text.casefold()
    if not has_wildcard(folded):
        return _plain_words(wanted)
    return _wild_words(wanted)


def _plain_words(wanted: list[str]) -> Test:
    probe = max(wanted, key=len)
    # Possessive: what separates words is never given back (re, Python 3.11).
    side_by_side = re.compile(r"(?<!\w)" + r"\W++".join(map(re.escape, wanted)) + r"(?!\w)")

    def test(text: str) -> bool:
        folded = text.casefold()
        return probe in folded and side_by_side.search(folded) is not None

    return test


def _wild_words(wanted: list[str]) -> Test:
    if all(word.strip(ANY_RUN) == "" for word in wanted) and len(wanted) == 1:
        return lambda _: True
    tests = [whole(word) for word in wanted]
    probe = max((part for word in wanted for part in _literals(word)), key=len, default="")

    def test(text: str) -> bool:
        folded = text.casefold()
        if probe not in folded:
            return False
        if len(tests) == 1:
            return any(tests[0](found[0]) for found in _WORDS.finditer(folded))
        there = _WORDS.findall(folded)
        return any(
            all(test(there[place + nth]) for nth, test in enumerate(tests))
            for place in range(len(there) - len(tests) + 1)
        )

    return test


def _literals(word: str) -> list[str]:
    return [part for part in re.split(f"[{ANY_RUN}{ANY_ONE}]", word) if part]
