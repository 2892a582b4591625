"""Draws the histogram of the shown rows: one line below the tail, or five with figures and cursor.

A click, or Enter on the bucket under the cursor, goes to the bucket's first row. Letters mark
warnings and errors where colour cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.style import Style

from logmon.tui.controls import bindings_of
from logmon.tui.histogram import Histogram
from logmon.tui.lines import LinesWidget
from logmon.tui.render import Row, Span, row_of
from logmon.tui.spark import BLOCKS, counted, duration, local, short_time
from logmon.tui.views import GoTo

if TYPE_CHECKING:
    from datetime import tzinfo

    from textual import events
    from textual.binding import BindingType

    from logmon.tui.palette import Palette
    from logmon.tui.tail_model import TailModel

BAR_LINES = 3
EIGHTHS = 8
MARKS = ("─", "W", "E")
"""What stands below a bucket by its worst severity."""
LEAST_BUCKETS = 10


class HistogramStrip(LinesWidget, can_focus=True):
    """Time from left to right; height is the number of rows, colour the severity."""

    BINDING_GROUP_TITLE = "Histogram"
    HELP = (
        "The shown rows by time and severity. Arrows move to the next filled bucket, `e E` to "
        "the next with errors, `Enter` goes there."
    )

    DEFAULT_CSS = """
    HistogramStrip { height: 1; }
    HistogramStrip.-tall { height: 5; }
    HistogramStrip.-off { display: none; }
    """
    PANEL = "histogram"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(PANEL)

    def __init__(self, palette: Palette, model: TailModel, zone: tzinfo) -> None:
        super().__init__(palette, id="histogram")
        self.histogram = Histogram(model)
        self._zone = zone
        self._cursor_ns: int | None = None

    # State

    @property
    def tall(self) -> bool:
        """Whether figures and cursor are shown."""
        return self.has_class("-tall")

    def update_counts(self) -> bool:
        """Count what has changed and draw; return whether more is left to count."""
        if not self.display or not self.size.width:
            return False
        before = self.histogram.counts
        more = self.histogram.sync(self._room())
        if self.histogram.counts is not before:
            self.refresh()
        return more

    def on_resize(self) -> None:
        """Fit the buckets to the new width."""
        self.update_counts()

    def _room(self) -> int:
        """Return how many buckets fit beside the label."""
        width = self.size.width
        return max(LEAST_BUCKETS, width - 2 if self.tall else width - self._label_cells())

    def _label_cells(self) -> int:
        """The label at its longest, with dates, and a blank on each side."""
        return 43 if self.size.width >= 100 else 28 if self.size.width >= 60 else 0

    def cells_of(self, bucket: int) -> tuple[int, int]:
        """Return the cells a bucket is drawn in, as start and stop; buckets fill the width."""
        room, count = self._room(), max(1, self.histogram.grid.count)
        return 1 + bucket * room // count, 1 + (bucket + 1) * room // count

    def bucket_at(self, x: int) -> int | None:
        """Return the bucket that is drawn in a cell, or None beside them."""
        room, count = self._room(), self.histogram.grid.count
        inside = count and 1 <= x <= room
        return (x * count - 1) // room if inside else None

    def _width_of(self, bucket: int) -> int:
        start, stop = self.cells_of(bucket)
        return stop - start

    @property
    def bucket(self) -> int | None:
        """The bucket under the cursor."""
        if self._cursor_ns is None or not self.histogram.grid.count:
            return None
        return self.histogram.bucket_of(self._cursor_ns)

    # Drawing

    def line(self, y: int) -> Row:
        """Draw one line."""
        if not self.tall:
            return self._strip()
        if y == 0:
            return self._title()
        return self._bars(y - 1) if y <= BAR_LINES else self._axis()

    def _colour(self, severity: int) -> Style:
        palette = self.palette
        return (palette.bar_accent, palette.bar_warn, palette.bar_bad)[severity]

    def _strip(self) -> Row:
        palette = self.palette
        counts = self.histogram.counts
        totals = counts.sum(axis=1).tolist()
        most = max(totals, default=0) or 1
        spans: list[Span] = []
        room, count = self._room(), max(1, self.histogram.grid.count)
        edges = [bucket * room // count for bucket in range(count + 1)]
        for bucket, (row, total) in enumerate(zip(counts.tolist(), totals, strict=True)):
            worst = 2 if row[2] else 1 if row[1] else 0
            block = BLOCKS[max(1, round(total / most * EIGHTHS))] if total else " "
            if palette.mono and worst:
                block = MARKS[worst]
            spans.append((block * (edges[bucket + 1] - edges[bucket]), self._colour(worst)))
        return self.spread(
            [(" ", palette.bar), *spans], [(self._label(), palette.bar_dim)], palette.bar
        )

    def _label(self) -> str:
        if not self.histogram.grid.count:
            return "no rows yet "
        working = "" if self.histogram.complete else "… "
        label = f"{working}{self._range()}"
        if self.size.width < 100:
            return f"{label} "
        hint = " · click to jump" if len(label) <= 24 else " · click"
        return f"{label}{hint} "

    def _range(self) -> str:
        grid = self.histogram.grid
        first, last = grid.start_ns(0), grid.start_ns(grid.count)
        names = [short_time(moment, self._zone, last - first) for moment in (first, last)]
        return " → ".join(names)

    def _title(self) -> Row:
        palette, histogram = self.palette, self.histogram
        rule = palette.bar_accent if self.has_focus else palette.bar_dim
        calm, warn, severe = histogram.counts.sum(axis=0).tolist()
        spans: list[Span] = [("─ ", rule), ("histogram", palette.bar_bold)]
        if histogram.grid.count:
            each = duration(histogram.grid.width_ns / 1e9)
            spans += [
                (f" · {self._range()} · each {each} · ", palette.bar_dim),
                (counted(calm + warn + severe, "row"), palette.bar),
                (f" · {counted(severe, 'error')}", palette.bar_bad if severe else palette.bar_dim),
                (f" · {counted(warn, 'warning')} ", palette.bar_warn if warn else palette.bar_dim),
            ]
        return row_of([*spans, ("─" * self.size.width, rule)], self.size.width, palette.bar)

    def _bars(self, line: int) -> Row:
        """Draw a line of stacked bars: errors at the bottom, then warnings, then the rest."""
        palette = self.palette
        counts = self.histogram.counts
        most = int(counts.sum(axis=1).max()) if len(counts) else 1
        bottom = (BAR_LINES - 1 - line) * EIGHTHS
        spans: list[Span] = [(" ", palette.bar)]
        for bucket, row in enumerate(counts.tolist()):
            block, style = self._block(_stack(row, most), bottom)
            if bucket == self.bucket:
                style += palette.selected
            spans.append((block * self._width_of(bucket), style))
        return row_of(spans, self.size.width, palette.bar)

    def _block(self, stack: list[int], bottom: int) -> Span:
        """Return what fills the eight eighths above `bottom` of a stack of severities."""
        inside = stack[bottom : bottom + EIGHTHS]
        if not inside:
            return " ", self.palette.bar
        lower = inside[0]
        height = inside.count(lower)
        if height == len(inside):
            return BLOCKS[height], self._colour(lower)
        upper = self._colour(inside[-1]).color  # where two meet, the upper one is the background
        style = self._colour(lower)
        return BLOCKS[height], style if upper is None else style + Style(bgcolor=upper)

    def _axis(self) -> Row:
        """Draw the line below the bars: worst severities, and the figures under the cursor."""
        palette, bucket = self.palette, self.bucket
        spans: list[Span] = [(" ", palette.bar)]
        for place, row in enumerate(self.histogram.counts.tolist()):
            worst = 2 if row[2] else 1 if row[1] else 0
            mark = "▲" if place == bucket else MARKS[worst]
            width = self._width_of(place)
            spans.append((mark * width, self._colour(worst) if worst else palette.bar_dim))
        return row_of(self._with_figures(spans, bucket), self.size.width, palette.bar)

    def _with_figures(self, spans: list[Span], bucket: int | None) -> list[Span]:
        """Write the figures of a bucket over the end of the axis that is away from it."""
        if bucket is None or bucket >= len(self.histogram.counts):
            return spans
        calm, warn, severe = self.histogram.counts[bucket].tolist()
        grid = self.histogram.grid
        moment = local(grid.start_ns(bucket), self._zone)
        rows = counted(calm + warn + severe, "row")
        text = f" {moment:%m-%d %H:%M:%S} · {rows} · E {severe:,} W {warn:,} "
        room = self.size.width - len(text)
        place, _ = self.cells_of(bucket)
        label: Span = (text, self.palette.bar_bold)
        if place > self.size.width // 2:
            return [label, *_cut(spans, len(text))]
        kept = _until(spans, room)
        used = sum(len(words) for words, _ in kept)
        return [*kept, ("─" * (room - used), self.palette.bar_dim), label]

    # Moving

    def move(self, buckets: int) -> None:
        """Move the cursor to the next or previous bucket that holds rows."""
        last = self.histogram.grid.count
        here = last if self.bucket is None else self.bucket
        self._go(self.histogram.next_bucket(here, buckets))

    def to_end(self, direction: int) -> None:
        """Move the cursor to the first or last bucket."""
        start = self.histogram.grid.count if direction > 0 else -1
        self._go(self.histogram.next_bucket(start, -direction))

    def severe(self, direction: int) -> None:
        """Move the cursor to the next or previous bucket with errors."""
        here = self.bucket
        if here is None:
            here, direction = self.histogram.grid.count, -1
        self._go(self.histogram.next_bucket(here, direction, severity=2))

    def _go(self, bucket: int | None) -> None:
        if bucket is None:
            self.app.bell()
            return
        self._cursor_ns = self.histogram.grid.start_ns(bucket)
        self.refresh()

    def jump(self) -> None:
        """Go to the first row of the bucket under the cursor."""
        self._jump(self.bucket)

    def _jump(self, bucket: int | None) -> None:
        seq = None if bucket is None else self.histogram.first_row(bucket)
        if seq is None:
            self.app.bell()
        else:
            self.post_message(GoTo(seq))

    def on_click(self, event: events.Click) -> None:
        """Go to the first row of the bucket under the pointer, or of the nearest filled one."""
        event.stop()
        bucket = self.bucket_at(event.x)
        if bucket is None:
            return
        if not self.histogram.counts[bucket].any():
            after = self.histogram.next_bucket(bucket, 1)
            bucket = after if after is not None else self.histogram.next_bucket(bucket, -1) or 0
        self._go(bucket)
        self._jump(bucket)


def _stack(row: list[int], most: int) -> list[int]:
    """Return the severity of each eighth of a bar, bottom first; what is there is seen."""
    full = BAR_LINES * EIGHTHS
    stack: list[int] = []
    for severity in (2, 1, 0):
        if row[severity]:
            stack += [severity] * max(1, round(row[severity] / most * full))
    return stack[:full] if not row[0] or 0 in stack[:full] else [*stack[: full - 1], 0]


def _until(spans: list[Span], cells: int) -> list[Span]:
    """Return the first `cells` cells of single-width spans."""
    kept: list[Span] = []
    for text, style in spans:
        if cells <= 0:
            break
        kept.append((text[:cells], style))
        cells -= len(text)
    return kept


def _cut(spans: list[Span], cells: int) -> list[Span]:
    """Return single-width spans without their first `cells` cells."""
    kept: list[Span] = []
    for text, style in spans:
        if cells < len(text):
            kept.append((text[cells:], style))
        cells = max(0, cells - len(text))
    return kept
