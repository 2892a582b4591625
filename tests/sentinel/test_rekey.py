"""When templates become one, so do their items: no two open ones, no count lost or doubled."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.journal import Effects, ItemRecord
from logmon.level import Level
from logmon.segment import Delivery
from logmon.sentinel.pipeline import Sentinel
from logmon.sentinel.rule import Rule
from logmon.template import TemplateMiner
from logmon.testing import NOON, make_event

NAMES = ("ann", "bob", "carl", "dora", "eve", "fay", "gus", "hal")
MESSAGES = st.one_of(
    st.sampled_from(NAMES).map("cannot find module {} in cache".format),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).map(
        lambda pair: f"message sent to {pair[0]} about {pair[1]} by mail"
    ),
    st.sampled_from(NAMES).map("card declined for user {}".format),
)
STORIES = st.lists(
    st.tuples(MESSAGES, st.sampled_from(["a", "b"]), st.integers(0, 40)), max_size=60
)


def told(story, first: int = 0):
    """Return rows; events that draw the same number have the same id and message."""
    rows = []
    known: dict[int, tuple[str, str]] = {}
    for seq, (message, source, number) in enumerate(story, first):
        message, source = known.setdefault(number, (message, source))
        event = make_event(message, source=source, level=Level.WARN, id=f"e{number}")
        rows.append(Delivery(seq, event, "app", None))
    return rows


def final(rows) -> dict[str, str]:
    """Return the template that each message has when all were seen."""
    miner = TemplateMiner()
    for row in rows:
        miner.template(row.event.message)
    return {row.event.message: miner.template(row.event.message) for row in rows}


@given(STORIES)
def test_open_items_are_the_distinct_templates_and_counts_the_distinct_events(story):
    rows, sentinel = told(story), Sentinel()
    for row in rows:
        sentinel.process([row])
    templates = final(rows)
    wanted: Counter[tuple[str, str]] = Counter()
    for event in {row.event.id: row.event for row in rows}.values():
        wanted[event.source, templates[event.message]] += 1
    found = [item for item in sentinel.items.all() if item.is_open]
    assert {(item.source, item.template): item.count for item in found} == dict(wanted)
    assert len(found) == len(wanted)
    assert all(item.part_of for item in sentinel.items.all() if not item.is_open)


class Disk:
    """What a store would hold of Sentinel."""

    def __init__(self) -> None:
        self.items: dict[int, ItemRecord] = {}
        self.values: dict[str, bytes] = {}
        self.offset = 0

    def write(self, kept: Effects) -> None:
        """Take in one transaction; no two open items may have one cause."""
        for record in kept.items:
            self.items.pop(record.number, None)
            self.items[record.number] = record
        opened = Counter(r.cause for r in self.items.values() if r.item.is_open)
        assert all(count == 1 for count in opened.values())
        for name, value in kept.values.items():
            self.values.pop(name, None)
            if value is not None:
                self.values[name] = value
        self.offset = kept.offset if kept.offset is not None else self.offset


def run(disk: Disk, rows, until: int, rules) -> Sentinel:
    """Go on over a disk, in batches of seven rows, and stop behind the row `until`."""
    sentinel = Sentinel(rules)
    first = sentinel.restore(disk.items.values(), disk.values, disk.offset)
    for start in range(first, until, 7):
        stop = min(start + 7, until)
        disk.write(sentinel.to_keep(sentinel.process(rows[start:stop]), stop))
    return sentinel


@settings(deadline=None)
@given(STORIES, st.lists(st.integers(0, 60), max_size=4), st.sampled_from([1, 3]))
def test_stopped_anywhere_and_taken_up_again_the_items_are_the_same(story, stops, threshold):
    rows, rules = told(story), [Rule(threshold=threshold)]
    disk, whole = Disk(), Disk()
    for stop in sorted(stops):
        run(disk, rows, min(stop, len(rows)), rules)
    run(disk, rows, len(rows), rules)
    run(whole, rows, len(rows), rules)
    assert sorted(disk.items.items()) == sorted(whole.items.items())
    assert disk.values == whole.values


def test_the_older_item_takes_the_newer_one_in_and_both_say_so():
    sentinel = Sentinel()
    rows = [
        Delivery(n, make_event(f"cannot find module {name} in cache", level=level), "app", None)
        for n, (name, level) in enumerate(
            zip(NAMES, [Level.WARN] * 4 + [Level.ERROR] * 4, strict=True)
        )
    ]
    for row in rows[:4]:
        sentinel.process([row])
    assert [item.count for item in sentinel.items.all()] == [1, 1, 1, 1]
    for row in rows[4:]:
        sentinel.process([row])
    (item, *parts) = sentinel.items.all()
    assert (item.id, item.title, item.count) == ("WI-1", "cannot find module <*> in cache", 8)
    assert (item.level, item.priority) == (Level.ERROR, "high")
    assert {(part.status, part.part_of) for part in parts} == {("done", "WI-1")}
    _, changes = sentinel.items.take_changes()
    assert "took in WI-2" in [change.change for change in changes if change.item == "WI-1"]
    assert sentinel.set_status("WI-2", "new", NOON).events == [], "it is part of another now"


def test_a_title_of_the_rule_survives_a_merge():
    sentinel = Sentinel([Rule(title="modules missing")])
    for n, name in enumerate(NAMES):
        event = make_event(f"cannot find module {name} in cache", level=Level.WARN)
        sentinel.process([Delivery(n, event, "app", None)])
    assert {item.title for item in sentinel.items.all()} == {"modules missing"}


def test_a_done_item_and_its_cooldown_move_with_their_template():
    sentinel = Sentinel([Rule(cooldown_s=3600)])
    rows = [
        Delivery(
            n, make_event(f"cannot find module {name} in cache", level=Level.WARN), "app", None
        )
        for n, name in enumerate(NAMES)
    ]
    sentinel.process(rows[:1])
    sentinel.set_status("WI-1", "done", NOON)
    for row in rows[1:]:
        sentinel.process([row])
    verdict = sentinel.explain(make_event("cannot find module zoe in cache", level=Level.WARN))
    assert verdict.template == "cannot find module <*> in cache"
    assert verdict.rules[0].text.startswith("joined")
    for item in sentinel.items.all():
        sentinel.set_status(item.id, "done", NOON)
    verdict = sentinel.explain(make_event("cannot find module zoe in cache", level=Level.WARN))
    assert verdict.rules[0].text == "cooldown until 13:00:00"


def test_a_repeat_that_is_worse_raises_the_priority_and_says_so():
    sentinel = Sentinel()
    sentinel.process([Delivery(0, make_event("x y", level=Level.WARN), "app", None)])
    effects = sentinel.process([Delivery(1, make_event("x y", level=Level.ERROR), "app", None)])
    (said,) = effects.events
    assert said.message.startswith("WI-1 raised · high")
