"""logmon's own themes: dark, light, high contrast, without colour, and the terminal's own colours.

Textual's themes can be had by name as well.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from textual.theme import BUILTIN_THEMES, Theme

from logmon.errors import ConfigError

DEFAULT = "dark"
OWN_THEMES: tuple[Theme, ...] = (
    replace(BUILTIN_THEMES["tokyo-night"], name="dark"),
    Theme(
        name="light",
        primary="#2e5bb8",
        secondary="#0f6d8c",
        warning="#8a5a00",
        error="#b3213a",
        success="#3f6d16",
        accent="#7847bd",
        foreground="#1b1e26",
        background="#fbfbf8",
        surface="#eceae4",
        panel="#e2e0da",
        dark=False,
    ),
    Theme(
        name="contrast",
        primary="#66b3ff",
        secondary="#00ffff",
        warning="#ffff00",
        error="#ff6666",
        success="#66ff66",
        accent="#ff99ff",
        foreground="#ffffff",
        background="#000000",
        surface="#1c1c1c",
        panel="#2a2a2a",
        dark=True,
    ),
    Theme(
        name="mono",
        primary="#c0c0c0",
        secondary="#c0c0c0",
        warning="#ffffff",
        error="#ffffff",
        success="#c0c0c0",
        accent="#ffffff",
        foreground="#d8d8d8",
        background="#000000",
        surface="#000000",
        panel="#000000",
        dark=True,
    ),
    replace(BUILTIN_THEMES["ansi-dark"], name="terminal"),
)
WITHOUT_COLOUR = "mono"


def check_theme(name: str, *, where: str = "tail.theme") -> str:
    """Return the name of a theme there is; the default one for an empty name.

    Raises:
        ConfigError: there is none of that name.
    """
    known = [theme.name for theme in OWN_THEMES] + list(BUILTIN_THEMES)
    if not name:
        return DEFAULT
    if name not in known:
        near = get_close_matches(name, known, n=1)
        meant = f"did you mean '{near[0]}'? " if near else ""
        raise ConfigError(
            f"there is no theme {name!r}",
            where=where,
            hint=f"{meant}themes are {', '.join(known)}",
        )
    return name
