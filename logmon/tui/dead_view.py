"""The Dead letters view: what could not be read, where it stood, why, and its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from logmon.dead_letter import KeptLetter, hex_lines
from logmon.errors import LogmonError
from logmon.event import to_ns
from logmon.tui.confirm import Confirm
from logmon.tui.controls import bindings_of
from logmon.tui.page import Page
from logmon.tui.render import Span, fit
from logmon.tui.spark import counted, local
from logmon.tui.table import Column, Table
from logmon.tui.views import View
from logmon.visible import clipped, visible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from logmon.tui.app import LogmonApp

EXCERPT_BYTES = 300
SHOWN_BYTES = 16_384
HEX_CELLS = 80
"""What 16 bytes a line take; narrower screens show 8."""


class LetterList(Table):
    """One row for each dead letter, the newest first."""

    BINDING_GROUP_TITLE = "Dead letters"
    HELP = (
        "Records that could not become events. `r` reads one again with the configuration of "
        "now, `X` shows bytes in hexadecimal, `P` throws all away after asking."
    )

    COLUMNS = (
        Column("seen", 8, from_width=70),
        Column("source", 12, from_width=90),
        Column("reason", 15),
        Column("offset", 10, right=True, from_width=80),
        Column("bytes", 9, right=True, from_width=100),
        Column("parser", 9, from_width=110),
        Column("begins"),
    )

    def __init__(self, app: LogmonApp) -> None:
        super().__init__(app.palette(), "letter-list")
        self._app = app
        self.letters: list[KeptLetter] = []
        self.trouble = ""
        """Why they cannot be shown."""

    def title(self) -> list[Span]:
        """Return how many there are, and where."""
        palette, letters = self.palette, self._app.letters
        where = "" if letters is None else f" · {letters.where}"
        return [
            ("dead letters", palette.bold),
            (f" · {len(self.letters):,}", palette.warn if self.letters else palette.text),
            (where, palette.dim),
        ]

    @property
    def letter(self) -> KeptLetter | None:
        """The selected one."""
        return None if self.place is None else self.letters[self.place]

    def length(self) -> int:
        """Return how many there are."""
        return len(self.letters)

    def key(self, place: int) -> Hashable:
        """A letter is named by its number."""
        return self.letters[place].number

    def cells(self, place: int) -> Sequence[Span]:
        """Return one letter's columns."""
        palette, kept = self.palette, self.letters[place]
        letter = kept.letter
        seen = local(to_ns(kept.kept_at), self._app.look.zone)
        begins = letter.raw[:EXCERPT_BYTES].decode("utf-8", "backslashreplace")
        return (
            (f"{seen:%H:%M:%S}", palette.dim),
            (visible(letter.source[:40]), palette.source),
            (visible(letter.reason[:40]), palette.warn),
            ("" if letter.offset is None else f"{letter.offset:,}", palette.text),
            (f"{letter.length:,}", palette.text),
            (visible(letter.parser[:40]), palette.dim),
            (visible(begins), palette.text),
        )

    def empty(self) -> str:
        """Say why there are none."""
        return self.trouble or "none: every record became an event"


