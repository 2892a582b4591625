"""The Stats view: the accounting identity of each source, what the log holds, who reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.tui.histogram import TimeSpan
from logmon.tui.page import Page
from logmon.tui.rule_stats import rule_lines
from logmon.tui.stats import Line, stats_lines
from logmon.tui.views import View

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from logmon.tui.app import LogmonApp
    from logmon.tui.render import Span


class StatsPage(Page):
    """The lines, scrolled by arrows and wheel."""

    def __init__(self, app: LogmonApp) -> None:
        super().__init__(app.palette(), "stats")
        self._app = app
        self._span = TimeSpan()
        self.lines: list[Line] = []

    def look(self) -> None:
        """Take the figures of now and draw them."""
        app = self._app
        snapshot = app.hub.log.snapshot
        self.lines = stats_lines(
            app.hub.statistics(),
            app.hub.log,
            snapshot,
            tail=(app.model.shown(), app.model.held),
            ends=self._span.ends(snapshot),
            zone=app.look.zone,
            width=self.size.width,
        )
        if app.service is not None:
            self.lines += rule_lines(app.service.rule_statistics())
        self.refresh()

    def on_resize(self) -> None:
        """Lay out for the new width."""
        self.look()

    def title(self) -> list[Span]:
        """Say what this is."""
        return [("stats", self.palette.bold)]

    def length(self) -> int:
        """Return how many lines there are."""
        return len(self.lines)

    def spans(self, place: int) -> list[Span]:
        """Return one line."""
        palette = self.palette
        return [(text, getattr(palette, style)) for text, style in self.lines[place]]


class StatsView(View):
    """The page, once a second."""

    DEFAULT_CSS = "StatsView { height: 1fr; } #stats { height: 1fr; }"

    def compose(self) -> ComposeResult:
        """Lay out the page."""
        yield StatsPage(self.logmon)

    def shown(self) -> None:
        """Take the figures of now."""
        self.tick()

    def tick(self) -> None:
        """Take the figures of now."""
        self.query_one(StatsPage).look()
