"""What an explanation says is what happened: before, after, from the store, clause by clause."""

import random
from datetime import timedelta
from pathlib import Path

import pytest

from logmon.errors import ItemError, UnknownItem
from logmon.event import LogEvent
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.segment import Delivery
from logmon.sentinel.pipeline import Effects, Sentinel
from logmon.sentinel.rule import Rule
from logmon.source import LookBack
from logmon.store.journal import open_reader, open_writer
from logmon.testing import NOON, ScriptedSource, arrival_of, make_event
from logmon.verdict import MATCHING, to_document

RULES = (
    Rule(name="errors", minimum_level=Level.ERROR),
    Rule(name="slow", when="@ms:>500 -service:batch", threshold=3, window_s=60),
    Rule(name="quiet", when="refused OR declined", cooldown_s=120, group_by=("@region",)),
    Rule(name="api", sources=("api*", "!api-test"), minimum_level=Level.INFO, threshold=2),
    Rule(name="off", enabled=False),
)
WORDS = ("ann", "bob", "carl", "dora", "eve", "fay", "gus", "hal")


def story(rng: random.Random, events: int) -> list[LogEvent]:
    """Return events of a few sources and shapes; some repeat an id, some widen a template."""
    told: list[LogEvent] = []
    for number in range(events):
        if told and rng.random() < 0.05:
            told.append(rng.choice(told[-20:]))
            continue
        word = rng.choice(WORDS)
        message = rng.choice(
            (
                f"cannot find module {word} in cache",
                f"connection {number} refused",
                f"card declined for {word}",
                f"took {number} ms",
                f"message sent to {word} about {rng.choice(WORDS)} by mail",
            )
        )
        told.append(
            make_event(
                message,
                id=f"e{number}",
                level=rng.choice((Level.INFO, Level.WARN, Level.ERROR)),
                source=rng.choice(("api", "api-test", "batch", "web")),
                timestamp=NOON + timedelta(seconds=number * 3 - rng.randint(0, 30)),
                attributes={"ms": rng.choice((20, 700)), "region": rng.choice("ab")},
                message_template="took {n} ms" if rng.random() < 0.2 else None,
            )
        )
    return told


def plain(verdict):
    return [(rule.rule, rule.text) for rule in verdict.rules]


def test_an_explanation_is_what_happens_for_10_000_events():
    rng = random.Random(6)
    sentinel = Sentinel(RULES)
    kept = Sentinel(RULES)
    kept.items = sentinel.items
    outcomes = set()
    for seq, event in enumerate(story(rng, 10_000)):
        foretold = sentinel.explain(event)
        effects = sentinel.process([Delivery(seq, event, "app", None)])
        told = sentinel.explain(event, seq=seq, link=effects.links.get(seq))
        matched = {rule.rule for rule in told.rules if rule.matched}
        assert matched == {
            rule.name for rule in RULES if rule.enabled and rule.filter().matches(event)
        }
        assert plain(foretold) == plain(told), (seq, event)
        assert foretold.template == told.template
        assert told.work_item == effects.links.get(seq)
        outcomes |= {rule.outcome for rule in told.rules}
        if seq % 20 == 0:
            link, made = effects.links.get(seq), effects.decisions.get(seq, b"")
            from_store = kept.explain(event, seq=seq, link=link, kept=made)
            assert plain(told) == plain(from_store), (seq, event)
        if rng.random() < 0.02 and len(sentinel.items):
            item = rng.choice(sentinel.items.latest(20))
            sentinel.set_status(item.id, rng.choice(("done", "in_progress")), event.timestamp)
    assert outcomes == {
        "opened", "joined", "repeat", "below_threshold", "cooldown", "no_match"
    }  # fmt: skip


def test_each_clause_is_told_with_the_value_seen():
    rule = Rule(name="slow", when="@ms:>500 (timeout OR refused) -env:test", sources=("api",))
    event = make_event(
        "call refused", level=Level.ERROR, source="api", attributes={"ms": 20}, tags=("env:prod",)
    )
    (verdict,) = Sentinel([rule]).explain(event).rules
    assert [(c.clause, c.holds, c.seen) for c in verdict.clauses] == [
        ("minimum_level warn", True, "error"),
        ("sources api", True, "api"),
        ("@ms:>500", False, "20"),
        ("timeout OR refused", True, "call refused"),
        ("-env:test", True, "prod"),
    ]
    assert (verdict.outcome, verdict.text) == ("no_match", "@ms:>500 saw 20")


@pytest.mark.parametrize(
    ("rule", "events", "text"),
    [
        (Rule(), [make_event(level=Level.INFO)], "level info < warn"),
        (Rule(), [make_event(level=Level.WARN)], "opened WI-1"),
        (Rule(threshold=5), [make_event(level=Level.WARN)] * 1, "below threshold 1/5"),
        (Rule(sources=("x",)), [make_event(level=Level.WARN)], "source tests is not x"),
        (Rule(enabled=False), [make_event(level=Level.WARN)], "it is off"),
    ],
)
def test_verdicts_are_short_and_plain(rule, events, text):
    sentinel = Sentinel([rule])
    assert sentinel.explain(events[-1]).rules[0].text == text


