"""A query cut into the conditions that must all hold, each with its text: for sharing and showing.

`service:api status:error (timeout OR refused)` has three parts. Rules that have a part in common
ask it once; an explanation shows each part true or false.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lark import Tree

from logmon.query import QueryClause, QueryError, parse_query
from logmon.query.compile import parse_root, parse_tree
from logmon.query.fields import as_text, attribute_values, every_text, tag_values
from logmon.query.text import unescape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from logmon.event import LogEvent

SHOWN_CHARS = 200
"""How much of a value is shown."""
MOST_VALUES = 5
"""How many values of one field are shown."""


@lru_cache(maxsize=1_024)
def rule_parts(text: str) -> tuple[QueryClause, ...]:
    """Return the conditions of a rule's `when`; a rule's time is the events' own.

    Raises:
        QueryError: the query cannot be read, or it counts from now.
    """
    whole = parse_query(text)
    if whole is not None and whole.now_ns:
        column = max(1, text.find("timestamp") + 1)
        raise QueryError("a rule's time is the events' own: it has no now", text, column)
    found = (parse_query(part) for part in parts(text))
    return tuple(clause for clause in found if clause is not None)


@lru_cache(maxsize=1_024)
def parts(text: str) -> tuple[str, ...]:
    """Return the texts of the conditions that a query joins with AND, outermost level only.

    Raises:
        QueryError: the query cannot be read.
    """
    root = parse_root(text)
    if root is None:
        return ()
    if root.data != "and_":
        return (text.strip(),)
    return tuple(
        text[part.meta.start_pos : part.meta.end_pos]
        for part in root.children
        if isinstance(part, Tree)
    )


def seen(text: str, event: LogEvent) -> str:
    """Return the values of an event that a query looks at: `@http.status 503, message "x"`.

    Raises:
        QueryError: the query cannot be read.
    """
    fields = _fields(text)
    if len(fields) == 1:
        return _values(fields[0], event)
    return ", ".join(f"{name or 'message'} {_values(name, event)}" for name in fields)


@lru_cache(maxsize=1_024)
def _fields(text: str) -> tuple[str, ...]:
    """Return the names of the fields a query looks at, "" for free text, each once."""
    names: dict[str, None] = {}
    for node in parse_tree(text).iter_subtrees_topdown():  # type: ignore[no-untyped-call]
        if node.data in ("word", "phrase"):
            names[""] = None
        elif node.data in ("field", "field_group"):
            names[unescape(str(node.children[0])[:-1])] = None
        elif node.data == "cidr":
            names[str(node.children[0])[5:-1].split(",")[0].strip()] = None
    return tuple(names)


def _values(name: str, event: LogEvent) -> str:
    found: list[str] = []
    for value in _found(name, event):
        if len(found) == MOST_VALUES:
            found.append("…")
            break
        shown = as_text(value)
        found.append(shown if len(shown) <= SHOWN_CHARS else shown[:SHOWN_CHARS] + "…")
    return " | ".join(found)


def _found(name: str, event: LogEvent) -> Iterator[Any]:
    if name.startswith("@"):
        yield from attribute_values(name[1:])(event)
    elif name in _VALUES:
        yield from _VALUES[name](event)
    else:
        yield from tag_values(name)(event)


def _of_event(name: str) -> Callable[[LogEvent], Iterable[Any]]:
    return lambda event: [value for value in [getattr(event, name)] if value]


_VALUES: dict[str, Callable[[LogEvent], Iterable[Any]]] = {
    "": lambda event: [event.message],
    "message": lambda event: [event.message],
    "*": every_text,
    "service": _of_event("source"),
    "source": lambda event: [event.source, *tag_values("source")(event)],
    "status": lambda event: [event.level.label if event.has_level else "none"],
    "is": lambda event: ["new" if event.is_new else "known"],
    "tags": lambda event: event.tags,
    "host": _of_event("host"),
    "trace_id": _of_event("trace_id"),
    "span_id": _of_event("span_id"),
    "timestamp": _of_event("timestamp"),
}
