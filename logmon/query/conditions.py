"""A field and a value as a condition: by columns where level, source or time decide it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from logmon.errors import ConfigError
from logmon.event import from_ns, to_ns
from logmon.level import Level, parse_level
from logmon.literals import literal_of_words
from logmon.moments import parse_moment
from logmon.query.fields import NUMBER, attribute_values, every_text, tag_values
from logmon.query.nodes import Leaf, Node, either, negated
from logmon.query.text import has_wildcard, whole, words
from logmon.query.values import OPERATORS, Interval, Term, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logmon.batch import Columns
    from logmon.event import LogEvent
    from logmon.query.nodes import Mask

    Make = Callable[["Context", Value], Node]

# Datadog's own words for our levels, besides ours.
_STATUS_WORDS = {level.label: level for level in Level} | {
    "warning": Level.WARN, "emerg": Level.EMERGENCY, "ok": Level.INFO, "err": Level.ERROR,
}  # fmt: skip


class Context:
    """What a query is read with: the moment that `now` means."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.used_now = False


class BadValue(Exception):
    """A value that its field cannot have."""


def condition(name: str, value: Value, context: Context) -> Node:
    """Return the condition that a field has a value.

    Raises:
        BadValue: the field cannot have it.
    """
    if name.startswith("@"):
        return _any_of(attribute_values(name[1:]), value.test())
    made = _FIELDS.get(name)
    return (
        _any_of(tag_values(name), value.test(folded=True)) if made is None else made(context, value)
    )


def free_text(pattern: str) -> Node:
    """Return the condition that the message holds the pattern's words."""
    test = words(pattern)
    return Leaf(lambda event: test(event.message), literal=literal_of_words(pattern))


EVERYTHING = Leaf(lambda _: True, lambda columns: np.ones(len(columns), dtype=bool), exact=True)


def _any_of(values: Callable[[LogEvent], Iterator[Any]], test: Callable[[Any], bool]) -> Node:
    return Leaf(lambda event: any(map(test, values(event))))


def _everywhere(_context: Context, value: Value) -> Node:
    if not isinstance(value, Term):
        return _any_of(every_text, value.test())
    if value.is_any:
        return EVERYTHING
    return _any_of(every_text, words(value.pattern))


def _message(_context: Context, value: Value) -> Node:
    if not isinstance(value, Term):
        raise BadValue("a message has words, no range")
    return EVERYTHING if value.is_any else free_text(value.pattern)


def _service(_context: Context, value: Value) -> Node:
    test = value.test()

    def column(columns: Columns) -> Mask:
        """Test each distinct name once."""
        allowed = np.array([bool(name) and test(name) for name in columns.names], dtype=bool)
        if not len(allowed):
            return np.zeros(len(columns), dtype=bool)
        mask: Mask = allowed[columns.source_ids]
        return mask

    return Leaf(lambda event: bool(event.source) and test(event.source), column, exact=True)


def _source(context: Context, value: Value) -> Node:
    return either(
        [_service(context, value), _any_of(tag_values("source"), value.test(folded=True))]
    )


def _attribute_of_event(name: str) -> Make:
    def make(_context: Context, value: Value) -> Node:
        test = value.test()

        def matches(event: LogEvent) -> bool:
            found = getattr(event, name)
            return bool(found) and test(found)

        return Leaf(matches)

    return make


def _tags(_context: Context, value: Value) -> Node:
    test = value.test(folded=True)
    return Leaf(lambda event: any(test(tag) for tag in event.tags))


def _status(_context: Context, value: Value) -> Node:
    if isinstance(value, Interval):
        levels = frozenset(
            level
            for level in Level
            if all(OPERATORS[sign](level, _known_level(text)) for sign, text in value.bounds)
        )
    elif value.is_any:
        levels = frozenset(Level)
    elif has_wildcard(value.pattern):
        test = whole(value.pattern.casefold())
        levels = frozenset(level for word, level in _STATUS_WORDS.items() if test(word))
    else:
        known = parse_level(value.pattern)
        levels = frozenset() if known is None else frozenset({known})
    table = np.zeros(256, dtype=bool)
    table[[int(level) for level in levels]] = True

    def column(columns: Columns) -> Mask:
        mask: Mask = table[columns.levels]
        return mask

    # A row without a level is shown as info, and has no status all the same.
    return Leaf(
        lambda event: event.has_level and event.level in levels,
        column,
        exact=Level.INFO not in levels,
    )


def _known_level(text: str) -> Level:
    level = parse_level(text)
    if level is None:
        raise BadValue(f"{text!r} is not a level")
    return level


def _timestamp(context: Context, value: Value) -> Node:
    if isinstance(value, Term):
        if value.is_any:
            return EVERYTHING
        bounds = [("=", _moment_ns(value.pattern, context))]
    else:
        bounds = [(sign, _moment_ns(text, context)) for sign, text in value.bounds]

    def column(columns: Columns) -> Mask:
        mask: Mask = np.ones(len(columns), dtype=bool)
        for sign, bound in bounds:
            mask &= columns.times == bound if sign == "=" else OPERATORS[sign](columns.times, bound)
        return mask

    def matches(event: LogEvent) -> bool:
        time_ns = to_ns(event.timestamp)
        return all(
            time_ns == bound if sign == "=" else OPERATORS[sign](time_ns, bound)
            for sign, bound in bounds
        )

    return Leaf(matches, column, exact=True)


def _moment_ns(text: str, context: Context) -> int:
    if NUMBER.fullmatch(text) and abs(float(text)) < 1e15:
        return to_ns(from_ns(int(float(text) * 1e6)))  # milliseconds, as Datadog has them
    word = text.removeprefix("now").strip() or "now"
    try:
        moment = parse_moment(word, now=context.now, where="")
    except ConfigError as error:
        raise BadValue(str(error)) from None
    context.used_now = context.used_now or word[4:5] != "-"  # no full date: it counts from now
    return to_ns(moment.astimezone(UTC))


def _exists(context: Context, value: Value) -> Node:
    if not isinstance(value, Term):
        raise BadValue("write a field's name: _exists_:@http.url")
    return condition(value.pattern, Term("\ufdd0", value.column), context)


def _missing(context: Context, value: Value) -> Node:
    return negated(_exists(context, value))


def _is(_context: Context, value: Value) -> Node:
    if not isinstance(value, Term) or value.pattern.casefold() != "new":
        raise BadValue("a row is only ever new: write is:new")

    def column(columns: Columns) -> Mask:
        return np.zeros(len(columns), dtype=bool) if columns.news is None else columns.news

    return Leaf(lambda event: event.is_new, column, exact=True)


_FIELDS: dict[str, Make] = {
    "is": _is,
    "*": _everywhere,
    "message": _message,
    "service": _service,
    "source": _source,
    "host": _attribute_of_event("host"),
    "trace_id": _attribute_of_event("trace_id"),
    "span_id": _attribute_of_event("span_id"),
    "status": _status,
    "timestamp": _timestamp,
    "tags": _tags,
    "_exists_": _exists,
    "_missing_": _missing,
}
FIELDS: tuple[str, ...] = tuple(name for name in _FIELDS if name != "*")
"""The fields every event has, for completion."""
