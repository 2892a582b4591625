"""The Rules view: each rule, whether it is on, what it did; Enter edits, `d` switches off or on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from logmon.tui.controls import bindings_of
from logmon.tui.table import Column, Table
from logmon.tui.views import View
from logmon.visible import clipped

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from rich.style import Style
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from logmon.sentinel.rule import Rule
    from logmon.sentinel.statistics import RuleStatistics
    from logmon.tui.app import LogmonApp
    from logmon.tui.render import Span

NAME_CHARS, WHEN_CHARS = 100, 300


class RuleList(Table):
    """One row for each rule, in the order of the configuration; then those of the past."""

    BINDING_GROUP_TITLE = "Rules"
    HELP = (
        "What each rule matched and made of it, since the store began. `Enter` edits a rule and "
        "shows its effect on the held rows, `d` switches it off or on; both ask before they save. "
        "`gone` are rules that only have counts."
    )
    COLUMNS = (
        Column("", 6),
        Column("rule", 20),
        Column("matched", 9, right=True),
        Column("fired", 7, right=True),
        Column("joined", 9, right=True, from_width=70),
        Column("suppressed", 10, right=True, from_width=90),
        Column("errors", 6, right=True),
        Column("useful", 6, right=True, from_width=80),
        Column("noise", 5, right=True, from_width=60),
        Column("when"),
    )

    def __init__(self, app: LogmonApp) -> None:
        super().__init__(app.palette(), "rule-list")
        self._app = app
        self._rules: dict[str, Rule] = {}
        self._counts: list[tuple[str, RuleStatistics]] = []

    def look(self) -> None:
        """Take the rules and counts of now and draw them."""
        service = self._app.service
        if service is not None:
            self._rules = {rule.name: rule for rule in service.rules()}
            self._counts = list(service.rule_statistics().items())
        self.rows_changed()

    @property
    def rule(self) -> Rule | None:
        """The selected rule; None where there is none, or it is gone."""
        return None if self.place is None else self._rules.get(self._counts[self.place][0])

    def title(self) -> list[Span]:
        """Return how many there are, and how many are off."""
        off = sum(not rule.enabled for rule in self._rules.values())
        said = f" · {off} off" if off else " · all on" if self._rules else ""
        palette = self.palette
        return [
            ("rules", palette.bold), (f" · {len(self._rules)}", palette.text), (said, palette.dim)
        ]  # fmt: skip

    def length(self) -> int:
        """Return how many rules there are."""
        return len(self._counts)

    def key(self, place: int) -> Hashable:
        """A rule is named by its name."""
        return self._counts[place][0]

    def cells(self, place: int) -> Sequence[Span]:
        """Return one rule's columns."""
        palette = self.palette
        name, counts = self._counts[place]
        rule = self._rules.get(name)
        on = rule is not None and rule.enabled
        plain = palette.text if on else palette.dim

        def bad(count: int) -> Span:
            return f"{count:,}", palette.bad if count else palette.dim

        return (
            _state(rule, palette.good, palette.dim),
            (clipped(name, NAME_CHARS), palette.source if on else palette.dim),
            (f"{counts.matched:,}", plain),
            (f"{counts.fired:,}", plain),
            (f"{counts.joined:,}", plain),
            (f"{counts.suppressed:,}", plain),
            bad(counts.errors),
            (f"{counts.useful:,}", plain),
            bad(counts.noise),
            ("" if rule is None else _condition(rule), plain),
        )

    def empty(self) -> str:
        """Say why there are none."""
        return "Sentinel is off: sentinel.enabled = false"


def _state(rule: Rule | None, good: Style, dim: Style) -> Span:
    """Return whether a rule is on, with a sign that needs no colour."""
    if rule is None:
        return "· gone", dim
    return ("✓ on", good) if rule.enabled else ("✗ off", dim)


def _condition(rule: Rule) -> str:
    """Say what a rule looks for: `≥ warn · 5 matches · declined @order:>5`."""
    times = f" · {rule.threshold:,} matches" if rule.threshold > 1 else ""
    when = f" · {rule.when}" if rule.when else ""
    return clipped(f"≥ {rule.minimum_level.label}{times}{when}", WHEN_CHARS)


class RulesView(View):
    """The list, once a second."""

    DEFAULT_CSS = "RulesView { height: 1fr; } #rule-list { height: 1fr; }"
    PANEL = "rules"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(PANEL)

    def __init__(self, app: LogmonApp, name: str) -> None:
        super().__init__(app, name)
        self.list = RuleList(app)

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        yield self.list

    def shown(self) -> None:
        """Take the figures of now."""
        self.list.look()

    def tick(self) -> None:
        """Take the figures of now."""
        self.list.look()

    def select(self, name: str) -> None:
        """Go to a rule."""
        self.list.look()
        for place in range(self.list.length()):
            if self.list.key(place) == name:
                self.list.select(place)

    def on_table_chosen(self) -> None:
        """Edit the selected rule."""
        if (rule := self._selected()) is not None:
            self.logmon.controls.owner("rule_drafts").edit(rule)

    def switch(self) -> None:
        """Switch the selected rule off, or on again; asks first."""
        if (rule := self._selected()) is not None:
            self.logmon.controls.owner("rule_drafts").switch(rule)

    def _selected(self) -> Rule | None:
        if self.list.rule is None:
            said = "this rule is no longer configured" if self.list.length() else "there is no rule"
            self.logmon.notify(said, markup=False)
        return self.list.rule
