"""The application: puts the widgets together and turns keys into changes of the model."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from logmon.errors import PatternTooSlow
from logmon.event import from_ns
from logmon.filter import SourceClause
from logmon.level import Level, at_least
from logmon.sentinel.tracker import WorkItems
from logmon.tui.driver import TerminalDriver
from logmon.tui.filter_bar import FilterBar
from logmon.tui.filter_state import FilterState
from logmon.tui.header import FilterLine, Header, KeyHints
from logmon.tui.palette import Palette
from logmon.tui.panes import DetailPane, ItemsPane
from logmon.tui.pickers import LevelPicker, SourcePicker
from logmon.tui.pump import FramePump
from logmon.tui.tail_model import TailModel
from logmon.tui.tail_view import TailView
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.screen import Screen
    from textual.timer import Timer
    from textual.widgets import Input

    from logmon.hub import LogEventHub

logger = logging.getLogger(__name__)

SLICE_PAUSE_S = 0.001
"""Pause between two slices of background filtering, so that keys and frames come first."""


class LogmonApp(App[None]):
    """The live tail."""

    TITLE = "logmon"
    ENABLE_COMMAND_PALETTE = True
    CSS_PATH = Path(__file__).with_name("logmon.tcss")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Quit", id="quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True, id="force_quit"),
        Binding("slash,ampersand", "filter", "Filter", id="filter"),
        Binding("left_square_bracket", "level(-1)", "More levels", show=False, id="level_down"),
        Binding("right_square_bracket", "level(1)", "Fewer levels", show=False, id="level_up"),
        Binding("L", "pick_level", "Level", show=False, id="pick_level"),
        Binding("S", "pick_sources", "Source", id="pick_sources"),
        Binding("ctrl+f", "toggle_filters", "Filters on/off", show=False, id="toggle_filters"),
        Binding("I,f4", "toggle_items", "Work items", show=False, id="toggle_items"),
        Binding("question_mark,f1", "help", "Help", id="help"),
        Binding("escape", "escape", "Back", show=False),
    ]

    def __init__(
        self,
        hub: LogEventHub,
        *,
        items: WorkItems | None = None,
        state: FilterState | None = None,
        zone: tzinfo = UTC,
        redraw_hz: float = 30.0,
        theme: str = "",
        keys: dict[str, list[str]] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(driver_class=TerminalDriver)
        self._hub = hub
        self._items = WorkItems() if items is None else items
        self._zone = zone
        self._now = now
        self._theme_wanted = theme
        self._keys = keys or {}
        self._count_seen = -1
        self._working: Timer | None = None
        self.ready = asyncio.Event()
        """Set once keys and `exit` are heard."""
        self.state = state or FilterState()
        self.model = TailModel(hub.log)
        self.pump = FramePump(self._frame, redraw_hz, self._backlog)

    @property
    def failure(self) -> Exception | None:
        """What ended the app that should not have."""
        return self._exception

    def _handle_exception(self, error: Exception) -> None:
        """End; the one line about it is the caller's. Textual's own prints a traceback (8.2.8)."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        logger.debug("screen", exc_info=error)
        self._close_messages_no_wait()

    def _backlog(self) -> int:
        driver = self._driver
        return driver.backlog() if isinstance(driver, TerminalDriver) else 0

    # Layout

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        palette = self._palette()
        yield Header(self._hub, self.model, palette, self._zone)
        yield FilterLine(self.state, self.model, palette)
        yield TailView(self.model, palette, self._zone, self._items.get)
        with Horizontal(id="panes"):
            yield DetailPane(palette)
            yield ItemsPane(palette, self._items, self._event_clock)
        yield KeyHints(palette, id="hints")
        yield FilterBar()

    def on_mount(self) -> None:
        """Start following."""
        self.theme = (
            self._theme_wanted if self._theme_wanted in self.available_themes else "tokyo-night"
        )
        self.theme_changed_signal.subscribe(self, self._restyle)
        if self._keys:
            self.set_keymap({name: ",".join(keys) for name, keys in self._keys.items()})
        self.query_one(FilterBar).display = False
        self.query_one(DetailPane).display = False
        self._apply_filter()
        self._hub.on_append(self.pump.data)
        self.query_one(TailView).focus()
        self.set_interval(1, self._tick)
        self._tick()
        self.call_after_refresh(self._settle)
        self.ready.set()

    def on_unmount(self) -> None:
        """Draw no more."""
        self.pump.stop()

    def on_resize(self, event: events.Resize) -> None:
        """Give the panes up where there is no room for them."""
        self.set_class(event.size.height < 20, "-short")
        self.set_class(event.size.width < 100, "-narrow")

    def _event_clock(self) -> datetime:
        """Return the time of the newest event: in a replay, ages are ages then."""
        newest = max((source.newest_ns for source in self._hub.sources.values()), default=0)
        return from_ns(newest) if newest else self._now()

    def _settle(self) -> None:
        """Take what was made at start out of the collector's way: its full runs cost 35–50 ms."""
        gc.collect()
        gc.freeze()

    def _palette(self) -> Palette:
        return Palette(self.current_theme, mono=self.no_color)

    def _restyle(self, _theme: object) -> None:
        palette = self._palette()
        for widget in self.query("LinesWidget").results():
            if isinstance(widget, TailView):
                widget.restyle(palette)
            elif isinstance(widget, Header | FilterLine | KeyHints | DetailPane | ItemsPane):
                widget.palette = palette
                widget.refresh()

    # Drawing

    def _frame(self) -> None:
        """Draw; a timer of the loop calls it, so Textual would not hear of what goes wrong."""
        try:
            self._draw_frame()
        except Exception as error:  # noqa: BLE001 - ends the app, and is named when it has ended
            self._handle_exception(error)

    def _draw_frame(self) -> None:
        """Take in what is new and draw it."""
        self.model.sync()
        view = self.query_one(TailView)
        view.empty_text = self._empty_text()
        view.model_changed()
        self.query_one(ItemsPane).update_items()
        self.query_one(FilterLine).refresh()
        if not self.model.live:
            self.query_one(Header).refresh()
        self._work_on()

    def _empty_text(self) -> str:
        if self.model.held:
            return "no row passes the filter"
        failing = [
            f"{visible(name[:40])}: {visible((source.detail or source.state)[:200])}"
            for name, source in self._hub.sources.items()
            if source.state not in ("live", "ended", "starting")
        ]
        return " · ".join(failing) if failing else "waiting for the first event"

    def _tick(self) -> None:
        """Once a second: the clock, the rates, the ages."""
        self.query_one(Header).tick(self._now(), time.monotonic())
        self.query_one(ItemsPane).update_items()

    def _work_on(self) -> None:
        """Filter held rows in slices while frames and keys go on."""
        if self._working is None and self.model.busy:
            self._working = self.set_timer(SLICE_PAUSE_S, self._work)

    def _work(self) -> None:
        self._working = None
        try:
            more = self.model.work()
        except PatternTooSlow as error:
            self._refuse(str(error))
            return
        self.pump.data()
        if more:
            self._work_on()

    def _refuse(self, reason: str) -> None:
        self.state.set_text("")
        self._apply_filter()
        self.notify(reason, title="filter dropped", severity="error", markup=False)

    def on_tail_view_refused(self, event: TailView.Refused) -> None:
        """Drop a filter that ran out of time, and say so."""
        self._refuse(event.reason)

    # The selected row

    def on_tail_view_moved(self, _event: TailView.Moved) -> None:
        """Let the header and the detail pane follow."""
        self.query_one(Header).refresh()
        self.query_one(FilterLine).refresh()
        self._show_detail()

    def _show_detail(self) -> None:
        pane = self.query_one(DetailPane)
        if pane.display:
            cursor = self.model.cursor
            pane.show(None if cursor is None else self.model.delivery(cursor))

    def on_tail_view_detail_asked(self, _event: TailView.DetailAsked) -> None:
        """Open or close the detail pane."""
        pane = self.query_one(DetailPane)
        self._open_detail(not pane.display)

    def _open_detail(self, wanted: bool) -> None:
        self.query_one(DetailPane).display = wanted
        self.set_class(wanted, "-detail")
        self._show_detail()

    def on_items_pane_chosen(self, event: ItemsPane.Chosen) -> None:
        """Go to the newest row of a work item."""
        view = self.query_one(TailView)
        self.model.follow()
        if not self.model.jump_item(-1, event.item_id):
            self.notify("its rows are no longer held", markup=False)
        view.model_changed()
        view.focus()
        self.on_tail_view_moved(TailView.Moved())

    # Filters

    def _apply_filter(self) -> None:
        self.model.set_filter(self.state.build())
        self.pump.data()
        self._work_on()
        self.query_one(FilterLine).refresh()
        self._show_detail()

    def action_filter(self) -> None:
        """Type a filter, in place of the key hints, so that no row moves."""
        self.query_one(KeyHints).display = False
        self.query_one(FilterBar).open(self.state.text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        if event.input.id == "filter-bar" and event.input.display:
            self._take_text(event.value)

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        """Keep the filter, or the old one."""
        self._take_text(event.text)
        self.query_one(FilterBar).display = False
        self.query_one(KeyHints).display = True
        self.query_one(TailView).focus()

    def _take_text(self, text: str) -> None:
        self.state.set_text(text)
        self._apply_filter()

    def action_level(self, steps: int) -> None:
        """Show fewer or more levels."""
        self.state.change_level(steps)
        self._apply_filter()

    def action_pick_level(self) -> None:
        """Choose a level from a list."""

        def taken(level: Level | None) -> None:
            if level is not None:
                self.state.levels = at_least(level)
                self._apply_filter()

        self.push_screen(LevelPicker(self.state.minimum), taken)

    def action_pick_sources(self) -> None:
        """Choose sources from a list."""

        def taken(names: tuple[str, ...] | None) -> None:
            if names is not None:
                self.state.sources = tuple(glob_escape(name) for name in names)
                self._apply_filter()

        counts = self._source_counts()
        wanted = SourceClause(self.state.sources)
        shown = frozenset(name for name in counts if wanted.allows(name))
        health = " · ".join(
            f"{visible(name[:40])}: {visible(source.state[:60])}"
            for name, source in self._hub.sources.items()
        )
        self.push_screen(SourcePicker(counts, shown, health), taken)

    def _source_counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        snapshot = self._hub.log.snapshot
        for segment in snapshot.segments:
            start, stop = snapshot.bounds(segment)
            totals = np.bincount(segment.source_ids[start:stop], minlength=len(segment.names))
            for name, total in zip(segment.names, totals.tolist(), strict=False):
                if total:
                    counts[name] = counts.get(name, 0) + total
        return counts

    def action_toggle_filters(self) -> None:
        """Lift all filters, or put them back."""
        self.state.enabled = not self.state.enabled
        self._apply_filter()

    def action_toggle_items(self) -> None:
        """Show or hide the work items."""
        pane = self.query_one(ItemsPane)
        pane.display = not pane.display
        if pane.display:
            pane.update_items()

    # Leaving

    def action_help(self) -> None:
        """Show or hide the keys of the focused panel."""
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def action_escape(self) -> None:
        """Close what is open, the innermost first."""
        pane = self.query_one(DetailPane)
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        elif pane.display:
            self._open_detail(False)
        self.query_one(TailView).focus()

    def action_leave(self) -> None:
        """Leave what is open, then quit."""
        if self.query_one(DetailPane).display or self.screen.query("HelpPanel"):
            self.action_escape()
        else:
            self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer our own actions in the command palette."""
        yield from super().get_system_commands(screen)
        view = self.query_one(TailView)
        yield SystemCommand("Follow", "Show the newest rows and stay", view.action_follow)
        yield SystemCommand("Freeze", "Stop drawing; recording goes on", view.action_freeze)
        yield SystemCommand("Filter", "Type a filter", self.action_filter)
        yield SystemCommand("Level", "Choose the mildest level shown", self.action_pick_level)
        yield SystemCommand("Sources", "Choose the sources shown", self.action_pick_sources)
        yield SystemCommand("Work items", "Show or hide the pane", self.action_toggle_items)
        yield SystemCommand("Filters on/off", "Lift all filters", self.action_toggle_filters)


def glob_escape(name: str) -> str:
    """Return a glob that matches exactly this name."""
    escaped = "".join(f"[{char}]" if char in "*?[" else char for char in name)
    return f"?{escaped[1:]}" if escaped.startswith("!") else escaped
