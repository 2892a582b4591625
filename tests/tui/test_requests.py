"""What users of other log viewers asked for most, each on the screen, by the number it has there."""

from __future__ import annotations

import time

import pytest

from logmon.event import from_ns, to_ns
from logmon.level import Level, at_least
from logmon.source import Notice
from logmon.testing import NOON, arrival_of, make_event
from logmon.tui.detail import DetailPane
from logmon.tui.header import FilterLine, Header
from logmon.tui.look import Look
from logmon.tui.saved_views import views_path
from logmon.tui.tail_view import TailView
from tests.tui.stage import stage


def at_second(n: float):
    return from_ns(to_ns(NOON) + int(n * 10**9))


async def fill(s, count: int, **fields) -> None:
    events = [make_event(f"row {n}", timestamp=at_second(n), **fields) for n in range(count)]
    await s.accept(arrival_of(*events))


def shown(s) -> list[str]:
    return [row for row in s.rows() if row]


async def test_request_01_a_live_tail_is_filtered_by_text_and_level_held_and_coming_rows_alike():
    async with stage() as (s, pilot):
        await s.give(make_event("card declined", level=Level.ERROR), make_event("card ok"))
        await pilot.press("ampersand", *"card", "enter", "right_square_bracket")
        s.app.state.levels = at_least(Level.ERROR)
        s.app.filters.apply()
        await s.give(make_event("card lost", level=Level.ERROR), make_event("card fine"))
        await s.drawn(pilot)
        mine = [row for row in shown(s) if "sentinel" not in row]
        assert [row.split("card ")[1].split()[0] for row in mine] == ["declined", "lost"]
        assert "of 6 shown" in s.line(FilterLine)


async def test_request_02_the_selected_row_and_marked_rows_go_to_the_clipboard():
    async with stage() as (s, pilot):
        await fill(s, 20)
        await s.drawn(pilot)
        await pilot.press("k", "c")
        await pilot.pause()
        assert "row 18" in s.app.clipboard
        await pilot.press("m", "k", "k", "m", "c")
        await pilot.pause()
        lines = s.app.clipboard.splitlines()
        assert ["row 16" in lines[0], "row 18" in lines[1]] == [True, True]


async def test_request_03_long_lines_wrap_and_sideways_scroll_stays_when_rows_come():
    async with stage(size=(80, 30)) as (s, pilot):
        await s.give(make_event("start " + "x" * 200 + " end"))
        await pilot.press("ctrl+w")
        await s.drawn(pilot)
        assert "".join(row[27:] for row in shown(s)).replace(" ", "").endswith("xxxend")
        await pilot.press("ctrl+w", "l", "l")
        await s.give(make_event("y" * 300))
        await s.drawn(pilot)
        assert s.app.main.query_one(TailView).columns_right > 0
        assert "start" not in "".join(shown(s))


async def test_request_04_a_very_long_line_costs_no_more_than_what_is_shown():
    async with stage() as (s, pilot):
        await s.give(make_event("a" * 10_000_000), make_event("after"))
        await s.drawn(pilot)
        view = s.app.main.query_one(TailView)
        began = time.process_time()
        view.restyle(view.palette)
        await pilot.press("ctrl+w")
        await s.drawn(pilot)
        assert "characters" in "".join(shown(s))
        assert time.process_time() - began < 2


async def test_request_05_a_cut_file_is_a_row():
    async with stage() as (s, pilot):
        s.hub.announce(Notice(text="app.log was truncated; reading from its start"), source="app")
        await s.drawn(pilot)
        assert any("app.log was truncated" in row for row in shown(s))


async def test_request_06_following_is_the_default_and_a_pause_is_in_sight():
    async with stage() as (s, pilot):
        await fill(s, 100)
        await s.drawn(pilot)
        assert "LIVE" in s.line(Header)
        await pilot.press("k")
        await s.give(make_event("new"))
        await s.drawn(pilot)
        assert "PAUSED · 1 new · F to follow" in s.line(Header)
        await pilot.press("end")
        assert "LIVE" in s.line(Header)


async def test_request_07_a_frozen_screen_stands_still_and_loses_nothing():
    async with stage() as (s, pilot):
        await fill(s, 10)
        await pilot.press("equals_sign")
        await s.give(make_event("while frozen"))
        await s.drawn(pilot)
        assert not any("while frozen" in row for row in shown(s))
        await pilot.press("equals_sign")
        await s.drawn(pilot)
        assert any("while frozen" in row for row in shown(s))


async def test_request_08_a_filter_acts_while_paused():
    async with stage() as (s, pilot):
        await fill(s, 100)
        await s.drawn(pilot)
        await pilot.press("k", "k", "ampersand", *'"row 5"', "enter")
        await s.drawn(pilot)
        assert len(shown(s)) == 1
        assert not s.app.model.following


async def test_request_09_what_is_missing_is_a_row_and_a_figure():
    async with stage() as (s, pilot):
        s.hub.announce(Notice(text="gap · 41 lost", lost=41), source="prod")
        s.hub.sources["mock"].dropped = 7
        await pilot.pause(1.1)
        assert any("gap · 41 lost" in row for row in shown(s))
        assert "dropped 7" in s.line(Header)


