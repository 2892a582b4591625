"""Work items as a list: the pane beside the tail and the upper part of the Work items view."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from logmon.tui.controls import bindings_of
from logmon.tui.panes import age
from logmon.tui.table import Column, Table
from logmon.visible import clipped, visible
from logmon.work_item import PRIORITY_MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from datetime import datetime

    from textual.binding import BindingType

    from logmon.tui.doors import ShownItems
    from logmon.tui.palette import Palette
    from logmon.tui.render import Span
    from logmon.work_item import WorkItem

TITLE_CHARS = 500
STATUS_WORD = {"new": "new", "in_progress": "started", "done": "done"}


class ItemList(Table):
    """Open items first, the one that changed last first; its title says how many are open."""

    BINDING_GROUP_TITLE = "Work items"
    HELP = (
        "What Sentinel made of the rows. `s` starts, `d` closes after asking, `o` reopens; `u` "
        "marks it as useful, `z` as noise, for its rule's figures; "
        "`Enter` goes to the newest row, `Tab` to the events. Of a large file opened at its end "
        "Sentinel speaks here and by the marks, not in rows of its own."
    )

    PANEL = "items"
    MOST: ClassVar[int] = 100_000
    """Items that are listed."""
    BINDINGS: ClassVar[list[BindingType]] = bindings_of(PANEL)
    COLUMNS = (
        Column("item", 9),
        Column("prio", 4),
        Column("status", 7, from_width=90),
        Column("source", 12, from_width=110),
        Column("title"),
        Column("rows", 7, right=True),
        Column("seen", 6, right=True),
    )

    def __init__(
        self,
        palette: Palette,
        items: ShownItems,
        now: Callable[[], datetime],
        *,
        id: str,  # noqa: A002
    ) -> None:
        super().__init__(palette, id)
        self._items = items
        self._now = now
        self._drawn: tuple[int, datetime] | None = None
        self._found: list[WorkItem] = []

    def update_items(self) -> None:
        """Draw the items, where there is anything new to draw."""
        seen = self._items.version, self._now().replace(microsecond=0)
        if seen != self._drawn and self.display:
            self._drawn = seen
            self._found = self._items.latest(min(len(self._items), self.MOST))
            self.rows_changed()

    @property
    def item(self) -> WorkItem | None:
        """The selected item, as it is now."""
        place = self.place
        return None if place is None else self._found[place]

    def select_item(self, item_id: str) -> bool:
        """Select an item by its id; return whether it is there."""
        for place, item in enumerate(self._found):
            if item.id == item_id:
                self.select(place)
                return True
        return False

    def title(self) -> list[Span]:
        """Return how many items are open."""
        return [(f"work items · {self._items.open_count():,} open", self.palette.own_source)]

    def length(self) -> int:
        """Return how many items there are."""
        return len(self._found)

    def key(self, place: int) -> Hashable:
        """An item is named by its id."""
        return self._found[place].id

    def cells(self, place: int) -> Sequence[Span]:
        """Return one item's columns."""
        palette, item = self.palette, self._found[place]
        hue, _ = palette.item(item.id)
        sign = "◆" if item.is_open else "✓"
        if not item.is_open:
            hue = palette.dim
        level = palette.levels[item.level] if item.is_open else palette.dim
        text = palette.text if item.is_open else palette.dim
        return (
            (f"{sign} {visible(item.id)}", hue),
            (PRIORITY_MARK[item.priority], level),
            (
                STATUS_WORD[item.status],
                palette.warn if item.status == "in_progress" else palette.dim,
            ),
            (visible(item.source[:40]), palette.source),
            (clipped(item.title, TITLE_CHARS), text),
            (f"×{item.count:,}", palette.dim),
            (age(item.last_seen, self._now()), palette.dim),
        )

    def empty(self) -> str:
        """Say why there are none."""
        return "none yet: Sentinel opens one for each new cause"


class ItemsPane(ItemList):
    """The list beside the tail, without heads."""

    HEADS = False
    MOST = 200

    def on_mount(self) -> None:
        """Take no more room than there are items for."""
        self.app.add_class("-no-items")

    def rows_changed(self) -> None:
        """Draw the items; without any, two lines are enough to say so."""
        super().rows_changed()
        self.app.set_class(not self.length(), "-no-items")
