"""`logmon doctor`: what on this machine keeps logmon from working well, each with its remedy."""

from __future__ import annotations

import os

import typer

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
