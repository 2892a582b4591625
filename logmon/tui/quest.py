"""Looks for the next row that somebody wants, a slice of time at a time. No Textual here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logmon.tui.shown_rows import SLICE_S, Direction

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.level import Level
    from logmon.segment import Segment
    from logmon.tui.row_templates import RowTemplates
    from logmon.tui.shown_rows import Rows, ShownRows

    Wanted = Callable[[Segment, Rows], Rows]
    """Returns those of a segment's shown rows that are wanted."""


class Quest:
    """The nearest shown row beyond `start` in a direction for which `wanted` holds.

    Walks the rows as they were when it began; rows that come meanwhile are not looked at.
    """

    def __init__(self, rows: ShownRows, wanted: Wanted, start: int, direction: Direction) -> None:
        self._rows = rows
        self._wanted = wanted
        self._start = start
        self._direction = direction
        self._left = list(rows.segments_from(start, direction))[::-1]
        self.found: int | None = None

    def work(self) -> bool:
        """Look for a slice of time; return whether it must go on.

        Raises:
            PatternTooSlow: a regular expression ran out of time.
        """
        until = self._rows.clock() + SLICE_S
        start, forward = self._start, self._direction > 0
        while self._left:
            segment = self._left.pop()
            self._rows.count(segment)
            rows = self._rows.rows(segment)
            rows = (
                rows[rows > start - segment.first_seq]
                if forward
                else rows[rows < start - segment.first_seq]
            )
            if len(rows) and len(found := self._wanted(segment, rows)):
                self.found = segment.first_seq + int(found[0] if forward else found[-1])
                self._left.clear()
                return False
            if self._rows.clock() >= until:
                break
        return bool(self._left)


def at_least(minimum: Level) -> Wanted:
    """Want rows of this level or worse."""
    return lambda segment, rows: rows[segment.levels[rows] >= minimum]


def linked(item: str | None = None) -> Wanted:
    """Want rows linked to any work item, or to this one."""
    return lambda segment, rows: segment.linked(rows, item)


def of_trace(trace_id: str) -> Wanted:
    """Want rows of one trace."""

    def wanted(segment: Segment, rows: Rows) -> Rows:
        same = [segment.event(row).trace_id == trace_id for row in rows.tolist()]
        found: Rows = rows[np.array(same, dtype=bool)]
        return found

    return wanted


def of_template(templates: RowTemplates, name: str) -> Wanted:
    """Want rows of one template, from what was learned already where it was."""
    canonical = templates.canonical(name)

    def wanted(segment: Segment, rows: Rows) -> Rows:
        known = templates.learned(segment)
        ids = templates.ids(segment)[rows].tolist()
        same = [
            (templates.name(place) if row < known else templates.of(segment.event(row)))
            == canonical
            for row, place in zip(rows.tolist(), ids, strict=True)
        ]
        found: Rows = rows[np.array(same, dtype=bool)]
        return found

    return wanted
