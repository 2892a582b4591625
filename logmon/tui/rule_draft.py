"""Rules made and changed on the screen: drafted from a row by `R`, edited, switched off and on.

Each is tried on the held rows before it is saved, and saving asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from logmon.errors import LogmonError
from logmon.sentinel.draft import Draft
from logmon.tui.confirm import Confirm
from logmon.tui.rule_dialog import RuleDialog
from logmon.tui.rule_fields import MEANING, field_text
from logmon.visible import clipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from logmon.sentinel.rule import Rule
    from logmon.tui.app import LogmonApp
    from logmon.tui.doors import Service


class RuleDrafts:
    """Makes rules out of rows."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app

    def draft(self) -> None:
        """Draft a rule from the selected row, or from the newest one."""
        app = self._app
        seq = app.model.cursor if app.model.cursor is not None else app.model.last()
        row = None if seq is None else app.model.delivery(seq)
        if row is None or row.is_own:
            app.notify("rules never hear what logmon says itself" if row else "there is no row",
                       markup=False)  # fmt: skip
            return
        if app.service is None:
            app.notify("nobody is there to apply it", severity="error", markup=False)
            return
        template = app.service.explain(row.event, seq=row.seq).template
        draft = Draft.of(row.event, template, app.service.rule_names())
        app.push_screen(RuleDialog(app, draft), self._ask)

    def _ask(self, rule: Rule | None) -> None:
        if rule is not None:
            question = f"save rule {rule.name}: {rule.when}"
            self._save(question, rule, lambda service: service.add_rule(rule))

    def edit(self, rule: Rule) -> None:
        """Change a rule's fields."""
        app = self._app

        def edited(after: Rule | None) -> None:
            if after == rule:
                app.notify("nothing was changed", markup=False)
            elif after is not None:
                question = f"save rule {rule.name}: {_changes(rule, after)}"
                self._save(question, after, lambda service: service.change_rule(rule, after))

        app.push_screen(RuleDialog(app, Draft((), rule), rule), edited)

    def switch(self, rule: Rule) -> None:
        """Switch a rule off, or on again, after asking."""
        after = msgspec.structs.replace(rule, enabled=not rule.enabled)
        question = f"switch rule {rule.name} {'on' if after.enabled else 'off'}?"
        self._save(question, after, lambda service: service.change_rule(rule, after))

    def _save(self, question: str, rule: Rule, write: Callable[[Service], Path]) -> None:
        """Ask, then write the rule into its file and say so."""
        app = self._app

        def answered(yes: bool | None) -> None:
            if not yes or app.service is None:
                return
            try:
                path = write(app.service)
            except LogmonError as error:
                app.notify(clipped(str(error), 300), severity="error", markup=False)
                return
            state = "" if rule.enabled else ", off"
            app.notify(clipped(f"rule {rule.name} is saved in {path}{state}", 300), markup=False)
            app.views.tick()

        app.push_screen(Confirm(question, app.palette()), answered)


def _changes(before: Rule, after: Rule) -> str:
    """Say what differs: `threshold 1 → 5, title  → Slow`."""
    pairs = ((key, field_text(before, key), field_text(after, key)) for key in MEANING)
    return ", ".join(f"{key} {old} → {new}" for key, old, new in pairs if old != new)
