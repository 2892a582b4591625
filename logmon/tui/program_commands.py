"""Commands about the program itself: leave, help, theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.tui.commands import Command
from logmon.tui.themes import OWN_THEMES, check_theme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logmon.tui.app import LogmonApp


def _quit(app: LogmonApp, _argument: str) -> None:
    app.exit()


def _theme(app: LogmonApp, name: str) -> str:
    app.theme = check_theme(name)
    return f"theme {app.theme}"


def _themes(app: LogmonApp, typed: str) -> Iterable[str]:
    own = [theme.name for theme in OWN_THEMES]
    others = sorted(name for name in app.available_themes if name not in own)
    return (name for name in (*own, *others) if name.startswith(typed))


COMMANDS = (
    Command("q", "", "Leave logmon", _quit),
    Command("theme", "NAME", "Change the colours", _theme, _themes),
)
