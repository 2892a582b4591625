"""Many rules over the same rows at little more than the cost of one.

What level and source decide is decided once for each pair of them, and remembered. What is left of
a rule are conditions on the event; rules that have one in common ask it once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.batch import Columns
from logmon.filter import LogFilter
from logmon.level import Level
from logmon.query import QueryClause
from logmon.query.fields import attribute_values
from logmon.query.guards import Guard, Key, guard, key_of
from logmon.sentinel.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from logmon.event import LogEvent
    from logmon.filter import Clause, Mask

    Test = Callable[[LogEvent], bool]

MOST_SOURCES = 10_000
"""Sources remembered with the rules that each level leaves; a full memory is emptied."""


class Asked(msgspec.Struct, frozen=True):
    """A rule, and the places in the set's tests of what is left to ask of an event."""

    number: int
    """Its place among the rules."""
    rule: Rule
    tests: tuple[int, ...]


class Values:
    """Rules that look at one attribute, found by its value."""

    def __init__(self, path: str) -> None:
        self._of = attribute_values(path)
        self._all: list[Asked] = []
        self._equal: dict[Key, list[Asked]] = {}
        self._low: list[tuple[float, int, Asked]] = []
        self._high: list[tuple[float, int, Asked]] = []

    def add(self, guard: Guard, asked: Asked) -> None:
        """Take in a rule."""
        self._all.append(asked)
        if guard.key is not None:
            self._equal.setdefault(guard.key, []).append(asked)
        elif guard.low is not None:
            insort(self._low, (guard.low, asked.number, asked))
        elif guard.high is not None:
            insort(self._high, (guard.high, asked.number, asked))

    def left(self, event: LogEvent) -> list[Asked]:
        """Return the rules that an event's values leave; all where one cannot be looked at."""
        try:
            return [asked for value in self._of(event) for asked in self._find(value)]
        except Exception:  # noqa: BLE001 - each rule will fail on it by itself, and be counted
            return self._all

    def _find(self, value: object) -> Iterator[Asked]:
        key = key_of(value)
        yield from self._equal.get(key, ())
        if isinstance(key, str):
            return
        for _, _, asked in self._low[: bisect_right(self._low, (key, _AFTER))]:
            yield asked
        for _, _, asked in self._high[bisect_left(self._high, (key,)) :]:
            yield asked


class Left(msgspec.Struct, frozen=True):
    """The rules that a level and a source leave."""

    always: tuple[Asked, ...]
    by_literal: tuple[tuple[str, tuple[Asked, ...]], ...]
    """Rules to be asked only where the folded message holds a text."""
    by_value: tuple[Values, ...]
    """Rules to be asked only where an attribute has a value."""


