"""A small Drain with masks, as the peer to beat (method: He et al., ICWS 2017; depth 4)."""

from __future__ import annotations

import re

SIMILARITY = 0.4
MOST_CHILDREN = 100
_MASKS = (
    (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+"), "<*>"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<*>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<*>"),
    (re.compile(r"(?<![\w.])(?:~|\.{1,2})?(?:/[\w.$%+@~#=*-]+)+/?"), "<*>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<*>"),
    (re.compile(r"(?<![A-Za-z0-9])[-+]?\d+(?:\.\d+)?(?![A-Za-z0-9])"), "<*>"),
)


class Drain:
    """Groups by length, first words, then the most similar template of the leaf."""

    def __init__(self) -> None:
        self._leaves: dict[tuple[int, str, str], list[list[str]]] = {}
        self._firsts: dict[int, set[str]] = {}
        self._seen: list[list[str]] = []

    def group(self, message: str) -> int:
        """Return the group of a message; it never changes later."""
        for pattern, hole in _MASKS:
            message = pattern.sub(hole, message)
        words = message.split()
        leaf = self._leaves.setdefault(self._place(words), [])
        best, best_likeness = None, -1.0
        for group in leaf:
            equal = sum(a == b for a, b in zip(group, words, strict=True) if a != "<*>")
            likeness = equal / (len(words) or 1)
            if likeness > best_likeness:
                best, best_likeness = group, likeness
        if best is None or best_likeness < SIMILARITY:
            leaf.append(words)
            self._seen.append(words)
            return id(words)
        for place, (a, b) in enumerate(zip(best, words, strict=True)):
            if a != b:
                best[place] = "<*>"
        return id(best)

    def _place(self, words: list[str]) -> tuple[int, str, str]:
        keys = [self._key(len(words), word) for word in words[:2]] + ["", ""]
        return len(words), keys[0], keys[1]

    def _key(self, length: int, word: str) -> str:
        known = self._firsts.setdefault(length, set())
        if any(map(str.isdigit, word)) or (word not in known and len(known) >= MOST_CHILDREN):
            return "<*>"
        known.add(word)
        return word
