"""The Sources view: the health of each source, and who emits how much of what is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.event import from_ns
from logmon.tui.copy_forms import query_term
from logmon.tui.emitters import Emitters
from logmon.tui.panes import age
from logmon.tui.spark import local, spark
from logmon.tui.table import Column, Table
from logmon.tui.views import FilterTo, View
from logmon.visible import clipped, visible

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual.app import ComposeResult

    from logmon.intake import SourceStatistics
    from logmon.tui.app import LogmonApp
    from logmon.tui.palette import Palette
    from logmon.tui.render import Span

SPARK_CELLS = 12
STATE_CHARS = 200


class SourceList(Table):
    """One row for each configured source."""

    COLUMNS = (
        Column("source", 14),
        Column("newest", 8, right=True),
        Column("ev/s", 8, right=True, from_width=70),
        Column("", SPARK_CELLS, from_width=100),
        Column("received", 11, right=True, from_width=80),
        Column("dropped", 9, right=True),
        Column("dead", 7, right=True),
        Column("repeats", 8, right=True, from_width=110),
        Column("state"),
    )

    def __init__(self, app: LogmonApp) -> None:
        super().__init__(app.palette(), "source-list")
        self._app = app

    def title(self) -> list[Span]:
        """Return how many there are, how many are not well, and what ails the selected one."""
        sources = self._app.hub.sources.values()
        ill = sum(source.state not in WELL for source in sources)
        palette = self.palette
        said: Span = (f" · {ill} not well", palette.bad) if ill else (" · all well", palette.dim)
        spans = [("sources", palette.bold), (f" · {len(sources)}", palette.text), said]
        if self.place is not None:
            selected = self._app.hub.sources[self._names()[self.place]]
            if selected.state not in WELL and selected.detail:
                spans.append((f" · {clipped(selected.detail, STATE_CHARS)}", palette.text))
        return spans

    def _names(self) -> list[str]:
        return list(self._app.hub.sources)

    def length(self) -> int:
        """Return how many sources there are."""
        return len(self._app.hub.sources)

    def key(self, place: int) -> Hashable:
        """A source is named by its name."""
        return self._names()[place]

    def cells(self, place: int) -> Sequence[Span]:
        """Return one source's columns."""
        palette, name = self.palette, self._names()[place]
        source = self._app.hub.sources[name]
        rates = self._app.rates.of(name)
        sparkline = spark(list(rates)[-SPARK_CELLS:])
        return (
            (visible(name[:40]), palette.source),
            (self._newest(source), palette.text),
            (f"{rates[-1]:,.0f}", palette.text),
            (sparkline, palette.source),
            (f"{source.received:,}", palette.text),
            _alarming(source.dropped, palette.bad, palette),
            _alarming(source.dead_lettered, palette.warn, palette),
            (f"{source.duplicates:,}", palette.dim),
            state_of(source, palette),
        )

    def _newest(self, source: SourceStatistics) -> str:
        """Return the age of the newest event; of a source that has ended, its time of day."""
        if not source.newest_ns:
            return "none"
        if source.state == "ended":
            return f"{local(source.newest_ns, self._app.look.zone):%H:%M:%S}"
        return age(from_ns(source.newest_ns), self._app.now())

    def empty(self) -> str:
        """Say that there are none."""
        return "no source is configured"


WELL = ("live", "ended", "starting", "read along")


def state_of(source: SourceStatistics, palette: Palette) -> Span:
    """Return a source's state in words, with a sign that needs no colour."""
    if source.state in WELL:
        sign = "✓" if source.state == "live" else "·"
        style = palette.good if source.state == "live" else palette.dim
        progress = f" · {visible(source.progress[:80])}" if source.progress else ""
        return f"{sign} {source.state}{progress}", style
    detail = f" · {visible(source.detail[:STATE_CHARS])}" if source.detail else ""
    return f"✗ {visible(source.state[:STATE_CHARS])}{detail}", palette.bad


def _alarming(count: int, style: object, palette: Palette) -> Span:
    return f"{count:,}", style if count else palette.dim  # type: ignore[return-value]


class EmitterList(Table):
    """One row for each name in the Source column of held rows; Enter filters to it."""

    BINDING_GROUP_TITLE = "Emitters"
    HELP = "Who emits how much of what is held. `Enter` narrows the tail to one."

    COLUMNS = (
        Column("held rows", 11, right=True),
        Column("errors", 9, right=True),
        Column("warn", 9, right=True, from_width=70),
        Column("newest", 8, right=True),
        Column("emitter"),
    )

    def __init__(self, app: LogmonApp) -> None:
        super().__init__(app.palette(), "emitter-list")
        self._app = app
        self.emitters = Emitters(app.hub.log)

    def title(self) -> list[Span]:
        """Return how many emitters there are."""
        count = len(self.emitters.found)
        return [("emitters", self.palette.bold), (f" · {count:,}", self.palette.text)]

    def length(self) -> int:
        """Return how many emitters there are."""
        return len(self.emitters.found)

    def key(self, place: int) -> Hashable:
        """An emitter is named by its name."""
        return self.emitters.found[place].name

    def cells(self, place: int) -> Sequence[Span]:
        """Return one emitter's columns."""
        palette, found = self.palette, self.emitters.found[place]
        return (
            (f"{found.rows:,}", palette.text),
            _alarming(found.errors, palette.bad, palette),
            _alarming(found.warnings, palette.warn, palette),
            (age(from_ns(found.newest_ns), self._app.event_clock()), palette.dim),
            (visible(found.name[:200]), palette.source),
        )

    def empty(self) -> str:
        """Say that there are none."""
        return "no rows are held"


class SourcesView(View):
    """Sources above, emitters below."""

    DEFAULT_CSS = """
    SourcesView { height: 1fr; layout: vertical; }
    #source-list { height: auto; min-height: 4; max-height: 40%; }
    #emitter-list { height: 1fr; }
    """

    def __init__(self, app: LogmonApp, name: str) -> None:
        super().__init__(app, name)
        self._sources = SourceList(app)
        self._emitters = EmitterList(app)

    def compose(self) -> ComposeResult:
        """Lay out both lists."""
        yield self._sources
        yield self._emitters

    def shown(self) -> None:
        """Look at the accounts and the held rows."""
        self._sources.styles.height = max(3, min(10, self._sources.length() + 2))
        self.tick()

    def tick(self) -> None:
        """Draw what changed."""
        self._emitters.emitters.sync()
        self._sources.rows_changed()
        self._emitters.rows_changed()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Narrow the tail to the selected emitter."""
        if event.table is self._emitters and event.table.place is not None:
            name = self._emitters.emitters.found[event.table.place].name
            self.post_message(FilterTo(f"service:{query_term(name)}"))
