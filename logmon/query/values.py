"""What stands behind a field's colon: a term, a phrase, a comparison or a range, as a test."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import msgspec

from logmon.query.fields import as_number, as_text
from logmon.query.text import ANY_RUN, has_wildcard, whole

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip

ValueTest = Callable[[Any], bool]


class Term(msgspec.Struct, frozen=True):
    """A text to equal; unescaped, so that wildcards in it are `ANY_RUN` and `ANY_ONE`."""

    pattern: str
    column: int

    @property
    def is_any(self) -> bool:
        """Whether it is a bare `*`."""
        return bool(self.pattern) and not self.pattern.strip(ANY_RUN)

    def test(self, *, folded: bool = False) -> ValueTest:
        """Return a test for a value; `folded` ones compare without case."""
        if self.is_any:
            return lambda _: True
        pattern = self.pattern.casefold() if folded else self.pattern
        text_test = whole(pattern)
        number = None if has_wildcard(pattern) else as_number(pattern)

        def test(value: Any) -> bool:
            if isinstance(value, str):
                return text_test(value.casefold() if folded else value)
            if number is not None and as_number(value) == number:
                return True
            return not isinstance(value, dict) and text_test(as_text(value))

        return test


class Interval(msgspec.Struct, frozen=True):
    """Everything between bounds: (operator, bound) pairs that must all hold."""

    bounds: tuple[tuple[str, str], ...]
    column: int

    def test(self, *, folded: bool = False) -> ValueTest:
        """Return a test: by number when the bounds are numbers, else by text."""
        tests = [_bound(sign, text.casefold() if folded else text) for sign, text in self.bounds]
        return lambda value: not isinstance(value, dict) and all(test(value) for test in tests)


def _bound(sign: str, text: str) -> ValueTest:
    compare, number = OPERATORS[sign], as_number(text)
    if number is None:
        return lambda value: isinstance(value, str) and compare(value, text)

    def test(value: Any) -> bool:
        found = as_number(value)
        return found is not None and compare(found, number)

    return test


Value = Term | Interval
