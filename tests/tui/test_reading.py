"""What reading rests on, without a screen: searches, quests, folding, completion, looks, views."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.errors import ConfigError, PatternTooSlow
from logmon.event import from_ns, to_ns
from logmon.event_log import EventLog
from logmon.filter import EVERYTHING, LevelClause, LogFilter, build_filter
from logmon.level import Level, at_least
from logmon.patterns import compile_pattern
from logmon.query import parse_query
from logmon.testing import NOON, make_event
from logmon.tui import quest
from logmon.tui.detail_lines import Sight, fields_of
from logmon.tui.fold import Fold
from logmon.tui.look import Look, parse_columns, span, value_of
from logmon.tui.query_offers import offers
from logmon.tui.row_templates import RowTemplates
from logmon.tui.saved_views import SavedView, read_views, write_view
from logmon.tui.search import Search
from logmon.tui.seen import Seen
from logmon.tui.shown_rows import level_rows
from logmon.tui.tail_model import TailModel

EVENT = st.builds(
    make_event,
    message=st.sampled_from(["card declined", "Card ok 7", "card ok 8", "login", "nothing"]),
    level=st.sampled_from([Level.INFO, Level.WARN, Level.ERROR]),
    trace_id=st.sampled_from([None, "t1", "t2"]),
)
EVENTS = st.lists(EVENT, min_size=1, max_size=60)


def model_of(events, *, parts: int = 1, clock=None) -> TailModel:
    log = EventLog()
    for place in range(parts):
        if piece := events[place::parts]:
            log.append(EventBatch(piece), origin="app")
    model = TailModel(log) if clock is None else TailModel(log, clock)
    model.resize(10)
    return model


def finish(work) -> None:
    while work():
        pass


@given(EVENTS, st.sampled_from(["card", "Card", "ok \\d", "zzz", "log.n"]))
def test_a_search_finds_what_every_single_row_says(events, text):
    model = model_of(events)
    pattern = compile_pattern(text)
    search = Search(model, pattern)
    finish(search.work)
    expected = [n for n, event in enumerate(events) if pattern.found_in(event.message)]
    assert search.seqs().tolist() == expected
    assert (search.total, search.complete) == (len(expected), True)


def test_a_search_goes_on_with_new_rows_and_starts_afresh_with_another_filter():
    model = model_of([make_event("card", level=Level.ERROR), make_event("card")])
    search = Search(model, compile_pattern("card"))
    finish(search.work)
    assert search.total == 2
    model._log.append(EventBatch([make_event("card"), make_event("x")]), origin="app")
    model.sync()
    finish(search.work)
    assert search.total == 3
    model.set_filter(build_filter(levels=at_least(Level.ERROR)))
    finish(model.work)
    finish(search.work)
    assert search.total == 1


def test_only_hits_among_the_rows_that_are_there_are_counted():
    log = EventLog(max_rows=3_000)
    model = TailModel(log)
    search = Search(model, compile_pattern("card"))
    for _ in range(8):
        log.append(EventBatch([make_event("card"), make_event("x")] * 500), origin="app")
        model.sync()
        finish(search.work)
        held = model.snapshot
        passing = [d.seq for d in log.recent(9_999, EVERYTHING) if d.event.message == "card"]
        assert search.total == len(passing) == (len(held) + 1) // 2
        assert search.seqs().tolist() == sorted(passing)


def test_a_pattern_that_backtracks_for_ever_is_refused():
    pytest.importorskip("signal")
    model = model_of([make_event("a" * 5_000)])
    search = Search(model, compile_pattern("(a+)+$b"))
    try:
        finish(search.work)
    except PatternTooSlow:
        return
    assert search.total == 0  # google-re2 is installed: no time was lost


@given(EVENTS, st.integers(0, 59), st.sampled_from([1, -1]))
def test_quests_find_the_next_row_of_a_kind(events, start, direction):
    model = model_of(events)
    start = min(start, len(events) - 1)
    templates = RowTemplates()
    template = templates.of(events[start])
    kinds = {
        "level": (quest.at_least(Level.ERROR), lambda e: e.level >= Level.ERROR),
        "trace": (quest.of_trace("t1"), lambda e: e.trace_id == "t1"),
        "template": (
            quest.of_template(templates, template),
            lambda e: templates.canonical(templates.of(e)) == templates.canonical(template),
        ),
    }
    order = range(start + 1, len(events)) if direction > 0 else range(start - 1, -1, -1)
    for wanted, holds in kinds.values():
        looking = quest.Quest(model, wanted, start, direction)
        finish(looking.work)
        assert looking.found == next((n for n in order if holds(events[n])), None)


def test_a_quest_gives_the_loop_its_turn_and_can_be_given_up():
    events = [make_event(f"row {n}") for n in range(9_000)]
    log = EventLog()
    for start in range(0, 9_000, 1_000):
        log.append(EventBatch(events[start : start + 1_000]), origin="app")
    ticks = count()
    model = TailModel(log, lambda: next(ticks) * 1.0)
    looking = quest.Quest(model, quest.of_trace("none"), 8_999, -1)
    slices = 1
    while looking.work():
        slices += 1
    assert slices >= 4
    assert looking.found is None


@given(EVENTS)
@settings(max_examples=60)
def test_folding_leaves_the_first_row_of_each_template_and_level_and_counts_the_rest(events):
    model = model_of(events)
    templates = RowTemplates()
    model.set_fold(Fold(templates))
    finish(model.work)
    causes: dict[tuple[str, Level], list[int]] = {}
    for seq, event in enumerate(events):
        name = templates.canonical(templates.of(event))
        causes.setdefault((name, event.level), []).append(seq)
    model.resize(100)
    assert model.visible() == sorted(seqs[0] for seqs in causes.values())
    for seqs in causes.values():
        repeats = model.fold.repeats(seqs[0])
        assert (1 if repeats is None else repeats.count) == len(seqs)
    assert model.shown() == len(events)


@given(
    st.lists(st.sampled_from(list(Level)), min_size=1, max_size=200), st.sampled_from(list(Level))
)
def test_levels_of_all_segments_at_once_are_what_each_segment_says(levels, minimum):
    log = EventLog(max_rows=150)
    for start in range(0, len(levels), 37):
        piece = [make_event("x", level=level) for level in levels[start : start + 37]]
        log.append(EventBatch(piece), origin="app")
    clause = LevelClause(at_least(minimum))
    snapshot = log.snapshot
    for segment, rows in zip(snapshot.segments, level_rows(snapshot, clause), strict=True):
        start, stop = snapshot.bounds(segment)
        assert rows.tolist() == segment.rows(LogFilter((clause,)), start, stop).tolist()


def test_going_to_a_time_finds_the_first_row_of_then_or_later():
    events = [make_event(f"r{n}", timestamp=from_ns(to_ns(NOON) + n * 10**9)) for n in range(50)]
    model = model_of(events)
    assert model.at_time(to_ns(NOON) + 20 * 10**9 + 1) == 21
    assert model.at_time(0) == 0
    assert model.at_time(to_ns(NOON) + 10**12) == 49


def test_wrapped_rows_fit_the_screen_and_the_selected_one_is_in_view():
    model = model_of([make_event(f"r{n}") for n in range(100)])
    model.lines_of = lambda seq: 1 + seq % 4
    for start in (0, 50, 99):
        model.select(start)
        for step in (1, 1, 1, -1, -5, 7):
            model.move(step)
            seqs = model.visible()
            assert sum(map(model.lines_of, seqs)) <= model.height or len(seqs) == 1
            if model.cursor is not None:
                assert model.cursor in seqs


def seen() -> Seen:
    log = EventLog()
    events = [
        make_event(
            "x", source="api gateway", tags=("env:prod", "lonely"), host="h1",
            attributes={"http": {"status": 500 + n % 2, "method": "GET"}, "list": ["a", "b"]},
        )
        for n in range(10)
    ]  # fmt: skip
    log.append(EventBatch(events), origin="app")
    found = Seen()
    found.look(log.snapshot)
    return found


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("@http.st", "@http.status:"),
        ("status:er", "status:error"),
        ("@http.status:", "@http.status:500"),
        ("card -@http.m", "card -@http.method:"),
        ('service:"api', 'service:"api gateway"'),
        ("service:api", 'service:"api gateway"'),
        ("(env:p", "(env:prod"),
        ("ho", "host:"),
        ("card O", "card OR "),
        ("tags:lo", "tags:lonely"),
        ("@list:", "@list:a"),
    ],
)
def test_completion_offers_what_the_rows_have(typed, first):
    found = [offer.text for offer in offers(typed, len(typed), seen())]
    assert first in found


def test_every_completed_value_is_a_query():
    for typed in ("service:", "@http.method:", "env:", "status:"):
        for offer in offers(typed, len(typed), seen()):
            assert parse_query(offer.text) is not None


def test_completion_keeps_what_stands_behind_the_cursor():
    (offer,) = offers("@http.me OR x", 8, seen())
    assert offer.text == "@http.method: OR x"
    assert offer.cursor == len("@http.method:")


def test_the_detail_is_a_tree_whose_values_ask_for_themselves():
    log = EventLog()
    attributes = {"http": {"status": 402, "ok": False}, "names": ["Ana"], "none": None, "empty": {}}
    event = make_event("m", attributes=attributes, tags=("env:prod",), trace_id="t 1")
    log.append(EventBatch([event]), origin="app")
    row = log.snapshot.delivery(0)
    fields = fields_of(row, "pino · numeric level", b"\x00raw", Sight())
    for field in fields:
        if field.condition:
            assert parse_query(field.condition).matches(event), field
    by_name = {field.name: field for field in fields}
    assert by_name["status"].depth == 1
    assert by_name["parsed as"].value == "pino because numeric level"
    closed = fields_of(row, "", b"\x00raw", Sight(closed=frozenset({"http"}), raw=True))
    assert "status" not in {field.name for field in closed}
    assert any(field.value.startswith("00 72 61 77") for field in closed)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.003, "3 ms"), (1.25, "1.25 s"), (-0.5, "-500 ms"), (725, "12.08 m"), (5e5, "5.8 d")],
)
def test_spans_are_short(seconds, text):
    assert span(seconds) == text


def test_columns_are_names_or_attributes_and_the_message_is_last():
    assert parse_columns("level, message @a.b") == ("level", "@a.b", "message")
    with pytest.raises(ConfigError, match="no column 'lvl'"):
        parse_columns("lvl")
    event = make_event("m", attributes={"a": {"b": True}}, tags=("x", "y"))
    assert [value_of(event, name) for name in ("@a.b", "tags", "host")] == ["true", "x y", ""]


def test_time_displays_take_turns_and_leave_utc_out_where_it_is_shown_already():
    modes = [Look()]
    for _ in range(3):
        modes.append(modes[-1].next_time_mode())
    assert [look.time_mode for look in modes] == ["clock", "date", "age", "clock"]


@given(st.builds(SavedView, query=st.text(max_size=30)))
def test_a_saved_view_comes_back_as_it_was(tmp_path_factory, view):
    path = tmp_path_factory.mktemp("views") / "sub" / "views.toml"
    write_view(path, "mine", view)
    write_view(path, "other", SavedView(query="x", sources=("a*",), columns=("time", "message")))
    assert read_views(path)["mine"] == view
    assert read_views(path)["other"].sources == ("a*",)


def test_a_spoiled_file_of_views_is_named_and_left_alone(tmp_path):
    path = tmp_path / "views.toml"
    path.write_text("[mine\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        write_view(path, "mine", SavedView())
    assert path.read_text() == "[mine\n"


def test_everything_passes_again_after_a_filter_that_lets_nothing_through():
    model = model_of([make_event(f"r{n}") for n in range(50)])
    model.select(20)
    model.set_filter(LogFilter((parse_query("nothing_at_all"),)))
    finish(model.work)
    assert model.visible() == []
    model.set_filter(EVERYTHING)
    assert model.cursor == 20
    assert np.diff(model.visible()).tolist() == [1] * 9
