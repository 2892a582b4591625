"""With which kept row to begin so that the last N that pass are shown; looked for from the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.errors import PatternTooSlow
from logmon.segment import OWN_ORIGINS, segment_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logmon.filter import LogFilter
    from logmon.journal import Block
    from logmon.source import LookBack

QUICK_ROWS = 100_000
"""How many rows are looked through where nobody asked for a number: about half a second."""


def first_of_newest(blocks: Iterable[Block], look: LookBack, newest: int) -> int:
    """Return the `seq` to begin with; `blocks` come newest first, up to the row before `newest`.

    Rows that logmon wrote itself count where the filter asks for them by name, or where there are
    too few others.
    """
    if not look.rows:
        return newest
    first = newest
    counted: list[int] = []
    beside: list[int] = []
    for block in blocks:
        first = block.first_seq
        try:
            _sort(block, look.passing, counted, beside)
        except PatternTooSlow:  # whoever shows the rows will say so
            break
        if len(counted) >= look.rows:
            return counted[look.rows - 1]
        if not look.thorough and newest - first >= QUICK_ROWS:
            break
    places_left = look.rows - len(counted)
    before = [seq for seq in beside if not counted or seq < counted[-1]]
    return before[places_left - 1] if len(before) >= places_left else first


def _sort(block: Block, log_filter: LogFilter, counted: list[int], beside: list[int]) -> None:
    """Add the rows of a block that pass, newest first, to those that count or stand beside."""
    segment = segment_of(block.first_seq, block.batch, block.origin, block.links)
    for seq in block.news:
        segment.mark_new(seq - block.first_seq)
    for row in reversed(segment.rows(log_filter, 0, segment.count).tolist()):
        is_own = block.origin in OWN_ORIGINS
        counts = not is_own or log_filter.asks_for_source_of(segment.event(row))
        (counted if counts else beside).append(block.first_seq + row)
