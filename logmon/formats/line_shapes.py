"""The shapes of canonical lines: what stays the same from line to line, proven of many at once.

A line is cut at its values: fixed bytes, and between them texts and scalars. A plain row has a
shape when its fixed bytes stand where its quotes say and its scalars are JSON's. Then it is as
good as the line that the shape was learned from: the same keys in the same nesting, and each of
its values is of the same kind. Only what stands in `attributes` may be another scalar.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from logmon.byte_search import WORD_BYTES
from logmon.formats import scalars
from logmon.formats.known_words import texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from logmon.formats.plain_block import Places, PlainBlock, Words

FIELDS = (b"timestamp", b"level", b"source")
MOST_PARTS = 64
"""In a line: more than there are in a canonical line with 50 attributes."""
MOST_FOLLOWERS = 8
"""Each is looked for in all rows that come to the part before it."""
MOST_IN_ALL = 400
FEWEST_ROWS = 256
"""Fewer are decoded in less time than numpy's calls take."""
_PLAIN = re.compile(rb"[\x20-\x5b\x5d-\x7e]*")
_TOKEN = re.compile(
    rb'"(?P<text>[^"]*)"(?P<key>\s*:)?|(?P<opens>[{\[])|(?P<closes>[}\]])|(?P<other>[^\s"{}\[\],:]+)'
)
_SCALAR = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?|true|false|null")


class Cut(NamedTuple):
    """Fixed bytes of a line, and what stands before them."""

    text: bytes
    after_scalar: bool
    field: bytes | None
    """The field that stands before them."""


class Found(NamedTuple):
    """Rows of a block, a place in each, where each ends, and the fields that stand before it."""

    rows: Places
    places: Places
    ends: Places
    fields: dict[bytes, tuple[Places, Places]]
    """Where each of them begins and ends."""

    def only(self, which: NDArray[np.bool_]) -> Found:
        """Return some of the rows."""
        if which.all():
            return self
        fields = {name: (start[which], end[which]) for name, (start, end) in self.fields.items()}
        return Found(self.rows[which], self.places[which], self.ends[which], fields)


def _together(parts: list[Found]) -> Found:
    """Return the rows of several shapes as one; all of them have the same fields."""
    first = parts[0]
    if len(parts) == 1:
        return first
    rows, places, ends = (np.concatenate([part[at] for part in parts]) for at in range(3))
    pairs = {
        name: list(zip(*(part.fields[name] for part in parts), strict=True)) for name in FIELDS
    }
    fields = {
        name: (np.concatenate(starts), np.concatenate(stops))
        for name, (starts, stops) in pairs.items()
    }
    return Found(rows, places, ends, fields)


class _Part:
    """Fixed bytes, what stands before them, and the parts that may follow behind a value."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self.lead = cut.text.find(b'"')
        """Where its first quote stands; -1: it has none, and is the last of its line."""
        self.followers: list[_Part] = []
        self.is_last = False
        width = -(-len(cut.text) // WORD_BYTES) * WORD_BYTES
        mask = (b"\xff" * (len(cut.text) - width + WORD_BYTES)).ljust(WORD_BYTES, b"\0")
        self._words = np.frombuffer(cut.text.ljust(width, b"\0"), dtype=np.uint64)
        self._mask = np.frombuffer(mask, dtype=np.uint64)[0]
        """The bits of the last word that belong to the bytes."""

    def stands(self, block: PlainBlock, places: Places) -> NDArray[np.bool_]:
        """Return at which places the bytes stand."""
        found = block.words(places, len(self.cut.text))
        wrong: Words = (found[:, -1] ^ self._words[-1]) & self._mask
        for column in range(len(self._words) - 1):
            wrong |= found[:, column] ^ self._words[column]
        stands: NDArray[np.bool_] = wrong == 0
        return stands


class LineShapes:
    """Shapes that were learned, as a tree: lines that begin the same are looked at together."""

    def __init__(self) -> None:
        self._firsts: list[_Part] = []
        self._count = 0
        self._margin = 0
        """How far behind its end a row may be looked at."""

    def __bool__(self) -> bool:
        return bool(self._firsts)

    @property
    def is_full(self) -> bool:
        """Whether no more shapes are learned."""
        return self._count >= MOST_IN_ALL

    def learn(self, line: bytes) -> None:
        """Learn the shape of a canonical line, if it has one that can be proven."""
        cuts = tuple(_cuts(line)) if _PLAIN.fullmatch(line) else ()
        fields = [cut.field for cut in cuts if cut.field]
        told = all(b'"' in cut.text for cut in cuts[:-1])
        if not told or sorted(fields) != sorted(FIELDS) or len(cuts) > MOST_PARTS:
            return
        parts = self._firsts
        for cut in cuts:
            part = self._part(parts, cut)
            if part is None:
                return
            parts = part.followers
            part.is_last |= cut is cuts[-1]

    def _part(self, parts: list[_Part], cut: Cut) -> _Part | None:
        for part in parts:
            if part.cut == cut:
                return part
        if len(parts) >= MOST_FOLLOWERS:
            return None
        parts.append(_Part(cut))
        self._count += 1
        self._margin = max(self._margin, len(cut.text) + 8 * WORD_BYTES)
        return parts[-1]

    def prove(self, block: PlainBlock) -> Found | None:
        """Return the rows of a block that have one of the shapes, with their fields."""
        rows = np.flatnonzero(block.is_plain[: block.before(self._margin)])
        found: list[Found] = []
        for part in self._firsts if len(rows) >= FEWEST_ROWS else ():
            start = Found(rows, block.starts[rows], block.ends[rows], {})
            self._follow(block, part, start, found)
        return _together(found) if found else None

    def _follow(self, block: PlainBlock, part: _Part, at: Found, found: list[Found]) -> None:
        """Go through rows from the places where a part of them begins, if it does."""
        at = at.only(part.stands(block, at.places))
        if len(at.rows) < FEWEST_ROWS:
            return
        places = at.places + len(part.cut.text)
        if part.is_last:
            found.append(at.only(places == at.ends))
        quotes = block.next_quotes(places, at.ends) if part.followers else places
        for follower in part.followers:
            if follower.cut.after_scalar:
                lead, length = follower.lead, len(follower.cut.text)
                stops = at.ends - length if lead < 0 else quotes - lead
                texts = texts_of(block, places, stops - places, scalars.LONGEST_BYTES)
                sound = scalars.are_scalars(texts.view(np.uint8))
                self._follow(block, follower, at._replace(places=stops).only(sound), found)
            else:
                fields = at.fields
                if field := follower.cut.field:
                    fields = {**fields, field: (places, quotes)}
                self._follow(block, follower, at._replace(places=quotes, fields=fields), found)


def _cuts(line: bytes) -> Iterator[Cut]:
    """Cut a plain canonical line at its values."""
    depth, begin, key = 0, 0, b""
    after_scalar, field = False, None
    for token in _TOKEN.finditer(line):
        kind = token.lastgroup
        depth += (kind == "opens") - (kind == "closes")
        if kind == "key":
            key = token["text"]
            continue
        is_scalar = kind == "other" and depth > 1 and _SCALAR.fullmatch(token[0]) is not None
        if kind == "text" or is_scalar:
            start, end = token.span("text" if kind == "text" else 0)
            yield Cut(line[begin:start], after_scalar, field)
            begin, after_scalar = end, is_scalar
            field = key if kind == "text" and depth == 1 and key in FIELDS else None
    yield Cut(line[begin:], after_scalar, field)
