"""The Rules view: counts, a rule edited with its effect shown, switched off and on, and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from textual.widgets import Input

from logmon.config import load_config
from logmon.level import Level
from logmon.rule_files import RuleFile, read_rules, rules_of
from logmon.runtime import LogMonitorService
from logmon.sentinel.rule import Rule
from logmon.testing import make_event
from logmon.tui.confirm import Confirm
from logmon.tui.prompt import Offers
from logmon.tui.rule_dialog import FIELDS, DraftPage, RuleDialog
from logmon.tui.rule_fields import MEANING, field_text, with_field
from logmon.tui.rules_view import RuleList
from tests.hostile import ATTACKS
from tests.tui.stage import all_lines_are_text, compare, stage, story
from tests.tui.test_rules import declined, served, text_of
from tests.tui.test_views import portrait_time, settled

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
# mine
[[sentinel.rules]]
name = "cards"
when = "declined"  # words
threshold = 2

[[sentinel.rules]]
name = "quiet"
minimum_level = "critical"
"""


def row_of_rule(app, name: str) -> list[str]:
    shown = text_of(app.screen.query_one(RuleList)).splitlines()
    return next(line for line in shown if name in line.split()).split()


async def typed(pilot, key: str, text: str) -> None:
    """Go to a field, type it anew."""
    rows = FIELDS.index(key) - pilot.app.screen.query_one(DraftPage).place
    await pilot.press(*["down" if rows > 0 else "up"] * abs(rows), "space")
    await pilot.press("end", "ctrl+u", *text)


async def test_the_list_tells_what_each_rule_did(tmp_path: Path):
    events = [declined(n) for n in range(4)]
    async with served(tmp_path, *events, rules=RULES) as (app, pilot, _):
        await app.service.set_feedback("WI-1", "noise", by="test")
        await pilot.press("f9")
        await pilot.pause()
        assert row_of_rule(app, "cards") == [
            "✓", "on", "cards", "4", "1", "2", "1", "0", "0", "1",
            "≥", "warn", "·", "2", "matches", "·…",
        ]  # fmt: skip
        assert row_of_rule(app, "quiet")[:4] == ["✓", "on", "quiet", "0"]
        await pilot.press("escape", "colon", *"rules quiet", "enter")
        await pilot.pause()
        assert app.screen.query_one(RuleList).rule.name == "quiet"
        await pilot.press("colon", *"rules none", "enter")
        await pilot.pause()
        assert app.prompt_purpose is not None, "no rule has this name"


async def test_a_rule_is_switched_off_and_on_and_nothing_it_did_is_lost(tmp_path: Path):
    async with served(tmp_path, *[declined(n) for n in range(4)], rules=RULES) as (
        app,
        pilot,
        path,
    ):
        before = path.read_text()
        await pilot.press("f9", "d")
        await pilot.pause()
        assert isinstance(app.screen, Confirm)
        await pilot.press("n")
        assert path.read_text() == before
        await pilot.press("d", "y")
        await pilot.pause()
        assert row_of_rule(app, "cards")[:5] == ["✗", "off", "cards", "4", "1"]
        assert path.read_text() == before.replace('"cards"\n', '"cards"\nenabled = false\n')
        assert path.stat().st_mode & 0o777 == 0o600
        item = app.items.get("WI-1")
        assert (item.status, item.count) == ("new", 4)
        await pilot.press("d", "y")
        await pilot.pause()
        assert row_of_rule(app, "cards")[:2] == ["✓", "on"]
        assert read_rules(path) == rules_of(load_config(path, {}).sentinel)
        assert app.service.rules()[0] == Rule(name="cards", when="declined", threshold=2)


