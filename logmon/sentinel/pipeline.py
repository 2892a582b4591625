"""Rows in, effects out: what Sentinel links, opens, extends and says. It touches nothing else.

The same rows in the same order give the same effects: time is the events' own. What each rule did
with an event is remembered, so that `explain` tells what happened and not what might have.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from logmon.batch import EventBatch
from logmon.event import LogEvent, as_new
from logmon.filter import EVERYTHING
from logmon.journal import Commit
from logmon.journal import Effects as Kept
from logmon.segment import Slice
from logmon.sentinel.explain import rule_verdict
from logmon.sentinel.novelty import FirstSeen
from logmon.sentinel.rule import Cause, Rule, cause_of
from logmon.sentinel.rule_set import RuleSet
from logmon.sentinel.said import say
from logmon.sentinel.statistics import RuleStatistics, Tally
from logmon.sentinel.tracker import Tracked, WorkItems, milestone
from logmon.sentinel.window import Window
from logmon.template import TemplateMiner, template_id
from logmon.verdict import Decision, RuleVerdict, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from logmon.filter import LogFilter
    from logmon.journal import ItemRecord
    from logmon.segment import Delivery
    from logmon.work_item import Feedback, Status

CONSUMER = "sentinel"
"""The name its offset and values are kept under."""
MINER, MINED_TO, TALLY = "miner", "mined to", "tally"
MINER_KEPT_EVERY_ROWS = 20_000
"""What the miner learned is kept each so many rows; a restart learns the rest again."""
SAY_AGAIN_AFTER_S = 10.0
"""Least time between two events about one item's repeats, in seconds of event time."""
DECISIONS_HELD = 50_000
"""Rows whose decisions are remembered, besides those that just joined the item they link to."""

_NO_MERGES: dict[str, str] = {}
_encode_decisions = msgspec.msgpack.Encoder().encode
_decode_decisions = msgspec.msgpack.Decoder(tuple[Decision, ...]).decode


class Effects(msgspec.Struct, frozen=True):
    """What processing some rows led to: links from `seq` to item id, and events to publish."""

    links: dict[int, str]
    events: list[LogEvent]
    decisions: dict[int, bytes] = {}
    """By `seq`: what the rules did with a row, where its link alone does not tell."""
    news: list[int] = []
    """Rows by `seq` that are the first of their template."""

    def __bool__(self) -> bool:
        return bool(self.links or self.events or self.news)

    def quiet(self) -> Effects:
        """Return the same without events: behind the end of an opened file they would hide it."""
        return msgspec.structs.replace(self, events=[])

    def commit(self, kept: Kept) -> Commit:
        """Return what is written in one transaction: what Sentinel says and what it did."""
        batch = EventBatch(self.events) if self.events else None
        return Commit(origin=CONSUMER, batch=batch, effects=kept)


