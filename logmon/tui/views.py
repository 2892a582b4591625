"""The full views, and switching between them. A view is a module and one line in `VIEWS`.

A view is a widget that is made when it is first shown. It asks the app for what it needs
(`app.hub`, `app.model`, `app.items`, `app.palette()`), and says what it wants by messages that the
app answers: `FilterTo`, `GoTo`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import msgspec
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher

if TYPE_CHECKING:
    from logmon.tui.app import LogmonApp
    from logmon.tui.palette import Palette


class ViewEntry(msgspec.Struct, frozen=True):
    """One line of the registry."""

    title: str
    made_by: str
    """`module:Class` of a `View`"""


VIEWS: dict[str, ViewEntry] = {
    "items": ViewEntry("Work items", "logmon.tui.items_view:ItemsView"),
    "dead": ViewEntry("Dead letters", "logmon.tui.dead_view:DeadView"),
    "patterns": ViewEntry("Patterns", "logmon.tui.patterns_view:PatternsView"),
    "sources": ViewEntry("Sources", "logmon.tui.sources_view:SourcesView"),
    "rules": ViewEntry("Rules", "logmon.tui.rules_view:RulesView"),
    "stats": ViewEntry("Stats", "logmon.tui.stats_view:StatsView"),
}
"""Views besides the tail, by name; the action that shows one is a row in `actions.VIEWS`."""


class View(Widget):
    """A full view. It takes the focus when it is shown, so it, or a child, must be focusable."""

    def __init__(self, app: LogmonApp, name: str) -> None:
        super().__init__(id=f"view-{name}")
        self.logmon = app

    def shown(self) -> None:
        """Be up to date: the view comes to the front. Called each time, after mounting."""

    def tick(self) -> None:
        """Draw what changed; called each second while the view is in front."""

    def rows_changed(self) -> None:
        """Draw what rows change at once; called a few times a second while it is in front."""

    def restyle(self, palette: Palette) -> None:
        """Take the colours of another theme."""


class FilterTo(Message):
    """Show the tail narrowed to a query; `extend` keeps the present one."""

    def __init__(self, query: str, *, extend: bool = False) -> None:
        super().__init__()
        self.query = query
        self.extend = extend


class GoTo(Message):
    """Show the tail at a row."""

    def __init__(self, seq: int) -> None:
        super().__init__()
        self.seq = seq


class Views:
    """Switches between the tail and the views."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app
        self._made: dict[str, View] = {}
        self.current = "tail"

    @property
    def front(self) -> View | None:
        """The view that is shown, or None for the tail."""
        return self._made.get(self.current)

    def show(self, name: str) -> None:
        """Bring a view to the front, and make it if this is the first time."""
        self.current = name
        switcher = self._app.main.query_one(ContentSwitcher)
        if name == "tail":
            switcher.current = "tail-page"
            self._app.main.set_focus(self._app.main.query_one("#tail"))
            return
        view = self._made.get(name)
        if view is None:
            module, _, kind = VIEWS[name].made_by.partition(":")
            view = self._made[name] = getattr(import_module(module), kind)(self._app, name)
            switcher.add_content(view, set_current=True)
        else:
            switcher.current = view.id
        self._app.call_after_refresh(self._come_to_front, view)

    def _come_to_front(self, view: View) -> None:
        if self.front is not view:
            return
        if not view.is_mounted:  # its widgets are not there yet
            self._app.call_after_refresh(self._come_to_front, view)
            return
        view.shown()
        inner = (child for child in view.walk_children(Widget) if child.can_focus)
        target = view if view.can_focus else next(inner, view)
        target.focus()

    def leave(self) -> bool:
        """Go back to the tail; return whether there was anything to leave."""
        if self.current == "tail":
            return False
        self.show("tail")
        return True

    def tick(self) -> None:
        """Let the front view draw what changed."""
        if self.front is not None:
            self.front.tick()

    def restyle(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        for view in self._made.values():
            view.restyle(palette)
