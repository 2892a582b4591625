"""Asks before what cannot be taken back is done: `y` does it, everything else does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from logmon.visible import clipped

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult


class Confirm(ModalScreen[bool]):
    """`app.push_screen(Confirm("Purge 3 dead letters?"), then)`: `then` gets True after `y`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape,q,enter", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Show the question."""
        with Vertical(classes="picker"):
            yield Static(Content(clipped(self._question, 300)))
            yield Static(Content("y yes · n no"), classes="picker-title")

    def on_click(self, event: events.Click) -> None:
        """A click beside the question answers no."""
        if event.widget is self:
            self.dismiss(False)
