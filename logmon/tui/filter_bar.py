"""Where a filter is typed: it acts while it is typed, on held and coming rows alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

if TYPE_CHECKING:
    from textual import events


class FilterBar(Input):
    """One line of input over the filter line. Enter keeps the text, Escape takes back the old."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Back", show=False),
        Binding("up", "older", "Older", show=False),
        Binding("down", "newer", "Newer", show=False),
    ]

    class Closed(Message):
        """The bar was left; `text` is what is to be in force."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(
            id="filter-bar",
            compact=True,
            placeholder="words that a row must hold",
            max_length=4_096,
            highlighter=None,
        )
        self._before = ""
        self._history: list[str] = []
        self._place = 0

    def open(self, text: str) -> None:
        """Show the bar with the filter that is in force."""
        self._before = text
        self._place = len(self._history)
        self.value = text
        self.cursor_position = len(text)
        self.display = True
        self.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep what was typed."""
        event.stop()
        if self.value.strip() and self.value not in self._history[-1:]:
            self._history.append(self.value)
        self.post_message(self.Closed(self.value))

    def action_cancel(self) -> None:
        """Go back to the filter that was in force."""
        self.post_message(self.Closed(self._before))

    def action_older(self) -> None:
        """Bring back an earlier filter."""
        if self._place > 0:
            self._place -= 1
            self.value = self._history[self._place]

    def action_newer(self) -> None:
        """Bring back a later filter."""
        if self._place < len(self._history) - 1:
            self._place += 1
            self.value = self._history[self._place]

    def on_blur(self, event: events.Blur) -> None:
        """Clicking elsewhere keeps what was typed."""
        if self.display:
            self.post_message(self.Closed(self.value))
