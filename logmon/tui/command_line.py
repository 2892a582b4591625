"""The `:` line: types a command, completes its name and its argument, says what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.errors import ConfigError, LogmonError
from logmon.tui.commands import all_commands, completions, run_line
from logmon.tui.prompt import Mistake, Offer

if TYPE_CHECKING:
    from logmon.tui.app import LogmonApp


class Commands:
    """What the prompt does with a command."""

    sign = ":"
    hint = "a command; Tab completes"

    def __init__(self, app: LogmonApp) -> None:
        self._app = app
        self.history: list[str] = []

    def open(self, text: str = "") -> None:
        """Begin to type a command."""
        self._app.open_prompt(self, text)

    def changed(self, _text: str) -> Mistake | None:
        """Do nothing before it is entered."""

    def entered(self, text: str) -> Mistake | None:
        """Run the command."""
        app = self._app
        try:
            said = run_line(app, text)
        except LogmonError as error:
            message = error.message if isinstance(error, ConfigError) else str(error)
            hint = error.hint if isinstance(error, ConfigError) else ""
            return Mistake(f"{message}; {hint}" if hint else message)
        if app.prompt_purpose is self:
            app.close_prompt()
        if said:
            app.notify(said, markup=False)
        return None

    def cancelled(self, _before: str) -> None:
        """Leave the line."""
        self._app.close_prompt()

    def switch(self) -> str:
        """Do nothing: there is one way to read it."""
        return self.sign

    def offers(self, text: str, cursor: int) -> list[Offer]:
        """Return names of commands, then their arguments."""
        commands = all_commands()
        found = []
        for line in completions(self._app, text[:cursor]):
            name, _, argument = line.partition(" ")
            command = commands[name]
            label = argument or f":{name} {command.usage}".rstrip()
            found.append(Offer(line, len(line), label, "" if argument else command.text))
        return found
