"""Reads blocks of canonical lines for their columns at once; what it cannot prove, it leaves.

A block of lines mostly has one shape: the same keys, times of one width, few levels and names.
msgspec checks each line against that shape without making what columns do not need, and numpy
checks and reads the times of all of them together. A line is proven only where the full decoder
would accept it and read the same time, level and source; every other one is left to that decoder.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import date
from itertools import pairwise
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
_EPOCH_DAY = date(1970, 1, 1)
_NO_DAY = -1_000_000
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


class _Places(dict[str, int]):
    """The place of each name in a list, new ones added: a name that is known costs one look."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, name: str) -> int:
        place = self[name] = len(self._names)
        self._names.append(name)
        return place


class _Ranks(dict[str, int]):
    """The rank of each word for a level; `_UNKNOWN` for words that are none."""

    def __init__(self, level_of: Callable[[str], Level | None]) -> None:
        super().__init__({level.label: int(level) for level in Level})
        self._level_of = level_of

    def __missing__(self, word: str) -> int:
        level = self._level_of(word) if word else None
        if level is None or len(self) >= MOST_SPELLINGS:
            return _UNKNOWN
        rank = self[word] = int(level)
        return rank


class Scanned:
    """The columns of lines, as far as they are read: `proven` says of which."""

    __slots__ = ("_places", "levels", "names", "proven", "source_ids", "times")

    def __init__(self, rows: int) -> None:
        self.times = np.zeros(rows, dtype=np.int64)
        self.levels = np.zeros(rows, dtype=np.uint8)
        self.source_ids: NDArray[np.uint16] = np.zeros(rows, dtype=np.uint16)
        self.proven: NDArray[np.bool_] = np.zeros(rows, dtype=bool)
        self.names: list[str] = []
        self._places = _Places(self.names)

    def put(self, row: int, time_ns: int, level: int, source: str) -> None:
        """Take what another decoder read."""
        self.times[row] = time_ns
        self.levels[row] = level
        self.source_ids[row] = self._places[source]

    def places(self, names: Sequence[str]) -> NDArray[np.uint16]:
        """Return the place of each name, new ones added."""
        places = map(self._places.__getitem__, names)
        return np.fromiter(places, dtype=np.uint16, count=len(names))

    def part(self, first: int, stop: int) -> Scanned:
        """Return a range of the rows: it shares their columns and names."""
        part = Scanned(0)
        part.times, part.levels = self.times[first:stop], self.levels[first:stop]
        part.source_ids, part.proven = self.source_ids[first:stop], self.proven[first:stop]
        part.names, part._places = self.names, self._places
        return part


class CanonicalBlocks:
    """Reads canonical lines for one input; learns which words its levels are written with."""

    def __init__(self, level_of: Callable[[str], Level | None]) -> None:
        self._ranks = _Ranks(level_of)

    def read(self, lines: bytes, starts: Places, ends: Places, longest_bytes: int) -> Scanned:
        """Return the columns of the rows that are proven canonical and not too long.

        Row `i` is `lines[starts[i]:ends[i]]`, with a line end behind it.
        """
        scanned = Scanned(len(starts))
        if len(starts) == 0:
            return scanned
        times: list[str] = []
        levels: list[str] = []
        sources: list[str] = []
        for wires in _pieces(lines, starts, ends):
            times += [wire.timestamp for wire in wires]
            levels += [wire.level for wire in wires]
            sources += [wire.source for wire in wires]
        scanned.times, proven = read_times(times)
        ranks = bytearray(map(self._ranks.__getitem__, levels))
        scanned.levels = np.frombuffer(ranks, dtype=np.uint8)
        scanned.source_ids = scanned.places(sources)
        proven &= scanned.levels != _UNKNOWN
        if "" in scanned.names:
            proven &= scanned.source_ids != scanned.names.index("")
        for row in np.flatnonzero(ends - starts > SHORT_BYTES).tolist():
            raw = lines[starts[row] : ends[row]]
            proven[row] &= len(raw) <= longest_bytes and not is_deep(raw)
        scanned.proven = proven
        return scanned


