"""Rules tried on events that are there already: the items they would make, and nothing else.

The events' own clock drives it, so that the same events give the same items, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from logmon.segment import OWN_ORIGINS, Delivery
from logmon.sentinel.pipeline import Sentinel
from logmon.work_item import WorkItem, to_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from logmon.event import LogEvent
    from logmon.journal import ItemRecord
    from logmon.sentinel.rule import Rule
    from logmon.sentinel.statistics import RuleStatistics

Change = Literal["added", "removed", "changed"]
_COMPARED = (
    "title", "description", "status", "priority", "level", "count", "first_seen", "last_seen",
    "event_ids",
)  # fmt: skip


class Rehearsal:
    """Feeds rows to rules and keeps every item they make, in memory only."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Take the rules.

        Raises:
            QueryError: a rule's `when` cannot be read.
        """
        self._sentinel = Sentinel(rules)
        self._records: dict[int, ItemRecord] = {}

    def feed(self, rows: Iterable[Delivery]) -> None:
        """Apply the rules; rows that logmon itself wrote are passed over."""
        self._sentinel.process(row for row in rows if not row.is_own)
        records, _ = self._sentinel.items.take_changes()
        self._records.update((record.number, record) for record in records)

    def records(self) -> list[ItemRecord]:
        """Return the items in the order they were opened."""
        return [self._records[number] for number in sorted(self._records)]

    def items(self) -> list[WorkItem]:
        """Return the items themselves."""
        return [record.item for record in self.records()]

    def statistics(self) -> dict[str, RuleStatistics]:
        """Return what each rule matched, opened, joined and suppressed."""
        return self._sentinel.statistics()


def recorded(events: Iterable[LogEvent], first_seq: int) -> Iterator[Delivery]:
    """Return events of a recording as rows.

    What Sentinel and logmon said then is taken as theirs: it stands in what `logmon tail` printed,
    and rules never heard it. No source can be configured under these names.
    """
    for seq, event in enumerate(events, first_seq):
        own = event.source in OWN_ORIGINS
        yield Delivery(seq, event, event.source if own else "recording", None)


class Difference(msgspec.Struct, frozen=True):
    """One item that two rehearsals do not agree on."""

    change: Change
    before: WorkItem | None = None
    after: WorkItem | None = None
    fields: tuple[str, ...] = ()
    """With `changed`: what is different."""

    def document(self) -> dict[str, Any]:
        """Return it as the JSON object that users see."""
        return {
            "change": self.change,
            "fields": list(self.fields),
            "before": self.before and to_document(self.before),
            "after": self.after and to_document(self.after),
        }


def differences(before: Sequence[ItemRecord], after: Sequence[ItemRecord]) -> list[Difference]:
    """Return what became of the items of one rehearsal in another one.

    Items are the same piece of work when they have one cause, and are its first, second, … one.
    """
    old, new = _by_cause(before), _by_cause(after)
    found: list[Difference] = []
    for key in dict.fromkeys((*old, *new)):
        one, other = old.get(key), new.get(key)
        if one is None or other is None:
            change: Change = "added" if one is None else "removed"
            found.append(Difference(change, one, other))
            continue
        fields = tuple(name for name in _COMPARED if getattr(one, name) != getattr(other, name))
        if fields:
            found.append(Difference("changed", one, other, fields))
    return found


def _by_cause(records: Sequence[ItemRecord]) -> dict[tuple[object, ...], WorkItem]:
    found: dict[tuple[object, ...], WorkItem] = {}
    for record in records:
        count = 0
        while (*record.cause, count) in found:
            count += 1
        found[*record.cause, count] = record.item
    return found
