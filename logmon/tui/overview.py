"""Keeps the histogram up to date beside the rows, a few times a second, and shows or hides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.tui.histogram_view import HistogramStrip
from logmon.tui.playing import TransportBar

if TYPE_CHECKING:
    from textual.timer import Timer

    from logmon.tui.app import LogmonApp

UPDATE_EVERY_S = 0.5


class Overview:
    """The histogram: counted as rows come, one line, five, or none."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app
        self._waiting: Timer | None = None

    @property
    def strip(self) -> HistogramStrip:
        """The histogram's widget."""
        return self._app.main.query_one(HistogramStrip)

    def rows_changed(self) -> None:
        """Count soon: at once when nothing was counted lately."""
        if self._waiting is None:
            self._count()
            self._waiting = self.strip.set_timer(UPDATE_EVERY_S, self._again)

    def count_now(self) -> None:
        """Count everything that can be counted, without waiting for a turn."""
        while self.strip.update_counts():
            pass

    def _again(self) -> None:
        self._waiting = None
        if self._app.screen_stack and self._count():
            self.rows_changed()

    def _count(self) -> bool:
        self._app.filters.follow_pattern()
        front = self._app.views.front
        if front is not None and front.is_mounted:
            front.rows_changed()
        for bar in self._app.main.query(TransportBar):
            bar.refresh()
        strip = self.strip
        more = strip.update_counts()
        return more or not strip.histogram.complete

    def toggle(self) -> None:
        """Go from one line to five with figures and a cursor, to none, to one line."""
        strip = self.strip
        if strip.has_class("-off"):
            strip.remove_class("-off")
        elif strip.tall and strip.has_focus:
            strip.remove_class("-tall")
            strip.add_class("-off")
            self._app.panels.focus_front()
        else:
            strip.add_class("-tall")
            strip.focus()
        self._app.call_after_refresh(strip.update_counts)

    def close(self) -> bool:
        """Go back from five lines to one; return whether there was anything to close."""
        strip = self.strip
        if not strip.tall:
            return False
        strip.remove_class("-tall")
        self._app.call_after_refresh(strip.update_counts)
        return True
