"""The screen, one gesture and one visible result at a time; and a picture of each of its states."""

from __future__ import annotations

import gc
import re

import pytest
from textual.strip import Strip

from logmon.event import from_ns, to_ns
from logmon.level import Level, at_least
from logmon.source import Notice
from logmon.testing import NOON, arrival_of, make_event
from logmon.tui.actions import ACTIONS, keymap
from logmon.tui.detail import DetailPane
from logmon.tui.filter_state import FilterState
from logmon.tui.header import FilterLine, Header, KeyHints
from logmon.tui.histogram_view import HistogramStrip
from logmon.tui.item_list import ItemsPane
from logmon.tui.prompt import Offers, Prompt
from logmon.tui.tail_view import TailView
from tests.tui.stage import compare, stage, story


async def test_what_arrives_is_shown_and_followed():
    async with stage(size=(100, 24)) as (s, pilot):
        for n in range(60):
            await s.give(make_event(f"row {n}", source="api"))
        await s.drawn(pilot)
        rows = [row for row in s.rows() if row]
        assert "row 59" in rows[-1]
        assert "INF api" in rows[-1]
        assert "60 of 60 shown" in s.line(FilterLine)
        assert "LIVE" in s.line(Header)


async def test_typing_a_filter_hides_the_other_rows_at_once():
    async with stage() as (s, pilot):
        await s.give(
            make_event("payment accepted"), make_event("payment refused", level=Level.INFO)
        )
        await pilot.press("ampersand", *"refused")
        await s.drawn(pilot)
        assert [row.split()[-1] for row in s.rows() if row] == ["refused"]
        await s.give(make_event("refused too"), make_event("fine"))
        await s.drawn(pilot)
        assert "2 of 4 shown" in s.line(FilterLine)
        await pilot.press("escape")
        await s.drawn(pilot)
        assert "4 of 4 shown" in s.line(FilterLine)
        await pilot.press("ampersand", *"fine", "enter")
        await s.drawn(pilot)
        assert "1 of 4 shown" in s.line(FilterLine)
        assert not s.app.screen.query_one(Prompt).display


async def test_going_up_pauses_counts_what_is_new_and_f_follows_again():
    async with stage() as (s, pilot):
        for n in range(80):
            await s.give(make_event(f"row {n}"))
        await s.drawn(pilot)
        await pilot.press("k", "k")
        before = s.rows()
        for n in range(1_204):
            await s.give(make_event(f"new {n}"))
        await s.drawn(pilot)
        bare = [row[:100].rstrip() for row in s.rows()]  # the scrollbar at the end may move
        assert bare == [row[:100].rstrip() for row in before]
        assert "PAUSED · 1,204 new · F to follow" in s.line(Header)
        await pilot.press("F")
        await s.drawn(pilot)
        assert "new 1203" in [row for row in s.rows() if row][-1]


async def test_freezing_stops_the_screen_and_not_the_recording():
    async with stage() as (s, pilot):
        await s.give(make_event("before"))
        await s.drawn(pilot)
        await pilot.press("equals_sign")
        await s.give(make_event("after"))
        await s.drawn(pilot)
        assert not any("after" in row for row in s.rows())
        assert "FROZEN · 1 new" in s.line(Header)
        await pilot.press("equals_sign")
        await s.drawn(pilot)
        assert any("after" in row for row in s.rows())


async def test_brackets_change_the_level_and_the_pickers_choose():
    async with stage() as (s, pilot):
        await s.give(*[make_event(level.label, level=level, source=level.code) for level in Level])
        await pilot.press("right_square_bracket", "right_square_bracket")
        await s.drawn(pilot)
        assert "≥ info" in s.line(FilterLine)
        await pilot.press("left_square_bracket")
        await s.drawn(pilot)
        assert "≥ debug" in s.line(FilterLine)
        await pilot.press("L")
        await pilot.pause(0.1)
        await pilot.press("down", "down", "down", "enter")
        await s.drawn(pilot)
        assert "≥ warn" in s.line(FilterLine)
        await pilot.press("S")
        await pilot.pause(0.1)
        await pilot.press("n", "space", "enter")
        await s.drawn(pilot)
        assert s.app.state.sources


