"""The two panes below the tail: the selected row in full, and the work items Sentinel made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from logmon.event import rfc3339
from logmon.tui.lines import LinesWidget
from logmon.tui.render import Row, Span, fit, row_of
from logmon.visible import clipped, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events

    from logmon.event_log import Delivery
    from logmon.tui.palette import Palette

VALUE_CHARS = 4_000
FIELDS_SHOWN = 200


class Pane(LinesWidget, can_focus=True):
    """A titled list of lines with its own scrolling."""

    def __init__(self, palette: Palette, pane_id: str) -> None:
        super().__init__(palette, id=pane_id)
        self._top = 0

    def title(self) -> list[Span]:
        """Return the title's spans."""
        raise NotImplementedError

    def length(self) -> int:
        """Return how many lines there are below the title."""
        raise NotImplementedError

    def spans(self, place: int) -> list[Span]:
        """Return one line below the title."""
        raise NotImplementedError

    def line(self, y: int) -> Row:
        """Draw the title, then the lines from the top one on."""
        width, palette = self.size.width, self.palette
        if y == 0:
            rule = palette.bar_accent if self.has_focus else palette.track
            return row_of(
                [("─ ", rule), *self.title(), (" ", palette.text), ("─" * width, rule)],
                width,
                palette.text,
            )
        self._top = max(0, min(self._top, self.length() - (self.size.height - 1)))
        place = self._top + y - 1
        spans = self.spans(place) if place < self.length() else []
        return row_of(spans, width, palette.text)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up."""
        event.stop()
        self._top -= 1
        self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down."""
        event.stop()
        self._top += 1
        self.refresh()

    def key_up(self) -> None:
        """Scroll up."""
        self._top -= 1
        self.refresh()

    def key_down(self) -> None:
        """Scroll down."""
        self._top += 1
        self.refresh()


class DetailPane(Pane):
    """Every field of one row."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, "detail")
        self._delivery: Delivery | None = None
        self._lines: list[list[Span]] = []

    def show(self, delivery: Delivery | None) -> None:
        """Show another row; the same row again changes nothing but its work item."""
        self._delivery = delivery
        self._lines = [] if delivery is None else list(self._describe(delivery))
        self._top = 0
        self.refresh()

    def on_resize(self) -> None:
        """Break long values to the new width."""
        self.show(self._delivery)

    def title(self) -> list[Span]:
        """Return source, level and time of the row."""
        palette = self.palette
        if self._delivery is None:
            return [("detail", palette.dim)]
        event = self._delivery.event
        name = visible(event.source[:40])
        text = f"detail · {name} · {event.level.label}"
        return [(text, palette.levels[event.level])]

    def length(self) -> int:
        """Return how many lines the fields take."""
        return max(1, len(self._lines))

    def spans(self, place: int) -> list[Span]:
        """Return one line of the fields."""
        if not self._lines:
            return [(" no row is selected; ↑ selects one", self.palette.dim)]
        return self._lines[place]

    def _describe(self, delivery: Delivery) -> Iterator[list[Span]]:
        event, palette = delivery.event, self.palette
        yield from self._field("time", rfc3339(event.timestamp))
        yield from self._field("message", event.message)
        if event.message_template:
            yield from self._field("template", event.message_template)
        if delivery.work_item:
            hue, _ = palette.item(delivery.work_item)
            yield [(" work item".ljust(12), palette.dim), (visible(delivery.work_item), hue)]
        for shown, (name, value) in enumerate(flatten(event.attributes)):
            if shown == FIELDS_SHOWN:
                yield [(" … more attributes are not shown", palette.dim)]
                break
            yield from self._field(f"@{name}", value, value_style=True)
        if event.tags:
            yield from self._field("tags", "  ".join(event.tags))
        for name in ("host", "trace_id", "span_id", "id"):
            if value := getattr(event, name):
                yield from self._field(name, value)
        if event.work_item and not delivery.is_own:
            yield from self._field("recorded", f"work_item {event.work_item} (as it came)")
        yield from self._field("came by", delivery.origin)

    def _field(self, name: str, value: str, *, value_style: bool = False) -> Iterator[list[Span]]:
        """Yield a field's lines; a long value goes on below itself."""
        palette = self.palette
        label = fit(f" {clipped(name, 40)}", max(12, min(len(name) + 3, 32)))
        text = clipped(value, VALUE_CHARS)
        style = palette.value if value_style else palette.text
        room = max(10, self.size.width - cell_len(label) - 1)
        first = True
        for start in range(0, max(1, len(text)), room):
            lead = label if first else " " * cell_len(label)
            yield [(lead, palette.dim), (text[start : start + room], style)]
            first = False


def flatten(
    attributes: dict[str, Any], prefix: str = "", depth: int = 0
) -> Iterator[tuple[str, str]]:
    """Yield each leaf of nested attributes with its dotted path, as text."""
    for key, value in attributes.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value and depth < 20:
            yield from flatten(value, f"{path}.", depth + 1)
        else:
            yield path, value if isinstance(value, str) else str(value)


def age(then: datetime, now: datetime) -> str:
    """Return how long ago something was, in one unit: `3 s`, `12 m`, `5 h`, `2 d`."""
    seconds = max(0, int((now - then.astimezone(UTC)).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
