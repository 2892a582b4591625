"""What the user has narrowed the tail to: level, sources, query, and what the command line gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.event import from_ns, rfc3339
from logmon.filter import Clause, GrepClause, LogFilter, SourceClause, TimeClause, build_filter
from logmon.level import ALL_LEVELS, Level, at_least
from logmon.query import parse_query
from logmon.query.parts import parts

if TYPE_CHECKING:
    from logmon.tui.pattern_filter import TemplateClause


class FilterState:
    """Changes one part at a time and builds the filter from all of them."""

    def __init__(
        self,
        *,
        levels: frozenset[Level] = ALL_LEVELS,
        sources: tuple[str, ...] = (),
        text: str = "",
        fixed: tuple[Clause, ...] = (),
    ) -> None:
        self.levels = levels
        self.sources = sources
        self.enabled = True
        self.in_context = False
        """Whether everything is shown around a row, for a while."""
        self.pattern: TemplateClause | None = None
        """The template that rows must have, or must not have."""
        self._fixed = fixed
        self.set_text(text)

    @property
    def minimum(self) -> Level:
        """The mildest level that is shown."""
        return min(self.levels, default=Level.EMERGENCY)

    def change_level(self, steps: int) -> None:
        """Show fewer (positive) or more (negative) levels."""
        ranks = list(Level)
        place = ranks.index(self.minimum) + steps
        self.levels = at_least(ranks[max(0, min(place, len(ranks) - 1))])

    def set_text(self, text: str) -> None:
        """Take a query.

        Raises:
            QueryError: it cannot be read; the old one stays.
        """
        query = parse_query(text)
        self._query = () if query is None else (query,)
        self.text = text

    def describe_level(self) -> str:
        """Return `≥ info`, `all`, or the levels by name."""
        if self.levels == ALL_LEVELS:
            return "all"
        if self.levels == at_least(self.minimum):
            return f"≥ {self.minimum.label}"
        return ",".join(level.label for level in Level if level in self.levels)

    def describe_sources(self) -> str:
        """Return `all`, or the patterns."""
        return ",".join(self.sources) if self.sources else "all"

    def describe_pattern(self) -> str:
        """Return the pattern, or nothing."""
        if self.pattern is None:
            return ""
        return f"{'all but ' if self.pattern.exclude else ''}{self.pattern.template}"

    def drop_patterns(self) -> None:
        """Forget the regular expressions that the command line gave."""
        self._fixed = tuple(c for c in self._fixed if not isinstance(c, GrepClause))

    def describe_fixed(self) -> str:
        """Return what the command line fixed, as flags: `-g card -e test -S …`."""
        parts = []
        for clause in self._fixed:
            if isinstance(clause, GrepClause):
                parts.append(f"{'-e' if clause.exclude else '-g'} {clause.pattern.text}")
            elif isinstance(clause, TimeClause):
                for flag, time_ns in (("-S", clause.since_ns), ("-U", clause.until_ns)):
                    if time_ns is not None:
                        parts.append(f"{flag} {rfc3339(from_ns(time_ns))[:19]}Z")
        return " ".join(parts)

    def build(self) -> LogFilter:
        """Return the filter; with filters off what the command line fixed; in context all.

        What logmon says of sources and gaps passes too, where no condition is on its name.
        """
        if self.in_context:
            return LogFilter()
        if not self.enabled:
            return LogFilter(self._fixed).with_notices()
        pattern = () if self.pattern is None else (self.pattern,)
        built = build_filter(
            levels=self.levels, sources=self.sources, clauses=(*self._fixed, *self._query, *pattern)
        )
        return built if self._names_logmon() else built.with_notices()

    def _names_logmon(self) -> bool:
        """Whether a condition is on logmon's own rows; as one of several sources they are not."""
        wanted = [glob for glob in self.sources if not glob.startswith("!")]
        globs = [glob for glob in self.sources if glob.startswith("!")]
        globs += wanted if len(wanted) == 1 else []
        by_name = (SourceClause((glob,)) for glob in globs)
        written = (parse_query(part) for part in parts(self.text))
        return LogFilter((*by_name, *filter(None, written))).names("logmon")