async def test_a_rule_is_edited_with_its_effect_shown_and_applied_at_once(tmp_path: Path):
    events = [declined(n, attributes={"order": n}) for n in range(6)]
    async with served(tmp_path, *events, rules=RULES) as (app, pilot, path):
        await pilot.press("f9", "enter")
        await pilot.pause(0.4)
        page = app.screen.query_one(DraftPage)
        assert text_of(page).splitlines()[0].startswith("─ rule cards ─")
        rows = page.effect.rows
        shown = f"6 of {rows} rows match → 1 item, first 12:00:00 UTC"
        assert text_of(page).splitlines()[-1] == f" {shown} · as it was 6 rows → 1 item"
        await typed(pilot, "when", "declined @order:>3")
        await pilot.press("enter")
        await typed(pilot, "title", "Many declined")
        await pilot.press("enter")
        await typed(pilot, "group_by", "@order, host")
        await pilot.press("enter")
        await pilot.pause(0.5)
        assert f"2 of {rows} rows match → 0 items · as it was 6 rows → 1 item" in text_of(page)
        await typed(pilot, "threshold", "1")
        await pilot.press("enter")
        await pilot.pause(0.5)
        assert f"2 of {rows} rows match → 2 items" in text_of(page)
        await pilot.press("enter")
        await pilot.pause()
        assert read_rules(path)[0].when == "declined", "it asks"
        await pilot.press("y")
        await pilot.pause()
        wanted = Rule(
            name="cards", when="declined @order:>3", title="Many declined",
            group_by=("@order", "host"),
        )  # fmt: skip
        assert app.service.rules()[0] == read_rules(path)[0] == wanted
        assert 'when = "declined @order:>3"  # words' in path.read_text()
        assert row_of_rule(app, "cards")[:5] == ["✓", "on", "cards", "6", "1"]
        assert app.items.get("WI-1").count == 6, "what was counted before stays"


WRONG = (
    ("when", "a:b OR OR c", "(column 8)"),
    ("when", "status:(error", "(column 8)"),
    ("when", "timestamp:>now-1h", "has no now"),
    ("minimum_level", "wran", "is not a level"),
    ("threshold", "0", "greater than or equal to 1"),
    ("threshold", "many", "valid integer"),
    ("window", "-5m", "is no duration"),
    ("cooldown", "5", "is no duration"),
    ("priority", "urgent", "'high', 'medium' or 'low'"),
)


async def test_a_wrong_field_is_refused_with_its_reason_and_nothing_changes(tmp_path: Path):
    async with served(tmp_path, declined(1), rules=RULES) as (app, pilot, path):
        before = path.read_text()
        await pilot.press("f9", "enter")
        for key, text, said in WRONG:
            await typed(pilot, key, text)
            await pilot.press("enter")
            await pilot.pause()
            assert said in text_of(app.screen.query_one(Offers)), (key, text)
            assert app.screen.focused.id == "prompt-input", "the line stays open"
            await pilot.press("escape")
        await pilot.press("enter")
        await pilot.pause()
        assert not isinstance(app.screen, RuleDialog | Confirm), "there is nothing to save"
        assert path.read_text() == before


async def test_a_change_of_the_file_is_shown_and_a_rule_that_is_gone_keeps_its_counts(
    tmp_path: Path,
):
    async with served(tmp_path, *[declined(n) for n in range(4)], rules=RULES) as (
        app,
        pilot,
        path,
    ):
        await pilot.press("f9")
        path.write_text(RULES.replace('"cards"', '"card"'))
        app.service.reload_rules()
        app.views.tick()
        await pilot.pause()
        assert row_of_rule(app, "card")[:4] == ["✓", "on", "card", "0"]
        assert row_of_rule(app, "cards")[:5] == ["·", "gone", "cards", "4", "1"]
        await pilot.press("G", "enter", "d")
        await pilot.pause()
        assert not isinstance(app.screen, RuleDialog | Confirm)
        assert [n.message for n in app._notifications] == ["this rule is no longer configured"] * 2


async def test_a_file_that_is_not_ours_to_write_is_refused_with_the_reason(tmp_path: Path):
    async with served(tmp_path, declined(1), rules=RULES) as (app, pilot, path):
        path.chmod(0o400)
        await pilot.press("f9", "d", "y")
        await pilot.pause()
        (said,) = [note.message for note in app._notifications]
        assert "is write-protected, so rules are not saved in it" in said
        assert path.read_text() == RULES
        assert all(rule.enabled for rule in app.service.rules())


