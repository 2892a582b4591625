"""What the tail shows: follow, pause, freeze, walk, filter, jump; compared with a plain list."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.errors import PatternTooSlow
from logmon.event_log import EventLog
from logmon.filter import EVERYTHING, GrepClause, LogFilter, build_filter
from logmon.level import Level, at_least
from logmon.patterns import Pattern
from logmon.testing import make_event
from logmon.tui.quest import at_least as at_least_as_bad
from logmon.tui.quest import linked
from logmon.tui.tail_model import TailModel

ERRORS = build_filter(levels=at_least(Level.ERROR))
THREES = LogFilter((GrepClause(Pattern("three")),))
NOTHING = LogFilter((GrepClause(Pattern("nothing")),))
FILTERS = [ERRORS, THREES, NOTHING]
WITH_NOTICES = [log_filter.with_notices() for log_filter in FILTERS]


def jump(model: TailModel, wanted, direction: int) -> bool:
    """Go to the next wanted row, as long as it takes."""
    looking = model.quest(wanted, direction)
    while looking.work():
        pass
    if looking.found is not None:
        model.jump(looking.found)
    return looking.found is not None


def add(log: EventLog, count: int) -> None:
    first = log.snapshot.next_seq
    events = [
        make_event(
            "three" if n % 3 == 0 else "other", level=Level.ERROR if n % 5 == 0 else Level.INFO
        )
        for n in range(first, first + count)
    ]
    log.append(EventBatch(events), origin="app")


def say(log: EventLog, text: str = "7 rows are missing here") -> None:
    log.append(EventBatch([make_event(text, source="logmon")]), origin="logmon")


def passes(log_filter: LogFilter, row) -> bool:
    is_notice = log_filter.notices and row.origin == "logmon"
    return is_notice or log_filter.matches(row.event)


def model_of(count: int, height: int = 10, max_rows: int = 100_000) -> tuple[EventLog, TailModel]:
    log = EventLog(max_rows=max_rows)
    model = TailModel(log)
    model.resize(height)
    if count:
        add(log, count)
    model.sync()
    return log, model


def test_following_shows_the_newest_rows():
    log, model = model_of(50)
    assert model.visible() == list(range(40, 50))
    add(log, 7)
    model.sync()
    assert model.visible() == list(range(47, 57))


def test_moving_up_pauses_and_new_rows_move_nothing():
    log, model = model_of(50)
    model.move(-1)
    model.move(-1)
    before = model.visible()
    add(log, 500)
    model.sync()
    assert model.visible() == before
    assert (model.following, model.cursor, model.new_rows) == (False, 47, 500)


def test_moving_down_past_the_end_follows_again():
    _, model = model_of(50)
    model.move(-2)
    model.move(3)
    assert not model.following
    model.move(1)
    assert model.following
    assert model.cursor is None


def test_frozen_nothing_changes_and_thawed_nothing_is_missing():
    log, model = model_of(50)
    model.freeze()
    add(log, 100)
    assert not model.sync()
    assert model.visible() == list(range(40, 50))
    assert model.new_rows == 100
    model.freeze()
    assert model.visible() == list(range(140, 150))


def test_a_filter_acts_on_held_rows_while_paused_and_keeps_the_selected_row_in_place():
    _, model = model_of(300)
    model.select(150)
    offset = model.visible().index(150)
    model.set_filter(THREES)
    while model.work():
        pass
    assert model.cursor == 150
    assert model.visible().index(150) == offset
    assert all(seq % 3 == 0 for seq in model.visible())
    model.set_filter(EVERYTHING)
    assert model.visible().index(150) == offset


def test_counts_are_exact_once_everything_is_filtered():
    log, model = model_of(0)
    for _ in range(30):
        add(log, 700)
    model.sync()
    model.set_filter(THREES)
    while model.work():
        pass
    assert model.shown() == sum(seq % 3 == 0 for seq in range(21_000))
    assert not model.busy


@pytest.mark.parametrize("log_filter", WITH_NOTICES)
def test_what_logmon_says_stands_under_every_filter_and_is_counted(log_filter):
    log, model = model_of(0)
    said = []
    for _ in range(5):
        add(log, 3_000)
        said.append(log.snapshot.next_seq)
        say(log)
    add(log, 3_000)
    model.sync()
    model.set_filter(log_filter)
    while model.work():
        pass
    passing = [
        seq for seq in range(len(log.snapshot)) if passes(log_filter, log.snapshot.delivery(seq))
    ]
    assert set(said) <= set(passing)
    assert model.shown() == len(passing)
    for seq in said:
        model.select(seq)
        assert model.cursor == seq in model.visible()
    say(log)
    model.follow()
    assert model.visible()[-1] == log.snapshot.next_seq - 1, "what comes later, too"
    assert model.shown() == len(passing) + 1


def test_only_logmon_itself_says_something_that_no_filter_hides():
    log, model = model_of(0)
    log.append(EventBatch([make_event("a claim", source="logmon")]), origin="app")
    model.sync()
    model.set_filter(NOTHING.with_notices())
    assert model.visible() == []


def test_rows_that_filled_a_segment_up_are_counted_when_the_next_one_has_begun():
    log, model = model_of(1_000)
    model.set_filter(THREES)
    model.work()
    for _ in range(10):
        add(log, 1_000)
    model.sync()
    while model.work():
        pass
    assert model.shown() == sum(n % 3 == 0 for n in range(11_000))


def test_what_is_painted_may_ask_for_the_count_of_rows_that_a_pattern_takes_too_long_on():
    log, model = model_of(0)
    model.set_filter(LogFilter((GrepClause(Pattern(r"(?=a)(a+)+$b")),)))
    log.append(EventBatch([make_event("a" * 50)]), origin="app")
    model.sync()
    assert model.shown() == 0
    with pytest.raises(PatternTooSlow):
        model.work()
    assert not model.work(), "it is said once"


def test_a_filter_that_needs_every_row_looks_at_rows_for_a_moment_between_two_frames():
    log = EventLog(max_rows=300_000)
    ticks = count()
    model = TailModel(log, clock=lambda: next(ticks) * 0.004)
    model.resize(10)
    for _ in range(200):
        add(log, 1_000)
    model.sync()
    model.set_filter(NOTHING)
    assert model.visible() == []
    looked_at = sum(not s.decided(NOTHING, s.count) for s in model.snapshot.segments)
    assert looked_at == len(model.snapshot.segments) - 5
    assert model.busy


def test_jumps_find_the_next_error_and_stop_at_the_last():
    _, model = model_of(52)
    model.select(12)
    assert jump(model, at_least_as_bad(Level.ERROR), 1)
    assert model.cursor == 15
    assert jump(model, at_least_as_bad(Level.ERROR), -1)
    assert model.cursor == 10
    model.select(50)
    assert not jump(model, at_least_as_bad(Level.ERROR), 1)
    assert model.cursor == 50


def test_jumping_to_a_work_item_with_nothing_selected_goes_to_the_newest():
    log, model = model_of(100)
    log.link({20: "WI-1", 60: "WI-2", 70: "WI-1"})
    assert jump(model, linked(), 1)
    assert model.cursor == 70
    assert jump(model, linked(), -1)
    assert model.cursor == 60
    assert jump(model, linked("WI-1"), -1)
    assert model.cursor == 20


def test_an_evicted_selection_is_let_go_and_the_window_moves_to_what_is_held():
    log, model = model_of(90, max_rows=100)
    model.select(5)
    add(log, 100)
    model.sync()
    assert model.cursor is None
    assert model.visible()[0] == 90


def test_resizing_keeps_the_selected_row_on_the_screen():
    _, model = model_of(100)
    model.select(50)
    for height in (3, 40, 1, 17):
        model.resize(height)
        assert 50 in model.visible()
        assert len(model.visible()) == height


STEP = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 60)),
    st.tuples(st.just("say")),
    st.tuples(st.just("move"), st.integers(-30, 30)),
    st.tuples(st.just("scroll"), st.integers(-30, 30)),
    st.tuples(st.just("filter"), st.sampled_from([EVERYTHING, *FILTERS, *WITH_NOTICES])),
    st.tuples(st.just("resize"), st.integers(1, 30)),
    st.tuples(st.just("freeze")),
    st.tuples(st.just("follow")),
    st.tuples(st.just("first")),
    st.tuples(st.just("jump"), st.sampled_from([1, -1])),
)


@given(st.lists(STEP, max_size=30), st.integers(20, 300))
@settings(max_examples=150)
def test_whatever_the_user_does_the_window_is_a_run_of_rows_that_pass(steps, bound):
    log, model = model_of(40, height=8, max_rows=bound)
    for step in steps:
        match step:
            case ("add", count):
                add(log, count)
                model.sync()
            case ("say",):
                say(log)
                model.sync()
            case ("move", rows):
                model.move(rows)
            case ("scroll", rows):
                model.scroll(rows)
            case ("filter", log_filter):
                model.set_filter(log_filter)
            case ("resize", height):
                model.resize(height)
            case ("freeze",):
                model.freeze()
            case ("follow",):
                model.follow()
            case ("first",):
                model.to_first()
            case ("jump", direction):
                went = jump(model, at_least_as_bad(Level.ERROR), direction)
        while model.work():
            pass
        snapshot = model.snapshot
        passing = [
            seq
            for seq in range(snapshot.first_seq, snapshot.next_seq)
            if passes(model.filter, snapshot.delivery(seq))
        ]
        seqs = model.visible()
        assert len(seqs) == min(model.height, len(passing))
        if seqs:
            place = passing.index(seqs[0])
            assert seqs == passing[place : place + len(seqs)]
            assert model.rank(seqs[0]) == place
        if model.live:
            assert seqs == passing[-model.height :] or not seqs
        assert model.shown() == len(passing)
        if (step[0] == "move" or (step[0] == "jump" and went)) and model.cursor is not None:
            assert model.cursor in seqs


@pytest.mark.parametrize("rows", [-1, 1, 5, -5])
def test_moving_in_an_empty_log_does_nothing(rows):
    _, model = model_of(0)
    model.move(rows)
    model.scroll(rows)
    model.to_first()
    jump(model, linked(), 1)
    assert model.visible() == []
