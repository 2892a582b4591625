"""Commands about the program itself: leave, help, theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.tui.commands import Command, CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logmon.tui.app import LogmonApp


def _quit(app: LogmonApp, _argument: str) -> None:
    app.exit()


def _theme(app: LogmonApp, name: str) -> str:
    if name not in app.available_themes:
        raise CommandError(f"no theme {name!r}; Tab shows them")
    app.theme = name
    return f"theme {name}"


def _themes(app: LogmonApp, typed: str) -> Iterable[str]:
    return (name for name in sorted(app.available_themes) if name.startswith(typed))


COMMANDS = (
    Command("q", "", "Leave logmon", _quit),
    Command("theme", "NAME", "Change the colours", _theme, _themes),
)
