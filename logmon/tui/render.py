"""Turns a row into a strip of cells: the only place where event text reaches the screen.

All text passes through `logmon.visible`. A `Row` is built once, with its background joined to
each style, and is not its own cache: Textual's strips are reference cycles once they are cut at
their own width (textual 8.2.8, `Strip.divide`), and the collections those cause stop the screen
for up to 80 ms.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from logmon.event_log import Delivery
    from logmon.tui.palette import Palette
    from logmon.work_item import WorkItem

Span = tuple[str, Style]


class Row(Strip):
    """A painted row: cut at its own width it is itself, uncached."""

    __slots__ = ()

    def divide(self, cuts: Iterable[int]) -> list[Strip]:
        """Cut the strip; the whole of it costs nothing and makes no reference cycle."""
        places = list(cuts)
        if places == [self.cell_length]:
            return [self]
        return list(super().divide(places))


def fit(text: str, width: int) -> str:
    """Return visible text cut or padded to exactly `width` cells."""
    if text.isascii():
        return text[:width].ljust(width)
    return set_cell_size(text, width)


def row_of(spans: Iterable[Span], width: int, fill: Style, tint: Style | None = None) -> Row:
    """Join spans of visible text into a row of exactly `width` cells."""
    segments: list[Segment] = []
    left = width
    for text, style in spans:
        if left <= 0:
            break
        size = len(text) if text.isascii() else cell_len(text)
        if size > left:
            text, size = fit(text, left), left
        segments.append(Segment(text, style + tint if tint else style))
        left -= size
    if left > 0:
        segments.append(Segment(" " * left, fill + tint if tint else fill))
    return Row(segments, width)


class RowPainter:
    """Draws deliveries at one width; a change of width, theme or zone makes a new painter."""

    def __init__(self, width: int, palette: Palette, zone: tzinfo) -> None:
        self.width = width
        self.palette = palette
        self._zone = zone
        self._time_cells = 12 if width >= 70 else 8
        self._source_cells = 12 if width >= 80 else 8

    def row(
        self,
        delivery: Delivery,
        item: WorkItem | None,
        *,
        selected: bool = False,
        sideways: int = 0,
    ) -> Row:
        """Draw one row: gutter, time, level, source, message, and its work item's mark."""
        if delivery.origin == "logmon":
            return self._notice(delivery, selected=selected)
        palette, event = self.palette, delivery.event
        gutter: Span = (" ", palette.text)
        tint: Style | None = None
        mark: list[Span] = []
        if delivery.work_item is not None:
            hue, tint = palette.item(delivery.work_item)
            gutter = ("▌", hue)
            mark = self._mark(delivery.work_item, item, hue)
        if selected:
            tint = palette.selected
        mark_cells = sum(cell_len(text) for text, _ in mark)
        used = 7 + self._time_cells + self._source_cells
        room = max(0, self.width - used - mark_cells - 1)
        source = palette.own_source if delivery.is_own else palette.source
        spans: list[Span] = [
            gutter,
            (self.time(delivery), palette.dim),
            (" ", palette.text),
            (event.level.code, palette.levels[event.level]),
            (" ", palette.text),
            (fit(visible(event.source[: self._source_cells * 2]), self._source_cells), source),
            (" ", palette.text),
            (self._message(event.message, room, sideways), palette.text),
        ]
        if mark:
            spans += [(" ", palette.text), *mark]
        return row_of(spans, self.width, palette.text, tint)

    def time(self, delivery: Delivery) -> str:
        """Return the time of day in the zone that is shown."""
        moment = delivery.event.timestamp
        with suppress(OverflowError):  # a time at the edge of the calendar has no other zones
            moment = moment.astimezone(self._zone)
        if self._time_cells == 8:
            return f"{moment:%H:%M:%S}"
        return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"

    def _message(self, message: str, room: int, sideways: int) -> str:
        """Return the part of a message that is on the screen, in exactly `room` cells."""
        text = visible(message[: sideways + room + 1])
        if sideways:
            text = text[sideways:]
        if len(text) > room or (not text.isascii() and cell_len(text) > room):
            return fit(text, max(0, room - 1)) + "…" if room else ""
        return fit(text, room)

    def _mark(self, item_id: str, item: WorkItem | None, hue: Style) -> list[Span]:
        """Return `◆ WI-7 ×41`, or `✓` for an item that is done; narrow screens get the sign."""
        sign = "◆" if item is None or item.is_open else "✓"
        if self.width < 70:
            return [(f"{sign} ", hue)]
        count = "" if item is None else "new" if item.count == 1 else f"×{item.count}"
        return [(f"{sign} {visible(item_id)} ", hue), (count.ljust(6), self.palette.dim)]

    def _notice(self, delivery: Delivery, *, selected: bool) -> Row:
        """Draw a row about the stream itself as a rule across the screen."""
        palette = self.palette
        text = visible(delivery.event.message[: self.width * 2])
        body = f" {self.time(delivery)} · {text} "
        side = max(2, (self.width - cell_len(body)) // 2)
        spans: list[Span] = [
            ("─" * side, palette.track),
            (body, palette.notice),
            ("─" * self.width, palette.track),
        ]
        return row_of(spans, self.width, palette.text, palette.selected if selected else None)
