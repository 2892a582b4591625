"""A replay on the screen: play, pause, step, speed, seek; and items as of the playhead."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager

import pytest

from logmon.event import from_ns, rfc3339, to_ns
from logmon.filter import GrepClause
from logmon.level import Level
from logmon.patterns import Pattern
from logmon.testing import NOON, make_event
from logmon.tui.filter_state import FilterState
from logmon.tui.header import FilterLine, Header
from logmon.tui.item_list import ItemsPane
from logmon.tui.playing import TransportBar
from tests.pty_judge import Terminal
from tests.tui.stage import Stage, compare, story
from tests.tui.test_views import lines, portrait_time, settled

ERRORS = (30, 70)


def row(second: int):
    level = Level.ERROR if second in ERRORS else Level.INFO
    moment = from_ns(to_ns(NOON) + second * 10**9)
    return make_event(f"row {second}", level=level, timestamp=moment, id=f"r{second}")


@asynccontextmanager
async def replay(size=(120, 34), rows=100, **options):
    s = Stage(playhead=True, **options)
    async with s.app.run_test(size=size) as pilot:
        await pilot.pause()
        for second in range(rows):
            await s.give(row(second))
        s.intake.statistics.state = "ended"
        await settled(s, pilot)
        yield s, pilot


def newest(s: Stage) -> str:
    return s.app.model.delivery(s.app.model.visible()[-1]).event.message


def bar(s: Stage) -> str:
    return lines(s, TransportBar)[0]


async def test_everything_is_shown_at_first_and_equals_plays_from_the_beginning():
    async with replay() as (s, pilot):
        assert s.app.model.held == 101
        assert "■" in bar(s)
        await pilot.press("equals_sign")
        await settled(s, pilot)
        assert s.app.model.held < 100
        assert "▶ 1×" in bar(s)
        assert "▶ REPLAY" in s.line(Header)
        await pilot.press("equals_sign")
        await settled(s, pilot)
        assert "‖ 1×" in bar(s)


async def test_comma_and_full_stop_step_by_shown_rows():
    async with replay() as (s, pilot):
        await pilot.press("comma", "comma", "comma")
        await settled(s, pilot)
        assert "‖" in bar(s)
        held = s.app.model.held
        await pilot.press("full_stop")
        await settled(s, pilot)
        assert s.app.model.held == held + 1
        s.app.filters.take("status:error source:tests")
        await pilot.press("comma")
        await settled(s, pilot)
        assert s.app.model.visible()[-1] == s.app.model.snapshot.next_seq - 1
        assert s.app.model.delivery(s.app.model.visible()[-1]).event.message == "row 30"


@pytest.mark.parametrize("key", ["full_stop", "e"])
async def test_a_pattern_too_slow_for_a_row_ahead_of_the_playhead_is_dropped_once(key):
    state = FilterState(fixed=(GrepClause(Pattern(r"(?=[ar])(row|(a+)+$b)")),))
    async with replay(rows=5, state=state) as (s, pilot):
        s.app.transport.seek_row(2)
        s.intake.statistics.state = "live"
        await s.give(make_event("a" * 50), make_event("other", level=Level.ERROR))
        await settled(s, pilot)
        assert "-g" in s.line(FilterLine)
        for _ in range(5):
            await pilot.press(key)
            await settled(s, pilot)
        assert "-g" not in s.line(FilterLine)
        assert [n.title for n in s.app._notifications].count("-g and -e dropped") == 1
        await pilot.press("full_stop", "full_stop", "full_stop")
        await settled(s, pilot)
        assert s.app.model.held > 6


async def test_angles_halve_and_double_the_speed():
    async with replay() as (s, pilot):
        await pilot.press("greater_than_sign", "greater_than_sign")
        assert "4×" in bar(s)
        await pilot.press("less_than_sign", "less_than_sign", "less_than_sign")
        assert "0.5×" in bar(s)


async def test_playing_moves_on_by_itself_and_the_tail_follows():
    async with replay() as (s, pilot):
        s.app.transport.seek_fraction(0)
        s.app.transport.change_speed(4_096)
        s.app.transport.playing = True
        s.app.playing.start()
        for _ in range(200):
            if s.app.transport.at_end:
                break
            await pilot.pause(0.02)
        await settled(s, pilot)
        assert s.app.transport.at_end
        assert s.app.model.held == 101
        assert s.app.playing._ticking is None


async def test_a_click_on_the_bar_seeks():
    async with replay() as (s, pilot):
        track = [match.start() for match in re.finditer("[━─●]", bar(s))]
        await pilot.click(TransportBar, offset=(track[len(track) // 2], 0))
        await settled(s, pilot)
        assert 0.45 < s.app.transport.fraction() < 0.55
        assert f"of {s.app.transport.rows()[0]} shown" in s.line(FilterLine)


@pytest.mark.parametrize(
    ("argument", "held"), [("start", 0), ("50%", 50), ("12:00:40", 42), ("end", 101)]
)
async def test_seek_goes_to_a_share_a_time_and_the_ends(argument, held):
    async with replay() as (s, pilot):
        await pilot.press("comma")
        s.app.playing.seek(argument)
        await settled(s, pilot)
        assert s.app.model.held == held


async def test_seek_is_a_command_and_refuses_what_it_cannot_read():
    async with replay() as (s, pilot):
        for text, held in (("seek 50%", 50), ("seek nonsense", 50)):
            s.app.controls.owner("commands").open(text)
            await pilot.pause()
            await pilot.press("enter")
            await settled(s, pilot)
            assert s.app.model.held == held
        assert s.app.prompt_purpose is not None


async def test_next_error_goes_on_beyond_the_playhead():
    async with replay() as (s, pilot):
        s.app.playing.seek("start")
        s.app.playing.seek("5%")
        await settled(s, pilot)
        await pilot.press("e")
        await settled(s, pilot)
        assert newest(s) == "row 30"
        await pilot.press("e")
        await settled(s, pilot)
        assert newest(s).startswith("WI-1 opened")
        await pilot.press("e")
        await settled(s, pilot)
        assert newest(s) == "row 70"


async def test_items_beside_the_tail_are_those_of_the_playhead():
    async with replay() as (s, pilot):
        assert "1 open" in s.line(ItemsPane)
        assert "×2" in lines(s, ItemsPane)[1]
        s.app.playing.seek("50%")
        await settled(s, pilot)
        assert "×1" in lines(s, ItemsPane)[1]
        s.app.playing.seek("10%")
        await settled(s, pilot)
        assert "0 open" in s.line(ItemsPane)
        await pilot.press("G")
        s.app.playing.seek("end")
        await settled(s, pilot)
        assert "×2" in lines(s, ItemsPane)[1]


async def test_without_a_replay_equals_freezes_and_the_other_keys_say_why_not():
    from tests.tui.stage import stage

    async with stage() as (s, pilot):
        await pilot.press("equals_sign")
        assert s.app.model.frozen
        await pilot.press("comma")
        assert [n.message for n in s.app._notifications] == ["there is a playhead only in a replay"]
        assert not s.app.main.query(TransportBar)


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 34)])
async def test_the_bar_fits_and_marks_errors(size):
    async with replay(size=size) as (s, pilot):
        s.app.playing.seek("50%")
        await settled(s, pilot)
        row = s.app.main.query_one(TransportBar).line(0)
        assert row.cell_length == size[0]
        assert "●" in row.text
        assert len(s.app.main.query_one(TransportBar)._error_cells(50)) >= 2


def test_a_replay_at_a_speed_plays_on_a_real_terminal(tmp_path):
    """From the command line: --speed plays from the beginning, = pauses, q leaves with 0."""
    path = tmp_path / "x.jsonl"
    with path.open("w") as file:
        for second in range(600):
            document = {
                "timestamp": rfc3339(from_ns(to_ns(NOON) + second * 10**9)),
                "message": f"row {second}",
            }
            file.write(json.dumps(document) + "\n")
    terminal = Terminal("replay", str(path), "--tui", "--speed", "100")
    assert terminal.see("▶ REPLAY"), terminal.screen.display
    assert terminal.see("of 600", 5), terminal.screen.display
    terminal.press("=")
    assert terminal.see("‖ REPLAY"), terminal.screen.display
    terminal.pump(0.2)
    first = [line for line in terminal.screen.display if "shown" in line]
    terminal.pump(0.5)
    assert [line for line in terminal.screen.display if "shown" in line] == first
    terminal.press("q")
    assert terminal.end() == 0


SCENES = {
    "replay": {},
    "replay-narrow": {"size": (60, 20)},
    "replay-light": {"theme": "textual-light"},
}


@pytest.mark.parametrize("name", SCENES)
async def test_the_transport_looks_as_its_picture(name):
    options = dict(SCENES[name])
    async with replay(size=options.pop("size", (120, 34)), rows=0, **options) as (s, pilot):
        await story(s)
        await settled(s, pilot)
        s.app.transport.pause()
        s.app.playing.seek("66%")
        await settled(s, pilot)
        await portrait_time(s, pilot)
        compare(name, s.app)
