"""Widgets that draw whole lines of visible text themselves, without layout or markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from logmon.tui.render import Row, Span, row_of

if TYPE_CHECKING:
    from rich.style import Style
    from textual.geometry import Region
    from textual.strip import Strip

    from logmon.tui.palette import Palette


class Covered:
    """What makes a container draw nothing: its children, or the screen behind it, fill its place.

    Textual draws every container anew under whatever changes inside it. No `Widget` of its own:
    of several that a class is made from, Textual takes styles from the first alone.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw no row."""
        return []


class LinesWidget(Widget):
    """Draws `line(y)` for each row it has; a refresh costs no layout."""

    ALLOW_SELECT = False

    def __init__(self, palette: Palette, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.palette = palette

    def restyle(self, palette: Palette) -> None:
        """Take the colours of another theme."""
        self.palette = palette
        self.refresh()

    def line(self, y: int) -> Row:
        """Return row `y` as exactly `self.size.width` cells."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        return self.line(y)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the rows that are asked for, past Textual's style cache (its strips are cycles)."""
        strips: list[Strip] = [self.line(y) for y in range(crop.y, crop.bottom)]
        if crop.x or crop.width < self.size.width:
            strips = [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def spread(self, left: list[Span], right: list[Span], fill: Style) -> Row:
        """Put spans at both ends of a line; the right end gives way when there is no room."""
        from rich.cells import cell_len

        width = self.size.width
        room = width - sum(cell_len(text) for text, _ in left)
        while right and sum(cell_len(text) for text, _ in right) > room:
            right = right[1:]
        gap = room - sum(cell_len(text) for text, _ in right)
        return row_of([*left, (" " * max(0, gap), fill), *right], width, fill)
