"""Work items on the screen: seen, walked both ways, started, done and reopened from the keyboard."""

from __future__ import annotations

import pytest

from logmon.errors import ItemError
from logmon.event import from_ns, to_ns
from logmon.level import Level
from logmon.testing import NOON, make_event
from logmon.tui.app import LogmonApp
from logmon.tui.confirm import Question
from logmon.tui.header import FilterLine
from logmon.tui.item_list import ItemList, ItemsPane
from logmon.tui.item_rows import ItemRows
from logmon.tui.items_view import ItemEvents
from tests.hostile import ATTACKS
from tests.tui.stage import Stage, all_lines_are_text, compare, stage, story
from tests.tui.test_views import lines, portrait_time, settled


def error(second: float, message: str, **fields):
    moment = from_ns(to_ns(NOON) + round(second * 1e9))
    return make_event(message, level=Level.ERROR, timestamp=moment, **fields)


class Desk:
    """Changes items at once, as the service does, or refuses to."""

    def __init__(self, s: Stage) -> None:
        self.stage = s
        self.refuses = ""
        self.asked: list[tuple[str, str, str]] = []

    async def set_status(self, item_id, status, *, by=""):
        self.asked.append((item_id, status, by))
        if self.refuses:
            raise ItemError(self.refuses)
        sentinel = self.stage.sentinel
        effects = sentinel.set_status(item_id, status, self.stage.clock.now())
        self.stage.hub.publish_own(effects.events, origin="sentinel")
        return sentinel.items.get(item_id)

    async def set_feedback(self, item_id, feedback, *, by=""):
        self.asked.append((item_id, feedback, by))
        if self.refuses:
            raise ItemError(self.refuses)
        self.stage.sentinel.set_feedback(item_id, feedback, self.stage.clock.now())
        return self.stage.sentinel.items.get(item_id)


def with_desk(s: Stage) -> Desk:
    s.app.service = desk = Desk(s)
    return desk


async def asked(s: Stage, pilot) -> None:
    await pilot.pause()
    await s.app.workers.wait_for_complete()
    await settled(s, pilot)


def notices(s: Stage) -> list[str]:
    return [notice.message for notice in s.app._notifications]


async def test_from_an_event_to_its_item_and_back_to_the_same_event():
    async with stage() as (s, pilot):
        for n in range(5):
            await s.give(error(n, f"Card declined for order {n}"), make_event(f"calm {n}"))
        await settled(s, pilot)
        await pilot.press("g")
        await pilot.press("a", "a", "a")
        await settled(s, pilot)
        event = s.app.model.delivery(s.app.model.cursor)
        await pilot.press("f4")
        await settled(s, pilot)
        assert s.app.main.query_one("#item-list").item.id == event.work_item
        assert "events · 5 held" in lines(s, ItemEvents)[0]
        await pilot.press("tab", "tab", "enter")
        await settled(s, pilot)
        assert s.app.views.current == "tail"
        assert s.app.model.cursor == event.seq


async def test_enter_on_an_item_goes_to_its_newest_row():
    async with stage() as (s, pilot):
        await s.give(error(1, "Card declined for order 1"))
        await s.give(error(2, "Card declined for order 2"), error(3, "Ledger is gone"))
        await pilot.press("f4")
        await settled(s, pilot)
        await pilot.press("j", "enter")
        await settled(s, pilot)
        row = s.app.model.delivery(s.app.model.cursor)
        assert row.work_item == "WI-1"
        assert row.event.message == "Card declined for order 2"


async def test_a_row_that_the_filter_hides_is_shown_in_its_context():
    async with stage() as (s, pilot):
        await s.give(error(1, "Card declined"), make_event("calm"))
        await pilot.press("ampersand", *"calm", "enter", "f4")
        await settled(s, pilot)
        await pilot.press("enter")
        await settled(s, pilot)
        assert s.app.model.delivery(s.app.model.cursor).event.message == "Card declined"
        assert "in context · x goes back" in s.line(FilterLine)


async def test_counts_are_live_and_the_selected_item_stays_selected():
    async with stage() as (s, pilot):
        await s.give(error(1, "Card declined for order 1"), error(2, "Ledger is gone"))
        await pilot.press("f4")
        await settled(s, pilot)
        await pilot.press("j")
        view = s.app.main.query_one("#item-list", ItemList)
        assert view.item.id == "WI-1"
        for n in range(40):
            await s.give(error(3 + n, f"Card declined for order {n}", id=f"again{n}"))
        await settled(s, pilot)
        assert view.item.id == "WI-1"
        assert view.place == 0
        assert "×41" in lines(s, "#item-list")[2]
        assert "events · 41 held" in lines(s, ItemEvents)[0]