class LetterPage(Page):
    """All of one letter, its bytes as text or in hexadecimal."""

    def __init__(self, app: LogmonApp) -> None:
        super().__init__(app.palette(), "letter")
        self._zone = app.look.zone
        self._kept: KeptLetter | None = None
        self._lines: list[list[Span]] = []
        self.as_hex = False

    def show(self, kept: KeptLetter | None) -> None:
        """Show a letter; another one begins at its first line."""
        if kept is None or self._kept is None or kept.number != self._kept.number:
            self._top = 0
        self._kept = kept
        self._lines = [] if kept is None else list(self._describe(kept))
        self.refresh()

    def toggle_hex(self) -> None:
        """Show the bytes in the other way."""
        self.as_hex = not self.as_hex
        self.show(self._kept)

    def on_resize(self) -> None:
        """Break lines to the new width."""
        self.show(self._kept)

    def title(self) -> list[Span]:
        """Return which letter it is."""
        form = "hexadecimal" if self.as_hex else "text"
        number = "" if self._kept is None else f" {self._kept.number} · {form}"
        return [(f"letter{number}", self.palette.bold)]

    def length(self) -> int:
        """Return how many lines there are."""
        return len(self._lines)

    def spans(self, place: int) -> list[Span]:
        """Return one line."""
        return self._lines[place]

    def _describe(self, kept: KeptLetter) -> Iterator[list[Span]]:
        letter = kept.letter
        place = "" if letter.offset is None else f" at byte {letter.offset:,}"
        yield self._field("reason", f"{letter.reason}  {letter.detail}".strip())
        yield self._field("refused by", letter.parser or "no parser")
        yield self._field("source", f"{letter.source} · {letter.origin or 'unknown'}{place}")
        seen = local(to_ns(kept.kept_at), self._zone)
        part = "" if len(letter.raw) == letter.length else f", {len(letter.raw):,} of them kept"
        said = f"{seen:%Y-%m-%d %H:%M:%S} · {counted(letter.length, 'byte')}{part}"
        yield self._field("seen", said)
        yield []
        yield from self._bytes(letter.raw[:SHOWN_BYTES])

    def _field(self, name: str, value: str) -> list[Span]:
        return [(fit(f" {name}", 12), self.palette.dim), (clipped(value, 1_000), self.palette.text)]

    def _bytes(self, raw: bytes) -> Iterator[list[Span]]:
        palette = self.palette
        if self.as_hex:
            for line in hex_lines(raw, narrow=self.size.width < HEX_CELLS):
                yield [(f" {line}", palette.value)]
            return
        text = visible(raw.decode("utf-8", "backslashreplace"))
        room = max(10, self.size.width - 2)
        for start in range(0, max(1, len(text)), room):
            yield [(f" {text[start : start + room]}", palette.value)]


class DeadView(View):
    """Letters above, the selected one below."""

    PANEL = "dead"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(PANEL)
    DEFAULT_CSS = """
    DeadView { height: 1fr; layout: vertical; }
    #letter-list { height: 1fr; min-height: 5; }
    #letter { height: 1fr; min-height: 6; }
    """

    def __init__(self, app: LogmonApp, name: str) -> None:
        super().__init__(app, name)
        self.list = LetterList(app)
        self.page = LetterPage(app)
        self._loading = False

    def compose(self) -> ComposeResult:
        """Lay out both parts."""
        yield self.list
        yield self.page

    def shown(self) -> None:
        """Read the letters."""
        self.tick()

    def tick(self) -> None:
        """Read the letters again, unless that is going on."""
        if not self._loading and self.logmon.letters is not None:
            self._loading = True
            self.run_worker(self._load(), group="letters")

    async def _load(self) -> None:
        assert self.logmon.letters is not None  # noqa: S101 - seen before the worker began
        try:
            found = await self.logmon.letters.latest()
            self.list.trouble = ""
        except LogmonError as error:
            found, self.list.trouble = [], clipped(str(error), 300)
        finally:
            self._loading = False
        if found != self.list.letters or self.list.trouble:
            self.list.letters = found
            self.list.rows_changed()
            self.page.show(self.list.letter)

    def on_table_moved(self) -> None:
        """Show another letter."""
        self.page.show(self.list.letter)

    def on_table_chosen(self) -> None:
        """Give the keys to the letter, to scroll it."""
        self.page.focus()

    # Keys

    def hex(self) -> None:
        """Show bytes as text or in hexadecimal."""
        self.page.toggle_hex()

    def retry(self) -> None:
        """Read the selected letter again."""
        self._retry([] if self.list.letter is None else [self.list.letter.number])

    def retry_all(self) -> None:
        """Read every letter again."""
        self._retry([kept.number for kept in self.list.letters])

    def _retry(self, numbers: list[int]) -> None:
        if (letters := self.logmon.letters) is not None and numbers:
            self.run_worker(self._settle(lambda: letters.retry(numbers)), group="settling")

    def purge(self) -> None:
        """Throw all letters away, after asking."""
        self._ask([kept.number for kept in self.list.letters])

    def purge_one(self) -> None:
        """Throw the selected letter away, after asking."""
        self._ask([] if self.list.letter is None else [self.list.letter.number])

    def _ask(self, numbers: list[int]) -> None:
        letters = self.logmon.letters
        if letters is None or not numbers:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._settle(lambda: letters.purge(numbers)), group="settling")

        question = f"throw {counted(len(numbers), 'dead letter')} away for good?"
        self.logmon.push_screen(Confirm(question, self.logmon.palette()), answered)

    async def _settle(self, act: Callable[[], Awaitable[str]]) -> None:
        try:
            said = await act()
            self.logmon.notify(clipped(said, 300), markup=False)
        except LogmonError as error:
            self.logmon.notify(clipped(str(error), 300), severity="error", markup=False)
        self.tick()
