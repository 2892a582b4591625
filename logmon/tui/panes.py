"""Titled lists of lines below and beside the tail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from logmon.tui.lines import LinesWidget
from logmon.tui.render import Row, Span, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual import events

    from logmon.tui.palette import Palette


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
        place = self.place_at(y)
        return self.body(place) if place < self.length() else row_of([], width, palette.text)

    def body(self, place: int) -> Row:
        """Draw one line below the title."""
        return row_of(self.spans(place), self.size.width, self.palette.text)

    def place_at(self, y: int) -> int:
        """Return which line below the title is drawn there."""
        return self._top + y - 1

    def reveal(self, first: int, last: int) -> None:
        """Scroll just far enough that lines are in view, the first one in any case."""
        room = max(1, self.size.height - 1)
        self._top = min(max(self._top, last - room + 1), first)

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
