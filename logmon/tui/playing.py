"""The transport of a replay: play, pause, speed, step, seek, and the bar with the playhead."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from logmon.errors import PatternTooSlow
from logmon.filter import EVERYTHING
from logmon.level import Level
from logmon.tui.commands import Command, CommandError
from logmon.tui.digests import Digests
from logmon.tui.lines import LinesWidget
from logmon.tui.spark import local

if TYPE_CHECKING:
    from datetime import tzinfo

    from numpy.typing import NDArray
    from textual import events
    from textual.timer import Timer

    from logmon.event_log import EventLog
    from logmon.segment import Segment
    from logmon.tui.app import LogmonApp
    from logmon.tui.palette import Palette
    from logmon.tui.render import Row, Span
    from logmon.tui.transport import Transport

    Rows = NDArray[np.intp]

TICK_S = 1 / 30


class TransportBar(LinesWidget):
    """State, speed, playhead's time, position among all rows with errors marked; a click seeks."""

    DEFAULT_CSS = "TransportBar { height: 1; }"

    def __init__(self, palette: Palette, transport: Transport, log: EventLog, zone: tzinfo) -> None:
        super().__init__(palette, id="transport")
        self._transport = transport
        self._log = log
        self._zone = zone
        self._errors = Digests(_errors_of)
        self._bad_of: tuple[object, int] = (None, 0)
        self._bad: set[int] = set()

    def line(self, y: int) -> Row:
        """Draw the bar."""
        palette = self.palette
        left, right = self._before(), self._after()
        used = sum(len(text) for text, _ in (*left, *right))
        cells = max(1, self.size.width - used)
        return self.spread([*left, *self._track(cells)], right, palette.bar)

    def _before(self) -> list[Span]:
        palette, transport = self.palette, self._transport
        sign = "▶" if transport.playing else "■" if transport.at_end else "‖"
        state = palette.bar_good if transport.playing else palette.bar_warn
        moment = transport.time_ns()
        shown = "--:--:--" if moment is None else f"{local(moment, self._zone):%H:%M:%S}"
        return [
            (f" {sign} ", state),
            (f"{transport.speed:g}× ", palette.bar_bold),
            (f"{shown} ", palette.bar),
        ]

    def _after(self) -> list[Span]:
        behind, held = self._transport.rows()
        if self.size.width < 80:
            return [(f" {self._transport.fraction():4.0%} ", self.palette.bar)]
        hint = "" if self.size.width < 110 else "· = , . < > "
        return [(f" {behind:,} of {held:,} {hint}", self.palette.bar_dim)]

    def _track(self, cells: int) -> list[Span]:
        """Return the track: what lies behind the playhead is heavy, errors have their colour."""
        palette = self.palette
        head = min(cells - 1, int(self._transport.fraction() * cells))
        bad = self._error_cells(cells)
        spans: list[Span] = []
        for cell in range(cells):
            if cell == head:
                spans.append(("●", palette.bar_accent))
                continue
            sign = "━" if cell < head else "─"
            if cell in bad:
                spans.append(("E" if palette.mono else sign, palette.bar_bad))
            else:
                spans.append((sign, palette.bar_accent if cell < head else palette.bar_dim))
        return spans

    def _error_cells(self, cells: int) -> set[int]:
        whole = self._log.snapshot
        if (whole, cells) != self._bad_of:
            self._errors.sync(whole, EVERYTHING, most=len(whole.segments))
            seqs = np.concatenate([np.zeros(0, dtype=np.int64), *self._errors.values()])
            places = (seqs - whole.first_seq) * cells // max(1, len(whole))
            self._bad_of, self._bad = (whole, cells), set(np.unique(places).tolist())
        return self._bad

    def on_click(self, event: events.Click) -> None:
        """Seek to where the pointer is."""
        event.stop()
        first = sum(len(text) for text, _ in self._before())
        cells = self.size.width - first - sum(len(text) for text, _ in self._after())
        share = (event.x - first + 1) / max(1, cells)
        if 0 < share <= 1:
            self.app.controls.owner("playing").seek_share(share)  # type: ignore[attr-defined]


def _errors_of(segment: Segment, rows: Rows) -> NDArray[np.int64]:
    found = rows[segment.levels[rows] >= int(Level.ERROR)]
    return (found + segment.first_seq).astype(np.int64)


