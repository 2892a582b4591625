"""Many rules over the same rows at little more than the cost of one.

What level and source decide is decided once for each pair of them, and remembered. What is left of
a rule are conditions on the event; rules that have one in common ask it once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.batch import Columns
from logmon.filter import LogFilter
from logmon.query import QueryClause
from logmon.sentinel.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from logmon.event import LogEvent
    from logmon.filter import Clause, Mask
    from logmon.level import Level

    Test = Callable[[LogEvent], bool]

MOST_PAIRS = 10_000
"""Pairs of level and source remembered with the rules they leave; a full memory is emptied."""


class Asked(msgspec.Struct, frozen=True):
    """A rule, and the places in `RuleSet.tests` of what is left to ask of an event."""

    rule: Rule
    tests: tuple[int, ...]


class RuleSet:
    """Compiled rules. Never changes; another set of rules is another `RuleSet`."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Compile the rules.

        Raises:
            QueryError: a `when` cannot be read.
        """
        self.rules = tuple(rules)
        self.by_name = {rule.name: rule for rule in self.rules}
        self.filters = tuple(rule.filter() for rule in self.rules)
        self.filter = self._union()
        self._places: dict[Clause, int] = {}
        self._tests: list[Test] = []
        self._pairs: dict[tuple[Level, str], tuple[Asked, ...]] = {}

    def _union(self) -> LogFilter:
        """Return what a row must pass for any rule to want it, as far as columns say."""
        if any(not one.clauses for one in self.filters):
            return LogFilter()
        if len(self.filters) == 1 and not self.filters[0].needs_rows:
            return self.filters[0]
        return LogFilter((AnyRule(self.filters),))

    def asked(self, event: LogEvent) -> tuple[Asked, ...]:
        """Return the rules that level and source leave, with what is to be asked yet."""
        pair = (event.level, event.source)
        found = self._pairs.get(pair)
        if found is None:
            if len(self._pairs) >= MOST_PAIRS:
                self._pairs.clear()
            found = self._pairs[pair] = self._left(event)
        return found

    def _left(self, event: LogEvent) -> tuple[Asked, ...]:
        row = Columns.of([0], [event.level], [event.source])
        left = []
        for rule, condition in zip(self.rules, self.filters, strict=True):
            open_clauses = [clause for clause in condition.clauses if not _decided(clause)]
            decided = [clause for clause in condition.clauses if not _by_time(clause)]
            if all(bool(mask[0]) for mask in (c.mask(row) for c in decided) if mask is not None):
                left.append(Asked(rule, tuple(self._place(clause) for clause in open_clauses)))
        return tuple(left)

    def _place(self, clause: Clause) -> int:
        place = self._places.get(clause)
        if place is None:
            place = self._places[clause] = len(self._tests)
            compiled = clause.compiled() if isinstance(clause, QueryClause) else clause
            self._tests.append(compiled.matches)
        return place

    def ask(self, event: LogEvent, failed: Callable[[Rule, Exception], None]) -> list[Rule]:
        """Return the rules that match; a rule that fails is handed to `failed` and left out."""
        matched = []
        answers: dict[int, bool] = {}
        for asked in self.asked(event):
            try:
                for place in asked.tests:
                    answer = answers.get(place)
                    if answer is None:
                        answer = answers[place] = self._tests[place](event)
                    if not answer:
                        break
                else:
                    matched.append(asked.rule)
            except Exception as error:  # noqa: BLE001 - one rule's fault is not the others'
                failed(asked.rule, error)
        return matched


class AnyRule(msgspec.Struct, frozen=True, cache_hash=True):
    """Rows that some rule may want; the rules themselves have the last word."""

    filters: tuple[LogFilter, ...]
    needs_rows = False

    def mask(self, columns: Columns) -> Mask:
        """Ask each rule once for each pair of level and source that occurs."""
        keys = columns.levels.astype(np.int64) << 16 | columns.source_ids
        pairs, places = np.unique(keys, return_inverse=True)
        rows = Columns(
            np.zeros(len(pairs), dtype=np.int64),
            (pairs >> 16).astype(np.uint8),
            (pairs & 0xFFFF).astype(np.uint16),
            columns.names,
        )
        wanted = np.zeros(len(pairs), dtype=bool)
        for one in self.filters:
            timeless = LogFilter(tuple(c for c in one.clauses if not _by_time(c)))
            wanted |= timeless.mask(rows)
        mask: Mask = wanted[places]
        return mask

    def matches(self, event: LogEvent) -> bool:
        """Whether any rule matches."""
        return any(one.matches(event) for one in self.filters)


def _by_time(clause: Clause) -> bool:
    """Whether columns decide by time, which a pair of level and source does not know."""
    return isinstance(clause, QueryClause) and "timestamp" in clause.text


def _decided(clause: Clause) -> bool:
    """Whether level and source alone decide."""
    return not clause.needs_rows and not _by_time(clause)
