r"""The one place where log text becomes something a terminal may be sent.

Whatever goes in, what comes out is one line of printable characters: no control, no escape, no
bidirectional or zero-width character survives as itself, each is shown as `\x1b`, `\u{202e}` or
`⏎`. Terminals, Rich 15 and Textual 8.2 pass all of these through (measured: 8 of 8 Textual ways
to show text let OSC 52, C1 and bidi overrides reach the terminal).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

MARKS_PER_CHARACTER = 4
"""Combining marks shown on one character; more is an attack on the line height ("Zalgo")."""

# Wide or invisible though `str.isprintable` says yes (Unicode 15, Python 3.11).
_HIDDEN = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159")
_SELECTORS = frozenset("\ufe0e\ufe0f")


def visible(text: str) -> str:
    """Return text as one printable line; plain text comes back as it is (about 50 ns)."""
    if text.isascii():
        return text if text.isprintable() else _escape_all(text)
    if text.isprintable() and not _needs_care(text):
        return text
    return _escape_all(text)


def clipped(text: str, most: int) -> str:
    """Return the visible form of at most `most` characters, ending in `…` when cut.

    Costs what is shown, not what is there: a 1 MB line is cut before it is looked at.
    """
    if len(text) <= most:
        return visible(text)
    return visible(text[:most]) + "…"


def _needs_care(text: str) -> bool:
    return any(_is_special(char) for char in set(text))


@lru_cache(maxsize=4_096)
def _is_special(char: str) -> bool:
    return char in _HIDDEN or unicodedata.category(char) in ("Mn", "Me", "Mc")


def _escape_all(text: str) -> str:
    out: list[str] = []
    marks = 0
    for char in text:
        if char.isprintable() and not _is_special(char):
            marks = 0
            out.append(char)
        elif unicodedata.category(char) in ("Mn", "Me", "Mc"):
            marks += 1
            out.append(_mark(char, out[-1] if out else " ", marks))
        else:
            marks = 0
            out.append(_escape(char))
    return "".join(out)


def _mark(char: str, before: str, marks: int) -> str:
    """A combining mark stays on its letter; a presentation selector behind a symbol is dropped."""
    if char in _SELECTORS:
        return "" if before and unicodedata.category(before[-1]) == "So" else _escape(char)
    if _is_selector(char) or marks > MARKS_PER_CHARACTER or not before.strip():
        return _escape(char)
    return char


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


@lru_cache(maxsize=4_096)
def _escape(char: str) -> str:
    if char == "\n":
        return "⏎"
    if char == "\t":
        return "    "
    if char == "\r":
        return "␍"
    if char == "\u00a0":
        return " "
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"
