"""Runs actions: who does `owner.method`, the count typed before a key, keys pressed in turn.

An owner is a widget of the screen, found by its class, or a control: a plain class made once, with
the app. `OWNERS` is the whole list; a class is imported when its first action runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from textual.binding import Binding, BindingType
from textual.widget import Widget

from logmon.tui.actions import ACTIONS, DIGITS, Keymap, keymap
from logmon.tui.keys import UNBOUND

if TYPE_CHECKING:
    from logmon.tui.app import LogmonApp

OWNERS: dict[str, str] = {
    "tail": "logmon.tui.tail_view:TailView",
    "detail": "logmon.tui.detail:DetailPane",
    "filters": "logmon.tui.filters:Filters",
    "searches": "logmon.tui.searches:Searches",
    "jumps": "logmon.tui.jumps:Jumps",
    "folding": "logmon.tui.folding:Folding",
    "views": "logmon.tui.views:Views",
    "panels": "logmon.tui.panels:Panels",
    "commands": "logmon.tui.command_line:Commands",
    "overview": "logmon.tui.overview:Overview",
    "histogram": "logmon.tui.histogram_view:HistogramStrip",
    "playing": "logmon.tui.playing:Playing",
    "taking_out": "logmon.tui.taking_out:TakingOut",
    "dead": "logmon.tui.dead_view:DeadView",
    "item_keys": "logmon.tui.item_keys:ItemKeys",
    "verdicts": "logmon.tui.verdict_dialog:Verdicts",
    "rules": "logmon.tui.rules_view:RulesView",
    "rule_drafts": "logmon.tui.rule_draft:RuleDrafts",
    "list": "logmon.tui.lists:Lists",
    "patterns": "logmon.tui.patterns_view:PatternsView",
}
LARGEST_COUNT = 99_999_999


def bindings_of(panel: str) -> list[BindingType]:
    """Return a panel's bindings, for its `BINDINGS`; the user's keymap is laid over them."""
    found: list[BindingType] = []
    for action in ACTIONS.values():
        if action.panel == panel:
            keys = [key for key in action.keys if " " not in key.strip()] or [UNBOUND]
            found.append(_binding(action.name, keys))
    if panel == "tail":
        found += [
            Binding(digit, f"app.count({digit})", system=True, show=False) for digit in DIGITS
        ]
    return found


OPENERS = ("filter", "search", "command")
"""What opens the line to type in is done before the next key is handed to anyone: typed fast, the
rest of `/word` would be taken for keys of the tail (Textual 8.2.8 hands keys on unasked)."""


def _binding(name: str, keys: list[str]) -> Binding:
    from logmon.tui.keys import key_name

    action = ACTIONS[name]
    names = ",".join(key if key == UNBOUND else key_name(key) for key in keys)
    priority = name in ("quit", *OPENERS)
    return Binding(names, f"app.do('{name}')", action.text, show=False, id=name, priority=priority)


class Controls:
    """Finds owners and runs actions by name."""

    def __init__(self, app: LogmonApp, keys: Keymap) -> None:
        self._app = app
        self.keys = keys
        self.count = 0
        """The number typed so far."""
        self.first = ""
        """The first of two keys that are one action, while the second one is waited for."""
        self._owners: dict[str, Any] = {"app": app}

    def owner(self, name: str) -> Any:
        """Return who does the actions of this owner."""
        found = self._owners.get(name)
        if found is None:
            module, _, kind = OWNERS[name].partition(":")
            wanted = getattr(import_module(module), kind)
            if issubclass(wanted, Widget):
                return self._app.main.query_one(wanted)
            found = self._owners[name] = wanted(self._app)
        return found

    def run(self, name: str) -> None:
        """Do an action; a count goes to those that take one and is forgotten by the others."""
        action = ACTIONS[name]
        count, self.count = self.count, 0
        owner, _, method = action.does.partition(".")
        options = {"count": count or None} if action.counted else {}
        getattr(self.owner(owner), method)(*action.args, **options)

    def digit(self, digit: int) -> None:
        """Add a digit to the count."""
        self.count = min(self.count * 10 + digit, LARGEST_COUNT)

    # Keys

    def single_keys(self) -> dict[str, str]:
        """Return what differs from the default keys, as Textual takes it: keys parted by commas.

        Textual lays a keymap over all bindings anew for each key that is pressed (8.2.8).
        """
        usual = keymap({})
        return {
            name: ",".join(key for key in keys if " " not in key) or UNBOUND
            for name, keys in self.keys.items()
            if keys != usual[name]
        }

    def first_keys(self) -> set[str]:
        """Return the keys that begin a sequence of two."""
        return {key.partition(" ")[0] for keys in self.keys.values() for key in keys if " " in key}

    def second(self, key: str) -> str | None:
        """Take the second key; return the action of both, empty where there is none.

        None: none is waited for.
        """
        first, self.first = self.first, ""
        return self.after(first).get(key, "") if first else None

    def after(self, first: str) -> dict[str, str]:
        """Return what the second key does: key to action name."""
        return {
            key.partition(" ")[2]: name
            for name, keys in self.keys.items()
            for key in keys
            if key.startswith(f"{first} ")
        }
