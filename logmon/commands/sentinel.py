"""`logmon sentinel`: why an event became work, and how the rules are doing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from logmon.commands.running import ConfigFile, Errors, Form, is_json, say

app = typer.Typer(
    help="Why an event became work or not, and how the rules are doing.", no_args_is_help=True
)


@app.command("explain")
def sentinel_explain(
    event: Annotated[
        str,
        typer.Argument(
            metavar="[ID|FILE:LINE|-]",
            help="An event's id in the store, a line of a file, or - for lines on standard input.",
        ),
    ] = "-",
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="Use the rules of this file.")
    ] = None,
    input_format: Annotated[
        str, typer.Option("--input-format", metavar="NAME", help="auto decides line by line.")
    ] = "auto",
    output: Form = None,
    config: ConfigFile = None,
) -> None:
    """Print what each rule makes of an event, clause by clause, with the value seen."""
    with Errors():
        from logmon.config import load_config
        from logmon.explain_command import as_lines, explain

        settings, json = load_config(config, os.environ), is_json(output)
        found = explain(settings, event, rules=rules, input_format=input_format)
        for line in as_lines(found, json=json):
            say(line, json=json)


@app.command("rules")
def sentinel_rules(output: Form = None, config: ConfigFile = None) -> None:
    """Print the rules, with what each has matched, opened, joined and suppressed in the store."""
    with Errors():
        from logmon.config import load_config
        from logmon.item_commands import rule_lines

        json = is_json(output)
        for line in rule_lines(load_config(config, os.environ), json=json):
            say(line, json=json)


@app.command("trackers")
def sentinel_trackers(
    item: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Show the request that this item would make."),
    ] = None,
    output: Form = None,
    config: ConfigFile = None,
) -> None:
    """Print where items go, what waits, and what went wrong; sends nothing."""
    with Errors():
        from logmon.config import load_config
        from logmon.tracker_commands import trackers

        json = is_json(output)
        for line in trackers(load_config(config, os.environ), item, json=json):
            say(line, json=json and item is None)
