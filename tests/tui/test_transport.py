"""The playhead: what lies behind it is all there is, and work items are as they were then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.event import from_ns, to_ns
from logmon.event_log import EventLog
from logmon.filter import EVERYTHING, GrepClause, LogFilter, build_filter
from logmon.level import Level, at_least
from logmon.patterns import Pattern
from logmon.sentinel.pipeline import Sentinel
from logmon.sentinel.rule import Rule
from logmon.testing import NOON, make_event
from logmon.tui.histogram import Histogram
from logmon.tui.items_as_of import ItemsAsOf
from logmon.tui.pattern_table import PatternTable
from logmon.tui.tail_model import TailModel
from logmon.tui.transport import FASTEST, SLOWEST, Transport
from tests.tui.stage import log_of

NOON_NS = to_ns(NOON)


def at(second: float, level: Level = Level.INFO, message: str = "row") -> object:
    moment = from_ns(NOON_NS + round(second * 1e9))
    return make_event(f"{message} {second:g}", timestamp=moment, level=level)


def shown(transport: Transport) -> list[str]:
    snapshot = transport.snapshot
    found = [snapshot.delivery(seq) for seq in range(snapshot.first_seq, snapshot.next_seq)]
    return [delivery.event.message for delivery in found]


def test_playing_shows_each_row_at_its_recorded_time():
    log = log_of(at(0), at(1), at(1.5), at(4))
    transport = Transport(log, speed=1)
    moments = {}
    for tenth in range(60):
        transport.tick(tenth / 10)
        moments.setdefault(len(transport.snapshot), tenth / 10)
    assert moments == {0: 0.0, 1: 0.1, 2: 1.0, 3: 1.5, 4: 4.0}
    assert transport.at_end
    assert not transport.playing


def test_speed_and_gaps_scale_and_cut_the_waiting():
    log = log_of(at(0), at(8), at(3_608))
    transport = Transport(log, speed=2, max_gap_s=5)
    transport.tick(0)
    transport.tick(2.4)
    assert len(transport.snapshot) == 1
    transport.tick(2.5)
    assert len(transport.snapshot) == 2
    transport.tick(5.0)
    assert len(transport.snapshot) == 3


def test_a_file_that_is_still_being_read_is_waited_for():
    loaded = [False]
    log = EventLog()
    transport = Transport(log, speed=1, ended=lambda: loaded[0])
    transport.tick(0)
    transport.tick(1)
    assert not transport.at_end
    log.append(EventBatch([at(0), at(1)]), origin="replay")
    transport.tick(1.5)
    assert shown(transport) == ["row 0"]
    loaded[0] = True
    transport.tick(3.5)
    assert transport.at_end


def test_pausing_loses_no_time_and_plays_on_from_there():
    log = log_of(*[at(n) for n in range(10)])
    transport = Transport(log, speed=1)
    transport.tick(0)
    transport.tick(3)
    transport.toggle()
    assert not transport.tick(50)
    assert len(transport.snapshot) == 4
    transport.toggle()
    transport.tick(50)
    transport.tick(51)
    assert len(transport.snapshot) == 5


def test_from_the_end_playing_begins_again():
    log = log_of(at(0), at(1))
    transport = Transport(log)
    assert transport.at_end
    transport.toggle()
    assert transport.playing
    assert len(transport.snapshot) == 0


def test_speed_is_kept_between_bounds():
    transport = Transport(EventLog())
    for _ in range(50):
        transport.change_speed(2)
    assert transport.speed == FASTEST
    for _ in range(50):
        transport.change_speed(0.5)
    assert transport.speed == SLOWEST


@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=6),
    st.lists(st.sampled_from([1, -1, 2, -3]), max_size=20),
    st.booleans(),
)
def test_steps_go_from_shown_row_to_shown_row(batches, steps, needs_rows):
    """Each step lands behind a row that passes, as walking a plain list does."""
    log = EventLog()
    for batch in batches:
        events = [make_event("yes" if passes else "no") for passes in batch]
        log.append(EventBatch(events), origin="replay")
    log_filter = LogFilter((GrepClause(Pattern("yes")),)) if needs_rows else EVERYTHING
    passing = [
        seq
        for seq, passes in enumerate(passes for batch in batches for passes in batch)
        if passes or not needs_rows
    ]
    transport = Transport(log)
    place = len(passing)  # rows behind the playhead
    for rows in steps:
        wanted = place + rows
        moved = transport.step(rows, log_filter)
        possible = 1 <= wanted <= len(passing)
        assert moved == possible
        if possible:
            place = wanted
            assert transport.position == passing[place - 1] + 1


def test_the_next_error_is_found_beyond_the_playhead_among_shown_rows():
    log = log_of(
        at(0), at(1, Level.ERROR, "hidden"), at(2), at(3, Level.CRITICAL), at(4, Level.ERROR)
    )
    transport = Transport(log, speed=1)
    log_filter = LogFilter((GrepClause(Pattern("row")),))
    assert transport.seek_level(Level.ERROR, log_filter) == 3
    assert shown(transport)[-1] == "row 3"
    assert transport.seek_level(Level.ERROR, log_filter) == 4
    assert transport.seek_level(Level.ERROR, log_filter) is None


def test_seeking_by_share_and_by_time():
    log = log_of(*[at(n) for n in range(100)])
    transport = Transport(log)
    transport.seek_fraction(0.25)
    assert len(transport.snapshot) == 25
    assert transport.fraction() == 0.25
    assert transport.rows() == (25, 100)
    transport.seek_time(NOON_NS + 40 * 10**9)
    assert transport.time_ns() == NOON_NS + 40 * 10**9
    transport.seek_time(NOON_NS + 10**12)
    assert transport.at_end
    assert transport.fraction() == 1.0


def test_the_tail_shows_the_log_up_to_the_playhead_in_both_directions():
    log = log_of(*[at(n, Level.ERROR if n % 3 == 0 else Level.INFO) for n in range(60)])
    transport = Transport(log)
    model = TailModel(transport)
    model.height = 5
    model.sync()
    model.set_filter(build_filter(levels=at_least(Level.ERROR)))
    for position in (60, 10, 45, 2, 59):
        transport.seek_row(position - 1)
        model.sync()
        expected = [seq for seq in range(position) if seq % 3 == 0]
        assert model.shown() == len(expected)
        assert model.visible() == expected[-5:]


def test_overviews_work_on_what_lies_behind_the_playhead_alone():
    """However much lies before it, and while it moves: nothing waits for rows that are not there."""
    log = EventLog(max_rows=1_000_000)
    for start in range(0, 60 * 2_048, 2_048):
        events = [at(start + n, message="cache miss") for n in range(2_048)]
        log.append(EventBatch(events), origin="replay")
    transport = Transport(log)
    model = TailModel(transport)
    patterns, histogram = PatternTable(model), Histogram(model)
    for position in (500, 600, 700, 5_000):
        transport.seek_row(position - 1)
        model.sync()
        assert len(model.snapshot.segments) == (position - 1) // 2_048 + 1
        for _ in range(6):
            patterns.work()
        histogram.sync(80)
        assert patterns.looked_at() == (position, position)
        assert histogram.counts.sum() == position


def test_rows_that_are_evicted_take_the_playhead_along():
    log = EventLog(max_rows=50)
    log.append(EventBatch([at(n) for n in range(50)]), origin="replay")
    transport = Transport(log)
    transport.seek_row(3)
    log.append(EventBatch([at(n) for n in range(50, 90)]), origin="replay")
    assert transport.snapshot.first_seq == transport.snapshot.next_seq == 40
    transport.step(1, EVERYTHING)
    assert shown(transport) == ["row 40"]


RULES = [
    [Rule()],
    [Rule(threshold=3)],
    [Rule(minimum_level=Level.ERROR, priority="low")],
]


@pytest.mark.parametrize("rules", RULES)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(list(Level))), max_size=40))
def test_items_at_the_playhead_are_as_they_were_then(rules, rows):
    """Saved after each row while it came in, the items equal those of the playhead later."""
    log = EventLog()
    sentinel = Sentinel(rules)
    saved = [[]]
    for n, (kind, level) in enumerate(rows):
        words = ("alpha", "beta", "gamma", "delta")[kind]
        event = make_event(
            f"{words} broke", level=level, timestamp=from_ns(NOON_NS + n * 10**9), id=f"e{n}"
        )
        log.append(EventBatch([event]), origin="replay")
        effects = sentinel.process([log.snapshot.delivery(log.snapshot.next_seq - 1)])
        log.link(effects.links)
        saved.append(facts(sentinel.items.all()))
    transport = Transport(log)
    items = ItemsAsOf(sentinel.items, log, transport)
    for position in range(len(rows) + 1):
        transport.seek_row(position - 1)
        assert facts(items.latest(1_000)) == saved[position]
        assert items.open_count() == len(saved[position])
        assert len(items) == len(saved[position])
    transport.to_end()
    assert items.latest(1_000) == sentinel.items.all()


def facts(items):
    return [(i.id, i.count, i.level, i.priority, i.last_seen, i.status) for i in items]


def test_an_item_is_not_there_before_its_first_row():
    log = log_of(at(0), at(1, Level.ERROR), at(2))
    sentinel = Sentinel()
    log.link(sentinel.process([log.snapshot.delivery(seq) for seq in range(3)]).links)
    transport = Transport(log)
    items = ItemsAsOf(sentinel.items, log, transport)
    version = items.version
    transport.seek_row(0)
    assert items.get("WI-1") is None
    assert items.version > version
    transport.seek_row(1)
    assert items.get("WI-1").count == 1
