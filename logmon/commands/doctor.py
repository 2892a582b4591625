"""`logmon doctor`: what on this machine keeps logmon from working well, each with its remedy."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from logmon.commands import completion
from logmon.commands.running import ConfigFile, Errors, Form, is_json, say

app = typer.Typer(
    help="Look at the terminal, paths, configuration, store, sources and clock.",
    invoke_without_command=True,
)


@app.callback()
def doctor(context: typer.Context, output: Form = None, config: ConfigFile = None) -> None:
    """Say what keeps logmon from working well here, and what to do about it."""
    if context.invoked_subcommand is not None:
        return
    with Errors():
        from logmon.doctor import as_line, examine

        json = is_json(output)
        findings = examine(config, os.environ)
        for finding in findings:
            say(as_line(finding, json=json), json=json)
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(2)


@app.command("datadog")
def doctor_datadog(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help="Else the first Datadog source.",
            autocompletion=completion.configured,
        ),
    ] = None,
    output: Form = None,
    config: ConfigFile = None,
) -> None:
    """Measure what Datadog does here: budget, bounds, counts, errors, lag; a report to share."""
    with Errors():
        from logmon.doctor import as_line
        from logmon.source_commands import examine_datadog

        json = is_json(output)
        code = examine_datadog(
            config,
            source,
            os.environ,
            lambda finding: say(as_line(finding, json=json), json=json),
        )
    raise typer.Exit(code)
