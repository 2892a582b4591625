"""Reads blocks of canonical lines for their columns at once; what it cannot prove, it leaves.

A block of lines mostly has one shape: the same keys, times of one width, few levels and names.
msgspec checks each line against that shape without making what columns do not need, and numpy
checks and reads the times of all of them together. A line is proven only where the full decoder
would accept it and read the same time, level and source; every other one is left to that decoder.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise, repeat
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.formats.json_lines import SHORT_BYTES, is_deep
from logmon.level import Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Places = NDArray[np.intp]

PIECE_ROWS = 64
"""Lines decoded together: one bad line in a piece costs a second look at all of it."""
TRIED_ROWS = 4
"""A piece of whose first lines none is canonical is not read any further."""
MOST_SPELLINGS = 1_000
_UNKNOWN = 255
_FIRST_YEAR, _LAST_YEAR = 1678, 2261
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_SHORTEST = len("2026-11-23T14:02:30Z")
_LONGEST = len("2026-11-23T14:02:30.240000Z")
_SIGNS = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"))


class _Skipped(msgspec.Struct, frozen=True, gc=False):
    """An object whose keys are checked and not kept."""


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """As `json_lines._Canonical`; the same lines decode to it, but for bytes that are no UTF-8."""

    timestamp: str
    level: str
    source: str
    message: str
    id: str = ""
    message_template: str | None = None
    attributes: _Skipped = _Skipped()
    tags: tuple[str, ...] = ()
    host: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    work_item: str | None = None


_decoder = msgspec.json.Decoder(_Line)
_decode, _decode_lines = _decoder.decode, _decoder.decode_lines
_NOT_CANONICAL = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
_NO_LINE = _Line(timestamp="", level="", source="", message="")
_times, _levels = attrgetter("timestamp"), attrgetter("level")
_sources = attrgetter("source")


class Scanned:
    """The columns of lines, as far as they are read: `proven` says of which."""

    __slots__ = ("_places", "levels", "names", "proven", "source_ids", "times")

    def __init__(self, rows: int) -> None:
        self.times = np.zeros(rows, dtype=np.int64)
        self.levels = np.zeros(rows, dtype=np.uint8)
        self.source_ids: NDArray[np.uint16] = np.zeros(rows, dtype=np.uint16)
        self.proven: NDArray[np.bool_] = np.zeros(rows, dtype=bool)
        self.names: list[str] = []
        self._places: dict[str, int] = {}

    def put(self, row: int, time_ns: int, level: int, source: str) -> None:
        """Take what another decoder read."""
        self.times[row] = time_ns
        self.levels[row] = level
        self.source_ids[row] = self._place(source)

    def _place(self, name: str) -> int:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = len(self.names)
            self.names.append(name)
        return place

    def places(self, names: Sequence[str]) -> NDArray[np.uint16]:
        """Return the place of each name, new ones added."""
        for name in dict.fromkeys(names):
            self._place(name)
        places = map(self._places.__getitem__, names)
        return np.fromiter(places, dtype=np.uint16, count=len(names))


class CanonicalBlocks:
    """Reads canonical lines for one input; learns which words its levels are written with."""

    def __init__(self, level_of: Callable[[str], Level | None]) -> None:
        self._level_of = level_of
        self._ranks: dict[str, int] = {level.label: int(level) for level in Level}

    def read(self, lines: bytes, starts: Places, ends: Places, longest_bytes: int) -> Scanned:
        """Return the columns of the rows that are proven canonical and not too long.

        Row `i` is `lines[starts[i]:ends[i]]`, with a line end behind it.
        """
        scanned = Scanned(len(starts))
        times: list[str] = []
        levels: list[str] = []
        sources: list[str] = []
        for wires in _pieces(lines, starts, ends):
            times += map(_times, wires)
            levels += map(_levels, wires)
            sources += map(_sources, wires)
        scanned.times, proven = read_times(times)
        scanned.levels = self._ranked(levels)
        scanned.source_ids = scanned.places(sources)
        proven &= scanned.levels != _UNKNOWN
        if "" in scanned.names:
            proven &= scanned.source_ids != scanned.names.index("")
        for row in np.flatnonzero(ends - starts > SHORT_BYTES).tolist():
            raw = lines[starts[row] : ends[row]]
            proven[row] &= len(raw) <= longest_bytes and not is_deep(raw)
        scanned.proven = proven
        return scanned

    def _ranked(self, words: list[str]) -> NDArray[np.uint8]:
        for word in set(words).difference(self._ranks):
            level = self._level_of(word) if word else None
            if level is not None and len(self._ranks) < MOST_SPELLINGS:
                self._ranks[word] = int(level)
        ranks = map(self._ranks.get, words, repeat(_UNKNOWN))
        return np.fromiter(ranks, dtype=np.uint8, count=len(words))


def _pieces(lines: bytes, starts: Places, ends: Places) -> Iterator[list[_Line]]:
    """Yield rows decoded, a piece at a time; those that are not canonical as `_NO_LINE`.

    A piece in which each line opens and closes as an object does is decoded in one call: nothing
    but a line end can stand between two of its objects, so as many objects as lines are the lines.
    """
    view = np.frombuffer(lines, dtype=np.uint8)
    is_object = (view[starts] == ord("{")) & (view[ends - 1] == ord("}"))
    count = len(starts)
    edges = [*range(0, count, PIECE_ROWS), count]
    for first, stop in pairwise(edges):
        if is_object[first:stop].all():
            piece = lines[starts[first] : ends[stop - 1]]
            with suppress(*_NOT_CANONICAL):
                wires = _decode_lines(piece)
                if len(wires) == stop - first and (piece.isascii() or _is_utf8(piece)):
                    yield wires
                    continue
        if is_object[first:stop].any():
            raws = [lines[s:e] for s, e in zip(starts[first:stop], ends[first:stop], strict=True)]
            yield _one_by_one(raws)
        else:
            yield [_NO_LINE] * (stop - first)


def _one_by_one(raws: list[bytes]) -> list[_Line]:
    """Decode lines, those that are not canonical to `_NO_LINE`: all, when none of the first is."""
    wires: list[_Line] = []
    for raw in raws:
        try:
            sound = raw.startswith(b"{") and _is_utf8(raw)
            wires.append(_decode(raw) if sound else _NO_LINE)
        except _NOT_CANONICAL:
            wires.append(_NO_LINE)
        if len(wires) == TRIED_ROWS and all(wire is _NO_LINE for wire in wires):
            return [_NO_LINE] * len(raws)
    return wires


def _is_utf8(raw: bytes) -> bool:
    """Whether bytes are UTF-8: msgspec does not look into texts that it skips (0.22)."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def read_times(texts: list[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return times (ns since 1970) and which of them are proven right.

    Reads `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`, all of one width: that of the first ones. Texts of
    another width are overwritten.
    """
    nothing = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=bool)
    width = max(map(len, texts[:5]))
    if not _SHORTEST <= width <= _LONGEST or width == _SHORTEST + 1:
        return nothing
    widths = np.fromiter(map(len, texts), dtype=np.uint32, count=len(texts))
    for row in np.flatnonzero(widths != width).tolist():
        texts[row] = "0" * width
    joined = "".join(texts).encode("latin-1", "replace")
    # One array a column: twice as quick as rows of a few characters (numpy 2.4).
    chars = np.frombuffer(joined, dtype=np.uint8).reshape(len(texts), width).T.copy()
    digits = chars - np.uint8(ord("0"))
    signs = [*_SIGNS, (width - 1, "Z"), *([(19, ".")] if width > _SHORTEST else [])]
    proven = np.ones(len(texts), dtype=bool)
    for column, sign in signs:
        proven &= chars[column] == ord(sign)
    places = set(range(width)) - {column for column, _ in signs}
    for column in places:
        proven &= digits[column] <= 9
    times, valid = _moments(digits, width - 1)
    return times, proven & valid


def _moments(digits: NDArray[np.uint8], end: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Put digits together to nanoseconds; say which are moments of the calendar."""

    def number(start: int, stop: int) -> NDArray[np.int64]:
        value: NDArray[np.int64] = digits[start].astype(np.int64)
        for column in range(start + 1, stop):
            value = value * 10 + digits[column]
        return value

    year, month, day = number(0, 4), number(5, 7), number(8, 10)
    hour, minute, second = number(11, 13), number(14, 16), number(17, 19)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = _MONTH_DAYS[np.clip(month, 1, 12)] + (leap & (month == 2))
    valid = (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12)
    valid &= (day >= 1) & (day <= last) & (hour <= 23) & (minute <= 59) & (second <= 59)
    # Days since 1970 of a date whose year begins in March: Howard Hinnant, "chrono-compatible
    # low-level date algorithms", days_from_civil.
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    fraction = number(20, end) * 10 ** (9 - (end - 20)) if end > 20 else np.int64(0)
    return np.where(valid, seconds, 0) * 1_000_000_000 + fraction, valid
