"""The line where something is typed: a filter, a search, a command; opening it moves no row.

It lies over the key hints, and what it offers over the rows above it.

What the text means is a `Purpose`'s business: it hears each change, the end, and offers
completions; a mistake it reports is underlined where it is, and nothing is taken in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

import msgspec
from rich.highlighter import Highlighter
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from logmon.tui.lines import LinesWidget
from logmon.tui.render import Row, row_of
from logmon.tui.typed_ahead import KeysInOrder
from logmon.visible import clipped, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text
    from textual import events
    from textual.app import ComposeResult

    from logmon.tui.palette import Palette

MOST_OFFERS = 8
MOST_CHARS = 4_096


class Mistake(msgspec.Struct, frozen=True):
    """Why a text is not taken; `column` counts characters from 1, 0 means the whole of it."""

    message: str
    column: int = 0


class Offer(msgspec.Struct, frozen=True):
    """A completion: the whole new text, where the cursor goes, and what the list shows."""

    text: str
    cursor: int
    label: str
    note: str = ""


class Purpose(Protocol):
    """What a typed text is for. Objects live as long as the app: their history does."""

    hint: str
    history: list[str]

    @property
    def sign(self) -> str:
        """What stands before the text."""
        ...

    def changed(self, text: str) -> Mistake | None:
        """Act on a text while it is typed."""
        ...

    def entered(self, text: str) -> Mistake | None:
        """Act on the finished text; a mistake keeps the line open."""
        ...

    def cancelled(self, before: str) -> None:
        """Take everything back to the text that was there before."""
        ...

    def offers(self, text: str, cursor: int) -> Sequence[Offer]:
        """Return completions of what stands before the cursor."""
        ...

    def switch(self) -> str:
        """Read the text in another way, where there is one; return the sign to show."""
        ...


class Prompt(Horizontal):
    """The line, with the sign of what it is for."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(id="prompt")
        self._palette = palette
        self.purpose: Purpose | None = None

    def compose(self) -> ComposeResult:
        """Lay out sign and input."""
        yield Sign(self._palette)
        yield PromptInput()

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(PromptInput).value

    def open(self, purpose: Purpose, text: str = "") -> None:
        """Begin to type."""
        self.purpose = purpose
        self.display = True
        self.query_one(Sign).show(purpose.sign)
        self.query_one(PromptInput).begin(purpose, text)

    def close(self) -> None:
        """Give the room back to the key hints."""
        self.purpose = None
        self.query_one(PromptInput).end()
        self.display = False
        self.screen.query_one(Offers).show((), None)


