"""The pane with everything known of the selected row: a tree to walk, fold and filter by."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec
from rich.cells import cell_len
from textual.message import Message

from logmon.tui.controls import bindings_of
from logmon.tui.detail_lines import VALUE_CHARS, Field, Sight, fields_of
from logmon.tui.panes import Pane
from logmon.tui.render import Span, fit, row_of
from logmon.visible import clipped, visible

if TYPE_CHECKING:
    from textual import events
    from textual.binding import BindingType

    from logmon.event_log import Snapshot
    from logmon.segment import Delivery
    from logmon.tui.palette import Palette
    from logmon.tui.render import Row


class DetailPane(Pane):
    """Every field of one row; one of its lines is selected."""

    BINDING_GROUP_TITLE = "Detail"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("detail")
    HELP = (
        "All of the selected row. `+` asks for the field's value in the filter, `-` leaves it "
        "out, `Enter` folds a branch, `r` shows the bytes, `Tab` goes back to the rows."
    )

    class Narrow(Message):
        """A field's value is to be asked for, or left out."""

        def __init__(self, condition: str, *, exclude: bool) -> None:
            super().__init__()
            self.condition = condition
            self.exclude = exclude

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, "detail")
        self._delivery: Delivery | None = None
        self._parsed = ""
        self._raw = b""
        self.sight = Sight()
        self._fields: list[Field] = []
        self._lines: list[tuple[int, list[Span]]] = []
        self.chosen = 0
        """Place of the selected field in `_fields`."""

    # What is shown

    def show(self, seq: int | None, snapshot: Snapshot) -> None:
        """Show another row; the same field stays selected where the new row has it."""
        found = None if seq is None else snapshot.find(seq)
        if found is None:
            self._delivery, self._fields = None, []
        else:
            segment, row = found
            self._delivery = segment.delivery(row)
            self._parsed, self._raw = segment.explain(row), segment.raw(row)
        self._build()

    def _build(self) -> None:
        chosen = self._field()
        if self._delivery is not None:
            self._fields = fields_of(self._delivery, self._parsed, self._raw, self.sight)
        same = [
            place
            for place, field in enumerate(self._fields)
            if chosen is not None and (field.name, field.path) == (chosen.name, chosen.path)
        ]
        nearest = max(0, min(self.chosen, len(self._fields) - 1))
        self.chosen = same[0] if same else nearest
        self._break_lines()

    def _break_lines(self) -> None:
        """Break long values to the width."""
        self._lines = [
            (place, spans)
            for place, field in enumerate(self._fields)
            for spans in self._drawn(field)
        ]
        self._reveal()

    def _drawn(self, field: Field) -> list[list[Span]]:
        palette = self.palette
        indent = "  " * field.depth
        sign = ""
        if field.kind == "branch":
            sign = "▸ " if field.path in self.sight.closed else "▾ "
        name = f" {indent}{sign}{clipped(field.name, 60)} "
        label = fit(name, max(12, cell_len(name)))
        text = clipped(field.value, VALUE_CHARS)
        styles = {
            "value": palette.value,
            "note": palette.dim,
            "branch": palette.dim,
            "item": palette.item(field.value)[0],
        }
        style = styles.get(field.kind, palette.text)
        if field.kind == "level" and self._delivery is not None:
            style = palette.levels[self._delivery.event.level]
        cells = cell_len(label)
        room = max(10, self.size.width - cells - 1)
        pieces = [text[start : start + room] for start in range(0, max(1, len(text)), room)]
        return [
            [(label if place == 0 else " " * cells, palette.dim), (piece, style)]
            for place, piece in enumerate(pieces)
        ]

    def on_resize(self, _event: events.Resize) -> None:
        """Break long values to the new width."""
        self._break_lines()

    def restyle(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        self.palette = palette
        self._break_lines()

    def title(self) -> list[Span]:
        """Return source, level and time of the row."""
        palette = self.palette
        if self._delivery is None:
            return [("detail", palette.dim)]
        event = self._delivery.event
        text = f"detail · {visible(event.source[:40])} · {event.level.label}"
        return [(text, palette.levels[event.level])]

    def length(self) -> int:
        """Return how many lines the fields take."""
        return max(1, len(self._lines))

    def spans(self, place: int) -> list[Span]:
        """Return one line of the fields."""
        if not self._lines:
            return [(" no row is selected; ↑ selects one", self.palette.dim)]
        return self._lines[place][1]

    def body(self, place: int) -> Row:
        """Draw one line; those of the selected field are tinted while the pane has the keys."""
        chosen = (
            self.has_focus and place < len(self._lines) and self._lines[place][0] == self.chosen
        )
        tint = self.palette.selected if chosen else None
        return row_of(self.spans(place), self.size.width, self.palette.text, tint)

    # Actions

    def _field(self) -> Field | None:
        return self._fields[self.chosen] if self.chosen < len(self._fields) else None

    def _reveal(self) -> None:
        """Scroll so that the selected field is in view."""
        places = [place for place, (field, _) in enumerate(self._lines) if field == self.chosen]
        if places:
            self.reveal(places[0], places[-1])
        self.refresh()

    def choose(self, name: str) -> None:
        """Select the first field of a name."""
        for place, field in enumerate(self._fields):
            if field.name == name:
                self.chosen = place
                break
        self._reveal()

    def move(self, step: int, count: int | None = None) -> None:
        """Select another field."""
        self.chosen = max(0, min(self.chosen + step * (count or 1), len(self._fields) - 1))
        self._reveal()

    def ends(self, step: int) -> None:
        """Select the first or the last field."""
        self.move(step * len(self._fields))

    def narrow(self, exclude: bool) -> None:
        """Ask for the selected field's value in the filter, or leave it out."""
        field = self._field()
        if field is None or not field.condition:
            self.app.bell()
            return
        self.post_message(self.Narrow(field.condition, exclude=exclude))

    def branch(self) -> None:
        """Fold the selected branch, or open it."""
        field = self._field()
        if field is None or field.kind != "branch":
            self.app.bell()
            return
        self.sight = msgspec.structs.replace(self.sight, closed=self.sight.closed ^ {field.path})
        self._build()

    def raw(self) -> None:
        """Show the row's bytes, or no longer."""
        self.sight = msgspec.structs.replace(self.sight, raw=not self.sight.raw)
        self._build()

    def on_click(self, event: events.Click) -> None:
        """Select a field."""
        place = self.place_at(event.y)
        if 0 <= place < len(self._lines):
            self.chosen = self._lines[place][0]
            self.focus()
            self._reveal()
