"""What each rule has done so far, counted; kept over restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from logmon.verdict import Decision
    from logmon.work_item import Feedback


class RuleStatistics(msgspec.Struct):
    """One rule's counts: `matched = fired + joined + repeated + suppressed`."""

    matched: int = 0
    """Events that all its clauses hold for."""
    fired: int = 0
    """Items it opened."""
    joined: int = 0
    """Events that extended an open item."""
    repeated: int = 0
    """Events whose id was counted before."""
    suppressed: int = 0
    """Events that made nothing: below the threshold, or within the cooldown."""
    errors: int = 0
    """Events it failed on; not part of `matched`."""
    useful: int = 0
    """Its items that people marked as useful."""
    noise: int = 0
    """Its items that people marked as noise."""


_COUNTER = {
    "opened": "fired",
    "joined": "joined",
    "repeat": "repeated",
    "below_threshold": "suppressed",
    "cooldown": "suppressed",
}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, RuleStatistics]).decode


class Tally:
    """The counts of all rules by name."""

    def __init__(self) -> None:
        self._rules: dict[str, RuleStatistics] = {}
        self._dirty = False

    def add(self, made: Sequence[Decision]) -> None:
        """Count what the rules did with one event."""
        for decision in made:
            rule = self._rule(decision.rule)
            if decision.outcome == "error":
                rule.errors += 1
                continue
            rule.matched += 1
            counter = _COUNTER[decision.outcome]
            setattr(rule, counter, getattr(rule, counter) + 1)
        self._dirty = True

    def mark(self, name: str, before: Feedback, now: Feedback) -> None:
        """Count that an item was marked."""
        rule = self._rule(name)
        for feedback, step in ((before, -1), (now, 1)):
            if feedback == "useful":
                rule.useful += step
            elif feedback == "noise":
                rule.noise += step
        self._dirty = True

    def _rule(self, name: str) -> RuleStatistics:
        found = self._rules.get(name)
        if found is None:
            found = self._rules[name] = RuleStatistics()
        return found

    def of(self, names: Iterable[str]) -> dict[str, RuleStatistics]:
        """Return the counts of these rules in their order, then of all others that have any."""
        wanted = dict.fromkeys((*names, *self._rules))
        return {
            name: msgspec.structs.replace(self._rules.get(name) or RuleStatistics())
            for name in wanted
        }

    def take_changes(self) -> bytes | None:
        """Return all counts if any changed since the last call."""
        if not self._dirty:
            return None
        self._dirty = False
        return _encode(self._rules)

    def restore(self, kept: bytes | None) -> None:
        """Take in counts that were kept."""
        if kept:
            self._rules = _decode(kept)