def test_explaining_changes_nothing():
    sentinel, other = Sentinel(RULES), Sentinel(RULES)
    events = story(random.Random(2), 500)
    for seq, event in enumerate(events):
        for later in events[seq : seq + 3]:
            sentinel.explain(later)
        rows = [Delivery(seq, event, "app", None)]
        assert sentinel.process(rows) == other.process(rows)
    assert sentinel.items.all() == other.items.all()


def test_a_rule_that_fails_is_counted_and_touches_no_other():
    sentinel = Sentinel([Rule(name="good"), Rule(name="bad", when="@a:1")])
    event = make_event(level=Level.WARN, attributes={"a": Sick()})
    effects = sentinel.process([Delivery(0, event, "app", None)])
    assert effects.links == {0: "WI-1"}
    counts = sentinel.statistics()
    assert (counts["good"].fired, counts["bad"].errors, counts["bad"].matched) == (1, 1, 0)
    assert sentinel.explain(event, seq=0).rules[1].outcome == "error"


class Sick:
    """A value that cannot be looked at."""

    def __str__(self) -> str:
        raise ValueError("no text")


async def served(path: Path | None, *events: LogEvent, rules=RULES) -> LogMonitorService:
    """Run a service over these events until they are all done with."""
    store = open_writer(path) if path else None
    hub = LogEventHub(journal=store)
    source = ScriptedSource("app", [arrival_of(*events)])
    service = LogMonitorService(hub, [SourceEntry(source)], sentinel=Sentinel(rules), store=store)
    await service.warm(LookBack(rows=100))
    await service.run()
    return service


@pytest.mark.parametrize("stored", [False, True])
async def test_the_service_explains_its_rows_also_after_a_restart(tmp_path: Path, stored: bool):
    path = tmp_path / "logmon.db" if stored else None
    events = story(random.Random(3), 60)
    service = await served(path, *events)
    rows = [row for row in service.hub.recent(1_000) if not row.is_own]
    told = [plain(service.explain(row.event, seq=row.seq)) for row in rows]
    assert any("below threshold" in text for rules in told for _, text in rules)
    own = next(row for row in service.hub.recent(1_000) if row.is_own)
    assert service.explain(own.event, seq=own.seq).rules == ()
    service.close_store()
    if path is not None:
        again = await served(path, *events)
        assert [plain(again.explain(row.event, seq=row.seq)) for row in rows] == told
        again.close_store()


@pytest.mark.parametrize("stored", [False, True])
async def test_a_status_is_changed_with_an_event_and_an_audit(tmp_path: Path, stored: bool):
    path = tmp_path / "logmon.db" if stored else None
    service = await served(path, make_event(level=Level.ERROR, id="a"), rules=[Rule()])
    item = await service.set_status("WI-1", "done", by="screen")
    assert (item.id, item.status) == ("WI-1", "done")
    assert "WI-1 done" in service.hub.recent(1)[0].event.message
    marked = await service.set_feedback("WI-1", "noise", by="screen")
    assert marked.feedback == "noise"
    counts = service.rule_statistics()["default"]
    assert (counts.matched, counts.fired, counts.noise) == (1, 1, 1)
    with pytest.raises(UnknownItem, match="WI-9"):
        await service.set_status("WI-9", "done")
    service.close_store()
    if path is not None:
        reader = open_reader(path)
        changes = [change.change for change in reader.history("WI-1")]
        reader.close()
        assert changes == ["opened", "new → done · screen", "marked noise · screen"]
        again = await served(path, rules=[Rule()])
        assert again.rule_statistics()["default"].noise == 1
        again.close_store()


async def test_an_item_is_not_reopened_while_a_newer_one_of_its_cause_is_open():
    service = await served(None, make_event(level=Level.ERROR, id="a"), rules=[Rule()])
    await service.set_status("WI-1", "done")
    assert service.sentinel is not None
    again = Delivery(9, make_event(level=Level.ERROR, id="b"), "app", None)
    service.sentinel.process([again])
    with pytest.raises(ItemError, match="a newer item"):
        await service.set_status("WI-1", "new")
    newer = service.sentinel.items.get("WI-2")
    assert newer is not None
    assert newer.previous == "WI-1"


def test_a_verdict_is_written_as_json():
    event = make_event(level=Level.ERROR, id="e1")
    document = to_document(Sentinel().explain(event))
    assert document["event_id"] == "e1"
    assert document["judged"] is False
    (rule,) = document["rules"]
    assert rule["verdict"] == "opened WI-1"
    assert rule["outcome"] in MATCHING


async def test_without_a_store_nothing_piles_up_to_be_kept():
    service = await served(None, *story(random.Random(9), 300))
    assert service.sentinel is not None
    kept = service.sentinel.to_keep(Effects({}, []), None)
    assert (kept.items, kept.changes, kept.values) == ((), (), {})