async def test_request_12_rows_that_come_late_do_not_move_the_selected_one():
    async with stage() as (s, pilot):
        await fill(s, 50)
        await s.drawn(pilot)
        await pilot.press("k", "k", "k")
        place = next(y for y, row in enumerate(s.rows()) if "row 46" in row)
        await s.give(make_event("late", timestamp=at_second(1)))
        await s.drawn(pilot)
        assert "row 46" in s.rows()[place]


async def test_request_14_the_detail_says_as_what_a_row_was_read_and_why():
    async with stage() as (s, pilot):
        await s.give(make_event("row"))
        await pilot.press("enter")
        await s.drawn(pilot)
        pane = s.app.main.query_one(DetailPane)
        pane.choose("parsed as")
        text = " ".join(pane.line(y).text for y in range(pane.size.height))
        assert "parsed as" in text
        assert "because" in text


async def test_request_15_a_word_in_a_message_never_makes_a_level():
    async with stage() as (s, pilot):
        await s.give(make_event("error: none at all", level=Level.INFO))
        await s.drawn(pilot)
        assert "INF" in shown(s)[0]


async def test_request_16_a_grouped_stack_trace_is_one_row_and_wraps_in_full():
    async with stage() as (s, pilot):
        trace = "boom\n  File a.py, line 1\n  File b.py, line 2\nValueError: no"
        await s.give(make_event(trace))
        await s.drawn(pilot)
        assert len(shown(s)) == 1
        assert "⏎" in shown(s)[0]
        await pilot.press("ctrl+w")
        await s.drawn(pilot)
        assert any("ValueError: no" in row for row in shown(s))


async def test_request_17_x_shows_the_lines_around_a_match_and_leads_back():
    async with stage() as (s, pilot):
        await fill(s, 100)
        await pilot.press("ampersand", *'"row 50"', "enter")
        await s.drawn(pilot)
        await pilot.press("k", "x")
        await s.drawn(pilot)
        rows = "".join(shown(s))
        assert "row 49" in rows
        assert "row 51" in rows
        assert s.app.model.cursor == 50
        assert "in context" in s.line(FilterLine)
        await pilot.press("x")
        await s.drawn(pilot)
        assert len(shown(s)) == 1
        assert s.app.model.cursor == 50


async def test_request_18_repeats_fold_to_one_row_with_their_count_and_times():
    async with stage() as (s, pilot):
        for n in range(100):
            await s.give(make_event(f"request {n} took {n} ms", timestamp=at_second(n)))
        await s.give(make_event("the odd one", timestamp=at_second(100)))
        await pilot.press("z")
        while s.app.model.busy:
            await s.drawn(pilot)
        await s.drawn(pilot)
        rows = shown(s)
        assert len(rows) == 2
        assert "×100 12:00:00–12:01:39" in rows[0]
        assert "101 of 101 shown" in s.line(FilterLine)
        await pilot.press("k", "k", "plus")
        await s.drawn(pilot)
        assert len(shown(s)) > 10
        await pilot.press("z")
        await s.drawn(pilot)
        assert s.app.model.fold is None


async def test_request_21_the_zone_is_on_the_screen_and_t_changes_how_times_are_shown():
    from logmon.moments import parse_zone

    async with stage(look=Look(zone=parse_zone("+02:00"))) as (s, pilot):
        await s.give(make_event("row", timestamp=NOON))
        await s.drawn(pilot)
        assert "14:00:00.000" in shown(s)[0]
        assert "UTC+02:00" in s.line(Header)
        for wanted in ("2026-11-23 14:00:00.000", "12:00:00.000Z", "-0 ms", " 14:00:00.000"):
            await pilot.press("t")
            await s.drawn(pilot)
            assert wanted in shown(s)[0]


@pytest.mark.parametrize("theme", ["dark", "light", "contrast", "mono", "terminal"])
async def test_request_22_every_theme_tells_text_from_ground_and_levels_by_letters(theme):
    async with stage(theme=theme) as (s, pilot):
        await s.give(make_event("bad", level=Level.ERROR))
        await s.drawn(pilot)
        view = s.app.main.query_one(TailView)
        assert any("ERR" in row for row in shown(s))
        for style in (view.palette.text, view.palette.dim, *view.palette.levels.values()):
            if style.color is None or style.bgcolor is None or style.color.triplet is None:
                continue
            assert contrast(style.color.triplet, style.bgcolor.triplet) >= 3


