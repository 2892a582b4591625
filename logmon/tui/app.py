"""The application: puts the widgets together and hands keys and messages to whom they belong."""

from __future__ import annotations

import asyncio
import gc
import logging
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import events
from textual.app import App, ComposeResult, SystemCommand
from textual.containers import Horizontal, Vertical
from textual.widgets import ContentSwitcher

from logmon.event import from_ns
from logmon.sentinel.tracker import WorkItems
from logmon.tui.actions import ACTIONS, Keymap, keymap
from logmon.tui.controls import OPENERS, Controls, bindings_of
from logmon.tui.copy_forms import Started
from logmon.tui.detail import DetailPane
from logmon.tui.drawing import Drawing
from logmon.tui.driver import TerminalDriver
from logmon.tui.filter_state import FilterState
from logmon.tui.header import FilterLine, Header, KeyHints
from logmon.tui.histogram_view import HistogramStrip
from logmon.tui.item_list import ItemList, ItemsPane
from logmon.tui.items_as_of import ItemsAsOf
from logmon.tui.lines import Covered
from logmon.tui.look import Look
from logmon.tui.owners import Owners
from logmon.tui.palette import Palette
from logmon.tui.playing import TransportBar
from logmon.tui.prompt import Offers, Prompt, Purpose
from logmon.tui.rates import Rates
from logmon.tui.row_templates import RowTemplates
from logmon.tui.tail_model import TailModel
from logmon.tui.tail_view import TailView
from logmon.tui.themes import OWN_THEMES, WITHOUT_COLOUR, check_theme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.binding import BindingType
    from textual.screen import Screen

    from logmon.hub import LogEventHub
    from logmon.redaction import Redactor
    from logmon.tui.doors import Letters, Service, ShownItems
    from logmon.tui.pump import FramePump
    from logmon.tui.table import Table
    from logmon.tui.transport import Transport
    from logmon.tui.views import FilterTo, GoTo

logger = logging.getLogger(__name__)


class Views(Covered, ContentSwitcher):
    """The views, one at a time."""


class Panes(Covered, Horizontal):
    """What stands below the tail."""


class TailPage(Covered, Vertical):
    """The tail and the panes below it: keys of the tail work in all of them."""

    PANEL = "tail"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(PANEL)


WELCOME_S = 12.0
"""How long a newcomer is told what this is; Escape closes it sooner."""


