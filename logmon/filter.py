"""Which rows pass: clauses that must all hold, first on columns, then on the rows that are left.

A clause is a frozen value, so equal filters compare equal and the log evaluates each distinct
filter once per row range, whoever asks.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from logmon.batch import Columns
from logmon.level import ALL_LEVELS, Level, at_least
from logmon.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from logmon.event import LogEvent

    Mask = NDArray[np.bool_]


class Clause(Protocol):
    """One condition. It must be hashable and never change."""

    @property
    def needs_rows(self) -> bool:
        """Whether `matches` must be asked about the rows that `mask` let through."""
        ...

    def mask(self, columns: Columns) -> Mask | None:
        """Rows that can still match, from columns alone; None when columns say nothing."""
        ...

    def matches(self, event: LogEvent) -> bool:
        """Whether the whole condition holds for a decoded event."""
        ...


class LevelClause(msgspec.Struct, frozen=True):
    """The level is one of these."""

    levels: frozenset[Level]
    needs_rows = False

    def mask(self, columns: Columns) -> Mask:
        """Decide by the column of levels."""
        return self.mask_of_levels(columns.levels)

    def mask_of_levels(self, levels: NDArray[np.uint8]) -> Mask:
        """Compare, where the levels are all from one on; else look each up in a table of 256."""
        if self.levels and self.levels == at_least(min(self.levels)):
            return levels >= int(min(self.levels))
        mask: Mask = _level_table(self.levels)[levels]
        return mask

    def matches(self, event: LogEvent) -> bool:
        """Whether the event's level is one of these."""
        return event.level in self.levels


@lru_cache(maxsize=64)
def _level_table(levels: frozenset[Level]) -> Mask:
    table = np.zeros(256, dtype=bool)
    table[[int(level) for level in levels]] = True
    return table


class SourceClause(msgspec.Struct, frozen=True):
    """The source matches one of the globs and none of the `!globs`; case matters, as in names."""

    patterns: tuple[str, ...]
    needs_rows = False

    def mask(self, columns: Columns) -> Mask:
        """Test each distinct name once."""
        allowed = np.array([self.allows(name) for name in columns.names], dtype=bool)
        mask: Mask = allowed[columns.source_ids]
        return mask

    def matches(self, event: LogEvent) -> bool:
        """Whether the event's source passes."""
        return self.allows(event.source)

    def allows(self, name: str) -> bool:
        """Whether a source name passes."""
        return _allows(self.patterns, name)


@lru_cache(maxsize=4_096)
def _allows(patterns: tuple[str, ...], name: str) -> bool:
    wanted = [glob for glob in patterns if not glob.startswith("!")]
    if wanted and not any(_glob(glob).fullmatch(name) for glob in wanted):
        return False
    return not any(_glob(glob[1:]).fullmatch(name) for glob in patterns if glob.startswith("!"))


@lru_cache(maxsize=256)
def _glob(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob), re.DOTALL)


class TimeClause(msgspec.Struct, frozen=True):
    """`since_ns` ≤ time < `until_ns`, in nanoseconds since 1970; None leaves an end open."""

    since_ns: int | None = None
    until_ns: int | None = None
    needs_rows = False

    def mask(self, columns: Columns) -> Mask:
        """Compare the time column."""
        mask: Mask = np.ones(len(columns), dtype=bool)
        if self.since_ns is not None:
            mask &= columns.times >= self.since_ns
        if self.until_ns is not None:
            mask &= columns.times < self.until_ns
        return mask

    def matches(self, event: LogEvent) -> bool:
        """Whether the event's time is inside."""
        from logmon.event import to_ns

        time_ns = to_ns(event.timestamp)
        after = self.since_ns is None or time_ns >= self.since_ns
        return after and (self.until_ns is None or time_ns < self.until_ns)


class TagsClause(msgspec.Struct, frozen=True):
    """Every one of these tags is on the event."""

    tags: frozenset[str]
    needs_rows = True

    def mask(self, columns: Columns) -> None:
        """Columns know no tags."""

    def matches(self, event: LogEvent) -> bool:
        """Whether the event carries all of them."""
        return self.tags.issubset(event.tags)


class GrepClause(msgspec.Struct, frozen=True):
    """The regular expression is found in the message, or with `exclude` is not."""

    pattern: Pattern
    exclude: bool = False
    needs_rows = True

    def mask(self, columns: Columns) -> None:
        """Columns know no text."""

    def matches(self, event: LogEvent) -> bool:
        """Search the message.

        Raises:
            PatternTooSlow: the pattern ran out of its time on this message.
        """
        return self.pattern.found_in(event.message) is not self.exclude

    @property
    def literal(self) -> str:
        """Text that the message of each row that passes holds."""
        return "" if self.exclude else self.pattern.literal


