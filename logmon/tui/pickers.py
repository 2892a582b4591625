"""Small dialogs over the tail: pick a level, pick sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, SelectionList, Static
from textual.widgets.option_list import Option
from textual.widgets.selection_list import Selection

from logmon.level import Level
from logmon.visible import clipped

if TYPE_CHECKING:
    from textual.app import ComposeResult


class LevelPicker(ModalScreen[Level | None]):
    """Choose the mildest level to show."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,L", "dismiss(None)", "Close")]

    def __init__(self, current: Level) -> None:
        super().__init__()
        self._current = current

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        with Vertical(classes="picker"):
            yield Static(Content("Show this level and worse"), classes="picker-title")
            yield OptionList(
                *(Option(Content(f"{level.code}  {level.label}")) for level in Level), id="levels"
            )

    def on_mount(self) -> None:
        """Start on the level that is in force."""
        self.query_one(OptionList).highlighted = list(Level).index(self._current)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the chosen level."""
        self.dismiss(list(Level)[event.option_index])


class SourcePicker(ModalScreen[tuple[str, ...] | None]):
    """Choose the emitters to show, with how many rows of each are held."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,S", "dismiss(None)", "Close"),
        Binding("enter", "take", "Show these", priority=True),
        Binding("n", "none", "None"),
        Binding("a", "all", "All"),
    ]

    def __init__(self, counts: dict[str, int], shown: frozenset[str], health: str) -> None:
        super().__init__()
        self._names = sorted(counts, key=lambda name: (-counts[name], name))
        self._counts = counts
        self._shown = shown
        self._health = health

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        with Vertical(classes="picker"):
            yield Static(
                Content("space picks · enter shows these · a all · n none"), classes="picker-title"
            )
            yield SelectionList[int](
                *(
                    Selection(
                        Content(f"{clipped(name, 40):<24} {self._counts[name]:>10,}"),
                        place,
                        name in self._shown,
                    )
                    for place, name in enumerate(self._names)
                ),
                id="sources",
            )
            yield Static(Content(self._health), classes="picker-title")

    def action_take(self) -> None:
        """Show the picked sources; all or none of them picked means all."""
        places = self.query_one(SelectionList).selected
        names = tuple(sorted(self._names[place] for place in places))
        self.dismiss(() if len(names) in (0, len(self._names)) else names)

    def action_all(self) -> None:
        """Pick all."""
        self.query_one(SelectionList).select_all()

    def action_none(self) -> None:
        """Pick none."""
        self.query_one(SelectionList).deselect_all()


class ColumnPicker(ModalScreen[tuple[str, ...] | None]):
    """Choose the columns, in the order they are listed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close"),
        Binding("enter", "take", "Show these", priority=True),
    ]

    def __init__(self, names: tuple[str, ...], shown: tuple[str, ...]) -> None:
        super().__init__()
        self._names = tuple(name for name in names if name != "message")
        self._shown = shown

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        with Vertical(classes="picker"):
            yield Static(
                Content("space picks · enter shows these, and the message"),
                classes="picker-title",
            )
            yield SelectionList[int](
                *(
                    Selection(Content(clipped(name, 50)), place, name in self._shown)
                    for place, name in enumerate(self._names)
                ),
                id="columns",
            )

    def action_take(self) -> None:
        """Show the picked columns, as they are listed."""
        places = sorted(self.query_one(SelectionList).selected)
        self.dismiss((*(self._names[place] for place in places), "message"))
