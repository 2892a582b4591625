"""Turns a row into strips of cells: the only place where event text reaches the screen.

All text passes through `logmon.visible`. A `Row` is built once, with its background joined to
each style, and is not its own cache: Textual's strips are reference cycles once they are cut at
their own width (textual 8.2.8, `Strip.divide`), and the collections those cause stop the screen
for up to 80 ms.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from logmon.errors import PatternTooSlow
from logmon.event import from_ns
from logmon.patterns import bounded
from logmon.tui.fold import Repeats
from logmon.tui.look import Look, in_zone, span, time_cells, time_text, value_of
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logmon.patterns import Pattern
    from logmon.segment import Delivery
    from logmon.tui.palette import Palette
    from logmon.work_item import WorkItem

Span = tuple[str, Style]

MOST_CHARS = 4_096
"""Characters of a message that are drawn at most; what is more is said, and is in the detail."""
ATTRIBUTE_CELLS = 14
MARKING_LIMIT_S = 0.25
"""How long a pattern may take to be marked in one row."""


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


def clipped_to(text: str, width: int) -> str:
    """Return visible text padded to exactly `width` cells, or cut with a sign that it is."""
    if len(text) > width or (not text.isascii() and cell_len(text) > width):
        return fit(text, max(0, width - 1)) + "…"
    return fit(text, width)


def row_of(spans: Iterable[Span], width: int, fill: Style, tint: Style | None = None) -> Row:
    """Join spans of visible text into a row of exactly `width` cells.

    A tint takes the place of the ordinary ground; what has a ground of its own keeps it.
    """
    segments: list[Segment] = []
    left = width
    for text, style in spans:
        if left <= 0:
            break
        size = len(text) if text.isascii() else cell_len(text)
        if size > left:
            text, size = fit(text, left), left
        tinted = tint is not None and style.bgcolor == fill.bgcolor
        segments.append(Segment(text, style + tint if tinted else style))
        left -= size
    if left > 0:
        segments.append(Segment(" " * left, fill + tint if tint else fill))
    return Row(segments, width)


NEW = "✦ "
"""Stands before a message whose template was never seen before."""


class Circumstances(msgspec.Struct, frozen=True):
    """What a row's look depends on besides the event."""

    selected: bool = False
    marked: bool = False
    sideways: int = 0
    delta_s: float | None = None
    """Seconds since the row above, where that is shown."""
    newest_ns: int = 0
    repeats: Repeats | None = None