async def test_an_event_and_its_work_item_are_marked_and_joined_by_jumps():
    async with stage() as (s, pilot):
        await s.give(
            make_event("calm"), make_event("Card declined", level=Level.ERROR), make_event("calm")
        )
        await s.drawn(pilot)
        marked = [row for row in s.rows() if "◆ WI-1" in row]
        assert len(marked) == 2
        assert all(row.startswith("▌") for row in marked)
        assert "1 open" in s.line(ItemsPane)
        await pilot.press("a", "enter")
        await s.drawn(pilot)
        assert "sentinel" in s.line(DetailPane)
        await pilot.press("A")
        await s.drawn(pilot)
        assert "tests · error" in s.line(DetailPane)


async def test_a_click_selects_a_row_and_the_wheel_scrolls():
    async with stage() as (s, pilot):
        for n in range(80):
            await s.give(make_event(f"row {n}"))
        await s.drawn(pilot)
        await pilot.click(TailView, offset=(30, 3))
        await s.drawn(pilot)
        shown = s.rows()[3]
        assert f"row {s.app.model.cursor}" in shown
        first = s.app.model.visible()[0]
        view = s.app.screen.query_one(TailView)
        view.on_mouse_scroll_up(type("E", (), {"stop": lambda self: None})())
        assert s.app.model.visible()[0] == first - 3


async def test_a_failing_source_is_named_with_its_reason():
    async with stage() as (s, pilot):
        account = s.hub.intake("prod").statistics
        account.state, account.detail = "retry in 8 s", "403 Forbidden"
        await pilot.pause(1.1)
        assert "prod ✗ 403 Forbidden · retry in 8 s" in s.line(Header)


async def test_a_source_that_is_well_says_how_it_goes():
    async with stage() as (s, pilot):
        account = s.hub.intake("prod").statistics
        account.state, account.progress = "live", "38/60 · 4 s behind · next 3 s"
        await pilot.pause(1.1)
        assert "prod ✓ 38/60 · 4 s behind · next 3 s" in s.line(Header)


