"""Histogram and patterns: what the overviews say is what counting each row would say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.event import from_ns, to_ns
from logmon.event_log import EventLog
from logmon.filter import GrepClause, LogFilter, SourceClause, build_filter
from logmon.level import Level, at_least
from logmon.patterns import Pattern
from logmon.template import TemplateMiner
from logmon.testing import NOON, make_event
from logmon.tui.histogram import CLASSES, Histogram, TimeGrid, classes, first_row_between
from logmon.tui.pattern_filter import TemplateClause
from logmon.tui.pattern_table import PatternTable
from logmon.tui.row_templates import RowTemplates
from logmon.tui.tail_model import TailModel

NOON_NS = to_ns(NOON)
DAY_NS = 86_400 * 10**9

moments = st.one_of(
    st.integers(NOON_NS, NOON_NS + 3_600 * 10**9),
    st.integers(NOON_NS - 400 * DAY_NS, NOON_NS + DAY_NS),
    st.sampled_from([to_ns(from_ns(-(2**62))), 0, NOON_NS, to_ns(from_ns(2**62))]),
)
rows = st.tuples(moments, st.sampled_from(list(Level)), st.sampled_from(["api", "db"]))
FILTERS = [
    LogFilter(),
    build_filter(levels=at_least(Level.WARN)),
    LogFilter((SourceClause(("api",)),)),
    LogFilter((GrepClause(Pattern("1")),)),
]


def event_of(row, n=0):
    time_ns, level, source = row
    return make_event(f"row {n}", timestamp=from_ns(time_ns), level=level, source=source)


def settle(model: TailModel) -> None:
    model.sync()
    while model.work():
        pass


def brute_force(model: TailModel, grid: TimeGrid) -> Counter:
    """Count each shown row on its own."""
    found: Counter = Counter()
    for segment in model.snapshot.segments:
        for row in range(*model.snapshot.bounds(segment)):
            event = segment.event(row)
            if model.filter.matches(event):
                severity = (
                    2 if event.level >= Level.ERROR else 1 if event.level >= Level.WARN else 0
                )
                found[to_ns(event.timestamp) // grid.width_ns - grid.origin, severity] += 1
    return found


@given(
    st.lists(st.lists(rows, min_size=1, max_size=30), max_size=12),
    st.sampled_from(FILTERS),
    st.integers(1, 80),
    st.integers(1, 200),
)
def test_the_histogram_equals_a_count_row_by_row(batches, log_filter, width, max_rows):
    """Through batches, eviction, any filter and any width, also when it is kept up to date."""
    log = EventLog(max_rows=max_rows)
    model = TailModel(log)
    model.set_filter(log_filter)
    histogram = Histogram(model)
    for batch in batches:
        log.append(EventBatch([event_of(row, n) for n, row in enumerate(batch)]), origin="mock")
        settle(model)
        while histogram.sync(width):
            pass
        told = {
            (bucket, severity): int(histogram.counts[bucket, severity])
            for bucket in range(histogram.grid.count)
            for severity in range(CLASSES)
            if histogram.counts[bucket, severity]
        }
        assert told == dict(brute_force(model, histogram.grid))
        assert histogram.complete
        assert histogram.grid.count <= width or histogram.grid.count <= 2
        assert int(histogram.counts.sum()) == model.shown()


@given(st.lists(rows, min_size=1, max_size=60), st.integers(1, 60))
def test_each_filled_bucket_leads_to_its_first_row_and_an_empty_one_nowhere(given_rows, width):
    log = EventLog()
    events = [event_of(row, n) for n, row in enumerate(given_rows)]
    log.append(EventBatch(events), origin="mock")
    model = TailModel(log)
    settle(model)
    histogram = Histogram(model)
    histogram.sync(width)
    for bucket in range(histogram.grid.count):
        inside = [
            seq
            for seq, event in enumerate(events)
            if to_ns(event.timestamp) // histogram.grid.width_ns - histogram.grid.origin == bucket
        ]
        assert histogram.first_row(bucket) == (inside[0] if inside else None)


def test_buckets_lie_on_round_times_and_stay_while_rows_come():
    grid = TimeGrid.over(NOON_NS + 1, NOON_NS + 599 * 10**9, 60)
    assert grid.width_ns == 10 * 10**9
    assert grid.start_ns(0) == NOON_NS
    assert TimeGrid.over(NOON_NS + 1, NOON_NS + 595 * 10**9, 60) == grid


def test_a_bucket_with_errors_is_found_from_either_side():
    log = EventLog()
    levels = [Level.INFO, Level.ERROR, Level.INFO, Level.WARN, Level.CRITICAL]
    log.append(
        EventBatch(
            [event_of((NOON_NS + n * 10**9, level, "api")) for n, level in enumerate(levels)]
        ),
        origin="mock",
    )
    model = TailModel(log)
    settle(model)
    histogram = Histogram(model)
    histogram.sync(10)
    first, second = histogram.bucket_of(NOON_NS + 10**9), histogram.bucket_of(NOON_NS + 4 * 10**9)
    assert histogram.next_bucket(-1, 1, 2) == first
    assert histogram.next_bucket(first, 1, 2) == second
    assert histogram.next_bucket(second, 1, 2) is None
    assert histogram.next_bucket(second, -1, 2) == first


def test_rows_that_the_filter_was_not_asked_about_are_left_out_and_told():
    """A filter that must read rows never makes the histogram wait for it."""
    log = EventLog(max_rows=100_000)
    for part in range(5):
        log.append(
            EventBatch(
                [event_of((NOON_NS + part * 10**9, Level.INFO, "api"), n) for n in range(2_048)]
            ),
            origin="mock",
        )
    model = TailModel(log)
    model.sync()
    model.set_filter(LogFilter((GrepClause(Pattern("row")),)))
    histogram = Histogram(model)
    assert not histogram.sync(20)
    assert not histogram.complete
    assert histogram.counts.sum() < 5 * 2_048
    settle(model)
    histogram.sync(20)
    assert histogram.complete
    assert histogram.counts.sum() == 5 * 2_048


def test_a_row_is_found_by_time_among_those_that_are_shown():
    log = EventLog()
    times = [5, 1, 3, 2, 4]
    log.append(
        EventBatch(
            [
                event_of((NOON_NS + t * 10**9, Level.WARN if t == 3 else Level.INFO, "x"))
                for t in times
            ]
        ),
        origin="mock",
    )
    model = TailModel(log)
    settle(model)
    assert first_row_between(model, NOON_NS + 2 * 10**9, NOON_NS + 4 * 10**9) == 2
    assert first_row_between(model, NOON_NS + 9 * 10**9, NOON_NS + 99 * 10**9) is None
    model.set_filter(build_filter(levels=at_least(Level.WARN)))
    assert first_row_between(model, NOON_NS, NOON_NS + 9 * 10**9) == 2


def test_severity_classes_follow_the_ranks():
    ranks = np.array([int(level) for level in Level], dtype=np.uint8)
    assert classes(ranks).tolist() == [0, 0, 0, 0, 1, 2, 2, 2, 2]


# Patterns

MESSAGES = [
    "Card declined for order {n}",
    "GET /orders/{n} took {n} ms",
    "user u{n} signed in",
    "cache miss",
]


def log_of(count: int, max_rows: int = 100_000, batch: int = 100) -> EventLog:
    log = EventLog(max_rows=max_rows)
    for start in range(0, count, batch):
        add(log, start, min(count, start + batch))
    return log


def add(log: EventLog, start: int, stop: int) -> None:
    log.append(
        EventBatch(
            [
                make_event(
                    MESSAGES[n * n % 7 % 4].format(n=n),
                    timestamp=from_ns(NOON_NS + n * 10**9),
                    level=(Level.INFO, Level.WARN, Level.ERROR)[n % 3],
                )
                for n in range(start, stop)
            ]
        ),
        origin="mock",
    )


def finish(table: PatternTable) -> None:
    while table.work():
        pass


def by_hand(model: TailModel) -> dict:
    """Group the shown rows with a miner of their own and count each."""
    miner = TemplateMiner()
    events = [
        segment.event(row)
        for segment in model.snapshot.segments
        for row in range(*model.snapshot.bounds(segment))
    ]
    for event in events:
        miner.template(event.message)
    found: dict = {}
    for event in filter(model.filter.matches, events):
        name = miner.template(event.message)
        count, errors, first, last = found.get(name, (0, 0, 2**63, 0))
        time_ns = to_ns(event.timestamp)
        found[name] = (
            count + 1,
            errors + (event.level >= Level.ERROR),
            min(first, time_ns),
            max(last, time_ns),
        )
    return found


def told(table: PatternTable) -> dict:
    summaries = [table.at(place) for place in range(len(table))]
    return {s.template: (s.count, s.severities[2], s.first_ns, s.last_ns) for s in summaries}


@pytest.mark.parametrize("log_filter", FILTERS[:3])
def test_patterns_equal_a_count_row_by_row(log_filter):
    log = log_of(5_000)
    model = TailModel(log)
    model.set_filter(log_filter)
    settle(model)
    table = PatternTable(model)
    finish(table)
    assert told(table) == by_hand(model)
    counts = [table.at(place).count for place in range(len(table))]
    assert counts == sorted(counts, reverse=True)
    assert all(sum(table.at(p).trend) == table.at(p).count for p in range(len(table)))
    assert table.looked_at() == (model.shown(), model.shown())


def test_patterns_follow_what_comes_and_what_is_evicted():
    log = log_of(4_000, max_rows=3_000)
    model = TailModel(log)
    settle(model)
    table = PatternTable(model)
    finish(table)
    for start in range(4_000, 9_000, 50):
        add(log, start, start + 50)
        settle(model)
        finish(table)
    assert sum(table.at(p).count for p in range(len(table))) == 3_000
    assert told(table) == by_hand(model)


def test_opening_patterns_over_many_rows_looks_at_a_bounded_number_at_once():
    log = log_of(20_000, batch=2_000)
    model = TailModel(log)
    settle(model)
    table = PatternTable(model)
    assert table.work()
    seen, shown = table.looked_at()
    assert 0 < seen <= 1_000
    assert shown == 20_000
    finish(table)
    assert table.looked_at() == (20_000, 20_000)


def test_a_template_that_becomes_wider_takes_its_rows_along():
    log = EventLog()
    words = ["alpha", "beta", "gamma", "delta", "zeta", "eta", "theta", "iota", "kappa", "mu"]
    model = TailModel(log)
    table = PatternTable(model)
    for word in words:
        log.append(
            EventBatch([make_event(f"the worker named {word} has left the pool now")] * 3),
            origin="mock",
        )
        settle(model)
        finish(table)
    assert len(table) == 1
    assert table.at(0).count == 30
    assert "<*>" in table.at(0).template


def test_an_events_own_template_is_its_pattern_and_own_rows_have_none():
    log = EventLog()
    log.append(EventBatch([make_event("Order 7", message_template="Order {n}")]), origin="mock")
    log.append(EventBatch([make_event("WI-1 opened")]), origin="sentinel")
    model = TailModel(log)
    settle(model)
    table = PatternTable(model)
    finish(table)
    assert [table.at(p).template for p in range(len(table))] == ["Order {n}"]
    assert table.looked_at() == (2, 2)


def test_filtering_to_a_pattern_shows_as_many_rows_as_it_counts():
    log = log_of(3_000)
    model = TailModel(log)
    settle(model)
    table = PatternTable(model)
    finish(table)
    for place in range(len(table)):
        summary = table.at(place)
        model.set_filter(LogFilter((TemplateClause.of(summary.template, table.templates),)))
        settle(model)
        assert model.shown() == summary.count
        model.set_filter(LogFilter())
        finish(table)


def test_templates_that_no_held_row_has_are_forgotten():
    """Free text makes a template of each row; what is kept is bounded by the rows held."""
    templates = RowTemplates()
    templates._compact_at = 200
    log = EventLog(max_rows=100)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for n in range(3_000):
        text = "".join(letters[(n * k * 7 + k * k + n // 26) % 26] for k in range(1, 9))
        log.append(EventBatch([make_event(text)]), origin="mock")
        while templates.work(log.snapshot):
            pass
    assert len(templates._names) <= 3 * 2_048
    segment = log.snapshot.segments[-1]
    row = log.snapshot.bounds(segment)[1] - 1
    assert templates.name(int(templates.ids(segment)[row])) == segment.event(row).message
