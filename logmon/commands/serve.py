"""`logmon serve`: events over HTTP and SSE, and the tokens that may ask."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from logmon.commands.running import ConfigFile, Errors, Form, is_json

app = typer.Typer(
    help="Serve events over HTTP and SSE until Ctrl+c; `token` manages who may ask.",
    invoke_without_command=True,
)
tokens = typer.Typer(
    help="The tokens that may ask; only their hashes are kept.", no_args_is_help=True
)
app.add_typer(tokens, name="token")


@app.callback()
def serve(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Else [api] host: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65_535, metavar="PORT", help="Else [api] port: 8787; 0 takes any."
        ),
    ] = None,
    tls_cert: Annotated[
        str | None,
        typer.Option("--tls-cert", metavar="FILE", help="PEM certificate; needed beyond loopback."),
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option("--tls-key", metavar="FILE", help="PEM key of the certificate.")
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Beyond loopback without TLS.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Serve the configured sources over HTTP and SSE until Ctrl+c."""
    given = {name: value for name, value in locals().items() if name != "context"}
    if context.invoked_subcommand is not None:
        return
    with Errors():
        from logmon.launch import launch_serve

        code = launch_serve(given, os.environ)
    raise typer.Exit(code)


@tokens.command("add")
def token_add(
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="read, ingest or admin (which may do all); repeatable.",
        ),
    ],
    output: Form = None,
) -> None:
    """Make a token and print it, once."""
    with Errors():
        from logmon.token_commands import add

        for line in add(scope, json=is_json(output)):
            typer.echo(line)


@tokens.command("list")
def token_list(output: Form = None) -> None:
    """Print which tokens there are; never the tokens."""
    with Errors():
        from logmon.token_commands import lines

        for line in lines(json=is_json(output)):
            typer.echo(line)


@tokens.command("revoke")
def token_revoke(
    token: Annotated[str, typer.Argument(metavar="ID", help="Such as t-1f3a9c20.")],
) -> None:
    """Refuse a token from now on."""
    with Errors():
        from logmon.token_commands import revoke

        typer.echo(revoke(token))
