"""`:rules`: the list of rules, at one of them where it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.tui.commands import Command, CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logmon.tui.app import LogmonApp


def _names(app: LogmonApp, typed: str) -> Iterable[str]:
    names = () if app.service is None else app.service.rule_names()
    return (name for name in names if name.startswith(typed))


def _rules(app: LogmonApp, name: str) -> None:
    if name and name not in _names(app, name):
        raise CommandError("no rule has this name")
    app.views.show("rules")
    if name:
        app.call_after_refresh(app.controls.owner("rules").select, name)


COMMANDS = (
    Command("rules", "[NAME]", "The rules: what each did, edit, off and on", _rules, _names),
)
