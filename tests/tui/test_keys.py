"""Each key of the reading part of the table, pressed once on a known screen, does its action."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from logmon.event import from_ns, to_ns
from logmon.level import Level
from logmon.testing import NOON, arrival_of, make_event
from logmon.tui.actions import ACTIONS, GROUPS
from logmon.tui.detail import DetailPane
from logmon.tui.detail_lines import Sight
from logmon.tui.item_list import ItemsPane
from logmon.tui.look import Look
from logmon.tui.pickers import LevelPicker, SourcePicker
from logmon.tui.prompt import Prompt
from logmon.tui.tail_view import TailView
from tests.tui.stage import Stage, stage

if TYPE_CHECKING:
    from collections.abc import Callable

START = 60
"""The row that is selected before each key: an error of `payments`, with a trace."""
HEIGHT = 20
WORDS = {"space": "space", "'": "apostrophe", "`": "grave_accent", "\\": "backslash"}


def rows() -> list:
    """120 rows: each 10th an error of a trace, each 10th + 5 a warning, the rest alike."""
    made = []
    for n in range(120):
        error, warning = n % 10 == 0, n % 10 == 5
        made.append(
            make_event(
                "Card declined" if error else "Stock low" if warning else f"request {n} served",
                level=Level.ERROR if error else Level.WARN if warning else Level.INFO,
                source="payments" if error else "api",
                timestamp=from_ns(to_ns(NOON) + n * 10**9),
                trace_id="t1" if error else None,
                attributes={"order": n, "http": {"status": 402, "method": "POST"}},
                id=f"k{n}",
            )
        )
    return made


class Keys:
    """A stage whose rows are all there, brought back to the same state before each key."""

    def __init__(self, s: Stage) -> None:
        self.s = s
        self.app = s.app
        self.model = s.app.model
        self.before: dict[str, object] = {}

    @property
    def view(self) -> TailView:
        return self.app.main.query_one(TailView)

    @property
    def detail(self) -> DetailPane:
        return self.app.main.query_one(DetailPane)

    async def calm(self, pilot) -> None:
        open_now = len(self.app.screen_stack) > 1 or self.detail.display
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        if open_now:
            await pilot.pause()
        if self.app.prompt_purpose is not None:
            self.app.close_prompt()
        if self.app.screen.query("HelpPanel"):
            self.app.action_hide_help_panel()
        app = self.app
        app.views.show("tail")
        app.searches.clear()
        app.panels.open_detail(False)
        self.detail.sight = Sight()
        app.main.query_one(ItemsPane).display = True
        app.state.enabled, app.state.in_context = True, False
        app.state.levels = frozenset(Level)
        app.filters.take("")
        self.model.set_fold(None)
        self.model.marks.clear()
        self.view.columns_right = 0
        self.view.change_look(Look())
        self.model.frozen = False
        self.model.follow()
        self.model.select(START)
        self.view.moved()
        self.view.focus()
        app.controls.count = 0
        await app.pump.idle()
        self.before = {"top": self.model.visible()[0], "cursor": self.model.cursor}

    @property
    def at(self) -> int | None:
        return self.model.cursor

    @property
    def top(self) -> int:
        return self.model.visible()[0]


def by(rows: int) -> Callable[[Keys], bool]:
    return lambda k: k.at == START + rows


def at(row: int) -> Callable[[Keys], bool]:
    return lambda k: k.at == row


def dialog(kind: type) -> Callable[[Keys], bool]:
    return lambda k: isinstance(k.app.screen, kind)


def prompted(sign: str) -> Callable[[Keys], bool]:
    return lambda k: k.app.main.query_one(Prompt).display and k.app.prompt_purpose.sign == sign


EFFECTS: dict[str, Callable[[Keys], bool]] = {
    "down": by(1),
    "up": by(-1),
    "page_down": lambda k: k.top > k.before["top"] + 5,
    "page_up": lambda k: k.top < k.before["top"] - 5,
    "half_page_down": lambda k: k.top > k.before["top"] + 2,
    "half_page_up": lambda k: k.top < k.before["top"] - 2,
    "first": at(0),
    "last": lambda k: k.model.following,
    "left": lambda k: k.view.columns_right == 0,
    "right": lambda k: k.view.columns_right > 0,
    "follow": lambda k: k.model.following,
    "freeze": lambda k: k.model.frozen,
    "search": prompted("/"),
    "next_hit": at(70),
    "previous_hit": at(50),
    "filter": prompted("filter"),
    "level_down": lambda k: k.app.state.minimum == Level.TRACE,
    "level_up": lambda k: k.app.state.minimum == Level.DEBUG,
    "pick_level": dialog(LevelPicker),
    "pick_sources": dialog(SourcePicker),
    "toggle_filters": lambda k: not k.app.state.enabled,
    "next_error": at(70),
    "previous_error": at(50),
    "next_warning": at(65),
    "previous_warning": at(55),
    "next_item": lambda k: k.at > START and k.model.delivery(k.at).work_item is not None,
    "previous_item": lambda k: k.at < START and k.model.delivery(k.at).work_item is not None,
    "next_in_trace": at(70),
    "previous_in_trace": at(50),
    "next_alike": at(70),
    "previous_alike": at(50),
    "mark": lambda k: START in k.model.marks,
    "next_mark": at(80),
    "previous_mark": at(40),
    "clear_marks": lambda k: len(k.model.marks) == 0,
    "jump_back": at(START),
    "detail": lambda k: k.detail.display,
    "context": lambda k: k.app.state.in_context,
    "wrap": lambda k: k.view.look.wrap,
    "fold": lambda k: k.model.fold is not None,
    "unfold": lambda k: len(k.model.visible()) > k.before["shown"],
    "fold_again": lambda k: len(k.model.visible()) < k.before["shown"],
    "time": lambda k: k.view.look.time_mode == "date",
    "delta": lambda k: k.view.look.deltas,
    "field_down": lambda k: k.detail.chosen == k.before["field"] + 1,
    "field_up": lambda k: k.detail.chosen == k.before["field"] - 1,
    "first_field": lambda k: k.detail.chosen == 0,
    "last_field": lambda k: k.detail.chosen > 8,
    "add_to_filter": lambda k: k.app.state.text == "service:payments",
    "exclude": lambda k: k.app.state.text == "-service:payments",
    "branch": lambda k: "http" in k.detail.sight.closed,
    "raw": lambda k: k.detail.sight.raw,
    "view_tail": lambda k: k.app.views.current == "tail",
    "command": prompted(":"),
    "palette": lambda k: type(k.app.screen).__name__ == "CommandPalette",
    "help": lambda k: bool(k.app.screen.query("HelpPanel")),
    "next_panel": lambda k: k.app.focused is not k.view,
    "previous_panel": lambda k: k.app.focused is not k.view,
    "back": lambda k: k.app.searches.search is None,
}


async def prepare(k: Keys, name: str, pilot) -> None:
    """Bring about what an action needs to be seen."""
    if name in ("next_hit", "previous_hit", "back"):
        k.app.searches.changed("card declined")
    if name in ("next_mark", "previous_mark", "clear_marks"):
        for seq in (40, 80):
            k.model.marks.toggle(k.model.delivery(seq))
    if name == "jump_back":
        k.model.jump(10)
    if name == "left":
        k.view.sideways(1)
    if name in ("unfold", "fold_again"):
        folding = k.app.controls.owner("folding")
        folding.toggle()
        while k.model.work():
            pass
        if name == "fold_again":
            folding.unfold(True)
        k.before["shown"] = len(k.model.visible())
    if ACTIONS[name].panel == "detail":
        k.app.panels.open_detail(True)
        await pilot.pause()
        k.detail.focus()
        await pilot.pause()
        wanted = {"add_to_filter": "source", "exclude": "source", "branch": "@http"}
        k.detail.choose(wanted.get(name, "time"))
        k.before["field"] = k.detail.chosen
    if name == "view_tail":
        k.app.views.show("stats")
        await pilot.pause()


MINE = [
    action.name
    for title in ("Moving", "Finding", "Jumping", "Reading", "Detail", "Program")
    for action in GROUPS[title]
    if action.name not in ("leave", "quit", "mouse")
] + ["view_tail"]


@pytest.mark.parametrize("part", range(4))
async def test_each_key_does_its_action(part):
    assert set(MINE) == set(EFFECTS)
    async with stage(size=(110, HEIGHT + 13)) as (s, pilot):
        for event in rows():
            await s.intake.accept(arrival_of(event))
        s.hub.log.link(dict.fromkeys((20, 40, 60, 80, 100), "WI-1"))
        await s.drawn(pilot)
        k = Keys(s)
        wrong = []
        for name in MINE[part::4]:
            for keys in ACTIONS[name].keys:
                await k.calm(pilot)
                await prepare(k, name, pilot)
                await pilot.press(*(WORDS.get(key, key) for key in keys.split()))
                await s.app.pump.idle()
                if not EFFECTS[name](k):
                    wrong.append((name, keys))
        assert wrong == []


@pytest.mark.parametrize("keys", [("q",), ("ctrl+c",), ("Z", "Z")])
async def test_the_keys_that_leave_leave(keys):
    async with stage() as (s, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        assert s.app.leaving


async def test_q_leaves_what_is_open_before_it_quits():
    async with stage() as (s, pilot):
        await s.give(make_event("row"))
        await s.drawn(pilot)
        await pilot.press("enter", "q")
        assert not s.app.main.query_one(DetailPane).display
        assert not s.app.leaving
        await pilot.press("f8")
        await pilot.pause()
        await pilot.press("q")
        await pilot.pause()
        assert s.app.views.current == "tail"
        assert not s.app.leaving
        await pilot.press("q")
        await pilot.pause()
        assert s.app.leaving


async def test_no_key_pressed_by_accident_loses_anything():
    """Every key of the tail in turn: nothing is deleted, closed or sent without a question."""
    async with stage() as (s, pilot):
        for event in rows():
            await s.give(event)
        await s.drawn(pilot)
        held = len(s.hub.log.snapshot)
        items = [(item.id, item.status) for item in s.sentinel.items.all()]
        for name in MINE:
            keys = [WORDS.get(key, key) for key in ACTIONS[name].keys[0].split()]
            opens = ACTIONS[name].does.endswith(
                ("open", "palette", "help", "pick_level", "sources")
            )
            await pilot.press(*keys, *(["escape"] if opens else []))
        assert len(s.hub.log.snapshot) == held
        assert [(item.id, item.status) for item in s.sentinel.items.all()] == items
        assert not s.app.leaving
