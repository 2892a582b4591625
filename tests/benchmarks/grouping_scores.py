"""How well predicted groups of messages agree with the true ones.

GA and FGA as logparser defines them (Zhu et al., "Tools and Benchmarks for Automated Log
Parsing", ICSE-SEIP 2019; Jiang et al., "LUNAR/loghub-2.0", 2024): a group counts only when it holds
exactly the messages of one true group.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

STRAYS = 0.01
"""Share of a group that may be missing or foreign for its others to count in `forgiving`."""


class Scores(NamedTuple):
    """Each between 0 and 1."""

    ga: float
    """Share of messages whose group is exactly their true group."""
    fga: float
    """F1 over groups: exactly found ones against predicted and true ones."""
    forgiving: float
    """Like `ga`, with up to 1 % strays in a group."""
    pairs: float
    """F1 over pairs of messages that are together."""


def score(truth: Sequence[Hashable], found: Sequence[Hashable]) -> Scores:
    """Compare the true and the found group of each message."""
    true_sizes, found_sizes = Counter(truth), Counter(found)
    both = Counter(zip(truth, found, strict=True))
    exact_messages = exact_groups = forgiven = 0
    for (true, group), shared in both.items():
        size, got = true_sizes[true], found_sizes[group]
        if size == got == shared:
            exact_messages += shared
            exact_groups += 1
        if size + got - 2 * shared <= STRAYS * max(size, got):
            forgiven += shared
    precision, recall = exact_groups / len(found_sizes), exact_groups / len(true_sizes)
    return Scores(
        exact_messages / len(truth),
        _f1(precision, recall),
        forgiven / len(truth),
        _f1(_pairs(both) / (_pairs(found_sizes) or 1), _pairs(both) / (_pairs(true_sizes) or 1)),
    )


def _pairs(sizes: Counter[Hashable] | Counter[tuple[Hashable, Hashable]]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes.values())


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