def contrast(first, second) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""

    def light(triplet) -> float:
        parts = [channel / 255 for channel in triplet]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(first), light(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


async def test_request_23_an_idle_screen_draws_nothing():
    async with stage() as (s, pilot):
        await fill(s, 10)
        await s.drawn(pilot)
        frames = s.app.pump.frames
        await pilot.pause(0.5)
        assert s.app.pump.frames == frames


async def test_request_24_nothing_is_written_before_a_view_is_saved(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with stage() as (s, pilot):
        await fill(s, 3)
        await pilot.press("ampersand", *'"row 1"', "enter")
        await s.drawn(pilot)
        assert list(tmp_path.rglob("*")) == []
        await pilot.press("colon", *"save mine", "enter")
        await pilot.pause()
        assert views_path().is_relative_to(tmp_path)
        assert views_path().stat().st_mode & 0o077 == 0
        await pilot.press("ampersand", "ctrl+u", "enter", "colon", *"load mine", "enter")
        await s.drawn(pilot)
        assert s.app.state.text == '"row 1"'
        assert len(shown(s)) == 1
        await pilot.press("colon", *"save mine", "enter")
        await pilot.pause()
        await pilot.press("n")
        await pilot.pause()
        assert 'query = "\\"row 1\\""' in views_path().read_text()


async def test_request_25_brackets_and_escapes_in_log_text_are_text():
    async with stage() as (s, pilot):
        await s.give(make_event("[/bold] \x1b]52;c;x\x07 [red]"))
        await pilot.press("slash", *"bold")
        await s.drawn(pilot)
        assert "[/bold] \\x1b]52;c;x\\x07 [red]" in shown(s)[0]


async def test_selection_marks_and_sideways_survive_another_theme_and_size():
    async with stage() as (s, pilot):
        await fill(s, 200)
        await s.drawn(pilot)
        await pilot.press("g", "5", "0", "j", "m", "l")
        cursor, right = s.app.model.cursor, s.app.main.query_one(TailView).columns_right
        s.app.theme = "light"
        await pilot.resize_terminal(70, 24)
        await s.drawn(pilot)
        await pilot.resize_terminal(120, 40)
        await s.drawn(pilot)
        assert s.app.model.cursor == cursor
        assert cursor in s.app.model.visible()
        assert cursor in s.app.model.marks
        assert s.app.main.query_one(TailView).columns_right == right


EVIL = "(a+)+$b"


async def test_no_pattern_stops_the_screen():
    """Without google-re2 a pattern may backtrack for ever: it is refused, and rows go on."""
    async with stage() as (s, pilot):
        await s.give(make_event("a" * 200_000), make_event("card"))
        began = time.process_time()
        await pilot.press("slash", *EVIL, "enter")
        await s.drawn(pilot)
        await pilot.press("escape", "colon", *f"highlight {EVIL}", "enter")
        await s.give(make_event("after"))
        await s.drawn(pilot)
        assert any("after" in row for row in shown(s))
        assert time.process_time() - began < 10


async def test_what_the_command_line_fixed_is_in_sight():
    from logmon.filter import GrepClause, TimeClause
    from logmon.patterns import Pattern
    from logmon.tui.filter_state import FilterState

    fixed = (GrepClause(Pattern("card")), GrepClause(Pattern("x"), exclude=True))
    state = FilterState(fixed=(*fixed, TimeClause(since_ns=to_ns(NOON))))
    async with stage(state=state) as (s, _pilot):
        assert "-g card -e x -S 2026-11-23T12:00:00Z" in s.line(FilterLine)


async def test_a_pattern_of_the_command_line_that_takes_too_long_is_dropped_once():
    from logmon.filter import GrepClause
    from logmon.patterns import Pattern
    from logmon.tui.filter_state import FilterState

    state = FilterState(fixed=(GrepClause(Pattern(EVIL)),))
    async with stage(state=state) as (s, pilot):
        await s.give(make_event("a" * 200_000), make_event("card"))
        began = time.process_time()
        await s.until(pilot, lambda: any("card" in row for row in shown(s)))
        assert time.process_time() - began < 6


async def test_a_pattern_that_a_later_row_takes_too_long_on_is_dropped_whoever_looks_first():
    """New rows are looked at by the tail, the count of shown rows, and the histogram."""
    from logmon.filter import GrepClause
    from logmon.patterns import Pattern
    from logmon.tui.filter_state import FilterState

    state = FilterState(fixed=(GrepClause(Pattern(r"(?=[ac])(card|(a+)+$b)")),))
    async with stage(state=state) as (s, pilot):
        await s.give(make_event("card 1"))
        await s.until(pilot, lambda: any("card 1" in row for row in shown(s)))
        await s.give(make_event("a" * 50), make_event("other"))
        await s.until(pilot, lambda: any("other" in row for row in shown(s)))
        assert "-g" not in s.line(FilterLine)


async def test_a_query_over_long_rows_is_asked_as_long_as_it_takes():
    """Only regular expressions have a limit: what a query costs grows with its text alone."""
    from logmon.tui.filter_state import FilterState

    async with stage(state=FilterState(text="inf*/zz*")) as (s, pilot):
        await s.give(*[make_event("info about " * 25_000) for _ in range(6)], make_event("inf/zz"))
        await s.until(pilot, lambda: any("inf/zz" in row for row in shown(s)))
        assert s.line(FilterLine).rstrip().endswith("1 of 7 shown")
        assert not s.app._notifications
