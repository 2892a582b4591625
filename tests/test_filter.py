"""Filters on columns and rows, and bounded regular expressions."""

import signal
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.errors import ConfigError, PatternTooSlow
from logmon.event import to_ns
from logmon.event_log import EventLog
from logmon.filter import (
    EVERYTHING,
    GrepClause,
    LevelClause,
    LogFilter,
    SourceClause,
    TagsClause,
    TimeClause,
    build_filter,
)
from logmon.level import Level, at_least
from logmon.patterns import Pattern, bounded, compile_pattern
from logmon.query import parse_query
from logmon.testing import NOON, make_event

EVENTS = st.builds(
    make_event,
    st.sampled_from(["card declined", "Card ok", "GET /x", ""]),
    level=st.sampled_from(Level),
    source=st.sampled_from(["payments", "api", "api-2", "!odd"]),
    tags=st.sampled_from([(), ("env:prod",), ("env:prod", "b")]),
)
CLAUSES = st.one_of(
    st.sets(st.sampled_from(Level)).map(lambda levels: LevelClause(frozenset(levels))),
    st.sampled_from([("api*",), ("!api",), ("payments", "api"), ("*", "!pay*")]).map(SourceClause),
    st.sampled_from([TimeClause(to_ns(NOON)), TimeClause(None, to_ns(NOON)), TimeClause()]),
    st.just(TagsClause(frozenset({"env:prod"}))),
    st.sampled_from(["card", "Card", "d$"]).map(lambda text: GrepClause(Pattern(text))),
    st.just(GrepClause(Pattern("ok"), exclude=True)),
)


@given(st.lists(EVENTS, max_size=20), st.lists(CLAUSES, max_size=3))
def test_columns_never_rule_out_a_row_that_matches(events, clauses):
    log_filter = LogFilter(tuple(clauses))
    batch = EventBatch(events)
    mask = log_filter.mask(batch.columns)
    for row, event in enumerate(events):
        decided = bool(mask[row]) and log_filter.matches_rest(event)
        assert decided == log_filter.matches(event)


def test_equal_filters_are_equal_and_hash_alike():
    one = build_filter(levels=at_least(Level.WARN), sources=["a"], greps=[Pattern("x")])
    two = build_filter(levels=at_least(Level.WARN), sources=["a"], greps=[Pattern("x")])
    assert one == two
    assert hash(one) == hash(two)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [("card", "CARD", True), ("Card", "card", False), ("Card", "Card", True), (r"\Ward", "xArd", False),
     (r"\S+ard", "CARD", True)],
)  # fmt: skip
def test_a_pattern_without_capitals_matches_any_case(pattern, text, found):
    assert compile_pattern(pattern).found_in(text) is found


def test_a_broken_pattern_is_refused_with_its_position():
    with pytest.raises(ConfigError, match="at position"):
        compile_pattern("a(b")


@pytest.fixture
def without_re2(monkeypatch):
    monkeypatch.setitem(sys.modules, "re2", None)


def test_a_pattern_that_backtracks_for_ever_is_stopped(without_re2):
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(PatternTooSlow):
        compile_pattern(r"(b+)+$c").found_in("b" * 200_000)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_one_time_limit_serves_a_whole_block_of_matches(without_re2):
    pattern = compile_pattern(r"quick\d+x")
    with bounded():
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        assert pattern.found_in("a rather long line with quick123x in it")
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_spans_are_where_the_pattern_occurs():
    assert compile_pattern("o+").spans("foo bo") == [(1, 3), (5, 6)]


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        ({"sources": ["payments"]}, True),
        ({"levels": frozenset([Level.ERROR])}, True),
        ({"greps": [Pattern("card")]}, True),
        ({"excludes": [Pattern("missing")]}, True),
        ({"clauses": [parse_query("service:payments @http.status:>=500")]}, True),
        ({"since_ns": to_ns(NOON)}, True),
        ({"since_ns": to_ns(NOON) + 1}, False),
        ({"until_ns": to_ns(NOON)}, False),
    ],
)
def test_what_logmon_says_passes_a_filter_with_notices_within_the_time_asked_for(flags, shown):
    log = EventLog()
    said = make_event("7 rows are missing here", source="logmon", level=Level.WARN, timestamp=NOON)
    log.append(EventBatch([said]), origin="logmon")
    assert bool(log.recent(9, build_filter(**flags).with_notices())) is shown


def test_a_filter_without_conditions_stays_the_one_that_lets_everything_pass():
    assert EVERYTHING.with_notices() == EVERYTHING
