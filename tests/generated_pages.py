"""Pages of docs/ that the program itself tells: `python -m tests.generated_pages` writes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.testing import CliRunner

from logmon.cli import app
from logmon.tui.actions import ACTIONS
from logmon.tui.commands import all_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).resolve().parent.parent / "docs"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, groups before what is in them."""
    yield path
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from commands(inner, (*path, name))


def cli_page() -> str:
    """Return docs/cli.md: what `--help` says of every command."""
    parts = ["# Commands\nWhat `--help` says, command by command.\n"]
    runner = CliRunner()
    for path in commands(typer.main.get_command(app)):
        said = runner.invoke(
            app, [*path, "--help"], prog_name="logmon", terminal_width=100, color=False
        )
        title = " ".join(("logmon", *path))
        parts.append(f"## {title}\n```\n{said.output.strip()}\n```\n")
    return "\n".join(parts)


def keys_page() -> str:
    """Return docs/keys.md: what `logmon keys` says, and the `:` commands."""
    said = subprocess.run(
        [sys.executable, "-m", "logmon", "keys"], capture_output=True, text=True, check=True
    ).stdout
    head = (
        "# Keys\nKey, action name, what it does. The names are what `[tail.keys]` in the "
        'configuration takes: `follow = ["F", "f"]`.'
    )
    return f"{head}\n```\n{said.rstrip()}\n```\n\n{command_lines()}"


def command_lines() -> str:
    """Return the commands of the `:` line that are no action."""
    found = [command for name, command in sorted(all_commands().items()) if name not in ACTIONS]
    rows = "".join(f"  :{f'{each.name} {each.usage}':<26} {each.text}\n" for each in found)
    head = (
        "## Commands\n`:` opens a line for these, and for every action by its name (`:next_error`); "
        "Tab completes. What `:save` keeps is in `views.toml` beside the configuration."
    )
    return f"{head}\n```\n{rows}```\n"


PAGES = {"cli.md": cli_page, "keys.md": keys_page}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), "utf-8")
