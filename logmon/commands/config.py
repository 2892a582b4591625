"""`logmon config`: where the configuration is, what is in force, whether it is right."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from logmon.commands.running import ConfigFile, Errors, say

app = typer.Typer(
    help="The configuration: where it is, what is in force, whether it is right.",
    no_args_is_help=True,
)


@app.command("path")
def config_path() -> None:
    """Print where the configuration is looked for."""
    typer.echo(_path())


@app.command("check")
def config_check(config: ConfigFile = None) -> None:
    """Read the configuration and say whether it is right."""
    with Errors():
        from logmon.config_check import check_config

        say(check_config(config, os.environ))


@app.command("show")
def config_show(config: ConfigFile = None) -> None:
    """Print what is in force, and where each value was set; secrets are left out."""
    with Errors():
        from logmon.config import load_config
        from logmon.config_text import shown

        for line in shown(load_config(config, os.environ)):
            say(line)


@app.command("init")
def config_init(config: ConfigFile = None) -> None:
    """Write a first file with every key, its default and what it does, commented out."""
    with Errors():
        from logmon.config_text import write_first

        say(write_first(config or _path()))


@app.command("schema")
def config_schema() -> None:
    """Print a JSON schema of the file, for editors that check and complete TOML."""
    from json import dumps

    from logmon.config_text import schema

    typer.echo(dumps(schema(), indent=2))


def _path() -> Path:
    from platformdirs import user_config_path

    return Path(os.environ.get("LOGMON_CONFIG") or user_config_path("logmon") / "config.toml")
