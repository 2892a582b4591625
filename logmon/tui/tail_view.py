"""Draws a `TailModel`: its own top row, its own scrollbar, strips cached by `seq`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from rich.segment import Segment
from textual.message import Message

from logmon.event import to_ns
from logmon.tui.lines import LinesWidget
from logmon.tui.render import Circumstances, Row, RowPainter, row_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events

    from logmon.patterns import Pattern
    from logmon.segment import Delivery
    from logmon.tui.look import Look
    from logmon.tui.palette import Palette
    from logmon.tui.search import Search
    from logmon.tui.tail_model import TailModel
    from logmon.work_item import WorkItem

STRIPS_HELD = 512
WHEEL_ROWS = 3

Key = tuple[int, bool, bool, str]


class TailView(LinesWidget, can_focus=True):
    """The scrolling rows."""

    BINDING_GROUP_TITLE = "Tail"
    HELP = (
        "Rows as they come. Any upward move pauses, the end follows again. "
        "`&` filters, `/` searches, `Enter` shows all of a row."
    )

    class Moved(Message):
        """The selected row, the window or the follow state changed."""

    class DetailAsked(Message):
        """The detail pane is wanted, or wanted gone."""

    def __init__(
        self,
        model: TailModel,
        palette: Palette,
        look: Look,
        item_of: Callable[[str], WorkItem | None],
    ) -> None:
        super().__init__(palette, id="tail")
        self.model = model
        self.look = look
        self.empty_text = ""
        self.search: Search | None = None
        """What is searched: its hits are marked on the scrollbar."""
        self._item_of = item_of
        self._too_slow: set[Pattern] = set()
        """Patterns that once took too long to be marked: they are not asked again."""
        self._painter = RowPainter(80, palette, look)
        self._strips: dict[Key, list[Row]] = {}
        self._seqs: list[int] = []
        self._lines: list[tuple[int, Row]] = []
        self._thumb = (0, 0)
        self._hits: frozenset[int] = frozenset()
        self._hits_of: tuple[object, ...] = ()
        self.columns_right = 0
        """How many cells the messages are moved sideways; new rows do not move them back."""
        self.turned_over = False
        """Whether none of the rows that were shown before is shown now."""

    # Drawing

    def model_changed(self) -> None:
        """Look at what the model shows now and draw it."""
        before = self._seqs
        self._seqs = self.model.visible()
        self._thumb = self._scrollbar()
        self.turned_over = bool(before and self._seqs) and self._seqs[0] > before[-1]
        self._lines = self._lay_out()
        self.refresh()

    def restyle(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        self.palette = palette
        self._new_painter()

    def change_look(self, look: Look) -> None:
        """Draw rows in another way; the selected row keeps its place."""
        self.look = look
        self._new_painter()
        self.model.keep_in_view()
        self.model_changed()

    def _new_painter(self) -> None:
        width = max(1, self.size.width - 1)
        self._painter = RowPainter(width, self.palette, self.look, self._too_slow)
        self._strips.clear()
        self.model.lines_of = self._lines_of if self.look.wrap else None
        self.model_changed()

    def _lines_of(self, seq: int) -> int:
        delivery = self.model.delivery(seq)
        return 1 if delivery is None else self._painter.lines(delivery, self.size.height)

    def on_resize(self, event: events.Resize) -> None:
        """Fit the rows to the new size; the selected row keeps its place."""
        self._new_painter()
        self.model.resize(event.size.height)
        self.model_changed()

    def _lay_out(self) -> list[tuple[int, Row]]:
        """Return the lines of the screen, each with its row's `seq`."""
        height = self.size.height
        newest_ns = self._newest_ns() if self.look.time_mode == "age" else 0
        lines: list[tuple[int, Row]] = []
        seqs = self._seqs
        if self.look.wrap and seqs and (below := self.model.step(seqs[-1], 1)) != seqs[-1]:
            seqs = [*seqs, below]  # the part of it that there is room for
        before = self._delta_base(seqs) if self.look.deltas else None
        for seq in seqs:
            delivery = self.model.delivery(seq)
            if delivery is None:
                lines.append((seq, self._blank("evicted")))
                continue
            time_ns = to_ns(delivery.event.timestamp)
            here = Circumstances(
                selected=seq == self.model.cursor,
                marked=seq in self.model.marks,
                sideways=self.columns_right,
                delta_s=None if before is None else (time_ns - before) / 1e9,
                newest_ns=newest_ns,
                repeats=None if self.model.fold is None else self.model.fold.repeats(seq),
            )
            before = time_ns if self.look.deltas else None
            lines += [(seq, row) for row in self._paint(delivery, here)]
            if len(lines) >= height:
                break
        if self.look.wrap and seqs and len(lines) < height:
            lines[:0] = self._end_of_row_above(seqs[0], height - len(lines))
        return lines[:height]

    def _end_of_row_above(self, seq: int, most: int) -> list[tuple[int, Row]]:
        """Return the last lines of the row above one, where it does not fit as a whole."""
        above = self.model.step(seq, -1)
        delivery = self.model.delivery(above)
        if above == seq or delivery is None:
            return []
        here = Circumstances(marked=above in self.model.marks)
        return [(above, row) for row in self._paint(delivery, here)[-most:]]

    def _delta_base(self, seqs: list[int]) -> int | None:
        """Return the time of the shown row above the screen."""
        above = self.model.step(seqs[0], -1) if seqs else 0
        row = self.model.delivery(above) if seqs and above != seqs[0] else None
        return None if row is None else to_ns(row.event.timestamp)

    def _newest_ns(self) -> int:
        snapshot = self.model.snapshot
        row = snapshot.delivery(snapshot.next_seq - 1)
        return 0 if row is None else to_ns(row.event.timestamp)

    def _paint(self, delivery: Delivery, here: Circumstances) -> list[Row]:
        item = None if delivery.work_item is None else self._item_of(delivery.work_item)
        if self.look.changes_with_others:
            return self._painter.rows(delivery, item, here)
        mark = str(delivery.work_item) if item is None else f"{item.id}{item.count}{item.status}"
        if here.repeats is not None:
            mark = f"{mark} {here.repeats.count}"
        if delivery.is_new:
            mark = f"{mark} new"
        key = (delivery.seq, here.selected, here.marked, mark)
        found = self._strips.get(key)
        if found is None:
            if len(self._strips) >= STRIPS_HELD:
                self._strips.clear()
            found = self._strips[key] = self._painter.rows(delivery, item, here)
        return found

    def line(self, y: int) -> Row:
        """Draw one line of the screen, with its cell of the scrollbar."""
        if y >= len(self._lines):
            middle = not self._lines and y == self.size.height // 2
            return self._blank(self.empty_text if middle else "")
        row = self._lines[y][1]
        top, bottom = self._thumb
        if y in self._hits:
            bar = Segment("◆", self.palette.bar_hit)
        else:
            bar = Segment("▐" if top <= y < bottom else " ", self.palette.thumb)
        return Row([*row, bar], row.cell_length + 1)

    def _blank(self, text: str) -> Row:
        width = self.size.width
        return row_of([(text.center(width), self.palette.dim)], width, self.palette.text)

    def _scrollbar(self) -> tuple[int, int]:
        """Return the rows of the thumb, as start and stop; nothing when all rows fit."""
        height, shown = self.size.height, self.model.on_screen()
        self._hits = self._hit_cells(height, shown)
        if shown <= height or not self._seqs:
            return (0, 0)
        thumb = max(1, height * height // shown)
        before = shown - height if self.model.top is None else self.model.rank(self._seqs[0])
        start = round(before * (height - thumb) / max(1, shown - height))
        start = min(start, height - thumb)
        return (start, start + thumb)

    def _hit_cells(self, height: int, shown: int) -> frozenset[int]:
        """Return the cells of the scrollbar where rows lie that were searched for."""
        search = self.search
        if search is None or shown <= height:
            return frozenset()
        version = (search, search.version, height)
        if version != self._hits_of:
            self._hits_of = version
            snapshot = self.model.snapshot
            places = (search.seqs() - snapshot.first_seq) * height // max(1, len(snapshot))
            # `np.unique` loads numpy.ma when it is first called: 40 ms (numpy 2.4).
            counts = np.bincount(places[places >= 0], minlength=height)
            self._hits = frozenset(np.flatnonzero(counts).tolist())
        return self._hits

    # Moving

    def moved(self) -> None:
        """Draw what a move changed, here and around."""
        self.model_changed()
        self.post_message(self.Moved())

    def move(self, rows: int, count: int | None = None) -> None:
        """Move the selected row."""
        self.model.move(rows * (count or 1))
        self.moved()

    def page(self, pages: int, count: int | None = None) -> None:
        """Move the window by whole screens."""
        self.model.scroll(pages * (count or 1) * max(1, len(self._seqs) - 1))
        self.moved()

    def half_page(self, halves: int, count: int | None = None) -> None:
        """Move the window by half screens."""
        self.model.scroll(halves * (count or 1) * max(1, len(self._seqs) // 2))
        self.moved()

    def first(self, count: int | None = None) -> None:
        """Go to the oldest row, or to the row of that number among those shown."""
        self.model.trail.leave(self.model.cursor)
        self.model.to_first()
        if count:
            self.model.move(count - 1)
        self.moved()

    def last(self, count: int | None = None) -> None:
        """Go to the newest row and stay with it, or to the row of that number."""
        if count:
            self.first(count)
        else:
            self.follow()

    def follow(self) -> None:
        """Go to the newest row and stay with it."""
        self.model.trail.leave(self.model.cursor)
        self.model.follow()
        self.moved()

    def freeze(self) -> None:
        """Stop drawing new rows, or go on; recording goes on."""
        self.model.freeze()
        self.moved()

    def sideways(self, steps: int, count: int | None = None) -> None:
        """Move the messages sideways by a third of a screen; new rows do not move them back."""
        cells = steps * (count or 1) * max(1, self.size.width // 3)
        self.columns_right = max(0, self.columns_right + cells)
        self._strips.clear()
        self.moved()

    def select_any(self) -> None:
        """Select the newest row on the screen where none is selected."""
        if self.model.cursor is None and self._seqs:
            self.model.select(self._seqs[-1])
            self.moved()

    # How rows look

    def wrap(self) -> None:
        """Break long messages into lines, or cut them at the edge again."""
        self.change_look(msgspec.structs.replace(self.look, wrap=not self.look.wrap))

    def next_time_mode(self) -> None:
        """Show times in the next way."""
        self.change_look(self.look.next_time_mode())

    def deltas(self) -> None:
        """Show the time since the row above, or no longer."""
        self.change_look(msgspec.structs.replace(self.look, deltas=not self.look.deltas))

    # Mouse

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll towards older rows."""
        event.stop()
        self.model.scroll(-WHEEL_ROWS)
        self.moved()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll towards newer rows."""
        event.stop()
        self.model.scroll(WHEEL_ROWS)
        self.moved()

    def on_click(self, event: events.Click) -> None:
        """Select the row under the pointer; again on the same row shows it in full."""
        if event.y < len(self._lines):
            seq = self._lines[event.y][0]
            again = seq == self.model.cursor
            self.model.select(seq)
            self.moved()
            if again:
                self.post_message(self.DetailAsked())
