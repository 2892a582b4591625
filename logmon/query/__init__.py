"""The query language: Datadog's log search syntax on our events, the same text everywhere.

`parse_query` turns a text into a clause of a `LogFilter`. The grammar is `grammar.lark`, the
meaning of fields is `conditions`; docs/query.md is the page for users.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from logmon.event import from_ns, to_ns
from logmon.query.error import QueryError

if TYPE_CHECKING:
    from logmon.batch import Columns
    from logmon.event import LogEvent
    from logmon.query.nodes import Mask, Node

__all__ = ["QueryClause", "QueryError", "parse_query"]


class QueryClause(msgspec.Struct, frozen=True):
    """A query as a clause: equal texts are equal clauses, so the log evaluates them once."""

    text: str
    now_ns: int = 0
    """What `now` means in it, in nanoseconds since 1970; 0 where it does not say `now`."""

    @property
    def asks_new(self) -> bool:
        """Whether the answer changes when a row turns out to be the first of its template."""
        return "is:" in self.text

    @property
    def needs_rows(self) -> bool:
        """Whether columns alone cannot decide."""
        return not _tree(self.text, self.now_ns).exact

    @property
    def literal(self) -> str:
        """Text that the message of each row that matches holds, in any case."""
        return _tree(self.text, self.now_ns).literal

    def mask(self, columns: Columns) -> Mask:
        """Rows that can match, from level, source and time alone."""
        return _tree(self.text, self.now_ns).upper(columns)

    def compiled(self) -> Node:
        """Return the tree of conditions, for a caller that asks it very often."""
        return _tree(self.text, self.now_ns)

    def matches(self, event: LogEvent) -> bool:
        """Whether the whole query holds for an event."""
        return _tree(self.text, self.now_ns).matches(event)


@lru_cache(maxsize=4_096)
def _tree(text: str, now_ns: int) -> Node:
    from logmon.query.compile import compile_query

    return compile_query(text, from_ns(now_ns))[0]


def parse_query(text: str, *, now: datetime | None = None) -> QueryClause | None:
    """Return a query as a clause, or None for an empty one, which lets everything pass.

    `now` is what relative times in it count from; the current time unless given.

    Raises:
        QueryError: it cannot be read; it says in which column.
    """
    from logmon.query.compile import compile_query

    text = text.strip()
    if not text:
        return None
    moment = now or datetime.now(UTC)
    _, used_now = compile_query(text, moment)
    return QueryClause(text, to_ns(moment) if used_now else 0)
