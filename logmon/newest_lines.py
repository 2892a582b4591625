"""The last N rows of what comes, as lines: for output that begins, or ends, with the newest ones.

N counts the rows that were asked for. What Sentinel said of them stands beside them and takes no
one's place: its rows count where the filter asks for them by name, or where there are too few
others.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.segment import OWN_ORIGINS

if TYPE_CHECKING:
    from logmon.filter import LogFilter
    from logmon.segment import Delivery, Slice


class _Line(msgspec.Struct, frozen=True):
    text: bytes
    counts: bool
    at: datetime


class NewestLines:
    """Holds the lines of the last `most` rows that count, and of those that stand beside them."""

    def __init__(self, most: int, log_filter: LogFilter) -> None:
        self._most = most
        self._filter = log_filter
        self._before: deque[_Line] = deque()
        """Rows that do not count, before the first one that does."""
        self._lines: deque[_Line] = deque()
        """From the first row that counts on."""
        self._counted = 0
        self._dropped = False

    def worth(self, rows: Slice) -> Slice:
        """Return the rows of a slice without those that newer ones in it will push out."""
        of = rows.segment.origin_ids[rows.rows]
        outside = np.flatnonzero(of >= len(OWN_ORIGINS))
        if len(outside) <= self._most:
            return rows
        first = outside[-self._most] if self._most else len(of)
        notices = of[:first] == OWN_ORIGINS.index("logmon")
        self._dropped = True
        keep = np.concatenate([np.flatnonzero(notices), np.arange(first, len(of))])
        return type(rows)(rows.segment, rows.rows[keep], rows.missed)

    def add(self, row: Delivery, text: bytes) -> None:
        """Take a row and its line."""
        counts = not row.is_own or self._filter.asks_for_source_of(row.event)
        self._counted += counts
        held = self._lines if counts or self._lines else self._before
        held.append(_Line(text, counts, row.event.timestamp))
        if self._counted > self._most:
            self._drop_first()
        while len(self._before) > self._most - self._counted:
            self._before.popleft()

    def _drop_first(self) -> None:
        """Let go of the oldest row that counts, and of what stands beside it."""
        self._dropped = True
        self._counted -= self._lines.popleft().counts
        while self._lines and not self._lines[0].counts:
            self._lines.popleft()

    def take(self) -> bytes:
        """Return all lines, the oldest first."""
        lines = [*self._before, *self._lines]
        if self._dropped and self._lines:  # what is said of older rows came behind newer ones
            first = self._lines[0].at
            lines = [line for line in lines if line.counts or line.at >= first]
        return b"".join(line.text for line in lines)
