"""The two lines on top: is it live, how much, is anything missing; and what is shown of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from logmon.tui.actions import ACTIONS
from logmon.tui.keys import shown
from logmon.tui.lines import LinesWidget
from logmon.visible import clipped, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, tzinfo

    from logmon.hub import LogEventHub
    from logmon.intake import SourceStatistics
    from logmon.tui.actions import Action
    from logmon.tui.controls import Controls
    from logmon.tui.filter_state import FilterState
    from logmon.tui.palette import Palette
    from logmon.tui.render import Row, Span
    from logmon.tui.searches import Searches
    from logmon.tui.tail_model import TailModel
    from logmon.tui.transport import Transport

SPARK = " ▁▂▃▄▅▆▇█"
SPARK_SAMPLES = 10
PROGRESS_CELLS = 12
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def _cells(spans: list[Span]) -> int:
    from rich.cells import cell_len

    return sum(cell_len(text) for text, _ in spans)


class Header(LinesWidget):
    """State, sources, rate, what is missing, the time; sampled once a second by `tick`."""

    def __init__(
        self,
        hub: LogEventHub,
        model: TailModel,
        palette: Palette,
        zone: tzinfo,
        playhead: Transport | None = None,
    ) -> None:
        super().__init__(palette, id="header")
        self._playhead = playhead
        self._hub = hub
        self._model = model
        self.zone = zone
        self._stored = 0
        self._rates: deque[float] = deque([0.0] * SPARK_SAMPLES, maxlen=SPARK_SAMPLES)
        self._now: datetime | None = None
        self._then_s: float | None = None

    def tick(self, now: datetime, monotonic_s: float) -> None:
        """Sample the rate and take the time, then draw."""
        stored = sum(source.stored for source in self._hub.sources.values())
        if self._then_s is not None and monotonic_s > self._then_s:
            self._rates.append((stored - self._stored) / (monotonic_s - self._then_s))
        self._stored, self._then_s, self._now = stored, monotonic_s, now
        self.refresh()

    def line(self, y: int) -> Row:
        """Draw the header."""
        palette = self.palette
        left: list[Span] = [(" logmon ", palette.bar_badge), (" ", palette.bar), self._state()]
        left.append(("  ", palette.bar))
        for name, source in self._hub.sources.items():
            left += self._source(name, source)
        return self.spread(left, self._figures(), palette.bar)

    def _state(self) -> Span:
        model, palette = self._model, self.palette
        if trouble := self._hub.store_trouble:
            why = clipped(trouble.rpartition(": ")[2], 60)
            return (f" ▲ STORE: {why} · nothing is lost, trying again ", palette.bar_alarm)
        if model.frozen:
            return (f" FROZEN · {model.new_rows:,} new · = to go on ", palette.bar_alarm)
        if not model.following:
            return (f" PAUSED · {model.new_rows:,} new · F to follow ", palette.bar_alarm)
        return self._stream_state()

    def _stream_state(self) -> Span:
        palette, playhead = self.palette, self._playhead
        if playhead is not None and not playhead.at_end:
            return ("▶ REPLAY" if playhead.playing else "‖ REPLAY", palette.bar_bold)
        states = [source.state for source in self._hub.sources.values()]
        if states and all(state == "ended" for state in states):
            return ("■ END", palette.bar_bold)
        if states and not any(state in ("live", "starting", "ended") for state in states):
            return ("▲ DOWN", palette.bar_bad)
        return ("● LIVE", palette.bar_good)

    def _source(self, name: str, source: SourceStatistics) -> list[Span]:
        palette = self.palette
        shown = visible(name[:40])
        if source.share_read is not None and source.share_read < 1:
            return [(f" {shown} ", palette.bar), *self._bar(source.share_read)]
        if source.state == "live":
            progress = f" {visible(source.progress[:80])} " if source.progress else " "
            return [(f" {shown} ", palette.bar), ("✓", palette.bar_good), (progress, palette.bar)]
        if source.state in ("ended", "starting"):
            return [(f" {shown} · {source.state} ", palette.bar_dim)]
        detail = f" {visible(source.detail[:60])} ·" if source.detail else ""
        text = f"{detail} {visible(source.state[:40])} "
        return [(f" {shown} ", palette.bar), ("✗", palette.bar_bad), (text, palette.bar_warn)]

    def _bar(self, done: float) -> list[Span]:
        """Draw how much of a file has been read, as a bar in eighths of a cell."""
        eighths = int(done * PROGRESS_CELLS * 8)
        bar = "█" * (eighths // 8) + EIGHTHS[eighths % 8]
        return [
            (bar.ljust(PROGRESS_CELLS), self.palette.bar_accent),
            (f" {done:.0%} read ", self.palette.bar_dim),
        ]

    def _figures(self) -> list[Span]:
        palette = self.palette
        sources = self._hub.sources.values()
        dropped = sum(source.dropped for source in sources)
        dead = sum(source.dead_lettered for source in sources)
        most = max(self._rates) or 1.0
        spark = "".join(SPARK[round(rate / most * (len(SPARK) - 1))] for rate in self._rates)
        clock = "" if self._now is None else f"{self._now.astimezone(self.zone):%H:%M:%S %Z}"
        return [
            (f"{spark} ", palette.bar_accent),
            (f"{self._rates[-1]:,.0f} ev/s  ", palette.bar),
            ("dropped ", palette.bar_dim),
            (f"{dropped:,}  ", palette.bar_bad if dropped else palette.bar),
            ("dead ", palette.bar_dim),
            (f"{dead:,}  ", palette.bar_warn if dead else palette.bar),
            (f"{clock} ", palette.bar),
        ]


class FilterLine(LinesWidget):
    """Level, sources and query that are in force, and how many rows they leave of those held."""

    def __init__(
        self,
        state: FilterState,
        model: TailModel,
        searches: Searches,
        exporting: Callable[[], str],
        palette: Palette,
    ) -> None:
        super().__init__(palette, id="filter-line")
        self._state = state
        self._model = model
        self._searches = searches
        self._exporting = exporting

    def line(self, y: int) -> Row:
        """Draw the filter line."""
        palette, state = self.palette, self._state
        strength = palette.bar_bold if state.enabled else palette.bar_dim
        text = visible(state.text[:500])
        left: list[Span] = [
            (" level ", palette.bar_dim),
            (state.describe_level(), strength),
            ("   source ", palette.bar_dim),
            (visible(state.describe_sources()[:60]), strength),
            ("   filter ", palette.bar_dim),
            (text or "none", palette.bar_accent if text else palette.bar_dim),
        ]
        if pattern := state.describe_pattern():
            left += [("   pattern ", palette.bar_dim), (clipped(pattern, 60), palette.bar_accent)]
        if fixed := state.describe_fixed():
            left.append((f"   {visible(fixed[:200])}", palette.bar_accent))
        if state.in_context:
            left.append(("   in context · x goes back", palette.bar_warn))
        elif not state.enabled:
            left.append(("   filters off", palette.bar_warn))
        model = self._model
        if exporting := self._exporting():
            left.append((f"   {exporting}", palette.bar_warn))
        if found := self._searches.describe():
            left.append((f"   {found}", palette.bar_warn))
        if model.fold is not None:
            left.append(("   folded", palette.bar_warn))
        if model.marks:
            left.append((f"   {len(model.marks):,} marked", palette.bar_warn))
        shown, held = model.shown(), model.held
        working = "… " if model.busy else ""
        right: list[Span] = [
            (f"{working}{shown:,}", palette.bar_bold),
            (f" of {held:,} shown ", palette.bar_dim),
        ]
        return self.spread(left, right, palette.bar)


class KeyHints(LinesWidget):
    """The last line: what the most used keys of the focused panel do, and the count being typed."""

    def __init__(self, palette: Palette, controls: Controls, *, id: str) -> None:  # noqa: A002
        super().__init__(palette, id=id)
        self._controls = controls

    def line(self, y: int) -> Row:
        """Draw the hints that fit whole; the one for help always does."""
        if self._controls.first:
            return self.spread(list(self._choices()), [], self.palette.bar)
        palette = self.palette
        count = self._controls.count
        spans: list[Span] = [(f" {count:,} ", palette.bar_alarm)] if count else []
        hints = {action.name: self._hint(action) for action in self._actions()}
        last = hints.pop("help", [])
        room = self.size.width - _cells(spans) - _cells(last)
        for hint in hints.values():
            room -= _cells(hint)
            if room < 0:
                break
            spans += hint
        return self.spread([*spans, *last], [], palette.bar)

    def _choices(self) -> Iterator[Span]:
        """Yield the first key of two, then each second key and what both do."""
        first, palette = self._controls.first, self.palette
        yield (f" {shown(first)} ", palette.bar_badge)
        for key, name in self._controls.after(first).items():
            yield (f" {shown(key)} ", palette.bar_accent)
            yield (f"{ACTIONS[name].text}  ", palette.bar_dim)

    def _hint(self, action: Action) -> list[Span]:
        keys = self._controls.keys[action.name]
        if not action.hint or not keys:
            return []
        return [
            (f" {shown(keys[0])} ", self.palette.bar_accent),
            (f"{action.hint}  ", self.palette.bar_dim),
        ]

    def _actions(self) -> Iterator[Action]:
        """Yield the actions of the panel that has the keys, then those that work everywhere."""
        focused = self.app.focused
        around = [] if focused is None else focused.ancestors_with_self
        kinds = [kind for widget in around for kind in type(widget).__mro__]
        panels = [panel for kind in kinds if (panel := vars(kind).get("PANEL"))]
        for panel in (*panels, "app"):
            yield from (action for action in ACTIONS.values() if action.panel == panel)
