"""A titled page of lines that are read, not chosen from; moved through by the keys of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from logmon.tui.controls import bindings_of
from logmon.tui.panes import Pane

if TYPE_CHECKING:
    from textual.binding import BindingType


class Page(Pane):
    """A pane whose lines are given by subclasses."""

    PANEL = "list"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(PANEL)

    def move(self, rows: int) -> None:
        """Scroll by lines."""
        self._top = max(0, self._top + rows)
        self.refresh()

    def page(self, pages: int) -> None:
        """Scroll by screens."""
        self.move(pages * max(1, self.size.height - 2))

    def to_end(self, direction: int) -> None:
        """Scroll to the first or last line."""
        self._top = 0 if direction < 0 else self.length()
        self.refresh()

    def choose(self) -> None:
        """Do nothing: there is nothing to open."""