async def test_s_starts_d_asks_and_closes_o_reopens():
    async with stage() as (s, pilot):
        desk = with_desk(s)
        await s.give(error(1, "Card declined"))
        await pilot.press("f4")
        await settled(s, pilot)
        view = s.app.main.query_one("#item-list", ItemList)
        await pilot.press("s")
        await asked(s, pilot)
        assert view.item.status == "in_progress"
        assert "started" in lines(s, "#item-list")[2]
        await pilot.press("d")
        await pilot.pause()
        assert "WI-1 is done? Card declined" in s.app.screen.query_one(Question).line(0).text
        await pilot.press("enter")
        await asked(s, pilot)
        assert view.item.status == "in_progress"
        await pilot.press("d", "y")
        await asked(s, pilot)
        assert view.item.status == "done"
        assert "✓ WI-1" in lines(s, "#item-list")[2]
        await pilot.press("o")
        await asked(s, pilot)
        assert view.item.status == "new"
        assert [status for _, status, by in desk.asked if by == "screen"] == [
            "in_progress",
            "done",
            "new",
        ]
        assert "WI-1: done → new" in notices(s)


async def test_u_marks_an_item_as_useful_z_as_noise_and_the_same_key_takes_it_back():
    async with stage() as (s, pilot):
        desk = with_desk(s)
        await s.give(error(1, "Card declined"))
        await pilot.press("f4")
        await settled(s, pilot)
        view = s.app.main.query_one("#item-list", ItemList)
        await pilot.press("u")
        await asked(s, pilot)
        assert view.item.feedback == "useful"
        assert "WI-1: marked useful" in notices(s)
        assert "rule default · useful" in lines(s, "#item-fields")[2]
        await pilot.press("z")
        await asked(s, pilot)
        assert view.item.feedback == "noise"
        assert s.sentinel.statistics()["default"].noise == 1
        await pilot.press("z")
        await asked(s, pilot)
        assert view.item.feedback == ""
        assert [mark for _, mark, by in desk.asked if by == "screen"] == ["useful", "noise", ""]
        assert "WI-1: marked neither useful nor noise" in notices(s)
        desk.refuses = "not now"
        await pilot.press("u")
        await asked(s, pilot)
        assert view.item.feedback == ""
        assert "not now" in notices(s)


async def test_the_pane_beside_the_tail_takes_the_same_keys():
    async with stage() as (s, pilot):
        with_desk(s)
        await s.give(error(1, "Card declined"), error(2, "Ledger is gone"))
        await settled(s, pilot)
        s.app.main.query_one(ItemsPane).focus()
        await pilot.press("j", "s")
        await asked(s, pilot)
        assert s.sentinel.items.get("WI-1").status == "in_progress"
        await pilot.press("enter")
        await settled(s, pilot)
        assert s.app.model.delivery(s.app.model.cursor).work_item == "WI-1"


async def test_a_click_selects_an_item_the_next_one_opens_it_and_the_wheel_moves():
    async with stage() as (s, pilot):
        await s.give(*[error(n, f"{word} is gone") for n, word in enumerate(WORDS)])
        await pilot.press("f4")
        await settled(s, pilot)
        view = s.app.main.query_one("#item-list", ItemList)
        await pilot.click("#item-list", offset=(20, 4))
        assert view.place == 2
        view.on_mouse_scroll_down(type("E", (), {"stop": lambda self: None})())
        assert view.place == 5
        await pilot.click("#item-list", offset=(20, 3))
        chosen = view.item.id
        await pilot.click("#item-list", offset=(20, 3))
        await settled(s, pilot)
        assert s.app.views.current == "tail"
        assert s.app.model.delivery(s.app.model.cursor).work_item == chosen


WORDS = ("Alpha", "Beta", "Gamma", "Delta", "Zeta", "Eta", "Theta")


async def test_help_tells_the_keys_of_the_list_that_has_the_focus():
    async with stage() as (s, pilot):
        await pilot.press("f4", "question_mark")
        await pilot.pause(0.3)
        assert s.app.screen.query("HelpPanel")
        assert "Work items" in s.app.focused.BINDING_GROUP_TITLE
        await pilot.press("question_mark")


