"""The dialog that makes or changes a rule: its fields, and its effect on the rows that are held."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from logmon.errors import LogmonError
from logmon.level import Level
from logmon.tui.lines import LinesWidget
from logmon.tui.prompt import MOST_OFFERS, Mistake, Offer, Offers, Prompt
from logmon.tui.query_offers import offers
from logmon.tui.render import row_of
from logmon.tui.rule_effect import Effect
from logmon.tui.rule_fields import MEANING, field_text, with_field
from logmon.tui.seen import Seen
from logmon.visible import clipped

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from logmon.sentinel.draft import Draft
    from logmon.sentinel.rule import Rule
    from logmon.tui.app import LogmonApp
    from logmon.tui.palette import Palette
    from logmon.tui.render import Row, Span

SHOWN_CHARS = 300
SETTLED_S = 0.15
"""A draft that was not changed for so long is tried on the held rows."""
THRESHOLDS = (1, 2, 3, 5, 10, 20, 50, 100)
FIELDS = tuple(MEANING)
KEYS = (
    "space takes, leaves or edits · enter saves · escape drops",
    "+ - threshold · [ ] level",
)
LABEL_CELLS = 15


class DraftPage(LinesWidget, can_focus=True):
    """The draft, line by line: its parts, its fields, the keys; the last line is its effect."""

    def __init__(self, draft: Draft, palette: Palette, before: Rule | None) -> None:
        super().__init__(palette, id="draft")
        self.draft = draft
        self.before = before
        """The rule that is changed; None makes a new one."""
        self.effect: Effect | None = None
        self.was: Effect | None = None
        """The effect of the rule as it was."""
        self.place = 0

    @property
    def field(self) -> str:
        """The field under the cursor, empty on a part."""
        place = self.place - len(self.draft.parts)
        return FIELDS[place] if place >= 0 else ""

    def line(self, y: int) -> Row:
        """Draw one line."""
        palette, width = self.palette, self.size.width
        if y == 0:
            name = clipped(self.draft.rule.name, 60)
            what = "─ new rule " if self.before is None else "─ rule "
            head: list[Span] = [(what, palette.bar_accent), (f"{name} ", palette.bold)]
            return row_of([*head, ("─" * width, palette.bar_accent)], width, palette.text)
        if y == self.size.height - 1:
            return row_of([(f" {self._said()}", palette.bold)], width, palette.text)
        lines = self._lines()
        room = self.size.height - 2
        top = max(0, self.place - room + 2)
        return row_of(lines[top + y - 1] if top + y - 1 < len(lines) else [], width, palette.text)

    def _said(self) -> str:
        if self.effect is None:
            return "trying it on the held rows …"
        if self.was is None:
            return self.effect.text()
        off = "" if self.draft.rule.enabled else " · it is off"
        return f"{self.effect.text()} · as it was {self.was.short()}{off}"

    def _lines(self) -> list[list[Span]]:
        palette, rule = self.palette, self.draft.made()
        found: list[list[Span]] = []
        for place, part in enumerate(self.draft.parts):
            sign = "✓" if part.taken else " "
            text = f" {self._cursor(place)} {sign} {clipped(part.text, SHOWN_CHARS)}"
            found.append([(text, palette.bold if place == self.place else palette.text)])
        for place, key in enumerate(FIELDS, len(self.draft.parts)):
            value = field_text(rule, key)
            style = palette.bold if place == self.place else palette.text
            label = f" {self._cursor(place)} {key:<{LABEL_CELLS}}"
            changed = self.before is not None and value != field_text(self.before, key)
            mark: Span = ("● " if changed else "  ", palette.warn)
            note = MEANING[key] if place == self.place or not value else ""
            found.append([
                (label, style), mark, (clipped(value, SHOWN_CHARS), style),
                (f"  {note}" if value else note, palette.dim),
            ])  # fmt: skip
        found += [[(f"   {keys}", palette.dim)] for keys in KEYS]
        return found

    def _cursor(self, place: int) -> str:
        return "›" if place == self.place else " "


class FieldLine:
    """What the line to type in does with a field of the rule."""

    def __init__(self, dialog: RuleDialog, seen: Seen) -> None:
        self._dialog = dialog
        self._seen = seen
        self.key = ""
        self.sign = self.hint = ""
        self.history: list[str] = []

    def begin(self, key: str) -> None:
        """Be about another field."""
        self.key = self.sign = key
        self.hint = MEANING[key]

    def changed(self, text: str) -> Mistake | None:
        """Check the text while it is typed; nothing is taken in."""
        made = with_field(self._dialog.body.draft.made(), self.key, text)
        return made if isinstance(made, Mistake) else None

    def entered(self, text: str) -> Mistake | None:
        """Take the text into the draft."""
        made = with_field(self._dialog.body.draft.made(), self.key, text)
        if isinstance(made, Mistake):
            return made
        self._dialog.take(made, parts=self.key != "when")
        return None

    def cancelled(self, _before: str) -> None:
        """Leave the field as it was."""
        self._dialog.close_line()

    def switch(self) -> str:
        """Do nothing: there is one way to read it."""
        return self.sign

    def offers(self, text: str, cursor: int) -> list[Offer]:
        """Offer fields and values for a query, names where there are few."""
        if self.key == "when":
            return list(islice(offers(text, cursor, self._seen), MOST_OFFERS))
        named = {"minimum_level": [level.label for level in Level],
                 "priority": ["high", "medium", "low"]}.get(self.key, [])  # fmt: skip
        return [Offer(one, len(one), one) for one in named if one.startswith(text) and one != text]


class RuleDialog(ModalScreen["Rule | None"]):
    """Changes a draft until it is saved or dropped."""

    DEFAULT_CSS = """
    RuleDialog { background: transparent; align: center bottom; }
    RuleDialog DraftPage { height: 60%; width: 100%; background: $surface; }
    RuleDialog #prompt { layer: over; dock: bottom; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("space,e", "take", show=False),
        Binding("plus", "threshold(1)", show=False),
        Binding("minus", "threshold(-1)", show=False),
        Binding("left_square_bracket", "level(-1)", show=False),
        Binding("right_square_bracket", "level(1)", show=False),
        Binding("enter", "save", show=False),
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("ctrl+c", "app.do('quit')", priority=True, show=False),
    ]

    def __init__(self, app: LogmonApp, draft: Draft, before: Rule | None = None) -> None:
        super().__init__()
        self._logmon = app
        self.body = DraftPage(draft, app.palette(), before)
        self._timer: Timer | None = None
        self._seen = Seen()
        self._field = FieldLine(self, self._seen)

    def compose(self) -> ComposeResult:
        """Show the draft, and the line that a field is typed in when one is."""
        yield self.body
        palette = self._logmon.palette()
        yield Prompt(palette)
        yield Offers(palette)

    def on_mount(self) -> None:
        """Try the draft as it is, and the rule as it was."""
        self.query_one(Prompt).display = False
        self.query_one(Offers).display = False
        self.body.focus()
        self.set_interval(0.1, self.body.refresh)
        self._try()
        if self.body.before is not None:
            self.body.was = Effect(self.body.before, self._logmon.hub.log.snapshot)
            self.run_worker(self._find(self.body.was), group="was")

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
        """Go to another part or field."""
        last = len(self.body.draft.parts) + len(FIELDS) - 1
        self.body.place = max(0, min(last, self.body.place + rows))
        self.body.refresh()

    def action_take(self) -> None:
        """Take the part in or leave it out; type the field."""
        if not self.body.field:
            self._change(self.body.draft.toggled(self.body.place))
            return
        self._field.begin(self.body.field)
        self._seen.look(self._logmon.hub.log.snapshot)
        text = field_text(self.body.draft.made(), self._field.key)
        self.query_one(Prompt).open(self._field, text)

    def take(self, rule: Rule, *, parts: bool) -> None:
        """Take a rule in as typed; without `parts` its `when` is no longer made of parts."""
        self._change(self.body.draft.typed(rule, parts=parts))
        if not parts:
            self.body.place = FIELDS.index("when")
        self.close_line()

    def close_line(self) -> None:
        """Give the keys back to the draft."""
        self.query_one(Prompt).close()
        self.body.focus()

    def on_prompt_input_left(self, event: events.Event) -> None:
        """Close the line: something else was clicked."""
        event.stop()
        self.close_line()

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
