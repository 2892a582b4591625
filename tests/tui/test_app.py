"""The screen, one gesture and one visible result at a time."""

from __future__ import annotations

import gc
import re

import pytest
from textual import events
from textual.strip import Strip

from logmon.batch import EventBatch
from logmon.event import from_ns, to_ns
from logmon.event_log import EventLog
from logmon.level import Level, at_least
from logmon.source import Arrival, Notice
from logmon.testing import NOON, make_event
from logmon.tui.actions import ACTIONS, keymap
from logmon.tui.detail import DetailPane
from logmon.tui.filter_state import FilterState
from logmon.tui.header import FilterLine, Header, KeyHints
from logmon.tui.histogram_view import HistogramStrip
from logmon.tui.item_list import ItemsPane
from logmon.tui.prompt import Prompt
from logmon.tui.pump import TURNOVER_PERIOD_S
from logmon.tui.tail_view import TailView
from logmon.tui.views import GoTo
from tests.tui.stage import stage


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


async def test_a_gap_and_a_source_that_stopped_are_rows_under_every_filter_but_one_against_them():
    state = FilterState(levels=at_least(Level.ERROR), sources=("payments",))
    async with stage(state=state) as (s, pilot):
        await s.give(make_event("fine", source="payments"), make_event("failed", source="api"))
        await s.accept(Arrival(notices=(Notice(text="gap · 7 rows are missing here", lost=7),)))
        s.hub.announce(Notice(text="mock stopped"), source="mock")
        await s.give(make_event("card failed", source="payments", level=Level.ERROR))
        await pilot.press("ampersand", *"card", "enter")
        await s.drawn(pilot)
        gap, stopped, card = [row for row in s.rows() if row and "WI-1 opened" not in row]
        assert "gap · 7 rows are missing here" in gap
        assert "mock stopped" in stopped
        assert "card failed" in card
        assert "3 of 6 shown" in s.line(FilterLine)
        s.app.on_go_to(GoTo(s.app.model.first()))
        assert not state.in_context, "it is shown where it is"
        await pilot.press("ampersand", *" -service:logmon", "enter")
        await s.drawn(pilot)
        assert "1 of 6 shown" in s.line(FilterLine)


@pytest.mark.parametrize(
    ("sources", "text", "shown"),
    [
        ((), "card", True),
        (("api",), "", True),
        (("api", "logmon"), "", True),  # what the picker gives when one of three is taken out
        (("!a*",), "status:error", True),
        (("!logmon",), "", False),
        (("api", "!log*"), "", False),
        ((), "-service:logmon", False),
        ((), "service:api card -service:logmon", False),
        (("logmon",), "", False),
        ((), "service:logmon", False),
        (("logmon",), "missing", True),
    ],
)
def test_a_condition_on_the_name_logmon_decides_about_what_logmon_says(sources, text, shown):
    state = FilterState(levels=at_least(Level.ERROR), sources=sources, text=text)
    log = EventLog()
    row = make_event("7 rows are missing here", source="logmon", level=Level.WARN)
    log.append(EventBatch([row]), origin="logmon")
    if sources == ("logmon",) and shown:
        state.levels = at_least(Level.WARN)
    assert bool(log.recent(9, state.build())) is shown


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
        assert s.app.pump.period_s == TURNOVER_PERIOD_S > 1 / 30
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


async def test_without_items_their_pane_takes_two_lines_and_says_what_would_come():
    async with stage() as (s, pilot):
        await s.drawn(pilot)
        pane = s.app.main.query_one(ItemsPane)
        assert pane.size.height == 2
        assert "Sentinel opens one" in pane.line(1).text
        await pilot.press("enter")
        await s.give(make_event("bad", level=Level.ERROR))
        await s.drawn(pilot)
        await pilot.pause()
        assert pane.size.height == 9
        assert "WI-1" in pane.line(1).text


async def test_what_is_typed_within_a_moment_of_two_keys_counts_too():
    async with stage(keys=keymap({"first": ["' g"]})) as (s, pilot):
        for n in range(80):
            await s.give(make_event(f"row {n}"))
        await s.drawn(pilot)
        for key, sign in [
            ("k", "k"),
            ("apostrophe", "'"),
            *[(letter, letter) for letter in "gjjj"],
        ]:
            s.app.post_message(events.Key(key, sign))
        await s.until(pilot, lambda: s.app.model.cursor == 3)
        s.app.post_message(events.Key("apostrophe", "'"))
        await s.until(pilot, lambda: "' " in s.line(KeyHints)[:4])
        assert ACTIONS["first"].text in s.line(KeyHints)
        await pilot.press("slash")
        assert s.app.prompt_purpose is None, "it was the second key, of nothing"
        await pilot.press("j")
        assert s.app.model.cursor == 4


async def test_a_newcomer_is_told_what_this_is_and_escape_closes_it():
    async with stage(welcome="made-up logs [/] ? keys") as (s, pilot):
        await s.give(make_event("one"))
        await s.drawn(pilot)
        (said,) = s.app._notifications
        assert said.message == "made-up logs [/] ? keys"
        await pilot.press("escape")
        assert len(s.app._notifications) == 0
        assert s.app.is_running


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
