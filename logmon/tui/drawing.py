"""Draws frames as rows come, and filters held rows in slices between them, off the paint path."""

from __future__ import annotations

import asyncio
import time
from contextvars import copy_context
from typing import TYPE_CHECKING

from logmon.errors import PatternTooSlow
from logmon.tui.driver import TerminalDriver
from logmon.tui.header import FilterLine, Header
from logmon.tui.item_list import ItemsPane
from logmon.tui.pump import FramePump
from logmon.tui.tail_view import TailView
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.tui.app import LogmonApp

SLICE_PAUSE_S = 0.001
"""Pause between two slices of background filtering, so that keys and frames come first."""


class Drawing:
    """When the widgets of the tail look at the model."""

    def __init__(self, app: LogmonApp, redraw_hz: float) -> None:
        self._app = app
        self.pump = FramePump(self.frame, redraw_hz, self._backlog)
        self._working: asyncio.TimerHandle | None = None
        self._more = False
        """Whether the last slice left more to do: the slice that ends it is drawn as well."""

    def _backlog(self) -> int:
        driver = self._app._driver
        return driver.backlog() if isinstance(driver, TerminalDriver) else 0

    def start(self) -> None:
        """Draw from now on; called in the app's own context."""
        self.pump.context = copy_context()
        self.pump.data()

    def stop(self) -> None:
        """Draw no more."""
        self.pump.stop()
        self.pump.context = None
        if self._working is not None:
            self._working.cancel()

    def frame(self) -> None:
        """Draw a frame now."""
        self._guarded(self._draw)

    def _guarded(self, do: Callable[[], None]) -> None:
        """Do something that the loop's timers call: Textual would not hear of what goes wrong."""
        if self._app.leaving:  # the widgets go before the app does
            return
        try:
            do()
        except Exception as error:  # noqa: BLE001 - ends the app, and is named when it has ended
            self._app._handle_exception(error)

    def _draw(self) -> None:
        """Take in what is new and draw it."""
        app, main = self._app, self._app.main
        app.model.sync()
        view = main.query_one(TailView)
        view.empty_text = self._empty_text()
        view.model_changed()
        self.pump.pace(turnover=view.turned_over)
        main.query_one(ItemsPane).update_items()
        main.query_one(FilterLine).refresh()
        app.overview.rows_changed()
        if not app.model.live or app.hub.growing:
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
        app.rates.sample(app.hub.sources, time.monotonic())
        app.main.query_one(ItemsPane).update_items()
        app.views.tick()

    def work_on(self) -> None:
        """Filter held rows, and do the other works, in slices while frames and keys go on."""
        if self._working is None and self.pump.context is not None:
            loop = asyncio.get_running_loop()
            self._working = loop.call_later(
                SLICE_PAUSE_S, self._guarded, self._work, context=self.pump.context
            )

    def _work(self) -> None:
        self._working = None
        app = self._app
        was_busy = app.model.busy
        try:
            more = app.model.work()
        except PatternTooSlow as error:
            app.filters.refuse(str(error))
            return
        if not more:
            more = app.jumps.work() or app.searches.work()
        if was_busy or more or self._more:
            self.pump.data()
        self._more = more
        if more:
            self.work_on()
