"""Draws frames as rows come, and filters held rows in slices between them, off the paint path."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from logmon.errors import PatternTooSlow
from logmon.tui.driver import TerminalDriver
from logmon.tui.header import FilterLine, Header
from logmon.tui.panes import ItemsPane
from logmon.tui.pump import FramePump
from logmon.tui.tail_view import TailView
from logmon.visible import visible

if TYPE_CHECKING:
    from textual.timer import Timer

    from logmon.tui.app import LogmonApp

SLICE_PAUSE_S = 0.001
"""Pause between two slices of background filtering, so that keys and frames come first."""


class Drawing:
    """When the widgets of the tail look at the model."""

    def __init__(self, app: LogmonApp, redraw_hz: float) -> None:
        self._app = app
        self.pump = FramePump(self.frame, redraw_hz, self._backlog)
        self._working: Timer | None = None

    def _backlog(self) -> int:
        driver = self._app._driver
        return driver.backlog() if isinstance(driver, TerminalDriver) else 0

    def frame(self) -> None:
        """Draw; a timer of the loop calls it, so Textual would not hear of what goes wrong."""
        if self._app.leaving:  # the widgets go before the app does
            return
        try:
            self._draw()
        except Exception as error:  # noqa: BLE001 - ends the app, and is named when it has ended
            self._app._handle_exception(error)

    def _draw(self) -> None:
        """Take in what is new and draw it."""
        app, main = self._app, self._app.main
        app.model.sync()
        view = main.query_one(TailView)
        view.empty_text = self._empty_text()
        view.model_changed()
        main.query_one(ItemsPane).update_items()
        main.query_one(FilterLine).refresh()
        if not app.model.live:
            main.query_one(Header).refresh()
        self.work_on()

    def _empty_text(self) -> str:
        if self._app.model.held:
            return "no row passes the filter"
        failing = [
            f"{visible(name[:40])}: {visible((source.detail or source.state)[:200])}"
            for name, source in self._app.hub.sources.items()
            if source.state not in ("live", "ended", "starting")
        ]
        return " · ".join(failing) if failing else "waiting for the first event"

    def tick(self) -> None:
        """Once a second: the clock, the rates, the ages."""
        app = self._app
        if app.leaving:
            return
        app.main.query_one(Header).tick(app.now(), time.monotonic())
        app.main.query_one(ItemsPane).update_items()
        app.views.tick()

    def work_on(self) -> None:
        """Filter held rows in slices while frames and keys go on."""
        if self._working is None and self._app.model.busy:
            self._working = self._app.set_timer(SLICE_PAUSE_S, self._work)

    def _work(self) -> None:
        self._working = None
        if self._app.leaving:
            return
        try:
            more = self._app.model.work()
        except PatternTooSlow as error:
            self._app.filters.refuse(str(error))
            return
        self.pump.data()
        if more:
            self.work_on()
