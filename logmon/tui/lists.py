"""Keys of whatever list or page has the focus: one row in the table of actions for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.tui.page import Page
from logmon.tui.table import Table

if TYPE_CHECKING:
    from logmon.tui.app import LogmonApp


class Lists:
    """Hands the keys to the list that has the focus."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app

    @property
    def _focused(self) -> Table | Page | None:
        focused = self._app.focused
        return focused if isinstance(focused, Table | Page) else None

    def move(self, rows: int) -> None:
        """Select the next or previous row."""
        if (focused := self._focused) is not None:
            focused.move(rows)

    def page(self, pages: int) -> None:
        """Move by a screen."""
        if (focused := self._focused) is not None:
            focused.page(pages)

    def end(self, direction: int) -> None:
        """Select the first or last row."""
        if (focused := self._focused) is not None:
            focused.to_end(direction)

    def choose(self) -> None:
        """Open the selected row."""
        if (focused := self._focused) is not None:
            focused.choose()
