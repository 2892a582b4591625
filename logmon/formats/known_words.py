"""Short texts that come again and again, told apart by their bytes: none is made twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logmon.byte_search import WORD_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from logmon.formats.plain_block import Places, PlainBlock, Words

    Ids = NDArray[np.intp]

LONGEST_BYTES = 32
MOST_TEXTS = 1_000
LEARNED_AT_ONCE = 256
UNKNOWN = -1
_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93],
    dtype=np.uint64,
)
"""Odd numbers that spread bits, one a word (splitmix64 and xxHash)."""
_LENGTHS = np.array(
    [list((b"\xff" * length).ljust(LONGEST_BYTES, b"\0")) for length in range(LONGEST_BYTES + 1)],
    dtype=np.uint8,
).view(np.uint64)
"""Which bits belong to a text of each length."""


def texts_of(block: PlainBlock, starts: Places, lengths: NDArray[np.intp], longest: int) -> Words:
    """Return texts of a block as words, a row each, with zeros behind their ends.

    Those longer than `longest`, which is at most `LONGEST_BYTES`, and of no length are zeros.
    """
    words = block.words(starts, longest)
    known = np.where((lengths > 0) & (lengths <= longest), lengths, 0)
    words &= _LENGTHS[known, : words.shape[1]]
    return words


class KnownWords:
    """Texts of at most `LONGEST_BYTES` bytes and 1,000 in all, each with its place in `texts`."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._words = np.empty((0, LONGEST_BYTES // WORD_BYTES), dtype=np.uint64)
        self._sums: Words = np.empty(0, dtype=np.uint64)
        """Of each text, in ascending order."""
        self._order: Ids = np.empty(0, dtype=np.intp)

    def ids(self, block: PlainBlock, starts: Places, lengths: NDArray[np.intp]) -> Ids:
        """Return the place of each text of a block in `texts`; `UNKNOWN` for what is not kept.

        What is empty or longer than `LONGEST_BYTES` is not kept.
        """
        words = texts_of(block, starts, lengths, min(int(lengths.max(initial=1)), LONGEST_BYTES))
        ids = self._find(words)
        if len(self.texts) < MOST_TEXTS and (unknown := np.flatnonzero(ids == UNKNOWN)).size:
            self._learn(words[unknown[:LEARNED_AT_ONCE]])
            ids = self._find(words)
        return ids

    def _find(self, words: Words) -> Ids:
        if not self.texts:
            return np.full(len(words), UNKNOWN, dtype=np.intp)
        places = np.searchsorted(self._sums, _sums(words))
        ids: Ids = self._order[np.minimum(places, len(self.texts) - 1)]
        wrong = words[:, 0] == 0
        for column in range(words.shape[1]):
            wrong |= self._words[ids, column] != words[:, column]
        for column in range(words.shape[1], self._words.shape[1]):
            wrong |= self._words[ids, column] != 0
        ids[wrong] = UNKNOWN
        return ids

    def _learn(self, words: Words) -> None:
        fresh = np.unique(words[words[:, 0] != 0], axis=0)
        self.texts += [row.tobytes().rstrip(b"\0").decode() for row in fresh]
        wide = np.zeros((len(fresh), self._words.shape[1]), dtype=np.uint64)
        wide[:, : words.shape[1]] = fresh
        self._words = np.concatenate([self._words, wide])
        sums = _sums(self._words)
        self._order = np.argsort(sums)
        self._sums = sums[self._order]


def _sums(words: Words) -> Words:
    """Return a number for each text; two texts hardly ever have the same."""
    sums: Words = words[:, 0] * _FACTORS[0]
    for column in range(1, words.shape[1]):
        sums ^= words[:, column] * _FACTORS[column]
    return sums
