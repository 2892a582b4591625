"""The Work items view: items, all of the selected one, its events; Enter goes to the tail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.event import rfc3339, to_ns
from logmon.tui.item_list import STATUS_WORD, ItemList
from logmon.tui.item_rows import ItemRows
from logmon.tui.page import Page
from logmon.tui.panes import flatten
from logmon.tui.render import Span, fit
from logmon.tui.spark import counted, local
from logmon.tui.table import Column, Table
from logmon.tui.views import GoTo, View
from logmon.visible import clipped, visible

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from textual.app import ComposeResult

    from logmon.event_log import Snapshot
    from logmon.tui.app import LogmonApp
    from logmon.work_item import WorkItem

VALUE_CHARS = 2_000
MESSAGE_CHARS = 1_000
EVICTED = "evicted, kept in the item"


class ItemFields(Page):
    """Every field of one item."""

    def __init__(self, app: LogmonApp) -> None:
        super().__init__(app.palette(), "item-fields")
        self._item: WorkItem | None = None
        self._lines: list[list[Span]] = []

    def show(self, item: WorkItem | None) -> None:
        """Show an item; another one begins at its first line."""
        if item is not None and (self._item is None or self._item.id != item.id):
            self._top = 0
        self._item = item
        self._lines = [] if item is None else list(self._describe(item))
        self.refresh()

    def title(self) -> list[Span]:
        """Return which item it is."""
        if self._item is None:
            return [("item", self.palette.dim)]
        hue, _ = self.palette.item(self._item.id)
        return [(visible(self._item.id), hue)]

    def length(self) -> int:
        """Return how many lines there are."""
        return len(self._lines)

    def spans(self, place: int) -> list[Span]:
        """Return one line."""
        return self._lines[place]

    def _describe(self, item: WorkItem) -> Iterator[list[Span]]:
        status = STATUS_WORD[item.status]
        yield self._field("title", item.title)
        mark = f" · {item.feedback}" if item.feedback else ""
        yield self._field("status", f"{status} · {item.priority} · rule {item.rule}{mark}")
        first, last = rfc3339(item.first_seen), rfc3339(item.last_seen)
        yield self._field("seen", f"{counted(item.count, 'time')} · {first} to {last}")
        yield self._field("message", item.description)
        yield self._field("template", item.template)
        for name, value in (("before it", item.previous), ("part of", item.part_of)):
            if value:
                yield self._field(name, value)
        for name, value in flatten(item.source_data):
            yield self._field(f"@{name}", value)

    def _field(self, name: str, value: str) -> list[Span]:
        palette = self.palette
        return [
            (fit(f" {clipped(name, 30)}", 12), palette.dim),
            (clipped(value, VALUE_CHARS), palette.text),
        ]


class ItemEvents(Table):
    """The events of one item: held ones lead to the tail, the others are in the item."""

    COLUMNS = (
        Column("time", 12),
        Column("lvl", 3),
        Column("source", 12, from_width=90),
        Column("message"),
    )

    def __init__(self, app: LogmonApp) -> None:
        super().__init__(app.palette(), "item-events")
        self._zone = app.look.zone
        self.rows: ItemRows | None = None

    def show(self, item: WorkItem | None, snapshot: Snapshot) -> None:
        """Show an item's events."""
        self.rows = None if item is None else ItemRows(item, snapshot)
        self.rows_changed()

    def title(self) -> list[Span]:
        """Return how many of the events are held."""
        palette = self.palette
        spans: list[Span] = [("events", palette.bold)]
        if self.rows is not None:
            spans.append((f" · {len(self.rows.held):,} held", palette.text))
            if self.rows.evicted:
                spans.append((f" · {self.rows.evicted:,} evicted", palette.warn))
        return spans

    def length(self) -> int:
        """Return how many events there are to show."""
        return 0 if self.rows is None else len(self.rows)

    def key(self, place: int) -> Hashable:
        """An event is named by its `seq`, or by its id once it is evicted."""
        assert self.rows is not None  # noqa: S101 - there are rows only then
        return self.rows.key(place)

    def cells(self, place: int) -> Sequence[Span]:
        """Return one event's columns."""
        assert self.rows is not None  # noqa: S101 - there are rows only then
        palette, row = self.palette, self.rows.at(place)
        event = row.event
        moment = local(to_ns(event.timestamp), self._zone)
        message = clipped(event.message, MESSAGE_CHARS)
        if row.seq is None:
            message = f"{EVICTED} · {message}"
        return (
            (f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}", palette.dim),
            (event.level.code, palette.levels[event.level]),
            (visible(event.source[:40]), palette.source),
            (message, palette.text if row.seq is not None else palette.dim),
        )

    def select_seq(self, seq: int) -> None:
        """Select the event of a row."""
        if self.rows is not None:
            places = (self.rows.held == seq).nonzero()[0]
            if len(places):
                self.select(int(places[0]))

    def empty(self) -> str:
        """Say why there are none."""
        return "no item is selected" if self.rows is None else "no event of it is held"


class ItemsView(View):
    """Items above; below, the selected one's fields and events."""

    DEFAULT_CSS = """
    ItemsView { height: 1fr; layout: vertical; }
    #item-list { height: 2fr; min-height: 4; }
    #item-fields { height: 1fr; min-height: 4; max-height: 12; }
    #item-events { height: 1fr; min-height: 5; }
    .-short #item-fields { display: none; }
    """

    def __init__(self, app: LogmonApp, name: str) -> None:
        super().__init__(app, name)
        self.list = ItemList(app.palette(), app.items, app.event_clock, id="item-list")
        self.fields = ItemFields(app)
        self.events = ItemEvents(app)
        self._showing: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out the three parts."""
        yield self.list
        yield self.fields
        yield self.events

    def shown(self) -> None:
        """Begin at the item of the tail's selected row, and at that row among its events."""
        self.tick()
        app = self.logmon
        row = None if app.model.cursor is None else app.model.delivery(app.model.cursor)
        if row is not None and row.work_item and self.list.select_item(row.work_item):
            self._show_selected()
            self.events.select_seq(row.seq)

    def tick(self) -> None:
        """Draw what changed."""
        self.list.update_items()
        self._show_selected()

    def rows_changed(self) -> None:
        """Count along while rows come."""
        self.tick()

    def _show_selected(self) -> None:
        item, snapshot = self.list.item, self.logmon.model.snapshot
        showing = (item, snapshot)
        if showing != self._showing:
            self._showing = showing
            self.fields.show(item)
            self.events.show(item, snapshot)

    def on_table_moved(self, event: Table.Moved) -> None:
        """Show another item."""
        if event.table is self.list:
            self._show_selected()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Go to the item's newest held row, or to the chosen event."""
        event.stop()
        rows = self.events.rows
        if rows is None:
            return
        place = 0 if event.table is self.list else self.events.place
        if place is None or not len(rows) or (seq := rows.at(place).seq) is None:
            self.logmon.notify(EVICTED, markup=False)
        else:
            self.post_message(GoTo(seq))
