"""The Patterns view: what the shown rows say, most frequent first; Enter filters to a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from logmon.tui.controls import bindings_of
from logmon.tui.drawing import SLICE_PAUSE_S
from logmon.tui.pattern_table import TREND_BUCKETS, PatternTable
from logmon.tui.spark import short_time, spark
from logmon.tui.table import Column, Table
from logmon.tui.views import View
from logmon.visible import clipped

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from logmon.tui.app import LogmonApp
    from logmon.tui.render import Span

TEMPLATE_CHARS = 500
SLICES_A_DRAWING = 50


class PatternList(Table):
    """Templates with count, trend, level mix, first and last seen."""

    BINDING_GROUP_TITLE = "Patterns"
    HELP = (
        "What the shown rows say, most frequent first. `Enter` narrows the tail to one, `-` "
        "to all but it; `Esc` there lifts it."
    )

    STARTS_AT_TOP = True  # patterns are ranked while they are learned
    COLUMNS = (
        Column("rows", 9, right=True),
        Column("trend", TREND_BUCKETS, from_width=80),
        Column("errors", 7, right=True),
        Column("warn", 7, right=True, from_width=70),
        Column("first", 11, from_width=100),
        Column("last", 11, from_width=90),
        Column("template"),
    )

    def __init__(self, app: LogmonApp, table: PatternTable) -> None:
        super().__init__(app.palette(), "patterns")
        self._zone = app.look.zone
        self._model = app.model
        self.table = table

    def title(self) -> list[Span]:
        """Return how many patterns there are and how far rows were looked at."""
        palette = self.palette
        seen, shown = self.table.looked_at()
        spans: list[Span] = [("patterns", palette.bold), (f" · {len(self.table):,}", palette.text)]
        if seen < shown:
            text = f" · {seen:,} of {shown:,} rows looked at ({seen * 100 // shown} %)"
            return [*spans, (text, palette.warn)]
        own = f", {self.table.own:,} of them logmon's own" if self.table.own else ""
        return [*spans, (f" · of {shown:,} shown rows{own}", palette.dim)]

    def length(self) -> int:
        """Return how many patterns there are."""
        return len(self.table)

    def key(self, place: int) -> Hashable:
        """A pattern is named by its template."""
        return self.table.template(place)

    def cells(self, place: int) -> Sequence[Span]:
        """Return one pattern's columns."""
        palette, found = self.palette, self.table.at(place)
        _, warn, severe = found.severities
        return (
            (f"{found.count:,}", palette.bold),
            (spark(found.trend), palette.source),
            (f"{severe:,}" if severe else "·", palette.bad if severe else palette.dim),
            (f"{warn:,}" if warn else "·", palette.warn if warn else palette.dim),
            (short_time(found.first_ns, self._zone, self.table.span_ns), palette.dim),
            (short_time(found.last_ns, self._zone, self.table.span_ns), palette.dim),
            (clipped(found.template, TEMPLATE_CHARS), palette.text),
        )

    def empty(self) -> str:
        """Say why there are none."""
        return "looking at the rows …" if self._model.shown() else "no rows are shown"


class PatternsView(View):
    """The list, kept up to date a slice at a time while it is in front."""

    DEFAULT_CSS = "PatternsView { height: 1fr; }"
    PANEL = "patterns"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(PANEL)

    def __init__(self, app: LogmonApp, name: str) -> None:
        super().__init__(app, name)
        self.table = PatternTable(app.model, app.templates)
        self.list = PatternList(app, self.table)
        self._working: Timer | None = None
        self._slices = 0

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        yield self.list

    def shown(self) -> None:
        """Look at the rows that are not looked at yet."""
        self._work()

    def tick(self) -> None:
        """Look at rows that came."""
        if self._working is None:
            self._work()

    def _work(self) -> None:
        self._working = None
        more = self.table.work()
        self._slices += 1
        if not more or self._slices % SLICES_A_DRAWING == 1:
            self.list.rows_changed()
        if more and self.logmon.views.front is self:
            self._working = self.set_timer(SLICE_PAUSE_S, self._work)

    def on_table_chosen(self) -> None:
        """Show only rows of the selected pattern."""
        self.filter(exclude=False)

    def filter(self, *, exclude: bool) -> None:
        """Narrow the tail to the selected pattern, or to all but it."""
        place = self.list.place
        if place is not None:
            self.logmon.filters.to_pattern(self.table.template(place), exclude=exclude)
            self.logmon.views.show("tail")

    def exclude(self) -> None:
        """Narrow the tail to all but the selected pattern."""
        self.filter(exclude=True)
