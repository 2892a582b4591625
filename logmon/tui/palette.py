"""Colours and styles for rows, taken from the theme so that light, dark and no colour all work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from textual.color import Color

from logmon.level import Level
from logmon.tui.contrast import readable

if TYPE_CHECKING:
    from textual.theme import Theme

# Hues of work items: apart from each other, and from the colours of levels where that can be.
_ITEM_HUES = (
    "#bb9af7",
    "#f7768e",
    "#e0af68",
    "#7dcfff",
    "#9ece6a",
    "#ff9e64",
    "#7aa2f7",
    "#f5a3d7",
)
_LIGHT_ITEM_HUES = (
    "#7847bd", "#c0324a", "#8c6c1e", "#0f7b9c", "#4d7d1f", "#b15c00", "#2e5bb8", "#b0408a",
)  # fmt: skip
# A terminal's own colours, where the theme leaves them to it.
_ANSI_ITEM_HUES = (
    "ansi_magenta", "ansi_red", "ansi_yellow", "ansi_cyan", "ansi_green", "ansi_bright_magenta",
    "ansi_blue", "ansi_bright_cyan",
)  # fmt: skip

ITEM_TINT = 0.13
"""How much of an item's hue lies behind its rows."""


class Palette:
    """Every style the screen draws with. `mono` draws with weight and letters alone.

    A theme with `ansi` keeps the terminal's own background and colours.
    """

    def __init__(self, theme: Theme, *, mono: bool = False) -> None:
        self.mono = mono
        self._ansi = theme.ansi
        dark = theme.dark
        background = Color.parse(theme.background or ("#1a1b26" if dark else "#f5f5f5"))
        foreground = Color.parse(theme.foreground or ("#c8d0f0" if dark else "#20242f"))
        self._background, self._foreground = background, foreground
        hues = _ITEM_HUES if dark else _LIGHT_ITEM_HUES
        self._hues = _ANSI_ITEM_HUES if theme.ansi else hues
        panel = Color.parse(theme.surface) if theme.surface else background.blend(foreground, 0.06)
        accent = Color.parse(theme.secondary or theme.primary)
        error = Color.parse(theme.error or "#f7768e")
        warn = Color.parse(theme.warning or "#e0af68")
        good = Color.parse(theme.success or "#9ece6a")
        muted = background.blend(foreground, 0.5 if theme.name != "contrast" else 0.8)
        value = Color.parse("#ff9e64" if dark else "#b15c00")
        if not theme.ansi:
            error, warn, good, accent, value = (
                readable(colour, foreground, (background, panel))
                for colour in (error, warn, good, accent, value)
            )
        if theme.ansi:
            muted, value = Color.parse("ansi_bright_black"), Color.parse("ansi_yellow")
        self.text = self._style(foreground, background)
        self.dim = self._style(muted, background)
        self.bold = self._style(foreground, background, bold=True)
        self.source = self._style(accent, background)
        self.own_source = self._style(Color.parse(self._hues[0]), background)
        self.good = self._style(good, background, bold=True)
        self.warn = self._style(warn, background, bold=True)
        self.bad = self._style(error, background, bold=True)
        self.value = self._style(value, background)
        self.notice = self._style(warn, background)
        self._bars(panel, muted, accent, good, warn, error)
        self.thumb = self._style(muted, background)
        track = muted if theme.ansi else background.blend(foreground, 0.15)
        self.track = self._style(track, background)
        self.levels = self._levels(error, warn, good, accent, muted)
        self.delta = self._style(muted.blend(accent, 0.4), background)
        self.marked = self._style(accent, background, bold=True)
        self._hits(warn)
        self.selected = self._tint_of(accent, 0.28)
        self._items: dict[str, tuple[Style, Style]] = {}

    def _hits(self, warn: Color) -> None:
        """Make the styles of what is searched for and highlighted."""
        self.hit = self._block(warn)
        self.bar_hit = self._style(warn, self._background, bold=True)
        hues = [Color.parse(hue) for hue in self._hues[:6]]
        if not self._ansi:
            hues = [hue.blend(self._background, 0.35) for hue in hues]
        self.highlights = tuple(map(self._block, hues))

    def _bars(
        self, panel: Color, muted: Color, accent: Color, good: Color, warn: Color, error: Color
    ) -> None:
        """Mix the styles of the lines above and below the rows."""
        self.bar = self._style(self._foreground, panel)
        self.bar_dim = self._style(muted, panel)
        self.bar_bold = self._style(self._foreground, panel, bold=True)
        self.bar_good = self._style(good, panel, bold=True)
        self.bar_warn = self._style(warn, panel, bold=True)
        self.bar_bad = self._style(error, panel, bold=True)
        self.bar_accent = self._style(accent, panel)
        self.bar_badge = self._badge(accent)
        self.bar_alarm = self._badge(warn)

    def _levels(
        self, error: Color, warn: Color, good: Color, accent: Color, muted: Color
    ) -> dict[Level, Style]:
        critical = Color.parse("#ff4fb4" if self._background.brightness < 0.5 else "#b3005e")
        if self._ansi:
            critical = Color.parse("ansi_bright_magenta")
        colours = {
            Level.TRACE: muted,
            Level.DEBUG: muted.blend(accent, 0.5),
            Level.INFO: good,
            Level.NOTICE: accent,
            Level.WARN: warn,
            Level.ERROR: error,
            Level.CRITICAL: critical,
            Level.ALERT: critical,
            Level.EMERGENCY: critical,
        }
        grounds = [
            self._background,
            *(self._tinted(Color.parse(hue), ITEM_TINT) for hue in self._hues),
        ]
        return {
            level: self._style(
                colour if self._ansi else readable(colour, self._foreground, grounds),
                self._background,
                bold=level > Level.DEBUG,
            )
            for level, colour in colours.items()
        }

    def _style(self, colour: Color, background: Color, *, bold: bool = False) -> Style:
        if self.mono:
            return Style(bold=bold)
        return Style(color=colour.rich_color, bgcolor=background.rich_color, bold=bold)

    def _badge(self, colour: Color) -> Style:
        """Return a style for a few words on a coloured ground."""
        if self.mono:
            return Style(reverse=True, bold=True)
        if self._ansi:
            return Style(color=colour.rich_color, reverse=True, bold=True)
        return self._style(self._background, colour, bold=True)

    def _block(self, colour: Color) -> Style:
        """Return a style that stands out of a row: the colour behind, readable letters on it."""
        if self.mono or self._ansi:
            own = None if self.mono else colour.rich_color
            return Style(color=own, reverse=True, bold=True, underline=self.mono)
        letters = Color.parse("#000000" if colour.brightness > 0.5 else "#ffffff")
        return self._style(letters, colour, bold=True)

    def _tint_of(self, colour: Color, strength: float) -> Style:
        if self.mono or self._ansi:
            return Style(reverse=True)
        return Style(bgcolor=self._tinted(colour, strength).rich_color)

    def _tinted(self, colour: Color, strength: float) -> Color:
        return self._background.blend(colour, strength)

    def item(self, item_id: str) -> tuple[Style, Style]:
        """Return a work item's own hue, as a style for marks and a background for its rows."""
        found = self._items.get(item_id)
        if found is None:
            digits = "".join(filter(str.isdecimal, item_id)) or "0"
            hue = Color.parse(self._hues[int(digits) % len(self._hues)])
            tint = Style() if self.mono or self._ansi else self._tint_of(hue, ITEM_TINT)
            found = self._style(hue, self._background, bold=True), tint
            if len(self._items) > 1_000:
                self._items.clear()
            self._items[item_id] = found
        return found