async def test_painted_rows_leave_no_garbage_cycles():
    async with stage() as (s, pilot):
        for n in range(100):
            await s.give(*[make_event(f"row {n}.{m} → é") for m in range(30)])
            await s.app.pump.idle()
        await s.drawn(pilot)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for n in range(100):
                await s.give(*[make_event(f"more {n}.{m}") for m in range(30)])
                s.app.drawing.frame()
                await pilot.pause()
            gc.collect()
            strips = sum(isinstance(thing, Strip) for thing in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
        assert s.app.pump.frames > 50
        assert strips <= 10


async def test_nothing_is_drawn_while_the_terminal_is_behind():
    async with stage() as (s, pilot):
        behind = [3]
        s.app.pump._backlog = lambda: behind[0]
        frames = s.app.pump.frames
        for n in range(50):
            await s.give(make_event(f"row {n}"))
        await pilot.pause(0.1)
        assert s.app.pump.frames == frames
        behind[0] = 0
        await s.drawn(pilot)
        assert s.app.pump.frames == frames + 1
        assert any("row 49" in row for row in s.rows())


async def test_frames_that_have_no_row_in_common_are_fewer():
    async with stage() as (s, pilot):
        await s.give(make_event("first"))
        await s.drawn(pilot)
        await s.give(*[make_event(f"flood {n}") for n in range(200)])
        await s.drawn(pilot)
        assert s.app.pump.period_s == 1 / 20
        await s.give(make_event("a drop"))
        await s.drawn(pilot)
        assert s.app.pump.period_s == 1 / 30


async def test_rows_that_come_while_the_screen_ends_are_no_defect():
    async with stage() as (s, pilot):
        await s.give(make_event("one"))
        await s.drawn(pilot)
        s.app.exit()
        await s.give(make_event("between"))
        s.app.drawing.frame()
    await s.give(make_event("late"))
    await s.app.pump.idle()
    s.app.drawing.frame()
    s.app.drawing.tick()
    assert s.app.failure is None
    assert s.app.return_code == 0


async def test_keys_can_be_changed_by_action_name():
    async with stage(keys=keymap({"freeze": ["f12"]})) as (s, pilot):
        await pilot.press("f12")
        assert s.app.model.frozen


# Pictures: docs/screens/*.svg, made here and compared; a change is taken in with
# LOGMON_PICTURES=write, after looking at it.


SCENES = {
    "live": {},
    "empty": {},
    "paused": {},
    "filtered": {},
    "filtered-to-nothing": {},
    "detail": {},
    "failing": {},
    "narrow": {"size": (60, 24)},
    "light": {"theme": "light"},
    "contrast": {"theme": "contrast"},
    "terminal-colours": {"theme": "terminal"},
    "small": {"size": (60, 20)},
    "search": {},
    "search-light": {"theme": "light"},
    "context": {},
    "folded": {},
    "wrapped": {"size": (80, 30)},
    "typing": {},
    "bad-query": {},
    "columns": {},
    "help": {},
    "no-colour": {},
    "hostile": {},
}


@pytest.mark.parametrize("name", SCENES)
async def test_each_state_of_the_screen_looks_as_its_picture(name, monkeypatch):
    if name == "no-colour":
        monkeypatch.setenv("NO_COLOR", "1")
    options = dict(SCENES[name])
    size = options.pop("size", (120, 34))
    async with stage(size=size, **options) as (s, pilot):
        if name not in ("empty", "failing"):
            await story(s)
        await s.drawn(pilot)
        await SCENE_STEPS.get(name, nothing)(s, pilot)
        await s.drawn(pilot)
        for timer in list(s.app._timers):
            timer.stop()
        header = s.app.screen.query_one(Header)
        header._rates.extend([12, 20, 25, 26, 25, 24, 40, 61, 30, 25])
        header._now = s.clock.now()
        header.refresh()
        s.app.overview.count_now()
        await pilot.pause()
        compare(name, s.app)


async def nothing(s, pilot):
    pass


async def pause_it(s, pilot):
    await pilot.press("k", "k", "k")
    for n in range(1_204):
        await s.give(make_event(f"new {n}", id=f"n{n}"))


async def filter_it(s, pilot):
    await pilot.press("right_square_bracket", "right_square_bracket", "ampersand", *"card")


async def filter_to_nothing(s, pilot):
    await pilot.press("ampersand", *"no such words", "enter")


async def detail_it(s, pilot):
    await pilot.press("a", "A", "enter")


async def fail_it(s, pilot):
    s.intake.statistics.state = "retry in 8 s"
    s.intake.statistics.detail = "403 Forbidden"
    s.hub.announce(
        Notice(text="mock stopped: 403 Forbidden · retry in 8.0 s", level=Level.WARN), source="mock"
    )


async def hostile(s, pilot):
    from tests.hostile import ATTACKS

    later = to_ns(NOON) + 10**10
    for n, text in enumerate(list(ATTACKS.values())[:-1]):
        await s.give(make_event(text, id=f"h{n}", timestamp=from_ns(later + n * 10**7)))


async def small(s, pilot):
    await pilot.press("k", "k", "enter")


async def search_it(s, pilot):
    await pilot.press("slash", *"order", "enter", "N", "m", "N", "colon", *"highlight sku [^ ]+")
    await pilot.press("enter")
    await s.drawn(pilot)
    s.app.clear_notifications()


async def context_of_it(s, pilot):
    await pilot.press("ampersand", *"service:ledger status:critical", "enter", "k", "x")


async def fold_it(s, pilot):
    await pilot.press("z")
    while s.app.model.busy:
        await s.drawn(pilot)


async def wrap_it(s, pilot):
    await s.give(make_event("Traceback\n" + "  File app.py, line 12, in handle\n" * 7, id="w"))
    await pilot.press("ctrl+w", "k", "t", "T")


async def type_it(s, pilot):
    await pilot.press("ampersand", *"status:error @s")


async def type_it_wrong(s, pilot):
    await pilot.press("ampersand", *"status:error (card", "enter")


async def choose_columns(s, pilot):
    await pilot.press("colon", *"columns time level source @order", "enter")
    await s.drawn(pilot)
    s.app.clear_notifications()


async def help_it(s, pilot):
    await pilot.press("question_mark")
    await pilot.pause(0.3)


SCENE_STEPS = {
    "small": small,
    "search": search_it,
    "search-light": search_it,
    "context": context_of_it,
    "folded": fold_it,
    "wrapped": wrap_it,
    "typing": type_it,
    "bad-query": type_it_wrong,
    "columns": choose_columns,
    "help": help_it,
    "paused": pause_it,
    "filtered": filter_it,
    "filtered-to-nothing": filter_to_nothing,
    "detail": detail_it,
    "failing": fail_it,
    "hostile": hostile,
}


def test_the_level_in_force_is_described_in_words():
    assert FilterState(levels=at_least(Level.WARN)).describe_level() == "≥ warn"
    assert FilterState(levels=frozenset({Level.ERROR})).describe_level() == "error"
    assert FilterState().describe_level() == "all"


async def test_a_number_before_a_key_repeats_it_or_names_a_row():
    async with stage() as (s, pilot):
        for n in range(80):
            await s.give(make_event(f"row {n}"))
        await s.drawn(pilot)
        await pilot.press("1", "2", "k")
        assert s.app.model.cursor == 67
        await pilot.press("2", "0", "G")
        assert s.app.model.cursor == 19
        await pilot.press("3")
        assert " 3 " in s.line(KeyHints)
        await pilot.press("j", "j")
        assert s.app.model.cursor == 23


async def test_a_key_pressed_behind_another_is_one_action():
    async with stage(keys=keymap({"first": ["' g"]})) as (s, pilot):
        for n in range(80):
            await s.give(make_event(f"row {n}"))
        await s.drawn(pilot)
        await pilot.press("apostrophe", "g")
        await pilot.pause()
        assert s.app.model.cursor == 0


async def test_a_typed_command_is_completed_run_and_refused_with_a_reason():
    async with stage() as (s, pilot):
        await s.give(make_event("row"))
        await pilot.press("colon", *"free", "tab", "enter")
        await s.drawn(pilot)
        assert s.app.model.frozen
        await pilot.press("colon", *"no-such", "enter")
        await pilot.pause()
        assert "no command 'no-such'" in s.line(Offers)
        await pilot.press("escape")
        await pilot.pause()
        assert not s.app.screen.query_one(Prompt).display
        await pilot.press("colon", "up")
        await pilot.pause()
        assert s.app.screen.query_one(Prompt).text == "freeze"


async def test_a_bad_query_is_underlined_and_the_old_filter_stays():
    async with stage() as (s, pilot):
        await s.give(make_event("payment refused"), make_event("other"))
        await pilot.press("ampersand", *"refused", "enter", "ampersand", *" (x")
        await s.drawn(pilot)
        assert "1 of 2 shown" in s.line(FilterLine)
        assert "column 9" in s.line(Offers)
        await pilot.press("enter")
        await pilot.pause()
        assert s.app.screen.query_one(Prompt).display


async def test_a_newcomer_is_told_what_this_is_and_escape_closes_it():
    async with stage(welcome="made-up logs [/] ? keys") as (s, pilot):
        await s.give(make_event("one"))
        await s.drawn(pilot)
        (said,) = s.app._notifications
        assert said.message == "made-up logs [/] ? keys"
        await pilot.press("escape")
        assert len(s.app._notifications) == 0
        assert s.app.is_running


async def test_the_count_of_hits_loses_its_dots_when_every_row_was_searched():
    async with stage() as (s, pilot):
        for n in range(30):
            await s.accept(arrival_of(*[make_event(f"row {n}.{m}") for m in range(500)]))
        await pilot.press("slash", *"row", "enter")
        await s.drawn(pilot)
        while not s.app.searches.search.complete:
            await pilot.pause(0.02)
        await s.drawn(pilot)
        assert "15,000 hits  " in s.line(FilterLine)


def styles_of(s, y: int, text: str) -> set:
    """Return the styles that a text has on a line of the tail."""
    view = s.app.main.query_one(TailView)
    return {segment.style for segment in view.line(y) if segment.text == text}


async def test_hits_and_highlights_are_marked_in_rows_and_hits_on_the_scrollbar():
    async with stage() as (s, pilot):
        for n in range(200):
            await s.give(make_event("card declined" if n % 50 == 0 else f"order {n}"))
        await pilot.press("colon", *"highlight order \\d+", "enter", "slash", *"CARD", "backspace")
        await pilot.press("backspace", "backspace", "backspace", *"card", "enter")
        await s.drawn(pilot)
        view = s.app.main.query_one(TailView)
        assert s.app.model.cursor == 150
        place = s.app.model.visible().index(150)
        assert styles_of(s, place, "card") == {view.palette.hit}
        assert styles_of(s, place + 1, "order 151") == {view.palette.highlights[0]}
        bar = [view.line(y).text[-1] for y in range(view.size.height)]
        assert bar.count("◆") == 4
        assert "4 hits" in s.line(FilterLine)
        await pilot.press("n", "n")
        assert s.app.model.cursor == 50  # past the last one it began anew, at 0
        await pilot.press("escape")
        await s.drawn(pilot)
        assert "hits" not in s.line(FilterLine)


async def test_a_search_is_literal_after_ctrl_r_and_a_wrong_pattern_says_where():
    async with stage() as (s, pilot):
        await s.give(make_event("a.c"), make_event("abc"))
        await pilot.press("slash", *"(a", "enter")
        await pilot.pause()
        assert "position" in s.line(Offers)
        await pilot.press("backspace", "backspace", *"a.c", "ctrl+r", "enter")
        await s.drawn(pilot)
        assert "1 hits" in s.line(FilterLine)
        assert s.app.model.cursor == 0


async def test_columns_are_chosen_by_name_or_from_a_list():
    async with stage() as (s, pilot):
        await s.give(make_event("row", attributes={"order": 812}, host="h1"))
        await pilot.press("colon", *"columns source @order", "enter")
        await s.drawn(pilot)
        assert s.rows()[0].split() == ["tests", "812", "row"]
        await pilot.press("colon", *"columns", "enter")
        await pilot.pause(0.1)
        await pilot.press("space", "enter")
        await s.drawn(pilot)
        assert "812" in s.rows()[0]
        assert "tests" not in s.rows()[0]
        await pilot.press("colon", *"columns nosuch", "enter")
        await pilot.pause()
        assert "no column 'nosuch'" in s.line(Offers)


@pytest.mark.parametrize(("width", "shown"), [(80, "inventory-s…"), (60, "invento…")])
async def test_a_source_is_shown_whole_where_it_fits_and_else_with_a_sign(width, shown):
    """An ordinary terminal of 80 columns has room for twelve cells."""
    async with stage(size=(width, 24)) as (s, pilot):
        await s.give(make_event("row", source="inventory"), make_event("row", source="api"))
        await s.give(make_event("row", source="inventory-service"))
        await s.drawn(pilot)
        first, last = s.rows()[0], s.rows()[2]
        assert ("inventory " if width == 80 else "invento… ") in first
        assert f"{shown} row" in last


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_a_blank_stands_between_the_histogram_and_its_label(width):
    """Also where the label is at its longest, with dates."""
    async with stage(size=(width, 24)) as (s, pilot):
        later = make_event("late", timestamp=from_ns(to_ns(NOON) + 5 * 86_400 * 10**9))
        await s.give(make_event("early", timestamp=NOON), later)
        await s.drawn(pilot)
        s.app.overview.count_now()
        assert re.search(r"█ +11-23 ", s.line(HistogramStrip))


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_hints_are_whole_and_the_one_for_help_is_always_among_them(width):
    async with stage(size=(width, 24)) as (s, _):
        *others, last = re.split(" {2,}", s.line(KeyHints).strip())
        assert others[:2] == ["F follow", "= freeze"]
        assert last == "? help"
        whole = {action.hint for action in ACTIONS.values()}
        assert {hint.partition(" ")[2] for hint in others} <= whole


async def test_goto_takes_a_time_of_the_day_a_span_and_a_row():
    async with stage() as (s, pilot):
        later = to_ns(NOON)
        events = [
            make_event(f"r{n}", timestamp=from_ns(later + n * 60 * 10**9)) for n in range(100)
        ]
        await s.give(*events)
        await s.drawn(pilot)
        for typed, row in (("goto 12:30", 30), ("goto -10m", 89), ("20", 19)):
            await pilot.press("colon", *typed, "enter")
            await s.drawn(pilot)
            assert s.app.model.cursor == row
        await pilot.press("colon", *"goto soon", "enter")
        await pilot.pause()
        assert "'soon' is no time" in s.line(Offers)


async def test_plus_and_minus_on_a_field_narrow_the_filter():
    async with stage() as (s, pilot):
        await s.give(
            make_event("one", attributes={"http": {"status": 402}}),
            make_event("two", attributes={"http": {"status": 200}}),
        )
        await pilot.press("k", "enter", "tab")
        pane = s.app.main.query_one(DetailPane)
        pane.focus()
        await pilot.pause()
        pane.choose("status")
        await pilot.press("plus")
        await s.drawn(pilot)
        assert s.app.state.text in ("@http.status:402", "@http.status:200")
        assert "1 of 2 shown" in s.line(FilterLine)
        await pilot.press("minus")
        await s.drawn(pilot)
        assert s.app.state.text.startswith("-@http.status:")


async def test_f2_gives_the_mouse_to_the_terminal_and_takes_it_back():
    from logmon.tui.driver import TerminalDriver

    async with stage() as (s, _pilot):
        driver = TerminalDriver(s.app)
        driver.write = lambda _data: None
        assert driver.toggle_mouse() is False
        assert driver.toggle_mouse() is True
