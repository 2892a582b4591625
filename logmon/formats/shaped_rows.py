"""Proves rows of canonical lines by shapes that were learned from others, and reads their columns.

Only numpy looks at the rows: no object is made for any. Where shapes prove too little they are
not tried for a while; what they do not prove the caller decodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logmon.formats.known_words import KnownWords
from logmon.formats.line_shapes import FIELDS, LineShapes
from logmon.formats.plain_block import PlainBlock
from logmon.formats.time_column import is_width, read_chars
from logmon.level import Level

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from logmon.formats.line_shapes import Found
    from logmon.formats.plain_block import Places
    from logmon.formats.scanned import Scanned
    from logmon.formats.time_column import Times

FEWEST_ROWS = 800
"""Fewer rows are decoded in less time than numpy's calls take."""
SAMPLES = 4
"""Rows of a block that shapes are learned from."""
LEFT = 0.05
"""Of a block of which fewer rows are left nothing is learned."""
WORTH = 0.85
"""Shapes that prove less of a block are not worth their while: msgspec reads it in less time."""
FIRST_REST_BLOCKS, MOST_REST_BLOCKS = 4, 256
"""They are not tried for so many blocks then; after each further failure for four times as many."""
MOST_SPELLINGS = 1_000
UNKNOWN = 255


class Ranks(dict[str, int]):
    """The rank of each word for a level; `UNKNOWN` for words that are none."""

    def __init__(self, level_of: Callable[[str], Level | None]) -> None:
        super().__init__({level.label: int(level) for level in Level})
        self._level_of = level_of

    def __missing__(self, word: str) -> int:
        level = self._level_of(word) if word else None
        if level is None or len(self) >= MOST_SPELLINGS:
            return UNKNOWN
        rank = self[word] = int(level)
        return rank


class ShapedRows:
    """Knows the shapes of one input's lines, and the words their levels and sources are."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._levels = KnownWords()
        self._sources = KnownWords()
        self._shapes = LineShapes()
        self._rest = 0
        self._next_rest = FIRST_REST_BLOCKS

    def prove(self, lines: bytes, starts: Places, ends: Places, scanned: Scanned) -> None:
        """Read the columns of all rows that have a known shape. Row `i` as in `PlainBlock`."""
        if not self._shapes or len(starts) < FEWEST_ROWS:
            return
        if self._rest:
            self._rest -= 1
            return
        block = PlainBlock(lines, starts, ends)
        found = self._shapes.prove(block)
        if found is not None and len(found.rows):
            self._take(block, found, scanned)
        if np.count_nonzero(scanned.proven) >= WORTH * len(starts):
            self._next_rest = FIRST_REST_BLOCKS
            return
        self._rest = self._next_rest
        self._next_rest = min(4 * self._next_rest, MOST_REST_BLOCKS)
        if self._shapes.is_full:
            self._shapes = LineShapes()

    def learn(self, lines: bytes, starts: Places, ends: Places, canonical: Places) -> None:
        """Learn shapes from a few of the rows that were not proven and are canonical."""
        if (
            self._rest > FIRST_REST_BLOCKS
            or len(starts) < FEWEST_ROWS
            or len(canonical) < LEFT * len(starts)
        ):
            return
        for row in canonical[:: max(1, len(canonical) // SAMPLES)][:SAMPLES].tolist():
            if not self._shapes.is_full:
                self._shapes.learn(lines[starts[row] : ends[row]])

    def _take(self, block: PlainBlock, found: Found, scanned: Scanned) -> None:
        """Read the columns of rows that have a shape; those that cannot be read stay unproven."""
        (times_at, times_end), (levels_at, levels_end), (sources_at, sources_end) = (
            found.fields[field] for field in FIELDS
        )
        times, proven = self._times(block, times_at, times_end - times_at)
        levels = self._level_ranks(self._levels.ids(block, levels_at, levels_end - levels_at))
        proven &= levels != UNKNOWN
        ids = self._sources.ids(block, sources_at, sources_end - sources_at)
        proven &= ids >= 0
        rows = found.rows
        if not proven.all():
            rows, times, levels, ids = rows[proven], times[proven], levels[proven], ids[proven]
        scanned.times[rows] = times
        scanned.levels[rows] = levels
        scanned.source_ids[rows] = self._source_places(ids, scanned)[ids]
        scanned.proven[rows] = True

    @staticmethod
    def _times(block: PlainBlock, starts: Places, lengths: Places) -> Times:
        """Read times of the usual width."""
        width = int(np.bincount(lengths).argmax())
        if not is_width(width):
            return np.zeros(len(starts), dtype=np.int64), np.zeros(len(starts), dtype=bool)
        times, proven = read_chars(block.words(starts, width).view(np.uint8)[:, :width])
        return times, proven & (lengths == width)

    def _level_ranks(self, ids: Places) -> NDArray[np.uint8]:
        """Return the ranks of known levels; that of an unknown one stands behind all others."""
        ranks = map(self._ranks.__getitem__, self._levels.texts)
        return np.array([*ranks, UNKNOWN], dtype=np.uint8)[ids]

    def _source_places(self, ids: Places, scanned: Scanned) -> NDArray[np.uint16]:
        """Return for each known source its place among the names of these rows."""
        texts = self._sources.texts
        places = np.zeros(len(texts), dtype=np.uint16)
        used = np.flatnonzero(np.bincount(ids, minlength=len(texts)))
        places[used] = scanned.places([texts[place] for place in used.tolist()])
        return places
