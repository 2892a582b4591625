"""A compiled query: a tree that narrows by columns first and asks a decoded row only then.

Each node knows two sets of rows from columns alone: `upper`, which can still match, and `lower`,
which surely do; `NOT` swaps them. Where both are the same the columns decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from logmon.batch import Columns
from logmon.event import LogEvent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


class Node(Protocol):
    """Part of a query."""

    @property
    def exact(self) -> bool:
        """Whether columns alone decide."""
        ...

    @property
    def literal(self) -> str:
        """Text that the message of each row that matches holds, in any case."""
        ...

    @property
    def depth(self) -> int:
        """How deep it is nested, itself included."""
        ...

    @property
    def leaves(self) -> int:
        """How many conditions it holds."""
        ...

    def upper(self, columns: Columns) -> Mask:
        """Rows that can match."""
        ...

    def lower(self, columns: Columns) -> Mask:
        """Rows that surely match."""
        ...

    def matches(self, event: LogEvent) -> bool:
        """Whether an event matches."""
        ...


class Leaf(msgspec.Struct, frozen=True):
    """One condition on a decoded row; with `column` a condition that columns decide or narrow."""

    test: Callable[[LogEvent], bool]
    column: Callable[[Columns], Mask] | None = None
    exact: bool = False
    literal: str = ""
    """Text that the message of each row that matches holds, in any case."""
    depth = 1
    leaves = 1

    def upper(self, columns: Columns) -> Mask:
        """Rows that can match."""
        return np.ones(len(columns), dtype=bool) if self.column is None else self.column(columns)

    def lower(self, columns: Columns) -> Mask:
        """Rows that surely match."""
        if self.column is None or not self.exact:
            return np.zeros(len(columns), dtype=bool)
        return self.column(columns)

    def matches(self, event: LogEvent) -> bool:
        """Ask the event."""
        return self.test(event)


class Both(msgspec.Struct, frozen=True):
    """All parts must match; the cheap ones are asked first."""

    @property
    def literal(self) -> str:
        """The longest literal of a part."""
        return max((part.literal for part in self.parts), key=len)

    parts: tuple[Node, ...]
    exact: bool
    depth: int
    leaves: int

    def upper(self, columns: Columns) -> Mask:
        """Rows that can match."""
        mask = self.parts[0].upper(columns)
        for part in self.parts[1:]:
            mask = mask & part.upper(columns)
        return mask

    def lower(self, columns: Columns) -> Mask:
        """Rows that surely match."""
        mask = self.parts[0].lower(columns)
        for part in self.parts[1:]:
            mask = mask & part.lower(columns)
        return mask

    def matches(self, event: LogEvent) -> bool:
        """Whether every part matches."""
        return all(part.matches(event) for part in self.parts)


class Either(msgspec.Struct, frozen=True):
    """One of the parts must match."""

    literal = ""

    parts: tuple[Node, ...]
    exact: bool
    depth: int
    leaves: int

    def upper(self, columns: Columns) -> Mask:
        """Rows that can match."""
        mask = self.parts[0].upper(columns)
        for part in self.parts[1:]:
            mask = mask | part.upper(columns)
        return mask

    def lower(self, columns: Columns) -> Mask:
        """Rows that surely match."""
        mask = self.parts[0].lower(columns)
        for part in self.parts[1:]:
            mask = mask | part.lower(columns)
        return mask

    def matches(self, event: LogEvent) -> bool:
        """Whether any part matches."""
        return any(part.matches(event) for part in self.parts)


class Negated(msgspec.Struct, frozen=True):
    """The part must not match."""

    literal = ""

    part: Node
    exact: bool
    depth: int
    leaves: int

    def upper(self, columns: Columns) -> Mask:
        """Rows that can match."""
        return ~self.part.lower(columns)

    def lower(self, columns: Columns) -> Mask:
        """Rows that surely match."""
        return ~self.part.upper(columns)

    def matches(self, event: LogEvent) -> bool:
        """Whether the part does not match."""
        return not self.part.matches(event)


def both(parts: list[Node]) -> Node:
    """Return a node for all of these, what columns decide first."""
    if len(parts) == 1:
        return parts[0]
    ordered = tuple(sorted(parts, key=lambda part: not part.exact))
    return Both(ordered, *_totals(parts))


def either(parts: list[Node]) -> Node:
    """Return a node for any of these."""
    return parts[0] if len(parts) == 1 else Either(tuple(parts), *_totals(parts))


def negated(part: Node) -> Node:
    """Return a node for everything but this."""
    if isinstance(part, Negated):
        return part.part
    return Negated(part, *_totals([part]))


def _totals(parts: list[Node]) -> tuple[bool, int, int]:
    return (
        all(part.exact for part in parts),
        1 + max(part.depth for part in parts),
        sum(part.leaves for part in parts),
    )
