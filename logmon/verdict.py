"""Why an event did or did not become work: what each rule saw in it, and what came of it.

`Decision` is what the pipeline did with an event for one rule. `Verdict` is the whole explanation
of one event: each rule with each of its clauses, true or false, and the value that was seen.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

Outcome = Literal[
    "opened", "joined", "repeat", "below_threshold", "cooldown", "no_match", "error", "unknown"
]
"""What came of an event for a rule:

* `opened`, `joined`: it made a work item, or belongs to an open one;
* `repeat`: its id was counted in that item before, so nothing changed;
* `below_threshold`, `cooldown`: it matched, and no item was made, for now;
* `no_match`: a clause does not hold;
* `error`: the rule failed on it; the other rules were not touched by that;
* `unknown`: it matched, and what came of it is no longer kept.
"""
MATCHING: frozenset[Outcome] = frozenset(
    ("opened", "joined", "repeat", "below_threshold", "cooldown", "unknown")
)
"""Outcomes of an event that all clauses of the rule hold for."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What one rule did with one event that all its clauses hold for."""

    rule: str
    outcome: Outcome
    item: str | None = None
    """The work item that was opened, joined, or counted it before."""
    seen: int = 0
    """With `below_threshold`: how many matches lie in the window, this one included."""
    needed: int = 0
    """With `below_threshold`: how many are needed."""
    until: datetime | None = None
    """With `cooldown`: when it ends, in event time."""
    detail: str = ""
    """With `error`: what went wrong."""

    @property
    def text(self) -> str:
        """Say it in a few words: `joined WI-7`, `below threshold 3/5`, `cooldown until 12:07`."""
        words = {
            "opened": f"opened {self.item}",
            "joined": f"joined {self.item}",
            "repeat": f"counted before in {self.item}",
            "below_threshold": f"below threshold {self.seen}/{self.needed}",
            "cooldown": f"cooldown until {self.until:%H:%M:%S}" if self.until else "cooldown",
            "error": f"failed: {self.detail}",
            "unknown": "matched; what came of it is no longer kept",
        }
        return words.get(self.outcome, "no match")


class ClauseVerdict(msgspec.Struct, frozen=True):
    """One condition of a rule, asked about one event."""

    clause: str
    """The condition as it is written, such as `minimum_level warn` or `@http.status:>=500`."""
    holds: bool
    seen: str
    """The event's value that it looked at; empty where there was none."""
    failure: str = ""
    """In a few words why it does not hold, such as `level info < warn`; empty when it holds."""


class RuleVerdict(msgspec.Struct, frozen=True):
    """What one rule makes of one event."""

    rule: str
    outcome: Outcome
    text: str
    """The verdict in a few words: `joined WI-7`, `below threshold 3/5`, `level info < warn`."""
    clauses: tuple[ClauseVerdict, ...]
    item: str | None = None

    @property
    def matched(self) -> bool:
        """Whether every clause holds."""
        return self.outcome in MATCHING


class Verdict(msgspec.Struct, frozen=True):
    """The explanation of one event."""

    event_id: str
    template: str
    """What its items are recognised by: the template it carries, else the one mined."""
    template_id: str
    carried: bool
    """Whether the event brought its template along."""
    judged: bool
    """True: this is what happened. False: what would happen if the event came now."""
    rules: tuple[RuleVerdict, ...]
    """Every rule in their order; empty where rules never hear the event."""
    remark: str = ""
    """Why there are no rules, or what else to know; empty in most cases."""

    @property
    def work_item(self) -> str | None:
        """The first work item that the event belongs to."""
        return next((rule.item for rule in self.rules if rule.item), None)


def to_document(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the JSON object that `-o json` and the API give."""
    document: dict[str, Any] = {
        "event_id": verdict.event_id,
        "template": verdict.template,
        "template_id": verdict.template_id,
        "template_carried": verdict.carried,
        "judged": verdict.judged,
        "work_item": verdict.work_item,
        "rules": [_rule_document(rule) for rule in verdict.rules],
    }
    if verdict.remark:
        document["remark"] = verdict.remark
    return document


def _rule_document(rule: RuleVerdict) -> dict[str, Any]:
    return {
        "rule": rule.rule,
        "matched": rule.matched,
        "outcome": rule.outcome,
        "verdict": rule.text,
        "work_item": rule.item,
        "clauses": [
            {"clause": one.clause, "holds": one.holds, "seen": one.seen, "failure": one.failure}
            for one in rule.clauses
        ],
    }
