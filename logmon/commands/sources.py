"""`logmon sources`: what is configured to be read, and whether it can be."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from logmon.commands import completion
from logmon.commands.running import ConfigFile, Errors, Form, is_json, say

app = typer.Typer(help="The configured sources.", no_args_is_help=True)
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Else those that are enabled.",
        autocompletion=completion.configured,
    ),
]


@app.command("list")
def sources_list(output: Form = None, config: ConfigFile = None) -> None:
    """Print the sources: name, type, whether it is on, what it leaves out."""
    with Errors():
        from logmon.config import load_config
        from logmon.source_commands import listed

        json = is_json(output)
        for line in listed(load_config(config, os.environ), json=json):
            say(line, json=json)


@app.command("check")
def sources_check(names: Names = None, output: Form = None, config: ConfigFile = None) -> None:
    """Try to read the sources: reachable, credentials good, clock right, budget left."""
    with Errors():
        from logmon.config import load_config
        from logmon.doctor import as_line
        from logmon.source_commands import check_sources

        json = is_json(output)
        code = check_sources(
            load_config(config, os.environ),
            names or [],
            lambda finding: say(as_line(finding, json=json), json=json),
        )
    raise typer.Exit(code)
