"""What every command shares: its config flag, its forms of output, and errors in one line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from logmon.errors import ConfigError, CredentialsError, LogmonError, NoStore

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Else $LOGMON_CONFIG, the user's config folder, defaults.",
    ),
]
Form = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FORM", help="json: one object a line.")
]


def is_json(output: str | None) -> bool:
    """Read `--output` of a list.

    Raises:
        ConfigError: it is neither text nor json.
    """
    if output not in (None, "text", "json"):
        raise ConfigError(f"{output!r} is no output form", where="--output", hint="text or json")
    return output == "json"


def say(line: str, *, json: bool = False) -> None:
    """Print a line; what came from logs is made visible unless it is JSON for a program."""
    from logmon.visible import visible

    if json and sys.stdout.isatty():
        from json import dumps, loads

        line = dumps(loads(line))
    typer.echo(line if json else visible(line))


def kept(read: Callable[[], list[T]]) -> list[T]:
    """Return what `read` lists of a store; without one nothing, and stderr says why."""
    try:
        return read()
    except NoStore as error:
        from logmon.visible import visible

        sys.stderr.write(f"logmon: {visible(str(error))}\n")
        return []


class Errors:
    """Turns what logmon raises on purpose into one line on stderr and the contract's exit code."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, LogmonError):
            from logmon.visible import visible

            sys.stderr.write(f"logmon: {visible(str(error))}\n")
            for line in getattr(error, "caret", tuple)():
                sys.stderr.write(f"  {visible(line)}\n")
            raise typer.Exit(_exit_code(error))


def _exit_code(error: LogmonError) -> int:
    if isinstance(error, ConfigError | NoStore):
        return 2
    return 4 if isinstance(error, CredentialsError) else 3
