"""Draws a `TailModel`: its own top row, its own scrollbar, strips cached by `seq`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.message import Message

from logmon.errors import PatternTooSlow
from logmon.level import parse_level
from logmon.tui.lines import LinesWidget
from logmon.tui.render import Row, RowPainter, row_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from textual import events

    from logmon.event_log import Delivery
    from logmon.tui.palette import Palette
    from logmon.tui.tail_model import TailModel
    from logmon.work_item import WorkItem

STRIPS_HELD = 512
WHEEL_ROWS = 3


class TailView(LinesWidget, can_focus=True):
    """The scrolling rows."""

    class Moved(Message):
        """The selected row, the window or the follow state changed."""

    class DetailAsked(Message):
        """The detail pane is wanted, or wanted gone."""

    class Refused(Message):
        """The filter could not be applied and was dropped."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(
        self,
        model: TailModel,
        palette: Palette,
        zone: tzinfo,
        item_of: Callable[[str], WorkItem | None],
    ) -> None:
        super().__init__(palette, id="tail")
        self.model = model
        self.empty_text = ""
        self._zone = zone
        self._item_of = item_of
        self._painter = RowPainter(80, palette, zone)
        self._strips: dict[tuple[int, bool, str], Row] = {}
        self._seqs: list[int] = []
        self._thumb = (0, 0)
        self._sideways = 0

    # Drawing

    def model_changed(self) -> None:
        """Look at what the model shows now and draw it."""
        try:
            self._seqs = self.model.visible()
            self._thumb = self._scrollbar()
        except PatternTooSlow as error:
            self.post_message(self.Refused(str(error)))
            return
        self.refresh()

    def restyle(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        self.palette = palette
        self._new_painter()

    def _new_painter(self) -> None:
        self._painter = RowPainter(max(1, self.size.width - 1), self.palette, self._zone)
        self._strips.clear()
        self.model_changed()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the rows to the new size; the selected row keeps its place."""
        self.model.resize(event.size.height)
        self._new_painter()

    def line(self, y: int) -> Row:
        """Draw one row of the window."""
        if y >= len(self._seqs):
            middle = not self._seqs and y == self.size.height // 2
            return self._blank(self.empty_text if middle else "")
        seq = self._seqs[y]
        delivery = self.model.delivery(seq)
        if delivery is None:
            return self._blank("evicted")
        return self._row(delivery, y)

    def _blank(self, text: str) -> Row:
        width = self.size.width
        return row_of([(text.center(width), self.palette.dim)], width, self.palette.text)

    def _row(self, delivery: Delivery, y: int) -> Row:
        item = None if delivery.work_item is None else self._item_of(delivery.work_item)
        mark = "" if item is None else f"{item.id}{item.count}{item.status}"
        top, bottom = self._thumb
        bar = bottom > top and top <= y < bottom
        selected = delivery.seq == self.model.cursor
        key = (delivery.seq * 2 + bar, selected, mark or str(delivery.work_item))
        found = self._strips.get(key)
        if found is None:
            row = self._painter.row(delivery, item, selected=selected, sideways=self._sideways)
            tail = Segment("▐" if bar else " ", self.palette.thumb)
            found = Row([*row, tail], self.size.width)
            if len(self._strips) >= STRIPS_HELD:
                self._strips.clear()
            self._strips[key] = found
        return found

    def _scrollbar(self) -> tuple[int, int]:
        """Return the rows of the thumb, as start and stop; nothing when all rows fit."""
        height, shown = self.size.height, self.model.shown()
        if shown <= height or not self._seqs:
            return (0, 0)
        thumb = max(1, height * height // shown)
        before = shown - height if self.model.top is None else self.model.rank(self._seqs[0])
        start = round(before * (height - thumb) / max(1, shown - height))
        start = min(start, height - thumb)
        return (start, start + thumb)

    # Moving

    def _moved(self) -> None:
        self.model_changed()
        self.post_message(self.Moved())

    def move(self, rows: int, count: int | None = None) -> None:
        """Move the selected row."""
        self.model.move(rows * (count or 1))
        self._moved()

    def page(self, pages: int, count: int | None = None) -> None:
        """Move the window by whole screens."""
        self.model.scroll(pages * (count or 1) * max(1, self.size.height - 1))
        self._moved()

    def half_page(self, halves: int, count: int | None = None) -> None:
        """Move the window by half screens."""
        self.model.scroll(halves * (count or 1) * max(1, self.size.height // 2))
        self._moved()

    def first(self, count: int | None = None) -> None:
        """Go to the oldest row, or to the row of that number among those shown."""
        self.model.to_first()
        if count:
            self.model.move(count - 1)
        self._moved()

    def last(self, count: int | None = None) -> None:
        """Go to the newest row and stay with it, or to the row of that number."""
        if count:
            self.first(count)
        else:
            self.follow()

    def follow(self) -> None:
        """Go to the newest row and stay with it."""
        self.model.follow()
        self._moved()

    def freeze(self) -> None:
        """Stop drawing new rows, or go on; recording goes on."""
        self.model.freeze()
        self._moved()

    def sideways(self, steps: int, count: int | None = None) -> None:
        """Move the messages sideways by a third of a screen; new rows do not move them back."""
        cells = steps * (count or 1) * max(1, self.size.width // 3)
        self._sideways = max(0, self._sideways + cells)
        self._strips.clear()
        self._moved()

    def jump_level(self, name: str, direction: int) -> None:
        """Select the next or previous row that is at least this bad."""
        level = parse_level(name)
        if level is not None and not self.model.jump_level(level, 1 if direction > 0 else -1):
            self.app.bell()
        self._moved()

    def jump_item(self, direction: int) -> None:
        """Select the next or previous row that belongs to a work item."""
        if not self.model.jump_item(1 if direction > 0 else -1):
            self.app.bell()
        self._moved()

    def select_any(self) -> None:
        """Select the newest row on the screen where none is selected."""
        if self.model.cursor is None and self._seqs:
            self.model.select(self._seqs[-1])
            self._moved()

    # Mouse

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll towards older rows."""
        event.stop()
        self.model.scroll(-WHEEL_ROWS)
        self._moved()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll towards newer rows."""
        event.stop()
        self.model.scroll(WHEEL_ROWS)
        self._moved()

    def on_click(self, event: events.Click) -> None:
        """Select the row under the pointer; again on the same row shows it in full."""
        if event.y < len(self._seqs):
            seq = self._seqs[event.y]
            again = seq == self.model.cursor
            self.model.select(seq)
            self._moved()
            if again:
                self.post_message(self.DetailAsked())
