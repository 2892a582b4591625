"""What another logmon is asked to send only: never less than the rows that pass here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.batch import events_of
from logmon.errors import PatternTooSlow
from logmon.sources.look_back import passing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from logmon.batch import Batch
    from logmon.event import LogEvent
    from logmon.filter import LogFilter

    Asked = Mapping[str, str | list[str]]

QUERY_CHARS = 1_024
SOURCES = 20
SOURCE_CHARS = 200
"""Longer ones its API refuses; then that part is left to this side."""


def asked_for(level: str | None, sources: Sequence[str], query: str | None) -> Asked:
    """Return the parameters of its API that mean `--level`, `--source` and `--query`."""
    asked: dict[str, str | list[str]] = {}
    if level:
        asked["level"] = level
    if 0 < len(sources) <= SOURCES and all(0 < len(name) <= SOURCE_CHARS for name in sources):
        asked["source"] = list(sources)
    if query and len(query) <= QUERY_CHARS:
        asked["q"] = query
    return asked


def those_passing(batch: Batch | None, log_filter: LogFilter) -> list[LogEvent]:
    """Return the events that pass; all where only those who show them can tell."""
    events = [] if batch is None else list(events_of(batch))
    if batch is None or log_filter.asks_new:
        return events
    try:
        return [events[row] for row in passing(batch, log_filter).tolist()]
    except PatternTooSlow:  # whoever shows the rows will say so
        return events
