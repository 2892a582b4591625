"""Asks before something that cannot be taken back: one line over the key hints, `y` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from logmon.tui.lines import LinesWidget
from logmon.visible import clipped

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from logmon.tui.palette import Palette
    from logmon.tui.render import Row

QUESTION_CHARS = 300


class Confirm(ModalScreen[bool]):
    """Waits for `y`; any other key leaves everything as it is."""

    DEFAULT_CSS = "Confirm { background: transparent; align: left bottom; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "app.do('quit')", priority=True, show=False)
    ]

    def __init__(self, question: str, palette: Palette) -> None:
        super().__init__()
        self._question = question
        self._palette = palette

    def compose(self) -> ComposeResult:
        """Show the question in place of the key hints."""
        yield Question(self._question, self._palette)

    def on_key(self, event: events.Key) -> None:
        """Take the answer."""
        event.stop()
        event.prevent_default()
        self.dismiss(event.key in ("y", "Y"))


class Question(LinesWidget):
    """One line: what will be done, and the answers."""

    DEFAULT_CSS = "Question { height: 1; }"

    def __init__(self, question: str, palette: Palette) -> None:
        super().__init__(palette, id="question")
        self._question = question

    def line(self, y: int) -> Row:
        """Draw the question; the answers stay in sight."""
        palette = self.palette
        room = max(1, self.size.width - 18)
        return self.spread(
            [(f" {clipped(self._question, QUESTION_CHARS)[:room]} ", palette.bar_alarm)],
            [(" y ", palette.bar_accent), ("yes  ", palette.bar), ("n ", palette.bar_accent),
             ("no ", palette.bar)],
            palette.bar,
        )  # fmt: skip
