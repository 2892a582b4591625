"""What lies around the rows: detail, work items, help; and the order in which it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.tui.detail import DetailPane
from logmon.tui.driver import TerminalDriver
from logmon.tui.header import FilterLine, Header
from logmon.tui.item_list import ItemsPane
from logmon.tui.tail_view import TailView

if TYPE_CHECKING:
    from logmon.tui.app import LogmonApp


class Panels:
    """Opens and closes what lies around the rows."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app

    @property
    def detail(self) -> DetailPane:
        """The selected row in full."""
        return self._app.main.query_one(DetailPane)

    def row_changed(self) -> None:
        """Draw what depends on the selected row."""
        app = self._app
        app.main.query_one(Header).refresh()
        app.main.query_one(FilterLine).refresh()
        if self.detail.display:
            self.detail.show(app.model.cursor, app.model.snapshot)

    def toggle_detail(self) -> None:
        """Open or close the detail pane."""
        self._app.main.query_one(TailView).select_any()
        self.open_detail(not self.detail.display)

    def open_detail(self, wanted: bool) -> None:
        """Open or close the detail pane."""
        self.detail.display = wanted
        self._app.set_class(wanted, "-detail")
        self.row_changed()

    def toggle_items(self) -> None:
        """Show or hide the work items beside the tail."""
        pane = self._app.main.query_one(ItemsPane)
        pane.display = not pane.display
        if pane.display:
            pane.update_items()

    def help(self) -> None:
        """Show or hide the keys of the focused panel."""
        if self._app.screen.query("HelpPanel"):
            self._app.action_hide_help_panel()
        else:
            self._app.action_show_help_panel()

    def palette(self) -> None:
        """Search all actions."""
        self._app.action_command_palette()

    def mouse(self) -> None:
        """Give the mouse to the terminal, to select text with, or take it back."""
        driver = self._app._driver
        if isinstance(driver, TerminalDriver):
            ours = driver.toggle_mouse()
            said = "the mouse is logmon's" if ours else "the mouse is the terminal's; F2 takes it"
            self._app.notify(said, markup=False)

    def next(self, step: int) -> None:
        """Give the keys to the next panel, or the one before."""
        main = self._app.main
        _ = main.focus_next() if step > 0 else main.focus_previous()

    def back(self) -> bool:
        """Close what is open, the innermost first; return whether anything was."""
        self._app.clear_notifications()
        if self._app.screen.query("HelpPanel"):
            self._app.action_hide_help_panel()
        elif self.detail.display and self._app.views.current == "tail":
            self.open_detail(False)
        elif not (
            self._app.overview.close()
            or self._app.views.leave()
            or self._app.filters.lift_pattern()
        ):
            return False
        self.focus_front()
        return True

    def escape(self) -> None:
        """Give up what is looked for, close what is open, then take marks of a search away."""
        app = self._app
        if app.jumps.cancel() or self.back() or app.searches.clear():
            return
        if app.state.in_context:
            app.filters.context()
        self.focus_front()

    def leave(self) -> None:
        """Leave what is open, then quit."""
        if not self.back():
            self._app.exit()

    def focus_front(self) -> None:
        """Give the keys to the view that is shown."""
        self._app.views.show(self._app.views.current)