async def test_a_drafted_rule_has_fields_to_type_too(tmp_path: Path):
    async with served(tmp_path, declined(1), rules=RULES) as (app, pilot, path):
        await pilot.press("g", "R")
        await pilot.pause()
        parts = len(app.screen.query_one(DraftPage).draft.parts)
        await pilot.press(*["down"] * (parts + FIELDS.index("cooldown")), "space")
        await pilot.press("end", "ctrl+u", *"1h", "enter", "enter", "y")
        await pilot.pause()
        saved = read_rules(path)[-1]
        assert saved.cooldown_s == 3600
        assert saved.when == '"Card declined for order" service:"payments"', "parts stay"


async def test_texts_of_rules_and_rows_drive_neither_list_nor_dialog_nor_line(tmp_path: Path):
    attacks = list(ATTACKS.values())[::9]
    async with stage() as (s, pilot):
        rules = [
            Rule(name=f"{text[:80]}{n}", title=text, priority="high", group_by=(text,))
            for n, text in enumerate(attacks)
        ]
        s.sentinel.set_rules(rules)
        s.app.service = LogMonitorService(s.hub, [], sentinel=s.sentinel)
        await s.give(make_event("row", level=Level.WARN))
        await pilot.press("f9")
        await settled(s, pilot)
        all_lines_are_text(s)
        for _ in rules:
            await pilot.press("enter", *["down"] * FIELDS.index("title"), "space")
            await pilot.pause()
            page = s.app.screen.query_one(DraftPage)
            assert all(page.line(y).text.isprintable() for y in range(page.size.height))
            line = s.app.screen.query_one(Input)
            assert all(strip.text.isprintable() for strip in line.render_lines(line.region.reset_offset))  # fmt: skip
            await pilot.press("escape", "escape", "down")
            await pilot.pause()


@pytest.mark.parametrize("key", MEANING)
def test_a_field_typed_as_it_is_shown_is_the_same_rule(key):
    rule = Rule(
        name="r", when="a b", minimum_level=Level.ERROR, threshold=5, window_s=90, cooldown_s=5400,
        priority="low", title="T", group_by=("@a", "b"), enabled=False,
    )  # fmt: skip
    for one in (rule, Rule()):
        assert with_field(one, key, field_text(one, key)) == one


PICTURES = {
    "rules": {},
    "rules-narrow": {"size": (60, 20)},
    "rules-light": {"theme": "textual-light"},
    "rule-edit": {},
    "rule-mistake": {},
}
TOLD = """\
[[sentinel.rules]]
name = "default"

[[sentinel.rules]]
name = "payments fail"
when = "service:payments -@retry:true"
minimum_level = "error"
threshold = 3
window = "2m"
priority = "high"

[[sentinel.rules]]
name = "nightly batch"
enabled = false
when = "service:batch"
"""


@pytest.mark.parametrize("name", PICTURES)
async def test_rules_look_as_their_pictures(tmp_path: Path, name):
    path = tmp_path / "config.toml"
    path.write_text(TOLD)
    config = load_config(path, {})
    async with stage(**({"size": (120, 34)} | PICTURES[name])) as (s, pilot):
        s.sentinel.set_rules(rules_of(config.sentinel))
        s.app.service = LogMonitorService(
            s.hub, [], sentinel=s.sentinel, rule_file=RuleFile(config, path, {})
        )
        await story(s)
        await s.drawn(pilot)
        await pilot.press("f9", "down")
        if name.startswith("rule-"):
            await pilot.press("enter")
            await typed(pilot, "threshold", "1")
            await pilot.press("enter")
        if name == "rule-mistake":
            await typed(pilot, "when", "service:payments -(@retry:true")
            s.app.screen.query_one(Input).cursor_blink = False
            await pilot.press("enter")
        await pilot.pause(0.5)
        await settled(s, pilot)
        await portrait_time(s, pilot)
        compare(name, s.app)


def test_a_rule_that_is_off_is_tried_as_if_it_were_on():
    from logmon.event_log import EventLog
    from logmon.tui.rule_effect import Effect

    effect = Effect(msgspec.structs.replace(Rule(), enabled=False), EventLog().snapshot)
    assert effect.rule.enabled
