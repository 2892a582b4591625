"""What must be true of every event that a part of a query matches, and is quickly seen.

A guard may let more through than the part does, never less. Many rules with guards of one kind are
told apart by one look at the event: see `logmon.sentinel.rule_set`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.query.fields import as_number, as_text
from logmon.query.text import has_wildcard, unescape, unquote

if TYPE_CHECKING:
    from lark import Token, Tree

Key = float | str
"""What equal values have in common: their number, else their text."""


class Guard(msgspec.Struct, frozen=True):
    """One of: a text in the folded message; an attribute with a key; or between two numbers."""

    literal: str = ""
    path: str = ""
    key: Key | None = None
    low: float | None = None
    high: float | None = None


NO_GUARD = Guard()


@lru_cache(maxsize=4_096)
def guard(text: str) -> Guard:
    """Return the guard of a part of a query; `NO_GUARD` where nothing is quickly seen.

    Raises:
        QueryError: the query cannot be read.
    """
    from logmon.query.compile import parse_root

    root = parse_root(text)
    if root is None:
        return NO_GUARD
    if root.data in ("word", "phrase"):
        return Guard(literal=_literal(root))
    if root.data == "field" and str(root.children[0]).startswith("@"):
        path = unescape(str(root.children[0])[1:-1])
        if not path or has_wildcard(path):
            return NO_GUARD
        return _of_attribute(path, root.children[1])
    return NO_GUARD


def _literal(node: Tree[Token]) -> str:
    token = str(node.children[0])
    pattern = unescape(token) if node.data == "word" else unquote(token)
    if has_wildcard(pattern):
        return ""
    return max(re.findall(r"\w+", pattern.casefold()), key=len, default="")


def _of_attribute(path: str, value: Any) -> Guard:
    kind, parts = value.data, [str(part) for part in value.children]
    if kind in ("value_term", "value_phrase"):
        pattern = unescape(parts[0]) if kind == "value_term" else unquote(parts[0])
        return NO_GUARD if has_wildcard(pattern) else Guard(path=path, key=key_of(pattern))
    if kind == "value_comparison":
        number = _number(parts[1])
        if number is None:
            return NO_GUARD
        above = parts[0].startswith(">")
        return Guard(path=path, low=number) if above else Guard(path=path, high=number)
    if kind == "value_range":
        low, high = _number(parts[1]), _number(parts[3])
        return NO_GUARD if low is None and high is None else Guard(path=path, low=low, high=high)
    return NO_GUARD


def _number(text: str) -> float | None:
    return as_number(unquote(text) if text.startswith('"') else unescape(text))


def key_of(value: Any) -> Key:
    """Return the key of a value: values that equal each other in a query have one key."""
    number = as_number(value)
    return as_text(value) if number is None else number