class Sentinel:
    """Applies rules to rows. Belongs to one task; the items may be read between its calls."""

    def __init__(self, rules: Iterable[Rule] = (Rule(),)) -> None:
        """Take the rules.

        Raises:
            QueryError: a rule's `when` cannot be read.
        """
        self._rules = RuleSet(rules)
        self._window = Window()
        self._miner = TemplateMiner()
        self._tally = Tally()
        self._first_seen = FirstSeen()
        self._scout: TemplateMiner | None = None
        self._decided: OrderedDict[int, tuple[Decision, ...]] = OrderedDict()
        self._failed: list[Decision] = []
        self._done_to = 0
        self._mined_to = 0
        self.items = WorkItems()

    @property
    def filter(self) -> LogFilter:
        """Return what a row must pass for any rule to want it, as far as columns say."""
        return self._rules.filter if self._scout is None else EVERYTHING

    def look_for_news(self) -> None:
        """Hear every row from now on, so that each template's first one is marked.

        Otherwise only rows that rules match, or ask about, are.
        """
        self._scout = self._scout or TemplateMiner()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that are applied now."""
        return self._rules.rules

    @property
    def known_rules(self) -> tuple[Rule, ...]:
        """The rules in their order, those that are off included."""
        return self._rules.known

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Apply other rules from the next row on; items, windows and counts stay.

        Raises:
            QueryError: a rule's `when` cannot be read; the old rules stay.
        """
        self._rules = RuleSet(rules)
        self._mined_to = -MINER_KEPT_EVERY_ROWS  # keep now: other rules teach other messages

    def statistics(self) -> dict[str, RuleStatistics]:
        """Return the counts of every rule, those that only have a past included."""
        return self._tally.of([rule.name for rule in self.known_rules])

    # Rows

    def process(self, rows: Iterable[Delivery]) -> Effects:
        """Apply every rule to every row and return the effects."""
        effects = Effects({}, [], {}, [])
        for seq, event in _numbered(rows):
            template, heard = "", event
            if self._rules.asks_new and self._rules.may_match(event):
                template = self._template(event, effects)
                if seq >= self._done_to and not self._first_seen.knows(template):
                    heard = as_new(event)
            matched = self._rules.ask(heard, self._fail)
            if matched and not template:
                template = self._template(event, effects)
            if seq < self._done_to:  # judged by an earlier run: only learned again
                self._failed.clear()
                continue
            self._note(seq, event, template, effects)
            if matched or self._failed:
                failed, self._failed = self._failed, []
                made = [self._apply(rule, event, template, effects) for rule in matched]
                self._remember(seq, (*made, *failed), effects)
        return effects

    def _note(self, seq: int, event: LogEvent, template: str, effects: Effects) -> None:
        """Mark the first event of a template; one that no rule wants by a miner of its own."""
        if not template and self._scout is not None:
            template = event.message_template or self._scout.template(event.message)
            self._first_seen.rekey(self._scout.merges())
        if template and self._first_seen.note(template, event.timestamp):
            effects.news.append(seq)

    def _fail(self, rule: Rule, error: Exception) -> None:
        detail = f"{type(error).__name__}: {error}"
        self._failed.append(Decision(rule.name, "error", detail=detail[:200]))

    def _template(self, event: LogEvent, effects: Effects) -> str:
        """Return the template the event carries, else one mined from messages, which may widen."""
        if event.message_template:
            return event.message_template
        template = self._miner.template(event.message)
        if merges := self._miner.merges():
            self._window.rekey(merges)
            self._first_seen.rekey(merges)
            for item in self.items.rekey(merges, event.timestamp):
                more = f" · part of {item.part_of} now"
                said = say(item, "merged", event.timestamp, item.level, more)
                effects.events.append(said)
        return template

    def _decide(
        self,
        rule: Rule,
        event: LogEvent,
        cause: Cause,
        moved: Mapping[str, str] = _NO_MERGES,
        ahead: int = 0,
    ) -> Decision:
        """Return what the event, of this cause, is to a rule it matches; changes nothing.

        `moved` are templates that would become part of others if the event came; `ahead` is how
        many items other rules would open first.
        """
        tracked = self.items.tracked(cause, moved)
        newest = self.items.newest(cause, moved)
        for known in (tracked, newest):
            if known is not None and event.id in known.counted:
                return Decision(rule.name, "repeat", known.item.id)
        if tracked is not None:
            return Decision(rule.name, "joined", tracked.item.id)
        matches = self._window.with_event(cause, rule, event, moved)
        if len(matches) < rule.threshold:
            return Decision(rule.name, "below_threshold", seen=len(matches), needed=rule.threshold)
        if newest is not None:
            until = rule.cooldown_until(newest.item.created_at)
            if event.timestamp < until:
                return Decision(rule.name, "cooldown", until=until)
        return Decision(rule.name, "opened", self.items.next_id(ahead))

    def _apply(self, rule: Rule, event: LogEvent, template: str, effects: Effects) -> Decision:
        cause = cause_of(rule, event, template)
        decision = self._decide(rule, event, cause)
        if decision.outcome == "joined":
            self._extend(self.items.tracked(cause), rule, event, effects)
        elif decision.outcome == "opened":
            matches = self._window.with_event(cause, rule, event, {})
            self._window.clear(cause)
            tracked = self.items.open(cause, rule, event, matches)
            effects.events.append(say(tracked.item, "opened", event.timestamp, event.level))
        elif decision.outcome != "repeat":
            self._window.add(cause, rule, event)
        return decision

    def _extend(
        self, tracked: Tracked | None, rule: Rule, event: LogEvent, effects: Effects
    ) -> None:
        assert tracked is not None  # noqa: S101 - `_decide` has found it
        before = tracked.item.priority
        self.items.extend(tracked, rule, event)
        if tracked.item.priority != before:
            effects.events.append(say(tracked.item, "raised", event.timestamp, event.level))
        self._say_repeat(tracked, event, effects)

    def _say_repeat(self, tracked: Tracked, event: LogEvent, effects: Effects) -> None:
        """Say that the 10th, 100th, 1,000th … repeat was reached, once in 10 s of event time.

        The opening is no repeat: it does not count towards the 10 s.
        """
        repeats = tracked.item.count - 1
        reached = milestone(repeats)
        if reached <= tracked.milestone:
            return
        last = tracked.last_told_at
        if last is not None and (event.timestamp - last).total_seconds() < SAY_AGAIN_AFTER_S:
            return
        tracked.last_told_at, tracked.milestone = event.timestamp, reached
        since = f" · {repeats} since {tracked.item.first_seen:%H:%M:%S}"
        effects.events.append(say(tracked.item, "joined", event.timestamp, event.level, since))

    def _remember(self, seq: int, made: tuple[Decision, ...], effects: Effects) -> None:
        self._tally.add(made)
        if items := [one.item for one in made if one.item]:
            effects.links.setdefault(seq, items[0])
        if len(made) == 1 and made[0].outcome == "joined":
            return
        self._decided[seq] = made
        effects.decisions[seq] = _encode_decisions(made)
        while len(self._decided) > DECISIONS_HELD:
            self._decided.popitem(last=False)

    def find_news(self, rows: Iterable[Delivery]) -> Effects:
        """Mark the first events of templates among rows that were not heard when they came."""
        effects = Effects({}, [], {}, [])
        for seq, event in _numbered(rows):
            self._note(seq, event, "", effects)
        return effects

    # Explaining

    def explain(
        self, event: LogEvent, *, seq: int | None = None, link: str | None = None, kept: bytes = b""
    ) -> Verdict:
        """Return what each rule made of an event, and why; changes nothing.

        For a row that was judged already give its `seq` (or `link`, the item it is linked to, or
        `kept`, its decisions as the store has them): the answer is what happened. Without any of
        them it is what would happen if the event came now.
        """
        judged = seq is not None
        if not judged and self._rules.asks_new:
            template, _ = self._foresee(event, learn=self._rules.may_match(event))
            event = event if self._first_seen.knows(template) else as_new(event)
        matched = [rule.name for rule in self._rules.ask(event, lambda *_: None)]
        template, moved = self._foresee(event, learn=bool(matched) and not judged)
        made = (
            _decode_decisions(kept) if kept else self._decided.get(-1 if seq is None else seq, ())
        )
        happened = {one.rule: one for one in made}
        if not made and link is not None:
            tracked = self.items.get(link)
            name = tracked.rule if tracked else "".join(matched[:1])
            happened[name] = Decision(name, "joined", link)
        rules: list[RuleVerdict] = []
        for rule in self.known_rules:
            decision = happened.get(rule.name)
            if not judged and rule.name in matched:
                ahead = sum(one.outcome == "opened" for one in rules)
                cause = cause_of(rule, event, template)
                decision = self._decide(rule, event, cause, moved, ahead)
            rules.append(rule_verdict(rule, event, decision, template))
        return Verdict(
            event_id=event.id,
            template=template,
            template_id=template_id(template),
            carried=bool(event.message_template),
            judged=judged,
            rules=tuple(rules),
        )

    def _foresee(self, event: LogEvent, *, learn: bool) -> tuple[str, dict[str, str]]:
        """Return the template an event would have, and what would become part of what by it.

        Without `learn` a message whose like was never seen has the template it has by itself.
        """
        if event.message_template:
            return event.message_template, {}
        known = self._miner.known(event.message)
        if known is not None:
            return known, {}
        trial = TemplateMiner.restore(self._miner.state()) if learn else TemplateMiner()
        return trial.template(event.message), trial.merges()

    # Keeping

    def to_keep(
        self, effects: Effects, position: int | None, requests: tuple[int, ...] = ()
    ) -> Kept:
        """Return all that changed since the last call, to be kept together with the offset.

        `position` is the first row not processed yet, None where that is as before. While rows
        are only learned from again, the offset stays where the earlier run had it.
        """
        offset = None if position is None else max(position, self._done_to)
        items, changes = self.items.take_changes()
        values = self._window.take_changes()
        if position is not None and position - self._mined_to >= MINER_KEPT_EVERY_ROWS:
            values |= {MINER: self._miner.state(), MINED_TO: b"%d" % position}
            self._mined_to = position
        values |= self._first_seen.take_changes()
        if (tally := self._tally.take_changes()) is not None:
            values[TALLY] = tally
        return Kept(
            consumer=CONSUMER,
            offset=offset,
            links=effects.links,
            decisions=effects.decisions,
            news=tuple(effects.news),
            items=items,
            changes=changes,
            requests=requests,
            values=values,
        )

    def restore(
        self, items: Iterable[ItemRecord], values: Mapping[str, bytes], offset: int = 0
    ) -> int:
        """Go on where an earlier run stopped: its items, the one that changed first first.

        Returns the `seq` to read from: rows before `offset` are only learned from again, so that
        their messages have the templates they had.
        """
        self.items.restore(items)
        self._window.restore(values)
        self._first_seen.restore(values)
        self._tally.restore(values.get(TALLY))
        self._done_to = offset
        if MINER in values:
            self._miner = TemplateMiner.restore(values[MINER])
            self._mined_to = int(values[MINED_TO])
        return min(self._mined_to, offset)

    # A person's part

    def set_status(self, item_id: str, status: Status, at: datetime, by: str = "") -> Effects:
        """Change an item's status for a person; the change is an event too."""
        item = self.items.set_status(item_id, status, at, by)
        if item is None:
            return Effects({}, [])
        word = {"new": "reopened", "in_progress": "started", "done": "done"}[status]
        return Effects({}, [say(item, word, at, item.level)])

    def set_feedback(self, item_id: str, feedback: Feedback, at: datetime, by: str = "") -> bool:
        """Mark an item as useful, as noise, or as neither; whether that changed anything."""
        before = self.items.get(item_id)
        item = self.items.set_feedback(item_id, feedback, at, by)
        if item is None or before is None:
            return False
        self._tally.mark(item.rule, before.feedback, feedback)
        return True


def _numbered(rows: Iterable[Delivery]) -> Iterable[tuple[int, LogEvent]]:
    """Return each row's `seq` and event, without the rest of it where it is not made yet."""
    if isinstance(rows, Slice):
        return zip(rows.seqs.tolist(), rows.events(), strict=True)
    return ((row.seq, row.event) for row in rows)
