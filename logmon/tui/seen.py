"""Which fields and values the newest rows have: what completion offers. No Textual here."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from logmon.level import LABELS
from logmon.query.conditions import FIELDS
from logmon.query.fields import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.event import LogEvent
    from logmon.event_log import Snapshot

ROWS_SAMPLED = 500
"""Rows that are looked at: the newest ones, about 5 ms."""
MOST_VALUES = 200
LONGEST_VALUE = 80
DEEPEST = 6


class Seen:
    """Fields with how often they were seen, and the values of each."""

    def __init__(self) -> None:
        self.fields: Counter[str] = Counter()
        self._values: dict[str, Counter[str]] = {}
        self._sampled = (-1, -1)
        self._sources: tuple[str, ...] = ()

    def look(self, snapshot: Snapshot) -> None:
        """Look at the newest rows, unless they are the same as before."""
        if self._sampled == (snapshot.first_seq, snapshot.next_seq):
            return
        self._sampled = (snapshot.first_seq, snapshot.next_seq)
        self.fields.clear()
        self._values.clear()
        self.fields.update(dict.fromkeys(FIELDS, 0))
        self._sources = tuple(
            dict.fromkeys(name for segment in snapshot.segments for name in segment.names)
        )
        for seq in range(
            max(snapshot.first_seq, snapshot.next_seq - ROWS_SAMPLED), snapshot.next_seq
        ):
            row = snapshot.delivery(seq)
            if row is not None:
                for field, value in _pairs(row.event):
                    self._add(field, value)

    def _add(self, field: str, value: str) -> None:
        self.fields[field] += 1
        values = self._values.setdefault(field, Counter())
        if value in values or (len(values) < MOST_VALUES and len(value) <= LONGEST_VALUE):
            values[value] += 1

    def values(self, field: str) -> list[tuple[str, int]]:
        """Return the values of a field, the commonest first, with how often each was seen."""
        if field == "status":
            seen = self._values.get(field, Counter())
            return [(label, seen[label]) for label in LABELS]
        found = self._values.get(field, Counter()).most_common()
        if field in ("service", "source"):
            known = {value for value, _ in found}
            found += [(name, 0) for name in self._sources if name and name not in known]
        return found


def _pairs(event: LogEvent) -> Iterator[tuple[str, str]]:
    if event.has_level:
        yield "status", event.level.label
    yield "service", event.source
    for name in ("host", "trace_id"):
        if value := getattr(event, name):
            yield name, value
    for tag in event.tags:
        key, colon, value = tag.partition(":")
        yield (key, value) if colon and key and value else ("tags", tag)
    yield from _attributes(event.attributes, "@", 0)


def _attributes(attributes: dict[str, Any], start: str, depth: int) -> Iterator[tuple[str, str]]:
    for key, value in attributes.items():
        if isinstance(value, dict):
            if depth < DEEPEST:
                yield from _attributes(value, f"{start}{key}.", depth + 1)
        elif isinstance(value, list | tuple):
            for element in value[:5]:
                if isinstance(element, str | int | float):
                    yield f"{start}{key}", as_text(element)
        elif value is not None:
            yield f"{start}{key}", as_text(value)
