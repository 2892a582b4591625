"""What the user chose on the screen survives whatever disturbs it: a property of the model."""

from __future__ import annotations

import gc

from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.event_log import EventLog
from logmon.filter import EVERYTHING, LogFilter, build_filter
from logmon.level import Level, at_least
from logmon.query import parse_query
from logmon.testing import make_event
from logmon.tui.tail_model import TailModel

ERRORS = build_filter(levels=at_least(Level.ERROR))
TENS = LogFilter((parse_query("ten"),))
FILTERS = st.sampled_from([EVERYTHING, ERRORS, TENS, LogFilter((parse_query("nothing"),))])
DISTURBANCE = st.one_of(
    st.tuples(st.just("rows"), st.integers(1, 25_000)),
    st.tuples(st.just("filter"), FILTERS),
    st.tuples(st.just("resize"), st.integers(1, 60)),
    st.tuples(st.just("context"), FILTERS),
)
BLOCK = EventBatch(
    [
        make_event(
            "ten" if n % 10 == 0 else "other", level=Level.ERROR if n % 7 == 0 else Level.INFO
        )
        for n in range(1_000)
    ]
)


def add(log: EventLog, count: int) -> None:
    import numpy as np

    while count > 0:
        log.append(BLOCK.take(np.arange(min(count, 1_000))), origin="app")
        count -= 1_000


@given(
    st.lists(DISTURBANCE, max_size=8),
    st.integers(0, 999),
    st.sets(st.integers(0, 999), max_size=5),
)
@settings(max_examples=40)
def test_selection_and_marks_survive_new_rows_filters_and_sizes(steps, chosen, marked):
    log = EventLog(max_rows=300_000)
    add(log, 1_000)
    model = TailModel(log)
    model.resize(20)
    model.sync()
    model.select(chosen)
    for seq in marked:
        model.marks.toggle(model.delivery(seq))
    place = model.visible().index(chosen)
    added = 1_000
    for step, value in steps:
        if step == "rows" and added + value <= 101_000:
            add(log, value)
            added += value
            model.sync()
        elif step == "filter":
            model.set_filter(value)
        elif step == "resize":
            model.resize(value)
        elif step == "context":
            before = model.filter
            model.set_filter(EVERYTHING)
            assert model.cursor == chosen
            model.set_filter(before)
        while model.work():
            pass
        row = model.delivery(chosen)
        if model.filter.matches(row.event):
            assert model.cursor == chosen
            assert chosen in model.visible()
    model.set_filter(EVERYTHING)
    model.resize(20)
    while model.work():
        pass
    assert model.cursor == chosen
    assert sorted(marked) == [row.seq for row in model.marks.rows]
    if not steps:
        assert model.visible().index(chosen) == place
    gc.collect()