def _pieces(lines: bytes, starts: Places, ends: Places) -> Iterator[list[_Line]]:
    """Yield rows decoded, a piece at a time; those that are not canonical as `_NO_LINE`.

    A piece in which each line opens and closes as an object does is decoded in one call: nothing
    but a line end can stand between two of its objects, so as many objects as lines are the lines.
    """
    view = np.frombuffer(lines, dtype=np.uint8)
    is_object = (view[starts] == ord("{")) & (view[ends - 1] == ord("}"))
    count = len(starts)
    edges = [*range(0, count, PIECE_ROWS), count]
    objects = np.add.reduceat(is_object, edges[:-1], dtype=np.intp).tolist()
    begins, stops = starts[edges[:-1]].tolist(), ends[np.array(edges[1:]) - 1].tolist()
    pieces = zip(pairwise(edges), objects, begins, stops, strict=True)
    for (first, stop), known, begin, end in pieces:
        if known == stop - first:
            piece = lines[begin:end]
            with suppress(*_NOT_CANONICAL):
                wires = _decode_lines(piece)
                if len(wires) == stop - first and (piece.isascii() or _is_utf8(piece)):
                    yield wires
                    continue
        if known:
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
    proven = widths == width
    usual = next(text for text in texts if len(text) == width)
    for row in np.flatnonzero(~proven).tolist():
        texts[row] = usual
    joined = "".join(texts).encode("latin-1", "replace")
    # One array a column: twice as quick as rows of a few characters (numpy 2.4).
    chars = np.frombuffer(joined, dtype=np.uint8).reshape(len(texts), width).T.copy()
    signs = [*_SIGNS, (width - 1, "Z"), *([(19, ".")] if width > _SHORTEST else [])]
    for column, sign in signs:
        proven &= chars[column] == ord(sign)
    places = [column for column in range(width) if column not in dict(signs)]
    digits = chars[places] - np.uint8(ord("0"))
    proven &= digits.max(axis=0) <= 9
    np.minimum(digits, 9, out=digits)
    times, valid = _moments(digits)
    return times, proven & valid


def _moments(digits: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Put the digits of each column together to nanoseconds; say which are of the calendar."""
    pairs = digits[:14:2] * np.uint8(10) + digits[1:14:2]
    days = _days(pairs[:4])
    valid = (pairs[4] <= 23) & (pairs[5] <= 59) & (pairs[6] <= 59) & (days != _NO_DAY)
    hour, minute, second = pairs[4:].astype(np.int64)
    times: NDArray[np.int64] = (((days * 24 + hour) * 60) + minute) * 60 + second
    times *= 1_000_000_000
    if len(digits) > 14:
        first, *others = digits[14:].astype(np.int32)
        for column in others:
            first *= 10
            first += column
        first *= 10 ** (23 - len(digits))
        times += first
    return times, valid


def _days(dates: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the days since 1970 of dates (century, year in it, month, day), or `_NO_DAY`."""
    keys = np.ascontiguousarray(dates.T).view(np.uint32)[:, 0]
    if (keys == keys[0]).all():  # so are most blocks
        return np.full(len(keys), _day(*dates[:, 0].tolist()), dtype=np.int64)
    words = keys.tolist()
    days = {word: _day(*word.to_bytes(4, sys.byteorder)) for word in set(words)}
    return np.fromiter(map(days.__getitem__, words), dtype=np.int64, count=len(words))


def _day(century: int, year: int, month: int, day: int) -> int:
    try:
        found = date(century * 100 + year, month, day)
    except ValueError:
        return _NO_DAY
    return (found - _EPOCH_DAY).days if _FIRST_YEAR <= found.year <= _LAST_YEAR else _NO_DAY
