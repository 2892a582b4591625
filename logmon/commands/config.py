"""`logmon config`: where the configuration is, and whether it is right."""

from __future__ import annotations

import os

import typer

from logmon.commands.running import ConfigFile, Errors, say

app = typer.Typer(help="The configuration: where it is, whether it is right.", no_args_is_help=True)


@app.command("path")
def config_path() -> None:
    """Print where the configuration is looked for."""
    from platformdirs import user_config_path

    typer.echo(os.environ.get("LOGMON_CONFIG") or user_config_path("logmon") / "config.toml")


@app.command("check")
def config_check(config: ConfigFile = None) -> None:
    """Read the configuration and say whether it is right."""
    with Errors():
        from logmon.launch import check_config

        say(check_config(config, os.environ))