class Playing:
    """Moves the playhead and lets the screen follow it."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app
        self._ticking: Timer | None = None

    @property
    def _transport(self) -> Transport | None:
        transport = self._app.transport
        if transport is None:
            self._app.notify("there is a playhead only in a replay", markup=False)
        return transport

    def start(self) -> None:
        """Begin to play, where a speed was asked for."""
        if self._app.transport is not None and self._app.transport.playing:
            self._tick_on()

    # Keys

    def pause_or_freeze(self) -> None:
        """Play or pause in a replay; elsewhere freeze drawing or go on."""
        transport = self._app.transport
        if transport is None:
            self._app.controls.owner("tail").freeze()
            return
        transport.toggle()
        self._moved()

    def step(self, direction: int, count: int | None = None) -> None:
        """Pause, and go a shown row on or back."""
        transport, app = self._transport, self._app
        if transport is not None:
            try:
                if not transport.step(direction * (count or 1), app.model.filter):
                    app.bell()
            except PatternTooSlow as error:
                app.filters.refuse(str(error))
            self._moved()

    def speed(self, factor: float) -> None:
        """Play faster or slower."""
        if (transport := self._transport) is not None:
            transport.change_speed(factor)
            self._moved()

    def next_level(self, minimum: Level) -> bool:
        """Go on to the next shown row this bad, if none of those already shown is next."""
        app, transport = self._app, self._app.transport
        if transport is None or transport.at_end:
            return False
        cursor = app.model.cursor
        after = transport.snapshot.next_seq if cursor is None else cursor + 1
        try:
            if transport.has_level(after, minimum, app.model.filter):
                return False
            if transport.seek_level(minimum, app.model.filter) is None:
                return False
        except PatternTooSlow as error:
            app.filters.refuse(str(error))
            return True
        transport.pause()
        self._moved()
        return True

    # Seeking

    def seek_share(self, share: float) -> None:
        """Go to a share of all rows."""
        if (transport := self._transport) is not None:
            transport.seek_fraction(share)
            self._moved()

    def seek_time(self, time_ns: int) -> bool:
        """Go to the first row of this time or later; return whether there is a playhead."""
        if self._app.transport is None:
            return False
        self._app.transport.seek_time(time_ns)
        self._moved()
        return True

    def seek(self, argument: str) -> None:
        """Go to a time, a share (`50%`), the `start` or the `end`.

        Raises:
            CommandError: there is no playhead, or the argument is none of these.
            ConfigError: the time cannot be read.
        """
        transport = self._app.transport
        if transport is None:
            raise CommandError("there is a playhead only in a replay")
        if argument == "end":
            transport.to_end()
        elif argument == "start":
            transport.seek_fraction(0)
        elif argument.endswith("%") and argument[:-1].isdecimal():
            transport.seek_fraction(min(100, int(argument[:-1])) / 100)
        else:
            from logmon.event import to_ns
            from logmon.moments import parse_moment

            app = self._app
            moment = parse_moment(
                argument, now=app.event_clock(), zone=app.look.zone, where=":seek"
            )
            transport.seek_time(to_ns(moment))
        self._moved()

    # Following the playhead

    def _moved(self) -> None:
        app = self._app
        app.model.follow()
        app.drawing.pump.data()
        app.main.query_one(TransportBar).refresh()
        app.panels.row_changed()
        self._tick_on()

    def _tick_on(self) -> None:
        """Move the playhead 30 times a second while it plays; no timer runs while it stands."""
        transport = self._app.transport
        if transport is None or not transport.playing:
            return
        if self._ticking is None:
            transport.tick(time.monotonic())
            bar = self._app.main.query_one(TransportBar)
            self._ticking = bar.set_interval(TICK_S, self._tick)

    def _tick(self) -> None:
        transport = self._app.transport
        if transport is None or self._app.leaving:
            return
        if transport.tick(time.monotonic()):
            self._app.drawing.pump.data()
        self._app.main.query_one(TransportBar).refresh()
        if not transport.playing and self._ticking is not None:
            self._ticking.stop()
            self._ticking = None


def _seek(app: LogmonApp, argument: str) -> None:
    app.playing.seek(argument)


COMMANDS = (Command("seek", "TIME|N%|start|end", "Go to a place of the replay", _seek),)
