"""Reads many RFC 3339 times of one width at once; what it cannot prove right it leaves."""

from __future__ import annotations

import sys
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = tuple[NDArray[np.int64], NDArray[np.bool_]]
    _Layout = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.intp], NDArray[np.int64]]

SHORTEST_BYTES = len("2026-11-23T14:02:30Z")
LONGEST_BYTES = len("2026-11-23T14:02:30.240000Z")
_FIRST_YEAR, _LAST_YEAR = 1678, 2261
_EPOCH_DAY = date(1970, 1, 1)
_NO_DAY = -106_751
"""Before `_FIRST_YEAR`; its nanoseconds still fit."""
_DAY_NS = 86_400 * 10**9
_SIGNS = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"))
_HIGHEST = {11: 2, 14: 5, 17: 5}
"""The highest digit of hours, minutes and seconds; 24 to 29 are looked for besides."""
_TENS, _ONES = np.array([0, 2, 5, 8]), np.array([1, 3, 6, 9])
"""Of century, year in it, month and day."""


def is_width(width: int) -> bool:
    """Whether times of so many bytes are read here."""
    return SHORTEST_BYTES <= width <= LONGEST_BYTES and width != SHORTEST_BYTES + 1


def read_times(texts: list[str]) -> Times:
    """Return times (ns since 1970) and which of them are proven right.

    Reads `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, all of one width: that of the first ones. Texts of
    another width are overwritten.
    """
    width = max(map(len, texts[:5]))
    if not is_width(width):
        return np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=bool)
    widths = np.fromiter(map(len, texts), dtype=np.uint32, count=len(texts))
    known = widths == width
    usual = next(text for text in texts if len(text) == width)
    for row in np.flatnonzero(~known).tolist():
        texts[row] = usual
    joined = "".join(texts).encode("latin-1", "replace")
    times, proven = read_chars(np.frombuffer(joined, dtype=np.uint8).reshape(len(texts), width))
    return times, proven & known


def read_chars(texts: NDArray[np.uint8]) -> Times:
    """Return times and which are proven right, of texts one a row, of a width that `is_width`."""
    least, most, places, weights = _layout(texts.shape[1])
    # One array a column: twice as quick as rows of a few characters (numpy 2.4).
    chars = texts.T.copy()
    chars -= least
    proven = np.logical_and.reduce(chars <= most)
    proven &= (chars[11] < 2) | (chars[12] <= 3)
    days = _days(chars[:10])
    proven &= days != _NO_DAY
    times: NDArray[np.int64] = np.einsum("i,ij->j", weights, chars[places])
    times += days * _DAY_NS
    return times, proven


@lru_cache(maxsize=16)
def _layout(width: int) -> _Layout:
    """Return the least character of each column and how much more it may be; and what counts.

    That is the places of the digits of the time of day, and the nanoseconds of one in each.
    """
    signs = dict([*_SIGNS, (width - 1, "Z"), *([(19, ".")] if width > SHORTEST_BYTES else [])])
    columns = [(signs.get(column, "0"), 0 if column in signs else 9) for column in range(width)]
    for column, digit in _HIGHEST.items():
        columns[column] = ("0", digit)
    least = np.array([[ord(sign)] for sign, _ in columns], dtype=np.uint8)
    most = np.array([[room] for _, room in columns], dtype=np.uint8)
    places = [column for column in range(11, width) if column not in signs]
    weights = [seconds * 10**9 for seconds in (36_000, 3_600, 600, 60, 10, 1)]
    weights += [10 ** (8 - place) for place in range(len(places) - len(weights))]
    return least, most, np.array(places), np.array(weights, dtype=np.int64)


def _days(digits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the days since 1970 of dates, or `_NO_DAY`; of all of them when they are one date."""
    if (digits == digits[:, :1]).all():  # so are most blocks
        digits = digits[:, :1]
    dates = digits[_TENS] * np.uint8(10) + digits[_ONES]
    words = np.ascontiguousarray(dates.T).view(np.uint32)[:, 0].tolist()
    days = {word: _day(*word.to_bytes(4, sys.byteorder)) for word in set(words)}
    return np.fromiter(map(days.__getitem__, words), dtype=np.int64, count=len(words))


def _day(century: int, year: int, month: int, day: int) -> int:
    try:
        found = date(century * 100 + year, month, day)
    except ValueError:
        return _NO_DAY
    return (found - _EPOCH_DAY).days if _FIRST_YEAR <= found.year <= _LAST_YEAR else _NO_DAY
