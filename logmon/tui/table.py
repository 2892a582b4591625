"""A list with columns and a selected row that stays selected while rows come, go and reorder.

Rows are named by keys, never by their place. Columns that a narrow screen has no room for are
left out; the one without a width of its own takes what is left. Keys and wheel move as in the tail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec
from rich.cells import cell_len
from textual.message import Message

from logmon.tui.controls import bindings_of
from logmon.tui.lines import LinesWidget
from logmon.tui.render import Row, Span, fit, row_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from rich.style import Style
    from textual import events
    from textual.binding import BindingType

    from logmon.tui.palette import Palette

WHEEL_ROWS = 3


class Column(msgspec.Struct, frozen=True):
    """One column: `width` in cells, 0 takes what is left; left out below `from_width` cells."""

    title: str
    width: int = 0
    right: bool = False
    from_width: int = 0


class Table(LinesWidget, can_focus=True):
    """Draws title, column heads and rows; subclasses say what stands in them."""

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    HEADS: ClassVar[bool] = True
    """Whether the columns' titles take a line."""
    PANEL = "list"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(PANEL)

    STARTS_AT_TOP = False
    """Whether the first row is selected until somebody moves, however the rows change places."""

    class Moved(Message):
        """Another row is selected."""

        def __init__(self, table: Table) -> None:
            super().__init__()
            self.table = table

    class Chosen(Message):
        """The selected row is to be opened."""

        def __init__(self, table: Table) -> None:
            super().__init__()
            self.table = table

    def __init__(self, palette: Palette, table_id: str) -> None:
        super().__init__(palette, id=table_id)
        self.selected: Hashable | None = None
        """Key of the selected row."""
        self._place = 0
        self._top = 0
        self._moved = False

    # What subclasses say

    def title(self) -> list[Span]:
        """Return the title's spans."""
        raise NotImplementedError

    def length(self) -> int:
        """Return how many rows there are."""
        raise NotImplementedError

    def key(self, place: int) -> Hashable:
        """Return what names the row at a place."""
        raise NotImplementedError

    def cells(self, place: int) -> Sequence[Span]:
        """Return one span of visible text for each column."""
        raise NotImplementedError

    def tint(self, place: int) -> Style | None:
        """Return what lies behind the row at a place."""
        return self.palette.selected if place == self._place and self.has_focus else None

    def empty(self) -> str:
        """Return what is said when there are no rows."""
        return "nothing here"

    # Drawing

    @property
    def _lead(self) -> int:
        """Lines above the rows."""
        return 2 if self.HEADS else 1

    @property
    def place(self) -> int | None:
        """Place of the selected row, or None when there are no rows."""
        return self._place if self.length() else None

    def rows_changed(self) -> None:
        """Find the selected row again, wherever it is now, and draw."""
        self._find_selected()
        self.refresh()

    def _find_selected(self) -> None:
        length = self.length()
        here = min(self._place, length - 1)
        if self.STARTS_AT_TOP and not self._moved:
            self.selected = None
        if self.selected is not None and (here < 0 or self.key(here) != self.selected):
            places = (place for place in range(length) if self.key(place) == self.selected)
            here = next(places, here)
        self._place = max(0, here)
        if length:
            self.selected = self.key(self._place)

    def line(self, y: int) -> Row:
        """Draw the title, the column heads, then the rows from the top one on."""
        width, palette = self.size.width, self.palette
        if y == 0:
            rule = palette.bar_accent if self.has_focus else palette.track
            ends: list[Span] = [(" ", palette.text), ("─" * width, rule)]
            return row_of([("─ ", rule), *self.title(), *ends], width, palette.text)
        if y < self._lead:
            heads = [(column.title, palette.dim) for column in self.COLUMNS]
            return row_of(self._laid_out(heads), width, palette.text)
        self._keep_in_view()
        place = self._top + y - self._lead
        if place < self.length():
            spans = self._laid_out(self.cells(place))
            return row_of(spans, width, palette.text, self.tint(place))
        said = [(f" {self.empty()}", palette.dim)] if place == 0 else []
        return row_of(said, width, palette.text)

    def _keep_in_view(self) -> None:
        shown = max(1, self.size.height - self._lead)
        self._top = min(self._top, self._place)
        self._top = max(self._top, self._place - shown + 1)
        self._top = max(0, min(self._top, self.length() - shown))

    def _laid_out(self, cells: Sequence[Span]) -> list[Span]:
        screen = self.size.width
        shown = [
            (column, cell)
            for column, cell in zip(self.COLUMNS, cells, strict=True)
            if screen >= column.from_width
        ]
        rest = screen - 1 - sum(column.width + 1 for column, _ in shown if column.width)
        gap: Span = (" ", self.palette.text)
        spans: list[Span] = [gap]
        for column, (text, style) in shown:
            width = column.width or max(1, rest - 1)
            if column.right:
                text = " " * (width - cell_len(text)) + text
            if cell_len(text) > width:
                text = fit(text, width - 1) + "…"
            spans += [(fit(text, width), style), gap]
        return spans

    # Moving

    def select(self, place: int) -> None:
        """Select the row at a place, or the nearest there is."""
        length = self.length()
        self._moved = True
        if length:
            self._place = max(0, min(place, length - 1))
            self.selected = self.key(self._place)
            self.post_message(self.Moved(self))
            self.refresh()

    def move(self, rows: int) -> None:
        """Select the next or previous row."""
        self.select(self._place + rows)

    def page(self, pages: int) -> None:
        """Move by a screen."""
        self.select(self._place + pages * max(1, self.size.height - self._lead))

    def to_end(self, direction: int) -> None:
        """Select the first or last row."""
        self.select(0 if direction < 0 else self.length() - 1)

    def choose(self) -> None:
        """Open the selected row."""
        if self.length():
            self.post_message(self.Chosen(self))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move up."""
        event.stop()
        self.select(self._place - WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move down."""
        event.stop()
        self.select(self._place + WHEEL_ROWS)

    def on_click(self, event: events.Click) -> None:
        """Select the row under the pointer; again on the same row opens it."""
        place = self._top + event.y - self._lead
        if event.y >= self._lead and place < self.length():
            again = place == self._place and self.selected == self.key(place)
            self.select(place)
            if again:
                self.choose()
