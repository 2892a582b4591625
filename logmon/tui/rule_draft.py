"""`R`: a rule drafted from the selected row; its effect on the held rows is shown first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from logmon.errors import LogmonError
from logmon.level import Level
from logmon.patterns import bounded
from logmon.sentinel.draft import Draft
from logmon.sentinel.rehearsal import Rehearsal
from logmon.tui.confirm import Confirm
from logmon.tui.lines import LinesWidget
from logmon.tui.render import row_of
from logmon.visible import clipped

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.timer import Timer

    from logmon.event_log import Snapshot
    from logmon.filter import LogFilter
    from logmon.sentinel.rule import Rule
    from logmon.tui.app import LogmonApp
    from logmon.tui.palette import Palette
    from logmon.tui.render import Row, Span

SHOWN_CHARS = 300
SETTLED_S = 0.15
"""A draft that was not changed for so long is tried on the held rows."""
THRESHOLDS = (1, 2, 3, 5, 10, 20, 50, 100)


class Effect:
    """What a rule would have made of the rows that are held, found a segment at a time."""

    def __init__(self, rule: Rule, snapshot: Snapshot) -> None:
        self.rule = rule
        self.rehearsal = Rehearsal([rule])
        self.rows = len(snapshot)
        self.matched = 0
        self.done = False
        self._snapshot = snapshot

    async def find(self) -> None:
        """Go through the rows, giving keys and frames their turn between segments."""
        wanted: LogFilter = self.rule.filter()
        snapshot = self._snapshot
        for segment, start, stop in snapshot.spans(snapshot.first_seq, snapshot.next_seq):
            with bounded():
                mask = segment.evaluate(wanted, start, stop)
            rows = [segment.delivery(start + int(place)) for place in mask.nonzero()[0]]
            rows = [row for row in rows if not row.is_own]
            self.matched += len(rows)
            self.rehearsal.feed(rows)
            await asyncio.sleep(0.001)
        self.done = True

    def text(self) -> str:
        """Say it in a line: `37 of 50,000 rows match → 2 items, first 12:03:07 UTC`."""
        items = [item for item in self.rehearsal.items() if not item.part_of]
        first = f", first {items[0].first_seen:%H:%M:%S} UTC" if items else ""
        word = "item" if len(items) == 1 else "items"
        so_far = "" if self.done else " so far"
        f"{len(items):,} {word}{first}{so_far}"
        return (
            f"{self.matched:,} of {self.rows:,} rows match → {len(items):,} {word}{first}{so_far}"
        )


class DraftPage(LinesWidget, can_focus=True):
    """The draft, line by line; the last line is its effect."""

    def __init__(self, draft: Draft, palette: Palette) -> None:
        super().__init__(palette, id="draft")
        self.draft = draft
        self.effect: Effect | None = None
        self.place = 0

    def line(self, y: int) -> Row:
        """Draw one line."""
        palette, width = self.palette, self.size.width
        if y == 0:
            name = clipped(self.draft.rule.name, 60)
            head: list[Span] = [("─ new rule ", palette.bar_accent), (f"{name} ", palette.bold)]
            return row_of([*head, ("─" * width, palette.bar_accent)], width, palette.text)
        lines = self._lines()
        room = self.size.height - 2
        if y == self.size.height - 1:
            text = self.effect.text() if self.effect else "trying it on the held rows …"
            return row_of([(f" {text}", palette.bold)], width, palette.text)
        top = max(0, self.place - room + 1)
        return row_of(lines[top + y - 1] if top + y - 1 < len(lines) else [], width, palette.text)

    def _lines(self) -> list[list[Span]]:
        palette, rule = self.palette, self.draft.rule
        found = []
        for place, part in enumerate(self.draft.parts):
            sign = "✓" if part.taken else " "
            style = palette.bold if place == self.place else palette.text
            cursor = "›" if place == self.place else " "
            found.append([(f" {cursor} {sign} {clipped(part.text, SHOWN_CHARS)}", style)])
        found.append([(f"     [ ] level {rule.minimum_level.label} and above", palette.dim)])
        found.append([(f"     + - {rule.threshold} matches within 10 m", palette.dim)])
        found.append([("     space takes or leaves · enter saves · escape drops", palette.dim)])
        return found


class RuleDialog(ModalScreen["Rule | None"]):
    """Changes a draft until it is saved or dropped."""

    DEFAULT_CSS = """
    RuleDialog { background: transparent; align: center bottom; }
    RuleDialog DraftPage { height: 60%; width: 100%; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("space", "take", show=False),
        Binding("plus", "threshold(1)", show=False),
        Binding("minus", "threshold(-1)", show=False),
        Binding("left_square_bracket", "level(-1)", show=False),
        Binding("right_square_bracket", "level(1)", show=False),
        Binding("enter", "save", show=False),
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("ctrl+c", "app.do('quit')", priority=True, show=False),
    ]

    def __init__(self, app: LogmonApp, draft: Draft) -> None:
        super().__init__()
        self._logmon = app
        self.body = DraftPage(draft, app.palette())
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Show the draft."""
        yield self.body

    def on_mount(self) -> None:
        """Try the draft as it is."""
        self.body.focus()
        self.set_interval(0.1, self.body.refresh)
        self._try()

    def _change(self, draft: Draft) -> None:
        self.body.draft = draft
        self.body.effect = None
        self.body.refresh()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SETTLED_S, self._try)

    def _try(self) -> None:
        self.body.effect = Effect(self.body.draft.made(), self._logmon.hub.log.snapshot)
        self.run_worker(self._find(self.body.effect), exclusive=True, group="effect")

    async def _find(self, effect: Effect) -> None:
        try:
            await effect.find()
        except LogmonError as error:
            self._logmon.notify(clipped(str(error), 300), severity="error", markup=False)
        self.body.refresh()

    def action_move(self, rows: int) -> None:
        """Go to another part."""
        self.body.place = max(0, min(len(self.body.draft.parts) - 1, self.body.place + rows))
        self.body.refresh()

    def action_take(self) -> None:
        """Take the part in, or leave it out."""
        if self.body.draft.parts:
            self._change(self.body.draft.toggled(self.body.place))

    def action_threshold(self, step: int) -> None:
        """Ask for more or fewer matches before an item is opened."""
        now = self.body.draft.rule.threshold
        steps = [one for one in THRESHOLDS if (one > now if step > 0 else one < now)]
        if steps:
            wanted = steps[0] if step > 0 else steps[-1]
            self._change(self.body.draft.changed(threshold=wanted))

    def action_level(self, step: int) -> None:
        """Look at milder or only at worse rows."""
        levels = list(Level)
        place = levels.index(self.body.draft.rule.minimum_level) + step
        self._change(
            self.body.draft.changed(minimum_level=levels[max(0, min(len(levels) - 1, place))])
        )

    def action_save(self) -> None:
        """Save it."""
        self.dismiss(self.body.draft.made())


class RuleDrafts:
    """Makes rules out of rows."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app

    def draft(self) -> None:
        """Draft a rule from the selected row, or from the newest one."""
        app = self._app
        seq = app.model.cursor if app.model.cursor is not None else app.model.last()
        row = None if seq is None else app.model.delivery(seq)
        if row is None or row.is_own:
            app.notify("rules never hear what logmon says itself" if row else "there is no row",
                       markup=False)  # fmt: skip
            return
        if app.service is None:
            app.notify("nobody is there to apply it", severity="error", markup=False)
            return
        template = app.service.explain(row.event, seq=row.seq).template
        draft = Draft.of(row.event, template, app.service.rule_names())
        app.push_screen(RuleDialog(app, draft), self._ask)

    def _ask(self, rule: Rule | None) -> None:
        if rule is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._save(rule)

        question = f"save rule {rule.name}: {rule.when}"
        self._app.push_screen(Confirm(question, self._app.palette()), answered)

    def _save(self, rule: Rule) -> None:
        assert self._app.service is not None  # noqa: S101 - seen before the draft was made
        try:
            path = self._app.service.add_rule(rule)
        except LogmonError as error:
            self._app.notify(clipped(str(error), 300), severity="error", markup=False)
            return
        self._app.notify(clipped(f"rule {rule.name} is saved in {path}", 300), markup=False)
