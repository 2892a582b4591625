"""The Patterns view: what the shown rows say, most frequent first; Enter filters to a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from logmon.tui.pattern_table import TREND_BUCKETS, PatternTable
from logmon.tui.spark import short_time, spark
from logmon.tui.table import Column, Table
from logmon.visible import clipped

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from datetime import tzinfo

    from logmon.tui.palette import Palette
    from logmon.tui.pattern_table import PatternSummary
    from logmon.tui.render import Span
    from logmon.tui.tail_model import TailModel

TEMPLATE_CHARS = 500


class PatternsView(Table):
    """Templates with count, trend, level mix, first and last seen."""

    COLUMNS = (
        Column("rows", 9, right=True),
        Column("trend", TREND_BUCKETS, from_width=80),
        Column("errors", 7, right=True),
        Column("warn", 7, right=True, from_width=70),
        Column("first", 11, from_width=100),
        Column("last", 11, from_width=90),
        Column("template"),
    )
    HINTS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("⏎", "only this pattern"), ("-", "all but it"), ("q", "back"),
    )  # fmt: skip
    BINDINGS: ClassVar = [("minus", "exclude", "All but this")]

    class Wanted(Message):
        """The tail is to show only rows of a template, or all but those."""

        def __init__(self, template: str, *, exclude: bool = False) -> None:
            super().__init__()
            self.template = template
            self.exclude = exclude

    def __init__(
        self, palette: Palette, model: TailModel, table: PatternTable, zone: tzinfo
    ) -> None:
        super().__init__(palette, "patterns")
        self._model = model
        self._zone = zone
        self.table = table

    def work(self) -> bool:
        """Look at a slice of rows; return whether more are left."""
        return self.table.work()

    def title(self) -> list[Span]:
        """Return how many patterns there are and how far rows were looked at."""
        palette = self.palette
        seen, shown = self.table.looked_at()
        spans: list[Span] = [("patterns", palette.bold), (f" · {len(self.table):,}", palette.text)]
        if seen < shown:
            text = f" · {seen:,} of {shown:,} rows looked at ({seen * 100 // shown} %)"
            return [*spans, (text, palette.warn)]
        return [*spans, (f" · of {shown:,} shown rows", palette.dim)]

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
            (self._when(found.first_ns), palette.dim),
            (self._when(found.last_ns), palette.dim),
            (clipped(found.template, TEMPLATE_CHARS), palette.text),
        )

    def _when(self, time_ns: int) -> str:
        return short_time(time_ns, self._zone, self.table.span_ns)

    def empty(self) -> str:
        """Say why there are none."""
        return "no rows are shown" if not self._model.shown() else "looking at the rows …"

    def summary(self) -> PatternSummary | None:
        """Return the selected pattern."""
        return None if self.place is None else self.table.at(self.place)

    def action_choose(self) -> None:
        """Filter to the selected pattern."""
        self._want(exclude=False)

    def action_exclude(self) -> None:
        """Hide the rows of the selected pattern."""
        self._want(exclude=True)

    def _want(self, *, exclude: bool) -> None:
        if (found := self.summary()) is not None:
            self.post_message(self.Wanted(found.template, exclude=exclude))
