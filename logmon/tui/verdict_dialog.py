"""`!`: why the selected row became work or not, rule by rule, clause by clause."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from logmon.tui.controls import bindings_of
from logmon.tui.page import Page
from logmon.visible import clipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from logmon.tui.app import LogmonApp
    from logmon.tui.palette import Palette
    from logmon.tui.render import Span
    from logmon.verdict import Verdict

SHOWN_CHARS = 500


class VerdictPage(Page):
    """The verdict as lines."""

    def __init__(self, verdict: Verdict, palette: Palette) -> None:
        super().__init__(palette, "verdict")
        self.verdict = verdict
        self._lines = list(self._describe())

    def title(self) -> list[Span]:
        """Say which event it is about, and whether this happened or would."""
        happened = "what the rules made of it" if self.verdict.judged else "if it came now"
        return [(f"why · {happened}", self.palette.bold), ("  escape closes", self.palette.dim)]

    def length(self) -> int:
        """Return how many lines there are."""
        return len(self._lines)

    def spans(self, place: int) -> list[Span]:
        """Return one line."""
        return self._lines[place]

    def _describe(self) -> Iterator[list[Span]]:
        verdict, palette = self.verdict, self.palette
        if verdict.template:
            origin = "carried by the event" if verdict.carried else "mined from messages"
            yield [(" template  ", palette.dim), (_shown(verdict.template), palette.text)]
            yield [(f"           {origin}", palette.dim)]
        if verdict.remark:
            yield [(f" {verdict.remark}", palette.text)]
        for rule in verdict.rules:
            style = palette.bold if rule.matched else palette.dim
            mark = "◆" if rule.item else "·"
            yield []
            yield [(f" {mark} {_shown(rule.rule)}  ", style), (_shown(rule.text), style)]
            for clause in rule.clauses:
                sign, hue = ("✓", palette.good) if clause.holds else ("✗", palette.bad)
                yield [
                    (f"     {sign} ", hue),
                    (_shown(clause.clause).ljust(28), palette.text),
                    (f"  {_shown(clause.seen)}", palette.dim),
                ]


def _shown(text: str) -> str:
    return clipped(text, SHOWN_CHARS)


class VerdictDialog(ModalScreen[None]):
    """The page over the rows; any of the closing keys leaves it."""

    DEFAULT_CSS = """
    VerdictDialog { background: transparent; align: center bottom; }
    VerdictDialog VerdictPage { height: 60%; width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_of("list"),
        Binding("escape,q,exclamation_mark", "dismiss", show=False),
        Binding("ctrl+c", "app.do('quit')", priority=True, show=False),
    ]

    def __init__(self, verdict: Verdict, palette: Palette) -> None:
        super().__init__()
        self._page = VerdictPage(verdict, palette)

    def compose(self) -> ComposeResult:
        """Show the page."""
        yield self._page

    def on_mount(self) -> None:
        """Hear the keys that move through it."""
        self._page.focus()


class Verdicts:
    """Explains rows."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app

    def explain(self) -> None:
        """Show the verdict on the selected row, or on the newest one."""
        app = self._app
        seq = app.model.cursor if app.model.cursor is not None else app.model.last()
        row = None if seq is None else app.model.delivery(seq)
        if row is None:
            app.notify("there is no row", markup=False)
        elif app.service is None:
            app.notify("nobody is there to explain it", severity="error", markup=False)
        else:
            verdict = app.service.explain(row.event, seq=row.seq)
            app.push_screen(VerdictDialog(verdict, app.palette()))