class RuleSet:
    """Compiled rules. Never changes; another set of rules is another `RuleSet`."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Compile the rules.

        Raises:
            QueryError: a `when` cannot be read.
        """
        self.known = tuple(rules)
        """All rules in their order, those that are off included."""
        self.rules = tuple(rule for rule in self.known if rule.enabled)
        self.filters = tuple(rule.filter() for rule in self.rules)
        self.filter = self._union()
        self.asks_new = any(one.asks_new for one in self.filters)
        """Whether a rule asks if an event is the first of its template."""
        self._places: dict[Clause, int] = {}
        self._tests: list[Test] = []
        self._left: dict[str, list[Left | None]] = {}

    def _union(self) -> LogFilter:
        """Return what a row must pass for any rule to want it, as far as columns say."""
        if any(not one.clauses for one in self.filters):
            return LogFilter()
        if len(self.filters) == 1 and all(map(_decided, self.filters[0].clauses)):
            return self.filters[0]
        return LogFilter((AnyRule(self.filters),))

    def _leaves(self, event: LogEvent) -> Left:
        """Return the rules that level and source leave, with what is to be asked yet."""
        by_level = self._left.get(event.source)
        if by_level is None:
            if len(self._left) >= MOST_SOURCES:
                self._left.clear()
            by_level = self._left[event.source] = [None] * (max(Level) + 1)
        found = by_level[event.level]
        if found is None:
            found = by_level[event.level] = self._compile(event)
        return found

    def may_match(self, event: LogEvent) -> bool:
        """Whether level and source leave any rule."""
        left = self._leaves(event)
        return bool(left.always or left.by_literal or left.by_value)

    def _compile(self, event: LogEvent) -> Left:
        row = Columns.of([0], [event.level], [event.source])
        always: list[Asked] = []
        by_literal: dict[str, list[Asked]] = {}
        by_value: dict[str, Values] = {}
        for number, (rule, condition) in enumerate(zip(self.rules, self.filters, strict=True)):
            masks = [c.mask(row) for c in condition.clauses if not _beyond(c)]
            if not all(bool(mask[0]) for mask in masks if mask is not None):
                continue
            clauses = [clause for clause in condition.clauses if not _decided(clause)]
            asked = Asked(number, rule, tuple(map(self._place, clauses)))
            found = _guard(clauses)
            if found.literal:
                by_literal.setdefault(found.literal, []).append(asked)
            elif found.path:
                by_value.setdefault(found.path, Values(found.path)).add(found, asked)
            else:
                always.append(asked)
        groups = tuple((literal, tuple(group)) for literal, group in by_literal.items())
        return Left(tuple(always), groups, tuple(by_value.values()))

    def _place(self, clause: Clause) -> int:
        place = self._places.get(clause)
        if place is None:
            place = self._places[clause] = len(self._tests)
            compiled = clause.compiled() if isinstance(clause, QueryClause) else clause
            self._tests.append(compiled.matches)
        return place

    def ask(self, event: LogEvent, failed: Callable[[Rule, Exception], None]) -> Sequence[Rule]:
        """Return the rules that match, in their order.

        A rule that fails is handed to `failed` and left out.
        """
        left = self._leaves(event)
        asked = left.always
        if left.by_literal or left.by_value:
            asked = self._guarded(left, event)
        if not asked:
            return _NONE
        answers: dict[int, bool] = {}
        matched: list[Rule] = []
        for one in asked:
            try:
                if self._all_hold(one.tests, event, answers):
                    matched.append(one.rule)
            except Exception as error:  # noqa: BLE001 - one rule's fault is not the others'
                failed(one.rule, error)
        return matched

    def _guarded(self, left: Left, event: LogEvent) -> tuple[Asked, ...]:
        """Return the rules whose guards let an event through, and those without one."""
        found: dict[int, Asked] = {}
        if left.by_literal:
            folded = event.message.casefold()
            for literal, group in left.by_literal:
                if literal in folded:
                    found.update((asked.number, asked) for asked in group)
        if event.attributes:
            for values in left.by_value:
                found.update((asked.number, asked) for asked in values.left(event))
        if not found:
            return left.always
        found.update((asked.number, asked) for asked in left.always)
        return tuple(found[number] for number in sorted(found))

    def _all_hold(self, tests: tuple[int, ...], event: LogEvent, answers: dict[int, bool]) -> bool:
        """Ask each condition that no other rule has asked of this event."""
        for place in tests:
            answer = answers.get(place)
            if answer is None:
                answer = answers[place] = self._tests[place](event)
            if not answer:
                return False
        return True


_NONE: tuple[Rule, ...] = ()


_AFTER = 1 << 60
"""Comes after the number of every rule."""


def _guard(clauses: list[Clause]) -> Guard:
    """Return the guard that lets least through: a value, else the longest text, else a range."""
    queries = [clause.text for clause in clauses if isinstance(clause, QueryClause)]
    if not queries:
        return Guard()

    def worth(found: Guard) -> tuple[bool, int, bool]:
        return (found.key is not None, len(found.literal), bool(found.path))

    return max(map(guard, queries), key=worth)


class AnyRule:
    """A clause: rows that some rule may want; the rules themselves have the last word.

    Equal when its filters are: the log evaluates equal clauses once.
    """

    needs_rows = False

    def __init__(self, filters: tuple[LogFilter, ...]) -> None:
        self._filters = filters
        self._timeless = tuple(
            LogFilter(tuple(clause for clause in one.clauses if not _beyond(clause)))
            for one in filters
        )
        self._wanted: dict[tuple[int, str], bool] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyRule) and self._filters == other._filters

    def __hash__(self) -> int:
        return hash(self._filters)

    def mask(self, columns: Columns) -> Mask:
        """Ask the rules once for each pair of level and source there is."""
        keys = columns.levels.astype(np.int64) << 16 | columns.source_ids
        pairs, places = np.unique(keys, return_inverse=True)
        names = columns.names
        wanted = [self._wants(pair >> 16, names[pair & 0xFFFF]) for pair in pairs.tolist()]
        mask: Mask = np.array(wanted, dtype=bool)[places]
        return mask

    def _wants(self, level: int, source: str) -> bool:
        known = self._wanted.get((level, source))
        if known is None:
            if len(self._wanted) >= MOST_SOURCES:
                self._wanted.clear()
            row = Columns.of([0], [level], [source])
            known = any(bool(one.mask(row)[0]) for one in self._timeless)
            self._wanted[level, source] = known
        return known

    def matches(self, event: LogEvent) -> bool:
        """Whether any rule matches."""
        return any(one.matches(event) for one in self._filters)


def _beyond(clause: Clause) -> bool:
    """Whether columns decide by time or newness, which a pair of level and source does not know."""
    return isinstance(clause, QueryClause) and ("timestamp" in clause.text or clause.asks_new)


def _decided(clause: Clause) -> bool:
    """Whether level and source alone decide."""
    return not clause.needs_rows and not _beyond(clause)
