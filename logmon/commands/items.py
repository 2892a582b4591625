"""`logmon items`: the work items that the store holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from logmon.commands import completion
from logmon.commands.running import ConfigFile, Errors, Form, is_json, kept, say

app = typer.Typer(help="The work items that the store holds.", no_args_is_help=True)
ItemId = Annotated[
    str, typer.Argument(metavar="ID", help="Such as WI-7.", autocompletion=completion.items)
]


@app.command("list")
def items_list(
    every: Annotated[bool, typer.Option("--all", "-a", help="Those that are done too.")] = False,
    output: Form = None,
    config: ConfigFile = None,
) -> None:
    """Print the work items, open ones first."""
    with Errors():
        from logmon.config import load_config
        from logmon.item_commands import as_lines, items

        settings, json = load_config(config, os.environ), is_json(output)
        for line in as_lines(kept(lambda: items(settings, every=every)), json=json):
            say(line, json=json)


@app.command("show")
def items_show(item: ItemId, output: Form = None, config: ConfigFile = None) -> None:
    """Print all about one work item, with its history."""
    with Errors():
        from logmon.config import load_config
        from logmon.item_commands import as_lines, details, items

        settings, json = load_config(config, os.environ), is_json(output)
        if json:
            found = [known for known in items(settings, every=True) if known.id == item]
            lines = list(as_lines(found, json=True)) or list(details(settings, item))
        else:
            lines = list(details(settings, item))
        for line in lines:
            say(line, json=json)


@app.command("start")
def items_start(item: ItemId, config: ConfigFile = None) -> None:
    """Say that somebody works on it."""
    _change(item, "in_progress", config)


@app.command("done")
def items_done(item: ItemId, config: ConfigFile = None) -> None:
    """Close it; a new occurrence opens a new one."""
    _change(item, "done", config)


@app.command("reopen")
def items_reopen(item: ItemId, config: ConfigFile = None) -> None:
    """Open it again."""
    _change(item, "new", config)


@app.command("useful")
def items_useful(item: ItemId, config: ConfigFile = None) -> None:
    """Say that it was worth making; its rule's figures count that."""
    _change(item, "useful", config)


@app.command("noise")
def items_noise(item: ItemId, config: ConfigFile = None) -> None:
    """Say that nobody needs such items; its rule's figures count that."""
    _change(item, "noise", config)


@app.command("unmark")
def items_unmark(item: ItemId, config: ConfigFile = None) -> None:
    """Take the mark back."""
    _change(item, "unmarked", config)


def _change(item: str, wanted: str, config: Path | None) -> None:
    with Errors():
        from logmon.config import load_config
        from logmon.item_commands import change

        say(change(load_config(config, os.environ), item, wanted))
