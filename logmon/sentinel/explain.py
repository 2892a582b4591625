"""A rule's clauses asked about one event, each true or false, with the value that was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.filter import SourceClause
from logmon.verdict import MATCHING, ClauseVerdict, Decision, RuleVerdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.event import LogEvent
    from logmon.query import QueryClause
    from logmon.sentinel.rule import Rule


def rule_verdict(
    rule: Rule, event: LogEvent, decision: Decision | None, template: str
) -> RuleVerdict:
    """Return what a rule makes of an event.

    `decision` is what came of it, if all clauses hold; without one it is not known.
    """
    clauses = tuple(_clauses(rule, event))
    if decision is None and not rule.enabled:
        return RuleVerdict(rule.name, "no_match", "it is off", clauses)
    failures = [clause.failure for clause in clauses if not clause.holds]
    if decision is not None and decision.outcome == "error":
        return RuleVerdict(rule.name, "error", decision.text, clauses)
    if failures:
        return RuleVerdict(rule.name, "no_match", failures[0], clauses)
    decision = decision or Decision(rule.name, "unknown")
    if decision.outcome in MATCHING:
        clauses = (*clauses, _group(rule, event, template))
    return RuleVerdict(rule.name, decision.outcome, decision.text, clauses, decision.item)


def _clauses(rule: Rule, event: LogEvent) -> Iterator[ClauseVerdict]:
    minimum, level = rule.minimum_level, event.level
    holds = level >= minimum
    failure = "" if holds else f"level {level.label} < {minimum.label}"
    yield ClauseVerdict(f"minimum_level {minimum.label}", holds, level.label, failure)
    if rule.sources != ("*",):
        allowed = SourceClause(rule.sources).allows(event.source)
        wanted = ", ".join(rule.sources)
        failure = "" if allowed else f"source {event.source} is not {wanted}"
        yield ClauseVerdict(f"sources {wanted}", allowed, event.source, failure)
    for condition in rule.conditions():
        yield _condition(condition, event)


def _condition(condition: QueryClause, event: LogEvent) -> ClauseVerdict:
    from logmon.query.parts import seen

    value = ""
    try:
        value = seen(condition.text, event)
        holds, failure = condition.matches(event), f"{condition.text} saw {value or 'nothing'}"
    except Exception as error:  # noqa: BLE001 - what a rule fails on is explained, not raised
        holds, failure = False, f"{condition.text} failed: {type(error).__name__}: {error}"
    return ClauseVerdict(condition.text, holds, value, "" if holds else failure)


def _group(rule: Rule, event: LogEvent, template: str) -> ClauseVerdict:
    """Return what items are told apart by: not a condition, so it holds."""
    values = rule.group_of(event)
    shown = [template, *(f"{p}={v}" for p, v in zip(rule.group_by, values, strict=True))]
    return ClauseVerdict("one item for each template", True, " · ".join(shown))
