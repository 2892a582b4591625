"""What a rule would have made of the rows that are held, found without holding up the screen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from logmon.patterns import bounded
from logmon.sentinel.rehearsal import Rehearsal

if TYPE_CHECKING:
    from logmon.event_log import Snapshot
    from logmon.filter import LogFilter
    from logmon.sentinel.rule import Rule


class Effect:
    """What a rule would have made of the rows that are held, found a segment at a time."""

    def __init__(self, rule: Rule, snapshot: Snapshot) -> None:
        """Take the rule, and try it even if it is off.

        Raises:
            QueryError: its `when` cannot be read.
        """
        self.rule = msgspec.structs.replace(rule, enabled=True)
        self.rehearsal = Rehearsal([self.rule])
        self.rows = len(snapshot)
        self.matched = 0
        self.done = False
        self._snapshot = snapshot

    async def find(self) -> None:
        """Go through the rows, giving keys and frames their turn between segments."""
        wanted: LogFilter = self.rule.filter()
        snapshot = self._snapshot
        for segment, start, stop in snapshot.spans(snapshot.first_seq, snapshot.next_seq):
            with bounded():
                mask = segment.evaluate(wanted, start, stop)
            rows = [segment.delivery(start + int(place)) for place in mask.nonzero()[0]]
            rows = [row for row in rows if not row.is_own]
            self.matched += len(rows)
            self.rehearsal.feed(rows)
            await asyncio.sleep(0.001)
        self.done = True

    def text(self) -> str:
        """Say it in a line: `37 of 50,000 rows match → 2 items, first 12:03:07 UTC`."""
        items = [item for item in self.rehearsal.items() if not item.part_of]
        first = f", first {items[0].first_seen:%H:%M:%S} UTC" if items else ""
        word = "item" if len(items) == 1 else "items"
        so_far = "" if self.done else " so far"
        return (
            f"{self.matched:,} of {self.rows:,} rows match → {len(items):,} {word}{first}{so_far}"
        )

    def short(self) -> str:
        """Say it beside another one: `37 rows → 2 items`."""
        items = sum(not item.part_of for item in self.rehearsal.items())
        return f"{self.matched:,} rows → {items:,} {'item' if items == 1 else 'items'}"
