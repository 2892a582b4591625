"""Rules on the screen: why a row became work, and a rule drafted from it, tried, saved on asking."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from logmon.config import load_config
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.rule_files import RuleFile, read_rules, rules_of
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.sentinel.draft import Draft, phrases
from logmon.sentinel.pipeline import Sentinel
from logmon.sentinel.rehearsal import Rehearsal
from logmon.sentinel.rule import Rule
from logmon.testing import ScriptedSource, arrival_of, hang, make_event
from logmon.tui.app import LogmonApp
from logmon.tui.rule_dialog import DraftPage
from logmon.tui.stats_view import StatsPage
from logmon.tui.tail_view import TailView
from logmon.tui.verdict_dialog import VerdictDialog, VerdictPage
from tests.hostile import ATTACKS

if TYPE_CHECKING:
    from pathlib import Path


def declined(number: int, level: Level = Level.ERROR, **fields):
    return make_event(
        f"Card declined for order {number}",
        id=f"e{number}",
        level=level,
        source="payments",
        **fields,
    )


@asynccontextmanager
async def served(tmp_path: Path, *events, rules: str = ""):
    """Run the real service with its rules in a file, and the app on it."""
    path = tmp_path / "config.toml"
    path.write_text(rules)
    path.chmod(0o600)
    config = load_config(path, {})
    hub = LogEventHub()
    source = ScriptedSource("app", [arrival_of(*events), hang])
    sentinel = Sentinel(rules_of(config.sentinel))
    service = LogMonitorService(
        hub, [SourceEntry(source)], sentinel=sentinel, rule_file=RuleFile(config, path, {})
    )
    app = LogmonApp(hub, items=sentinel.items, service=service)
    running = asyncio.create_task(service.run())
    async with app.run_test(size=(110, 30)) as pilot:
        seen = 0
        async for _event in hub.subscribe(after=-1):
            seen += 1
            if seen >= len(events):
                break
        await hub.drained()
        await pilot.pause()
        yield app, pilot, path
    running.cancel()
    await asyncio.wait({running})


def text_of(widget) -> str:
    return "\n".join(widget.line(y).text.rstrip() for y in range(widget.size.height))


async def test_why_a_row_became_work_is_told_clause_by_clause(tmp_path: Path):
    rules = '[[sentinel.rules]]\nname = "cards"\nwhen = "declined @order:>5"\nthreshold = 2\n'
    events = [declined(n, attributes={"order": n}) for n in (4, 7, 8)]
    async with served(tmp_path, *events, rules=rules) as (app, pilot, _):
        await pilot.press("g", "exclamation_mark")
        await pilot.pause()
        shown = text_of(app.screen.query_one(VerdictPage))
        assert "· cards  @order:>5 saw 4" in shown
        assert "✗ @order:>5" in shown
        assert "template  Card declined for order <*>" in shown
        await pilot.press("escape", "j", "exclamation_mark")
        await pilot.pause()
        assert "· cards  below threshold 1/2" in text_of(app.screen.query_one(VerdictPage))
        await pilot.press("exclamation_mark", "j", "exclamation_mark")
        await pilot.pause()
        assert "◆ cards  opened WI-1" in text_of(app.screen.query_one(VerdictPage))
        await pilot.press("q")
        await pilot.pause()
        assert not isinstance(app.screen, VerdictDialog)


async def test_what_sentinel_says_itself_is_explained_as_such(tmp_path: Path):
    async with served(tmp_path, declined(1)) as (app, pilot, _):
        await pilot.press("G", "exclamation_mark")
        await pilot.pause()
        assert "rules never hear it" in text_of(app.screen.query_one(VerdictPage))


async def test_a_rule_is_drafted_tried_and_saved_and_makes_what_was_shown(tmp_path: Path):
    events = [declined(n, attributes={"region": "ab"[n % 2]}) for n in range(20)]
    events += [make_event(f"disk {n} full", level=Level.WARN, id=f"d{n}") for n in range(5)]
    rules = '[[sentinel.rules]]\nname = "none"\nminimum_level = "emergency"\n'
    async with served(tmp_path, *events, rules=rules) as (app, pilot, path):
        await pilot.press("g", "R")
        await pilot.pause(0.4)
        page = app.screen.query_one(DraftPage)
        assert '✓ "Card declined for order"' in text_of(page)
        assert page.effect is not None
        assert page.effect.text() == "20 of 25 rows match → 1 item, first 12:00:00 UTC"
        await pilot.press("down", "down", "space")
        assert '✓ @region:"a"' in text_of(page)
        await pilot.press("plus")
        await pilot.pause(0.5)
        assert page.effect.text().startswith("10 of 25 rows match → 1 item")
        await pilot.press("enter")
        await pilot.pause()
        assert read_rules(path) == (Rule(name="none", minimum_level=Level.EMERGENCY),), "it asks"
        await pilot.press("y")
        await pilot.pause()
        saved = read_rules(path)[1]
        assert saved.when == '"Card declined for order" service:"payments" @region:"a"'
        assert (saved.name, saved.threshold) == ("card-declined-for-order", 2)
        rehearsal = Rehearsal([saved])
        rehearsal.feed(app.hub.recent(100))
        assert [item.count for item in rehearsal.items()] == [10]
        assert app.service.rule_names() == ("none", "card-declined-for-order")


async def test_a_draft_that_is_dropped_changes_nothing(tmp_path: Path):
    async with served(tmp_path, declined(1)) as (app, pilot, path):
        before = path.read_text()
        await pilot.press("g", "R", "enter", "n")
        await pilot.press("R", "escape")
        await pilot.pause()
        assert path.read_text() == before
        assert app.service.rule_names() == ("default",)


async def test_log_text_drives_neither_dialog(tmp_path: Path):
    async with served(tmp_path, *[make_event(text, level=Level.WARN) for text in list(ATTACKS.values())[::5]]) as (
        app, pilot, _,
    ):  # fmt: skip
        await pilot.press("g")
        for _text in list(ATTACKS.values())[::5]:
            await pilot.press("exclamation_mark")
            await pilot.pause()
            shown = text_of(app.screen.query_one(VerdictPage))
            assert all(char.isprintable() or char == "\n" for char in shown)
            await pilot.press("escape", "R")
            await pilot.pause()
            shown = text_of(app.screen.query_one(DraftPage))
            assert all(char.isprintable() or char == "\n" for char in shown)
            await pilot.press("escape", "j")


async def test_the_first_row_of_a_template_has_a_mark_and_is_found(tmp_path: Path):
    told = [declined(1), declined(2), make_event("hello", id="h"), make_event("hello", id="i")]
    async with served(tmp_path, *told) as (app, pilot, _):
        view = app.query_one(TailView)
        assert "✦ Card declined for order 1" in text_of(view)
        assert "✦ Card declined for order 2" not in text_of(view)
        assert "✦ hello" not in text_of(view), "no rule wanted it, nobody asked"
        await pilot.press("ampersand", *"is:new", "enter")
        async with asyncio.timeout(5):
            while "✦ hello" not in text_of(view):
                await pilot.pause(0.05)
        assert "order 2" not in text_of(view)


async def test_after_done_a_new_occurrence_opens_a_new_item_and_both_have_their_rows(
    tmp_path: Path,
):
    async with served(tmp_path, declined(1)) as (app, pilot, _):
        await app.service.set_status("WI-1", "done", by="test")
        batch = arrival_of(declined(2)).batch
        await app.hub.publish(batch, origin="app")
        await app.hub.drained()
        await pilot.pause(0.1)
        rows = {row.event.message: row.work_item for row in app.hub.recent(9, outside=True)}
        assert rows == {"Card declined for order 1": "WI-1", "Card declined for order 2": "WI-2"}
        shown = text_of(app.query_one(TailView))
        assert "✓ WI-1" in shown
        assert "◆ WI-2" in shown
        newer = app.items.get("WI-2")
        assert (newer.status, newer.previous) == ("new", "WI-1")


async def test_the_rules_counts_stand_in_the_stats_view(tmp_path: Path):
    async with served(tmp_path, declined(1), declined(2)) as (app, pilot, _):
        app.action_do("view_stats")
        await pilot.pause()
        shown = text_of(app.query_one(StatsPage))
        line = next(line for line in shown.splitlines() if line.split()[:1] == ["default"])
        assert line.split() == ["default", "2", "1", "1", "0", "0", "0", "0", "0"]


def test_a_draft_of_any_event_is_a_rule_that_matches_it():
    for text in [
        *map(str, ATTACKS.values()),
        'say "hi" \\ there',
        "",
        "123 456",
        "a:b (c OR d) -e *",
    ]:
        event = make_event(text, level=Level.WARN, tags=("env:prod", "odd tag"), attributes={"a": {"b": text[:50]}})  # fmt: skip
        draft = Draft.of(event, "", ("rule",))
        for place in range(len(draft.parts)):
            if not draft.parts[place].taken:
                draft = draft.toggled(place)
        assert draft.made().filter().matches(event), (text, draft.made().when)


def test_the_words_between_holes_are_the_phrases_of_a_template():
    assert phrases("Card declined for {order} in <*>: try {n}") == [
        "Card declined for",
        "in",
        "try",
    ]
    assert phrases("<*> 12 <*>") == []