async def test_a_refusal_is_said_and_nothing_changes():
    async with stage() as (s, pilot):
        desk = with_desk(s)
        desk.refuses = "a newer item of its cause is open \x1b]0;x\x07"
        await s.give(error(1, "Card declined"))
        await pilot.press("f4")
        await settled(s, pilot)
        await pilot.press("s")
        await asked(s, pilot)
        assert "a newer item of its cause is open \\x1b]0;x\\x07" in notices(s)
        assert s.sentinel.items.get("WI-1").status == "new"
        await pilot.press("o")
        assert "WI-1 is new already" in notices(s)


async def test_what_the_log_holds_no_more_is_kept_in_the_item():
    s = Stage(max_rows=20)
    async with s.app.run_test(size=(120, 34)) as pilot:
        await s.give(error(1, "Card declined for order 812"))
        for n in range(100):
            await s.give(make_event(f"calm {n}"))
        await pilot.press("f4")
        await settled(s, pilot)
        rows = lines(s, ItemEvents)
        assert "events · 0 held · 1 evicted" in rows[0]
        assert "evicted, kept in the item · Card declined for order 812" in rows[2]
        await pilot.press("enter")
        await settled(s, pilot)
        assert s.app.views.current == "items"
        assert "evicted, kept in the item" in notices(s)


@pytest.mark.parametrize("count", [1, 15, 60])
def test_held_and_evicted_events_of_an_item_are_each_told_once(count):
    from logmon.batch import EventBatch
    from logmon.event_log import EventLog
    from logmon.sentinel.pipeline import Sentinel

    log, sentinel = EventLog(max_rows=30), Sentinel()
    for n in range(count):
        log.append(
            EventBatch([error(n, f"Card declined for order {n}", id=f"e{n}")]), origin="mock"
        )
        log.link(sentinel.process([log.snapshot.delivery(log.snapshot.next_seq - 1)]).links)
    item = sentinel.items.get("WI-1")
    rows = ItemRows(item, log.snapshot)
    told = [rows.at(place) for place in range(len(rows))]
    held = [row.event.id for row in told if row.seq is not None]
    kept = [row.event.id for row in told if row.seq is None]
    assert held == [f"e{n}" for n in reversed(range(max(0, count - 30), count))]
    assert rows.evicted == max(0, count - 30)
    assert not set(held) & set(kept)
    assert (len(kept) > 0) == (rows.evicted > 0)
    assert [rows.key(place) for place in range(len(rows))] == [
        row.seq if row.seq is not None else row.event.id for row in told
    ]


@pytest.mark.parametrize("size", [(60, 20), (120, 34)])
async def test_hostile_text_in_items_is_text(size):
    async with stage(size=size) as (s, pilot):
        for n, text in enumerate(ATTACKS.values()):
            await s.give(
                error(
                    n,
                    text or "x",
                    source=text[:300],
                    attributes={text[:50]: text[:100]},
                    id=f"h{n}",
                )
            )
        await pilot.press("f4")
        await settled(s, pilot)
        view = s.app.main.query_one("#item-list", ItemList)
        for place in range(view.length()):
            view.select(place)
            s.app.views.front.tick()
            all_lines_are_text(s)
        await pilot.press("d")
        await pilot.pause()
        assert s.app.screen.query_one(Question).line(0).text.isprintable()
        await pilot.press("n")


def test_the_app_takes_a_service():
    """`LogMonitorService` is one: it can change a status by that name."""
    import inspect

    from logmon.runtime import LogMonitorService

    assert "service" in inspect.signature(LogmonApp).parameters
    assert list(inspect.signature(LogMonitorService.set_status).parameters) == [
        "self",
        "item_id",
        "status",
        "by",
    ]


SCENES = {
    "items": {},
    "items-narrow": {"size": (60, 20)},
    "items-light": {"theme": "textual-light"},
}


@pytest.mark.parametrize("name", SCENES)
async def test_the_items_view_looks_as_its_picture(name):
    options = dict(SCENES[name])
    async with stage(size=options.pop("size", (120, 34)), **options) as (s, pilot):
        with_desk(s)
        await story(s)
        await s.drawn(pilot)
        await pilot.press("f4")
        await settled(s, pilot)
        await pilot.press("j", "s")
        await asked(s, pilot)
        for notice in list(s.app._notifications):
            s.app._unnotify(notice)
        await portrait_time(s, pilot)
        compare(name, s.app)
