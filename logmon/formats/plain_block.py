"""Lines of a block as numpy sees them: where quotes stand, and words of bytes at any place.

A row is plain when it is UTF-8 and holds no control byte and no backslash: what stands between
two of its quotes is a JSON string as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logmon.byte_search import WORD_BYTES, flags, places_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Places = NDArray[np.intp]
    Words = NDArray[np.uint64]

MOST_FOREIGN = 0.25
"""A share of the rows up to which those that are not ASCII are looked at one by one."""
_FIRST_PRINTABLE = 32
_SURE_BITS = 56
"""Of 64 bits, at least so many stand at or behind a place in the first byte."""
_FAR = 20 * _SURE_BITS
"""Texts of more bytes are left to others."""
_EXPONENT_PLACE, _EXPONENT_OF_1 = 52, 1023
"""In a float of 64 bits."""


class PlainBlock:
    """Rows of a block. Row `i` is `lines[starts[i]:ends[i]]`, with a line end behind it.

    Places are counted from the first row's start.
    """

    def __init__(self, lines: bytes, starts: Places, ends: Places) -> None:
        self._lines = lines
        self._begin = begin = int(starts[0])
        self.starts = starts - begin
        self.ends = ends - begin
        length = int(self.ends[-1])
        view = np.frombuffer(lines, dtype=np.uint8, count=length, offset=begin)
        self.is_plain = self._plain(view)
        bits = np.packbits(view == ord('"'), bitorder="little")
        self._quotes = np.append(bits, np.zeros(2 * WORD_BYTES, dtype=np.uint8))
        """A bit a byte of the block."""

    def _plain(self, view: NDArray[np.uint8]) -> NDArray[np.bool_]:
        plain = np.ones(len(self.starts), dtype=bool)
        odd = flags(len(view))
        np.less(view.view(np.int8), _FIRST_PRINTABLE, out=odd[: len(view)])
        odd[self.ends[:-1]] = False
        if self._lines.find(b"\\", self._begin, self._begin + len(view)) >= 0:
            odd[: len(view)] |= view == ord("\\")
        places = places_of(odd)
        rows = np.unique(np.searchsorted(self.ends, places))
        if len(rows) < MOST_FOREIGN * len(plain):
            rows = rows[[not self._is_foreign(row) for row in rows.tolist()]]
        plain[rows] = False
        return plain

    def _is_foreign(self, row: int) -> bool:
        """Whether a row that is not ASCII is plain."""
        try:
            text = self._lines[
                self._begin + self.starts[row] : self._begin + self.ends[row]
            ].decode()
        except UnicodeDecodeError:
            return False
        return text.isprintable() and "\\" not in text

    def before(self, margin: int) -> int:
        """Return how many of the rows end so many bytes before the last byte that is held."""
        last = len(self._lines) - self._begin - margin
        return int(np.searchsorted(self.ends, last, side="right"))

    def words(self, places: Places, length: int) -> Words:
        """Return the bytes from each place on, a row each, as words that hold `length` of them."""
        width = -(-length // WORD_BYTES) * WORD_BYTES
        # Overlapping items of one type: numpy copies each whole, in 4 ns whatever its size (2.4).
        items = np.ndarray(
            len(self._lines) - self._begin - width + 1,
            dtype=f"V{width}",
            buffer=self._lines,
            offset=self._begin,
            strides=(1,),
        )
        return items[places].view(np.uint64).reshape(-1, width // WORD_BYTES)

    def next_quotes(self, places: Places, ends: Places) -> Places:
        """Return where the next quote at or behind each place stands, or the end before it.

        One that is too far away counts as none.
        """
        bits = self._bits(places)
        found: Places = places + _lowest(bits)
        far = np.flatnonzero(bits == 0)
        for step in range(_SURE_BITS, _FAR, _SURE_BITS):
            if not len(far):
                break
            further = np.minimum(places[far] + step, ends[far])
            bits = self._bits(further)
            found[far] = further + _lowest(bits)
            is_none = bits == 0
            found[far[is_none]] = len(self._lines)
            far = far[is_none & (further < ends[far])]
        np.minimum(found, ends, out=found)
        return found

    def _bits(self, places: Places) -> Words:
        """Return 57 bits or more from each place on, the place's own the lowest: set is a quote."""
        masks = np.ndarray(
            len(self._quotes) - WORD_BYTES + 1, dtype="<u8", buffer=self._quotes, strides=(1,)
        )
        bits: Words = masks[places >> 3] >> (places & 7).view(np.uint64)
        return bits


def _lowest(bits: Words) -> Places:
    """Return which bit is the lowest that is set in each word; below 0: none is."""
    places: Places = (bits & -bits).astype(np.float64).view(np.int64) >> _EXPONENT_PLACE
    places -= _EXPONENT_OF_1
    return places