class RowPainter:
    """Draws deliveries at one width; a change of width, theme or look makes a new painter."""

    def __init__(
        self, width: int, palette: Palette, look: Look, too_slow: set[Pattern] | None = None
    ) -> None:
        self.width = width
        self.palette = palette
        self.look = look
        self._short = width < 70
        self._time_cells = time_cells(look, short=self._short)
        self._source_cells = 8 if self._short else 12
        self._too_slow = set() if too_slow is None else too_slow

    def rows(self, delivery: Delivery, item: WorkItem | None, here: Circumstances) -> list[Row]:
        """Draw one event as lines of exactly this width: one, or more where it is wrapped."""
        if delivery.origin == "logmon":
            return [self._notice(delivery, here)]
        palette = self.palette
        tint: Style | None = None
        mark: list[Span] = []
        gutter: Span = (" ", palette.text)
        if delivery.work_item is not None:
            hue, tint = palette.item(delivery.work_item)
            gutter = ("▌", hue)
            mark = self._mark(delivery.work_item, item, hue)
        if here.marked:
            gutter = ("●", palette.marked)
        if here.repeats is not None:
            mark = [*self._repeats(here.repeats), *mark]
        if here.selected:
            tint = palette.selected
        lead = [gutter, *self._columns(delivery, here)]
        if delivery.is_new:
            lead.append((NEW, palette.own_source))
        used = sum(cell_len(text) for text, _ in lead)
        ending = sum(cell_len(text) for text, _ in mark)
        room = max(0, self.width - used - ending - (1 if mark else 0))
        if self.look.wrap:
            return self._wrapped(delivery, lead, mark, tint, used)
        text = self._message(delivery.event.message, room, here.sideways)
        spans = [*lead, *text]
        if mark:
            spans += [(" ", palette.text), *mark]
        return [row_of(spans, self.width, palette.text, tint)]

    def lines(self, delivery: Delivery, most: int) -> int:
        """Return how many lines a row takes when it is wrapped, at most `most`."""
        if delivery.origin == "logmon":
            return 1
        lead = self._columns(delivery, Circumstances())
        used = 1 + sum(cell_len(text) for text, _ in lead) + 2 * delivery.is_new
        room = max(8, self.width - used)
        text = self._text(delivery.event.message)
        size = len(text) if text.isascii() else cell_len(text)
        mark = 14 if delivery.work_item is not None else 0
        return max(1, min(most, -(-(size + mark) // room)))

    # Columns before the message

    def _columns(self, delivery: Delivery, here: Circumstances) -> list[Span]:
        spans: list[Span] = []
        blank: Span = (" ", self.palette.text)
        for name in self.look.columns[:-1]:
            spans += [*self._column(name, delivery, here), blank]
        return spans

    def _column(self, name: str, delivery: Delivery, here: Circumstances) -> list[Span]:
        palette, event = self.palette, delivery.event
        if name == "time":
            text = time_text(event, self.look, here.newest_ns, short=self._short)
            spans = [(text.rjust(self._time_cells), palette.dim)]
            if self.look.deltas:
                passed = "" if here.delta_s is None else f"+{span(here.delta_s)}"
                spans.append((passed.replace("+-", "-").rjust(10), palette.delta))
            return spans
        if name == "level":
            return [(event.level.code, palette.levels[event.level])]
        if name == "source":
            style = palette.own_source if delivery.is_own else palette.source
            cells = self._source_cells
            return [(clipped_to(visible(event.source[: cells * 2]), cells), style)]
        cells = 32 if name == "template" else ATTRIBUTE_CELLS
        return [(fit(visible(value_of(event, name)[: cells * 2]), cells), palette.value)]

    # The message

    def _text(self, message: str) -> str:
        text = visible(message[:MOST_CHARS])
        over = len(message) - MOST_CHARS
        return f"{text} … +{over:,} characters" if over > 0 else text

    def _message(self, message: str, room: int, sideways: int) -> list[Span]:
        """Return the part of a message that is on the screen, in exactly `room` cells."""
        if not room:
            return []
        if not self.look.highlights and self.look.search is None:
            text = visible(message[: sideways + room + 1])
            return [(self._window(text, room, sideways), self.palette.text)]
        text = self._text(message)
        shown = self._window(text, room, sideways)
        return self._styled(text, sideways, shown)

    def _window(self, text: str, room: int, sideways: int) -> str:
        return clipped_to(text[sideways:] if sideways else text, room)

    def _styled(self, text: str, start: int, shown: str) -> list[Span]:
        """Cut a shown part of a text where hits begin and end."""
        styles: list[tuple[int, int, Style]] = []
        for place, pattern in enumerate(self.look.highlights):
            style = self.palette.highlights[place % len(self.palette.highlights)]
            styles += [(*found, style) for found in self._spans(pattern, text)]
        if self.look.search is not None:
            found = self._spans(self.look.search, text)
            styles += [(begin, end, self.palette.hit) for begin, end in found]
        spans: list[Span] = []
        place, end = start, start + len(shown)
        edges = sorted({start, end, *(p for b, e, _ in styles for p in (b, e) if start < p < end)})
        for begin, stop in pairwise(edges):
            style = self.palette.text
            for first, last, wanted in styles:
                if first <= begin and stop <= last:
                    style = wanted
            spans.append((shown[begin - place : stop - place], style))
        return spans

    def _spans(self, pattern: Pattern, text: str) -> list[tuple[int, int]]:
        """Return where a pattern occurs; one that ever takes too long is not asked again."""
        if pattern in self._too_slow:
            return []
        try:
            with bounded(MARKING_LIMIT_S):
                return pattern.spans(text)
        except PatternTooSlow:
            self._too_slow.add(pattern)
            return []

    def _wrapped(
        self,
        delivery: Delivery,
        lead: list[Span],
        mark: list[Span],
        tint: Style | None,
        used: int,
    ) -> list[Row]:
        """Break a message into lines below each other, its marks behind the last one."""
        palette = self.palette
        room = max(8, self.width - used)
        text = self._text(delivery.event.message)
        pieces = (
            [text[place : place + room] for place in range(0, max(1, len(text)), room)]
            if text.isascii()
            else chop_cells(text, room) or [""]
        )
        ending = sum(cell_len(part) for part, _ in mark)
        if mark and cell_len(pieces[-1]) + ending + 1 > room:
            pieces.append("")
        rows, place = [], 0
        for number, piece in enumerate(pieces):
            before = lead if number == 0 else [lead[0], (" " * (used - 1), palette.text)]
            body = self._styled(text, place, piece) if piece else []
            place += len(piece)
            spans = [*before, *body]
            if mark and number == len(pieces) - 1:
                gap = max(1, room - cell_len(piece) - ending)
                spans += [(" " * gap, palette.text), *mark]
            rows.append(row_of(spans, self.width, palette.text, tint))
        return rows

    # Marks behind the message

    def _mark(self, item_id: str, item: WorkItem | None, hue: Style) -> list[Span]:
        """Return `◆ WI-7 ×41`, or `✓` for an item that is done; narrow screens get the sign."""
        sign = "◆" if item is None or item.is_open else "✓"
        if self._short:
            return [(f"{sign} ", hue)]
        count = "" if item is None else "new" if item.count == 1 else f"×{item.count}"
        return [(f"{sign} {visible(item_id)} ", hue), (count.ljust(6), self.palette.dim)]

    def _repeats(self, repeats: Repeats) -> list[Span]:
        """Return `×2,396 12:04:01–12:07:22`, or the count alone on a narrow screen."""
        count: Span = (f"×{repeats.count:,} ", self.palette.bold)
        if self._short:
            return [count]
        first, last = (
            f"{in_zone(from_ns(time_ns), self.look.zone):%H:%M:%S}"
            for time_ns in (repeats.first_ns, repeats.last_ns)
        )
        return [count, (f"{first}–{last} ", self.palette.dim)]

    def _notice(self, delivery: Delivery, here: Circumstances) -> Row:
        """Draw a row about the stream itself as a rule across the screen."""
        palette = self.palette
        text = visible(delivery.event.message[: self.width * 2])
        time = time_text(delivery.event, self.look, here.newest_ns, short=self._short)
        body = f" {time} · {text} "
        side = max(2, (self.width - cell_len(body)) // 2)
        spans: list[Span] = [
            ("─" * side, palette.track),
            (body, palette.notice),
            ("─" * self.width, palette.track),
        ]
        return row_of(spans, self.width, palette.text, palette.selected if here.selected else None)
