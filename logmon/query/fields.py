"""What a query's fields mean on our events: which values they have, and how values compare."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logmon.event import LogEvent

    Values = Callable[[LogEvent], Iterator[Any]]
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
DEEPEST = 32
"""Levels of nested attributes that `*:` looks into."""


def attribute_values(path: str) -> Values:
    """Return what finds the values at a dotted path, fanning out over arrays."""
    parts = path.split(".")
    return lambda event: _walk(event.attributes, parts)


def _walk(value: Any, parts: list[str]) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for element in value:
            yield from _walk(element, parts)
    elif not parts:
        if value is not None:
            yield value
    elif isinstance(value, dict):
        # A key may hold dots itself: every way of cutting the path is tried.
        for size in range(1, len(parts) + 1):
            key = parts[0] if size == 1 else ".".join(parts[:size])
            if key in value:
                yield from _walk(value[key], parts[size:])


def tag_values(key: str) -> Values:
    """Return what finds the values of tags `key:value`, folded, as tags have no case."""
    start = f"{key.casefold()}:"

    def values(event: LogEvent) -> Iterator[str]:
        for tag in event.tags:
            folded = tag.casefold()
            if folded.startswith(start):
                yield folded[len(start) :]

    return values


def every_text(event: LogEvent) -> Iterator[str]:
    """Yield the message and the text of every attribute value."""
    yield event.message
    yield from _texts(event.attributes, DEEPEST)


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        if value is not None:
            yield as_text(value)
        return
    if depth:
        for element in value:
            yield from _texts(element, depth - 1)


def as_text(value: Any) -> str:
    """Return a value as people write it in a query: `true`, `503`, `1.5`, the text itself."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def as_number(value: Any) -> float | None:
    """Return a value's number: numbers, and texts that are a number from end to end."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and len(value) < 100 and NUMBER.fullmatch(value):
        return int(value) if value.lstrip("+-").isdecimal() else float(value)
    return None


def address_in(value: Any, networks: list[Network]) -> bool:
    """Whether a value is an IP address inside one of the networks."""
    try:
        address = ipaddress.ip_address(value) if isinstance(value, str) else None
    except ValueError:
        return False
    return address is not None and any(address in network for network in networks)