class LogFilter(msgspec.Struct, frozen=True, cache_hash=True):
    """Clauses that must all hold; no clauses let everything pass."""

    clauses: tuple[Clause, ...] = ()
    notices: bool = False
    """Whether what logmon itself says of sources and gaps passes too, within the time asked for."""

    @property
    def needs_rows(self) -> bool:
        """Whether columns alone cannot decide."""
        return any(clause.needs_rows for clause in self.clauses)

    @property
    def has_patterns(self) -> bool:
        """Whether a regular expression is asked, which may take for ever."""
        return any(isinstance(clause, GrepClause) for clause in self.clauses)

    @property
    def literal(self) -> str:
        """Text that the message of each row that passes holds, in any case; empty: none is known.

        A row may be ruled out by a look at its bytes, before it is decoded.
        """
        return max((getattr(clause, "literal", "") for clause in self.clauses), key=len, default="")

    @property
    def asks_new(self) -> bool:
        """Whether a clause asks if a row is the first of its template, which is known late."""
        return any(getattr(clause, "asks_new", False) for clause in self.clauses)

    def asks_for(self, source: str) -> bool:
        """Whether rows of this source may pass because of its name: others could not."""
        timeless = LogFilter(tuple(c for c in self.clauses if not isinstance(c, TimeClause)))
        return timeless.may_pass(source) and not timeless.may_pass("\0")

    def may_pass(self, source: str) -> bool:
        """Whether a row of this source can pass at any level, as far as columns tell."""
        levels = sorted(ALL_LEVELS)
        columns = Columns.of([0] * len(levels), levels, [source] * len(levels))
        return bool(self.mask(columns).any())

    def names(self, source: str) -> bool:
        """Whether a clause decides about this source by its name, for it or against it."""
        each = [LogFilter((clause,)) for clause in self.clauses]
        return any(one.may_pass(source) is not one.may_pass("\0") for one in each)

    def with_notices(self) -> LogFilter:
        """Return a filter that what logmon says of sources and gaps passes as well."""
        return msgspec.structs.replace(self, notices=True) if self.clauses else self

    def passes_notice(self, event: LogEvent) -> bool:
        """Whether something that logmon says passes for what it is; ask `matches` besides."""
        times = (clause for clause in self.clauses if isinstance(clause, TimeClause))
        return self.notices and all(clause.matches(event) for clause in times)

    def mask(self, columns: Columns) -> Mask:
        """Return the rows that columns alone do not rule out."""
        mask = np.ones(len(columns), dtype=bool)
        for clause in self.clauses:
            part = clause.mask(columns)
            if part is not None:
                mask &= part
        return mask

    def matches(self, event: LogEvent) -> bool:
        """Whether an event passes every clause, for a caller that has no columns."""
        return all(clause.matches(event) for clause in self.clauses)

    def asks_for_source_of(self, event: LogEvent) -> bool:
        """Whether an event passes for its source's name alone: under another one it would not."""
        return not self.matches(msgspec.structs.replace(event, source="\0"))

    def matches_rest(self, event: LogEvent) -> bool:
        """Whether an event that `mask` let through passes the clauses that need the row."""
        return all(clause.matches(event) for clause in self.clauses if clause.needs_rows)


EVERYTHING = LogFilter()


def build_filter(
    *,
    levels: frozenset[Level] = ALL_LEVELS,
    sources: Iterable[str] = (),
    since_ns: int | None = None,
    until_ns: int | None = None,
    greps: Iterable[Pattern] = (),
    excludes: Iterable[Pattern] = (),
    clauses: Iterable[Clause] = (),
) -> LogFilter:
    """Put a filter together from what flags and settings say; what says nothing adds no clause."""
    parts: list[Clause] = []
    if levels != ALL_LEVELS:
        parts.append(LevelClause(levels))
    if patterns := tuple(sources):
        parts.append(SourceClause(patterns))
    if since_ns is not None or until_ns is not None:
        parts.append(TimeClause(since_ns, until_ns))
    parts += [GrepClause(pattern) for pattern in greps]
    parts += [GrepClause(pattern, exclude=True) for pattern in excludes]
    return LogFilter((*parts, *clauses))