class Sign(LinesWidget):
    """What the line is for."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, id="sign")
        self._sign = ""

    def show(self, sign: str) -> None:
        """Draw another sign."""
        self._sign = sign
        self.styles.width = len(sign) + 2
        self.refresh()

    def line(self, y: int) -> Row:
        """Draw the sign."""
        return row_of([(f" {self._sign} ", self.palette.bar_accent)], self.size.width,
                      self.palette.bar)  # fmt: skip


class _Underline(Highlighter):
    """Underlines a text from a mistake on; what would drive the terminal is shown as a sign."""

    def __init__(self) -> None:
        self.column = 0

    def highlight(self, text: Text) -> None:
        if not text.plain.isprintable():
            text.plain = "".join(char if char.isprintable() else "\ufffd" for char in text.plain)
        if self.column:
            start = min(self.column - 1, max(0, len(text) - 1))
            text.stylize("underline red", start, len(text))


class PromptInput(KeysInOrder, Input):
    """The text. Enter takes it, Escape takes it back, Tab completes, arrows bring history."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Back", show=False),
        Binding("ctrl+c", "cancel", "Back", show=False, priority=True),
        Binding("ctrl+r", "switch", "Read it in another way", show=False),
        Binding("up", "older", "Older", show=False),
        Binding("down", "newer", "Newer", show=False),
        Binding("tab", "complete(1)", "Complete", show=False),
        Binding("shift+tab", "complete(-1)", "Complete", show=False),
    ]
    HELP = "Enter takes it · Esc takes it back · Tab completes · ↑ ↓ earlier ones"

    class Left(Message):
        """Something else was clicked."""

    def __init__(self) -> None:
        self._underline = _Underline()
        super().__init__(
            id="prompt-input",
            compact=True,
            max_length=MOST_CHARS,
            highlighter=self._underline,
            select_on_focus=False,
        )
        self._purpose: Purpose | None = None
        self._before = ""
        self._place = 0
        self._offers: Sequence[Offer] = ()
        self._chosen = -1
        self._quiet = ""
        """A value that was set, not typed: it is acted on already."""

    def begin(self, purpose: Purpose, text: str) -> None:
        """Start with a text; the cursor is behind it."""
        self._purpose, self._before = purpose, text
        self._place = len(purpose.history)
        self._underline.column = 0
        self.placeholder = purpose.hint
        self.value = self._quiet = text
        self.cursor_position = len(text)
        self.screen.set_focus(self)  # at once: the next keys may be here already
        self._look_up()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Act on what was typed."""
        event.stop()
        if self._purpose is None or event.value != self.value:
            return
        mistake = None
        if event.value != self._quiet:
            mistake = self._purpose.changed(event.value)
        self._quiet = ""
        self._say(mistake)
        if self._chosen < 0:
            self._look_up(mistake)

    def end(self) -> None:
        """Hear no more."""
        self._purpose = None

    def _look_up(self, mistake: Mistake | None = None) -> None:
        assert self._purpose is not None  # noqa: S101 - only an open line has offers
        self._chosen = -1
        self._offers = self._purpose.offers(self.value, self.cursor_position)[:MOST_OFFERS]
        self.screen.query_one(Offers).show(self._offers, mistake)

    def _say(self, mistake: Mistake | None) -> None:
        self._underline.column = 0 if mistake is None else mistake.column
        self.refresh()

    async def action_submit(self) -> None:
        """Take the text, or show what is wrong with it; at once, so that no later key is lost."""
        purpose, text = self._purpose, self.value
        if purpose is None:
            return
        mistake = purpose.entered(text)
        if mistake is not None:
            self._say(mistake)
            self.screen.query_one(Offers).show((), mistake)
            return
        if text.strip() and text not in purpose.history[-1:]:
            purpose.history.append(text)

    def action_cancel(self) -> None:
        """Go back to what was there before."""
        if self._purpose is not None:
            self._purpose.cancelled(self._before)

    def _recall(self, text: str) -> None:
        self.value = text
        self.cursor_position = len(text)

    def action_switch(self) -> None:
        """Read the text in another way."""
        if self._purpose is not None:
            self.screen.query_one(Sign).show(self._purpose.switch())
            self._say(self._purpose.changed(self.value))

    def action_older(self) -> None:
        """Bring back an earlier text."""
        if self._purpose is not None and self._place > 0:
            self._place -= 1
            self._recall(self._purpose.history[self._place])

    def action_newer(self) -> None:
        """Bring back a later text."""
        if self._purpose is not None and self._place < len(self._purpose.history) - 1:
            self._place += 1
            self._recall(self._purpose.history[self._place])

    def action_complete(self, step: int) -> None:
        """Put the next (or previous) completion in."""
        if not self._offers:
            self.app.bell()
            return
        self._chosen = (self._chosen + step) % len(self._offers) if self._chosen >= 0 else 0
        offer = self._offers[self._chosen]
        self.value = offer.text
        self.cursor_position = offer.cursor
        self.screen.query_one(Offers).show(self._offers, None, self._chosen)

    async def _on_key(self, event: events.Key) -> None:
        if event.key not in ("tab", "shift+tab"):
            self._chosen = -1
        await super()._on_key(event)

    def on_blur(self, _event: events.Blur) -> None:
        """Close when something else is clicked; what was acted on while typing stays."""
        if self._purpose is not None and self.app.app_focus:
            self.post_message(self.Left())


class Offers(LinesWidget):
    """The list of completions over the rows, and what is wrong with the text."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, id="offers")
        self._offers: Sequence[Offer] = ()
        self._mistake: Mistake | None = None
        self._chosen = -1

    def show(self, offers: Sequence[Offer], mistake: Mistake | None, chosen: int = -1) -> None:
        """Show other offers; with none, and nothing wrong, the list is gone."""
        self._offers, self._mistake, self._chosen = offers, mistake, chosen
        height = len(offers) + (mistake is not None)
        self.display = height > 0
        self.styles.height = max(1, height)
        self.refresh()

    def line(self, y: int) -> Row:
        """Draw an offer, or below them the mistake."""
        palette, width = self.palette, self.size.width
        if y < len(self._offers):
            offer = self._offers[y]
            style = palette.bar_badge if y == self._chosen else palette.bar
            note = palette.bar_badge if y == self._chosen else palette.bar_dim
            return row_of(
                [(f"   {clipped(offer.label, 100)}  ", style), (visible(offer.note), note)],
                width,
                style,
            )
        message = "" if self._mistake is None else clipped(self._mistake.message, 300)
        return row_of([(f" ✗ {message}", palette.bar_bad)], width, palette.bar)