class LogmonApp(Owners, App[None]):
    """The live tail."""

    TITLE = "logmon"
    ENABLE_COMMAND_PALETTE = True
    CSS_PATH = Path(__file__).with_name("logmon.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("app")

    def __init__(
        self,
        hub: LogEventHub,
        *,
        items: ShownItems | None = None,
        service: Service | None = None,
        started: Started | None = None,
        letters: Letters | None = None,
        transport: Transport | None = None,
        redactor: Callable[[], Redactor | None] = lambda: None,
        state: FilterState | None = None,
        look: Look | None = None,
        redraw_hz: float = 30.0,
        theme: str = "",
        keys: Keymap | None = None,
        drawn: asyncio.Event | None = None,
        welcome: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.hub = hub
        self.items: ShownItems = WorkItems() if items is None else items
        self.service = service
        self.started = started or Started()
        self.letters = letters
        self.redactor = redactor
        """Makes what takes the secrets out of exported rows."""
        self.look = look or Look()
        """How rows are drawn at first."""
        self.now = now
        self._welcome = welcome
        self.state = state or FilterState()
        self._make_parts(transport, redraw_hz, keys or keymap({}))
        self.ready = asyncio.Event()
        """Set once keys and `exit` are heard."""
        self.drawn = drawn or asyncio.Event()
        """Set once the first rows are on the screen."""
        self._theme_wanted = check_theme(theme)
        for own in OWN_THEMES:
            self.register_theme(own)

    def _make_parts(self, transport: Transport | None, redraw_hz: float, keys: Keymap) -> None:
        """Make what works beside the widgets."""
        self.transport = transport
        """The playhead of a replay; the tail and the items are those it has come to."""
        if transport is not None:
            self.items = ItemsAsOf(self.items, self.hub.log, transport)
        self.model = TailModel(self.hub.log if transport is None else transport)
        self.templates = RowTemplates()
        """Templates of rows, learned when something asks for them."""
        self.rates = Rates()
        self.drawing = Drawing(self, redraw_hz)
        self.controls = Controls(self, keys)

    @property
    def failure(self) -> Exception | None:
        """What ended the app that should not have."""
        return self._exception

    @property
    def leaving(self) -> bool:
        """Whether the app was told to end, or ends: its widgets may be gone."""
        return self._exit or not self.is_running

    @property
    def main(self) -> Screen[object]:
        """The screen that dialogs lie over."""
        return self.screen_stack[0]

    @property
    def pump(self) -> FramePump:
        """What decides when to draw."""
        return self.drawing.pump

    def _handle_exception(self, error: Exception) -> None:
        """End; the one line about it is the caller's. Textual's own prints a traceback (8.2.8)."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        logger.debug("screen", exc_info=error)
        self._close_messages_no_wait()

    # Layout

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        palette = self.palette()
        yield Header(self.hub, self.model, palette, self.look.zone, self.transport)
        yield FilterLine(self.state, self.model, self.searches, self.taking_out.describe, palette)
        with Views(id="views", initial="tail-page"), TailPage(id="tail-page"):
            yield TailView(self.model, palette, self.look, self.items.get)
            with Panes(id="panes"):
                yield DetailPane(palette)
                yield ItemsPane(palette, self.items, self.event_clock, id="items")
            yield HistogramStrip(palette, self.model, self.look.zone)
            if self.transport is not None:
                yield TransportBar(palette, self.transport, self.hub.log, self.look.zone)
        yield KeyHints(palette, self.controls, id="hints")
        yield Prompt(palette)
        yield Offers(palette)

    def on_mount(self) -> None:
        """Start following."""
        self.theme = self._theme_wanted
        self.theme_changed_signal.subscribe(self, self._restyle)
        self.set_keymap(self.controls.single_keys())
        for key in self.controls.first_keys():
            self.bind(key, f"app.second_key('{key}')", show=False)
        for hidden in (Prompt, Offers, DetailPane):
            self.query_one(hidden).display = False
        self.drawing.start()
        self.playing.start()
        self.filter_changed()
        self.hub.on_append(self.pump.data)
        self.query_one(TailView).focus()
        self.set_interval(1, self.drawing.tick)
        self.drawing.tick()
        self.call_after_refresh(self._settle)
        if self._welcome:
            self.notify(self._welcome, title="logmon", timeout=WELCOME_S, markup=False)
        self.ready.set()

    def on_unmount(self) -> None:
        """Draw no more."""
        self.drawing.stop()

    def on_resize(self, event: events.Resize) -> None:
        """Give the panes up where there is no room for them."""
        self.set_class(event.size.height < 20, "-short")
        self.set_class(event.size.width < 100, "-narrow")

    def event_clock(self) -> datetime:
        """Return the time of the newest event shown: in a replay, ages are ages then."""
        if self.transport is not None and not self.transport.at_end:
            playhead_ns = self.transport.time_ns()
            if playhead_ns is not None:
                return from_ns(playhead_ns)
        newest = max((source.newest_ns for source in self.hub.sources.values()), default=0)
        return from_ns(newest) if newest else self.now()

    def _settle(self) -> None:
        """Take what was made at start out of the collector's way: its full runs cost 35–50 ms."""
        gc.collect()
        gc.freeze()
        self.drawn.set()

    def palette(self) -> Palette:
        """Return the styles of the theme in force."""
        return Palette(self.current_theme, mono=self.no_color or self.theme == WITHOUT_COLOUR)

    def change_zone(self, zone: tzinfo) -> None:
        """Show times in another zone."""
        view = self.main.query_one(TailView)
        view.change_look(msgspec.structs.replace(view.look, zone=zone))
        self.main.query_one(Header).zone = zone
        self.main.query_one(Header).refresh()

    def _restyle(self, _theme: object) -> None:
        palette = self.palette()
        for widget in self.main.query("LinesWidget").results():
            widget.restyle(palette)  # type: ignore[attr-defined]
        self.views.restyle(palette)

    # Keys, commands, typing

    def on_descendant_focus(self) -> None:
        """Show the keys of the panel that has the focus now."""
        for hints in self.main.query(KeyHints):
            hints.refresh()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave keys to what is typed in; only the rows open a line."""
        if action == "do" and parameters and parameters[0] in OPENERS:
            free = self.prompt_purpose is None and not self.controls.first
            return self.screen is self.main and free
        return super().check_action(action, parameters)

    def action_do(self, name: str) -> None:
        """Do an action of the table."""
        self.controls.run(name)
        self.main.query_one(KeyHints).refresh()

    def action_count(self, digit: int) -> None:
        """Take a digit of the number before a key."""
        self.controls.digit(digit)
        self.main.query_one(KeyHints).refresh()

    def action_second_key(self, first: str) -> None:
        """Wait for the second key of a sequence; the hints say what there is."""
        self.controls.first = first
        self.main.query_one(KeyHints).refresh()

    async def on_event(self, event: events.Event) -> None:
        """Hear an event. Keys come back here in the order they were typed in (Textual 8.2.8)."""
        if isinstance(event, events.Key) and event.is_forwarded and self._take_key(event.key):
            return
        await super().on_event(event)

    def _take_key(self, key: str) -> bool:
        """Take a key as the second of two, where one is waited for; any other leaves."""
        name = self.controls.second(key)
        if name:
            self.action_do(name)
        elif name is not None:
            self.bell()
            self.main.query_one(KeyHints).refresh()
        return name is not None

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every action of the table in the palette."""
        yield from super().get_system_commands(screen)
        for name, action in ACTIONS.items():
            yield SystemCommand(action.text, name, lambda name=name: self.action_do(name))

    def open_prompt(self, purpose: Purpose, text: str = "") -> None:
        """Type something, in place of the key hints, so that no row moves."""
        self.main.query_one(KeyHints).display = False
        self.main.query_one(Prompt).open(purpose, text)

    @property
    def prompt_purpose(self) -> Purpose | None:
        """What is being typed, if anything."""
        return self.main.query_one(Prompt).purpose

    def close_prompt(self) -> None:
        """Go back to the rows."""
        self.on_prompt_input_left()
        self.panels.focus_front()

    def on_prompt_input_left(self) -> None:
        """Give the prompt's room back to the key hints."""
        self.main.query_one(Prompt).close()
        self.main.query_one(KeyHints).display = True

    # What widgets say

    def filter_changed(self) -> None:
        """Put the filter's state into force, on rows that are held and rows to come."""
        log_filter = self.state.build()
        if log_filter.asks_new and self.service is not None:
            self.service.look_for_news()
        self.model.set_filter(log_filter)
        self.pump.data()
        self.drawing.work_on()
        self.panels.row_changed()

    def on_tail_view_moved(self, _event: TailView.Moved) -> None:
        """Let the header and the detail pane follow."""
        self.panels.row_changed()

    def on_tail_view_detail_asked(self, _event: TailView.DetailAsked) -> None:
        """Open or close the detail pane."""
        self.panels.toggle_detail()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Go to the newest row of a work item that was chosen beside the tail."""
        if not isinstance(event.table, ItemList) or event.table.item is None:
            return
        self.model.follow()
        self.jumps.item(-1, event.table.item.id)
        self.main.query_one(TailView).focus()

    def on_go_to(self, event: GoTo) -> None:
        """Show the tail at a row; one that the filter hides, in its context."""
        self.views.show("tail")
        self.model.sync()
        row = self.model.delivery(event.seq)
        if row is not None and not self.model.passes(row):
            self.state.in_context = True
            self.filter_changed()
        self.model.jump(event.seq)
        self.main.query_one(TailView).model_changed()
        self.panels.row_changed()

    def on_detail_pane_narrow(self, event: DetailPane.Narrow) -> None:
        """Ask for a field's value in the filter, or leave it out."""
        self.filters.narrow(event.condition, exclude=event.exclude)

    def on_filter_to(self, event: FilterTo) -> None:
        """Show the tail narrowed to a query."""
        text = f"{self.state.text} {event.query}".strip() if event.extend else event.query
        self.views.show("tail")
        if mistake := self.filters.take(text):
            self.notify(mistake.message, severity="error", markup=False)
