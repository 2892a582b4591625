"""Reads blocks of canonical lines for their columns at once; what it cannot prove, it leaves.

A block of lines mostly has few shapes: the same keys, times of one width, few levels and names.
Rows of a known shape are proven by numpy (`shaped_rows`). msgspec checks the others, many in one
call, without making what columns do not need. A line is proven only where the full decoder would
accept it and read the same time, level and source; every other one is left to that decoder.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.formats.json_lines import SHORT_BYTES, is_deep
from logmon.formats.scanned import Scanned
from logmon.formats.shaped_rows import UNKNOWN, Ranks, ShapedRows
from logmon.formats.time_column import read_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logmon.formats.plain_block import Places
    from logmon.level import Level

PIECE_ROWS = 64
"""Lines decoded together: one bad line in a piece costs a second look at all of it."""
FEW = 0.005
"""So small a share of a block is left to the full decoder at once."""
TRIED_ROWS = 4
"""A piece of whose first lines none is canonical is not read any further."""


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


class CanonicalBlocks:
    """Reads canonical lines for one input; learns their shapes and what levels are written with."""

    def __init__(self, level_of: Callable[[str], Level | None]) -> None:
        self._ranks = Ranks(level_of)
        self._shaped = ShapedRows(self._ranks)

    def read(self, lines: bytes, starts: Places, ends: Places, longest_bytes: int) -> Scanned:
        """Return the columns of the rows that are proven canonical and not too long.

        Row `i` is `lines[starts[i]:ends[i]]`, with a line end behind it.
        """
        scanned = Scanned(len(starts))
        if not len(starts):
            return scanned
        self._shaped.prove(lines, starts, ends, scanned)
        left = np.flatnonzero(~scanned.proven)
        if len(left) < FEW * len(starts):  # the full decoder has them as soon as a second look here
            left = left[:0]
        elif len(left) < len(starts):
            texts = [lines[starts[row] : ends[row]] for row in left.tolist()]
            stops = np.cumsum([len(text) + 1 for text in texts]) - 1
            begins = np.append(0, stops[:-1] + 1)
            self._decode(b"\n".join([*texts, b""]), begins, stops, left, scanned)
        else:
            self._decode(lines, starts, ends, left, scanned)
        for row in np.flatnonzero(ends - starts > SHORT_BYTES).tolist():
            raw = lines[starts[row] : ends[row]]
            scanned.proven[row] &= len(raw) <= longest_bytes and not is_deep(raw)
        self._shaped.learn(lines, starts, ends, left[scanned.proven[left]])
        return scanned

    def _decode(
        self, lines: bytes, starts: Places, ends: Places, rows: Places, scanned: Scanned
    ) -> None:
        """Read some lines by msgspec: they are these rows of what is scanned."""
        times: list[str] = []
        levels: list[str] = []
        sources: list[str] = []
        for wires in _pieces(lines, starts, ends):
            times += [wire.timestamp for wire in wires]
            levels += [wire.level for wire in wires]
            sources += [wire.source for wire in wires]
        scanned.times[rows], proven = read_times(times)
        ranks = bytearray(map(self._ranks.__getitem__, levels))
        scanned.levels[rows] = np.frombuffer(ranks, dtype=np.uint8)
        places = scanned.places(sources)
        scanned.source_ids[rows] = places
        proven &= scanned.levels[rows] != UNKNOWN
        if "" in scanned.names:
            proven &= places != scanned.names.index("")
        scanned.proven[rows] = proven


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
