"""Each state of the screen looks as its picture in docs/screens.

A change is taken in with LOGMON_PICTURES=write, after looking at it.
"""

from __future__ import annotations

import pytest

from logmon.event import from_ns, to_ns
from logmon.level import Level
from logmon.source import Notice
from logmon.testing import NOON, make_event
from logmon.tui.header import Header
from tests.tui.stage import compare, stage, story

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
