"""When an event is worth a work item, and which item it belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.filter import LevelClause, LogFilter, SourceClause
from logmon.level import ALL_LEVELS, Level, at_least

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.event import LogEvent
    from logmon.filter import Clause
    from logmon.query import QueryClause
    from logmon.work_item import Priority


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. The defaults are the built-in rule: warn and above, any source, at once."""

    name: str = "default"
    enabled: bool = True
    """Whether it is applied."""
    when: str = ""
    """What else must hold, in the query language; its parts are clauses of their own."""
    minimum_level: Level = Level.WARN
    sources: tuple[str, ...] = ("*",)
    group_by: tuple[str, ...] = ()
    """Attribute paths whose values tell items apart, besides source and template."""
    threshold: int = 1
    """Matches within `window_s` before an item is opened."""
    window_s: float = 600.0
    cooldown_s: float = 0.0
    """Least time between the openings of two items of one cause, in seconds of event time."""
    priority: str = ""
    """Empty takes the priority from the event's level."""
    title: str = ""
    """Empty takes the template."""

    def filter(self) -> LogFilter:
        """Return the rule's condition as a filter."""
        clauses: list[Clause] = []
        levels = at_least(self.minimum_level)
        if levels != ALL_LEVELS:
            clauses.append(LevelClause(levels))
        if self.sources and self.sources != ("*",):
            clauses.append(SourceClause(self.sources))
        return LogFilter((*clauses, *self.conditions()))

    def conditions(self) -> tuple[QueryClause, ...]:
        """Return the parts of `when` that must all hold.

        Raises:
            QueryError: it cannot be read, or counts from now: a rule's time is the events' own.
        """
        if not self.when:
            return ()
        from logmon.query.parts import rule_parts

        return rule_parts(self.when)

    def cooldown_until(self, opened: datetime) -> datetime:
        """Return when an item may be opened again after one was, in event time."""
        try:
            return opened + timedelta(seconds=self.cooldown_s)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    def group_of(self, event: LogEvent) -> tuple[str, ...]:
        """Return the values that tell this event's item apart from others of its template."""
        if not self.group_by:
            return ()
        return tuple(str(attribute(event.attributes, path)) for path in self.group_by)


class Cause(msgspec.Struct, frozen=True):
    """What makes two events the same piece of work."""

    rule: str
    source: str
    template: str
    group: tuple[str, ...] = ()

    def parts(self) -> tuple[str, ...]:
        """Return rule, source, template, then the group's values."""
        return (self.rule, self.source, self.template, *self.group)

    def formerly(self, moved: Mapping[str, str]) -> list[Cause]:
        """Return what this cause was known as, given which templates become part of which."""
        if not moved:
            return []
        return [
            msgspec.structs.replace(self, template=old)
            for old, new in moved.items()
            if new == self.template
        ]

    @classmethod
    def of(cls, parts: tuple[str, ...]) -> Cause:
        """Return the cause that has these `parts`."""
        rule, source, template, *group = parts
        return cls(rule, source, template, tuple(group))


def cause_of(rule: Rule, event: LogEvent, template: str) -> Cause:
    """Return what an event's item is recognised by."""
    return Cause(rule.name, event.source, template, rule.group_of(event))


def attribute(attributes: dict[str, Any], path: str) -> Any:
    """Return the value at a dotted path, with or without the leading `@`; None when absent."""
    path = path.removeprefix("@")
    if path in attributes:
        return attributes[path]
    value: Any = attributes
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


PRIORITIES: tuple[Priority, ...] = ("high", "medium", "low")
