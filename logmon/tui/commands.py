"""Commands of the `:` line. A command is one `Command` in the `COMMANDS` of some module.

Every action of the keymap is a command too, by its name: `:follow`, `:next_error`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from logmon.errors import LogmonError
from logmon.tui.actions import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from logmon.tui.app import LogmonApp

MODULES: tuple[str, ...] = (
    "logmon.tui.program_commands",
    "logmon.tui.reading_commands",
    "logmon.tui.taking_out",
    "logmon.tui.playing",
    "logmon.tui.rule_commands",
)
"""Modules whose `COMMANDS` are offered; a new one is one name here."""


class CommandError(LogmonError):
    """A command cannot be done; the line stays open with the reason."""


def nothing_to_offer(_app: LogmonApp, _typed: str) -> Iterable[str]:
    """Offer no completions."""
    return ()


@dataclass(frozen=True)
class Command:
    """One command."""

    name: str
    usage: str
    """What stands behind the name: `TIME`, `[NAME]`, or nothing."""
    text: str
    run: Callable[[LogmonApp, str], str | None]
    """Gets the app and the rest of the line; returns what to say when it is done.

    Raises `CommandError`, or a `ConfigError` from a parser, when it cannot.
    """
    complete: Callable[[LogmonApp, str], Iterable[str]] = nothing_to_offer
    """Offers whole arguments for what was typed behind the name."""


def all_commands() -> dict[str, Command]:
    """Return every command by name: those of `MODULES`, then each action."""
    found: dict[str, Command] = {}
    for module in MODULES:
        for command in import_module(module).COMMANDS:
            found[command.name] = command
    for action in ACTIONS.values():
        if action.name not in found:
            found[action.name] = Command(action.name, "", action.text, _doing(action.name))
    return found


def _doing(name: str) -> Callable[[LogmonApp, str], str | None]:
    def run(app: LogmonApp, argument: str) -> str | None:
        if argument:
            raise CommandError(f":{name} takes no argument")
        app.controls.run(name)
        return None

    return run


def run_line(app: LogmonApp, line: str) -> str | None:
    """Run one typed line and return what to say about it.

    Raises:
        LogmonError: unknown, or it cannot be done; nothing was changed.
    """
    name, _, argument = line.strip().removeprefix(":").partition(" ")
    if not name:
        return None
    commands = all_commands()
    if name.isdecimal() and not argument:
        name, argument = "row", name
    if name not in commands:
        starts = [known for known in commands if known.startswith(name)]
        if len(starts) != 1:
            raise CommandError(_unknown(name, starts, commands))
        name = starts[0]
    return commands[name].run(app, argument.strip())


def _unknown(name: str, starts: list[str], commands: dict[str, Any]) -> str:
    from difflib import get_close_matches

    near = starts[:4] or get_close_matches(name, commands, n=2)
    return f"no command '{name}'" + (f"; did you mean {' or '.join(near)}?" if near else "")


def completions(app: LogmonApp, line: str) -> list[str]:
    """Return whole lines that what was typed could become, the likeliest first."""
    name, blank, argument = line.partition(" ")
    commands = all_commands()
    if not blank:
        return [
            f"{known} " if command.usage else known
            for known, command in commands.items()
            if known.startswith(name)
        ]
    command = commands.get(name)
    if command is None:
        return []
    return [f"{name} {found}" for found in command.complete(app, argument)]
