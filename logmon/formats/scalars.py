"""Tells of many short texts at once which are JSON numbers, true, false or null.

A table takes one byte of all of them at a time. A number with an exponent, or of more than 16
bytes, is not told: those that are fit a float.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_BYTES = 16
_START, _WRONG, _MINUS, _ZERO, _DIGITS, _POINT, _FRACTION, _WORD, _INSIDE = range(9)
_STATES = 32
"""More than there are."""


def _table() -> NDArray[np.uint16]:
    """Return the state after each state and byte, times 256: the place is the sum of both.

    A zero byte stands behind the end.
    """
    steps = np.full((_STATES, 256), _WRONG, dtype=np.uint16)
    digits = slice(ord("0"), ord("9") + 1)
    steps[_START, ord("-")] = _MINUS
    for before in (_START, _MINUS):
        steps[before, digits] = _DIGITS
        steps[before, ord("0")] = _ZERO
    steps[_DIGITS, digits] = _DIGITS
    steps[[_ZERO, _DIGITS], ord(".")] = _POINT
    steps[[_POINT, _FRACTION], digits] = _FRACTION
    free = _INSIDE
    for word in (b"true", b"false", b"null"):
        before = _START
        for code in word[:-1]:
            steps[before, code] = free
            before, free = free, free + 1
        steps[before, word[-1]] = _WORD
    ends = [_ZERO, _DIGITS, _FRACTION, _WORD]
    steps[ends, 0] = ends
    return steps.ravel() * 256


_STEPS = _table()


def are_scalars(texts: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which texts, one a row of `LONGEST_BYTES` and zeros behind its end, are scalars."""
    state = np.full(len(texts), _START, dtype=np.uint16)
    for column in texts.T.copy():
        if not column.any():
            break
        state = _STEPS[state + column]
    scalars: NDArray[np.bool_] = _STEPS[state] != _WRONG * 256
    return scalars
