"""What is typed on the screen, commands, queries, searches, columns, places, and what it shows."""

from __future__ import annotations

from logmon.event import from_ns, to_ns
from logmon.testing import NOON, arrival_of, make_event
from logmon.tui.header import FilterLine
from logmon.tui.prompt import Offers, Prompt
from logmon.tui.tail_view import TailView
from tests.tui.stage import stage


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
