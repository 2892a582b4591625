"""Sentinel's first form: what opens an item, what joins it, what is said, what is counted."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.event import encode
from logmon.level import Level
from logmon.segment import Delivery
from logmon.sentinel.pipeline import Sentinel
from logmon.sentinel.rule import Rule
from logmon.template import TemplateMiner
from logmon.testing import NOON, make_event
from logmon.work_item import to_document

TEMPLATE = "Card declined for order {order}"


def rows(*events):
    return [Delivery(seq, event, "app", None) for seq, event in enumerate(events)]


def declined(order: int = 1, level: Level = Level.ERROR, after_s: float = 0, **fields):
    return make_event(
        f"Card declined for order {order}",
        message_template=TEMPLATE,
        level=level,
        timestamp=NOON + timedelta(seconds=after_s),
        **fields,
    )


def test_a_warning_opens_an_item_and_says_so():
    sentinel = Sentinel()
    effects = sentinel.process(rows(make_event(), declined()))
    (item,) = sentinel.items.all()
    assert (item.id, item.title, item.status, item.priority) == ("WI-1", TEMPLATE, "new", "high")
    assert effects.links == {1: "WI-1"}
    (said,) = effects.events
    assert (said.source, said.level, said.attributes["work_item"]) == (
        "sentinel",
        Level.ERROR,
        "WI-1",
    )


def test_the_same_template_joins_and_another_source_or_template_does_not():
    sentinel = Sentinel()
    sentinel.process(
        rows(
            declined(1), declined(2), declined(3, source="other"), make_event("x", level=Level.WARN)
        )
    )
    assert sorted(item.count for item in sentinel.items.all()) == [1, 1, 2]


def test_messages_without_a_template_are_grouped_by_what_does_not_vary():
    sentinel = Sentinel()
    sentinel.process(
        rows(*[make_event(f"disk {n} of /dev/sd{n} is full", level=Level.WARN) for n in range(9)])
    )
    (item,) = sentinel.items.all()
    assert item.count == 9


def test_a_repeated_event_id_never_changes_a_count():
    sentinel = Sentinel()
    event = declined()
    sentinel.process(rows(event, event, declined(2), event))
    assert sentinel.items.all()[0].count == 2


def test_after_done_a_new_occurrence_opens_a_new_item():
    sentinel = Sentinel()
    sentinel.process(rows(declined()))
    effects = sentinel.set_status("WI-1", "done", NOON)
    assert effects.events[0].message.startswith("WI-1 done")
    sentinel.process(rows(declined()))
    assert [(item.id, item.status) for item in sentinel.items.all()] == [
        ("WI-2", "new"),
        ("WI-1", "done"),
    ]
    assert sentinel.set_status("WI-1", "new", NOON).events == [], "the newer one is open"


def test_a_threshold_waits_for_enough_matches_within_its_window():
    sentinel = Sentinel([Rule(threshold=3, window_s=10)])
    sentinel.process(rows(declined(after_s=0), declined(after_s=1), declined(after_s=20)))
    assert not sentinel.items.all()
    sentinel.process(rows(declined(after_s=21), declined(after_s=22)))
    (item,) = sentinel.items.all()
    assert item.count == 3


def test_a_cooldown_keeps_a_closed_cause_quiet():
    sentinel = Sentinel([Rule(cooldown_s=60)])
    sentinel.process(rows(declined()))
    sentinel.set_status("WI-1", "done", NOON)
    sentinel.process(rows(declined(after_s=30)))
    assert len(sentinel.items.all()) == 1
    sentinel.process(rows(declined(after_s=61)))
    assert len(sentinel.items.all()) == 2


def test_grouping_by_an_attribute_tells_items_apart():
    sentinel = Sentinel([Rule(group_by=("@http.region",))])
    sentinel.process(
        rows(
            *[
                declined(n, attributes={"http": {"region": region}})
                for n, region in enumerate("abab")
            ]
        )
    )
    assert [item.count for item in sentinel.items.all()] == [2, 2]


def test_repeats_are_told_at_ten_and_a_hundred_and_not_more_than_once_in_ten_seconds():
    sentinel = Sentinel()
    told = [
        event.message
        for n in range(1_200)
        for event in sentinel.process(rows(declined(n, after_s=n))).events
    ]
    assert [text.split(" · ")[-1].split(" ")[0] for text in told[1:]] == ["10", "100", "1000"]
    fast = Sentinel()
    told = [
        e for n in range(200) for e in fast.process(rows(declined(n, after_s=n / 1_000))).events
    ]
    assert [event.attributes["change"] for event in told] == ["opened", "joined"]
    assert told[1].message.endswith("10 since 12:00:00")


def test_a_storm_on_one_template_is_told_at_most_once_in_ten_seconds():
    """Events in every second of 25; the 10th, 100th, 1,000th and 10,000th repeat come oftener."""
    sentinel, told = Sentinel(), []
    rates = [*[150] * 10, *[1_000] * 10, *[100] * 5]
    for second, rate in enumerate(rates):
        storm = [
            Delivery(n, declined(7, after_s=second + n / rate, id=f"{second}.{n}"), "app", None)
            for n in range(rate)
        ]
        told += sentinel.process(storm).events
    (item,) = sentinel.items.all()
    assert item.count == sum(rates)
    assert [event.attributes["change"] for event in told] == ["opened", *["joined"] * 3]
    assert [(event.timestamp - NOON).total_seconds() for event in told[1:]] == pytest.approx(
        [10 / 150, 10.067, 20.07], abs=1e-5
    )
    assert [event.attributes["count"] for event in told[1:]] == [11, 1_568, 11_508]


def test_a_milestone_that_came_too_early_is_told_when_its_time_has_come():
    sentinel = Sentinel()
    fast = [declined(n, after_s=n / 100, id=f"e{n}") for n in range(150)]
    later = [declined(n, after_s=10 + n, id=f"l{n}") for n in range(3)]
    told = sentinel.process(rows(*fast, *later)).events
    assert [event.message.split(" · ")[-1] for event in told[1:]] == [
        "10 since 12:00:00",
        "151 since 12:00:00",
    ]


def test_first_and_last_samples_are_kept():
    sentinel = Sentinel()
    events = [declined(n, id=f"e{n}") for n in range(500)]
    sentinel.process(rows(*events))
    ids = sentinel.items.all()[0].event_ids
    assert ids[0] == "e0"
    assert ids[-1] == "e499"
    assert len(ids) == 20


@pytest.mark.parametrize(
    ("level", "priority"),
    [(Level.CRITICAL, "high"), (Level.ERROR, "high"), (Level.WARN, "medium"), (Level.INFO, "low")],
)
def test_priority_follows_the_level(level, priority):
    sentinel = Sentinel([Rule(minimum_level=Level.TRACE)])
    sentinel.process(rows(make_event(level=level)))
    assert sentinel.items.all()[0].priority == priority


def test_an_item_is_written_as_agreed():
    sentinel = Sentinel()
    sentinel.process(rows(declined(attributes={"order": 1})))
    document = to_document(sentinel.items.all()[0])
    assert list(document) == [
        "id", "title", "description", "status", "priority", "source_label", "rule", "template", "source",
        "level", "count", "first_seen", "last_seen", "event_ids", "source_data", "created_at", "updated_at",
    ]  # fmt: skip
    assert (document["level"], document["first_seen"]) == ("error", "2026-11-23T12:00:00.000000Z")


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(Level), st.integers(0, 20)), max_size=30)
)
def test_the_same_rows_give_the_same_effects_however_they_are_cut(story):
    events = [
        declined(n, level, after_s=at, id=f"e{i}", source=f"s{n}")
        for i, (n, level, at) in enumerate(story)
    ]
    whole, cut = Sentinel(), Sentinel()
    said = whole.process(rows(*events)).events
    said_cut = [e for d in rows(*events) for e in cut.process([d]).events]
    assert [encode(e) for e in said] == [encode(e) for e in said_cut]
    assert whole.items.all() == cut.items.all()


@given(st.text(max_size=200))
def test_any_text_has_a_template_and_the_same_one_again(text):
    miner = TemplateMiner()
    assert miner.template(text) == miner.template(text)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_numbers_make_no_difference_to_a_template(one, two):
    miner = TemplateMiner()
    assert miner.template(f"took {one} ms for /a/{two}/b") == miner.template("took 5 ms for /a/7/b")


def test_templates_are_bounded():
    miner = TemplateMiner(max_groups=100)
    for n in range(5_000):
        miner.template("word " * (n % 500) + chr(97 + n % 26))
    assert len(miner) <= 100
