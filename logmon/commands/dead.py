"""`logmon dead`: records that could not become events, as the store keeps them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from logmon.commands.running import ConfigFile, Errors, Form, is_json, kept, say
from logmon.errors import ConfigError

if TYPE_CHECKING:
    from logmon.letter_commands import Choice

app = typer.Typer(
    help="Records that could not become events, as the store keeps them.", no_args_is_help=True
)
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As logmon dead list prints it.")]
Numbers = Annotated[
    list[int] | None, typer.Argument(metavar="[NUMBER]...", help="These only; else all.")
]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", "-s", metavar="NAME", help="Only of this source; repeatable, globs."),
]
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", "-r", metavar="WORD", help="Only with this reason; repeatable."),
]


@app.command("list")
def dead_list(
    source: Sources = None,
    reason: Reasons = None,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", min=1, metavar="N", help="The newest so many.")
    ] = None,
    output: Form = None,
    config: ConfigFile = None,
) -> None:
    """Print dead letters, the newest last: number, source, reason, place, size, beginning."""
    with Errors():
        from logmon.letter_commands import as_lines, chosen

        json = is_json(output)
        settings, choice = _settings(config), _choice((), source, reason)
        found = kept(lambda: chosen(settings, choice, most=lines))
        for line in as_lines(found, json=json):
            say(line, json=json)


@app.command("show")
def dead_show(
    number: Number,
    as_hex: Annotated[bool, typer.Option("--hex", "-x", help="The bytes in hexadecimal.")] = False,
    output: Form = None,
    config: ConfigFile = None,
) -> None:
    """Print all about one dead letter, with its bytes."""
    with Errors():
        from logmon.letter_commands import as_lines, chosen, details

        json = is_json(output)
        found = chosen(_settings(config), _choice((number,), None, None))
        for line in as_lines(found, json=True) if json else details(found[0], as_hex=as_hex):
            say(line, json=json)


@app.command("retry")
def dead_retry(
    numbers: Numbers = None,
    source: Sources = None,
    reason: Reasons = None,
    input_format: Annotated[
        str,
        typer.Option("--input-format", metavar="NAME", help="Else as the source is configured."),
    ] = "auto",
    output: Form = None,
    config: ConfigFile = None,
) -> None:
    """Read them again with the configuration of now; what is an event now goes into the log."""
    with Errors():
        from msgspec import to_builtins

        from logmon.event import encode_json
        from logmon.letter_commands import chosen, retry, summary

        settings, json = _settings(config), is_json(output)
        choice = _choice(numbers, source, reason)
        found = kept(lambda: chosen(settings, choice))
        outcomes = retry(settings, found, input_format=input_format)
        for outcome in outcomes if json else ():
            say(encode_json(to_builtins(outcome)).decode(), json=True)
        if not json:
            say(summary(outcomes))


@app.command("purge")
def dead_purge(
    numbers: Numbers = None,
    source: Sources = None,
    reason: Reasons = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigFile = None,
) -> None:
    """Throw them away; asks before."""
    with Errors():
        from logmon.letter_commands import chosen, purge

        settings, choice = _settings(config), _choice(numbers, source, reason)
        found = kept(lambda: chosen(settings, choice))
        if not found:
            say("no dead letters")
        elif yes or _agreed(f"Throw {len(found)} dead letters away?"):
            say(purge(settings, found))
        else:
            say("nothing was thrown away")


@app.command("export")
def dead_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Made for you alone to read.")],
    source: Sources = None,
    reason: Reasons = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file.")] = False,
    config: ConfigFile = None,
) -> None:
    """Write them into a new file, as JSON lines."""
    with Errors():
        from logmon.letter_commands import chosen, export

        settings, choice = _settings(config), _choice((), source, reason)
        found = kept(lambda: chosen(settings, choice))
        count = export(settings, found, file, overwrite=force)
        say(f"{file}: {count} dead letters")


def _settings(config: Path | None) -> Any:
    from logmon.config import load_config

    return load_config(config, os.environ)


def _choice(
    numbers: list[int] | tuple[int, ...] | None, source: list[str] | None, reason: list[str] | None
) -> Choice:
    from logmon.letter_commands import Choice

    return Choice(
        numbers=tuple(numbers or ()), sources=tuple(source or ()), reasons=tuple(reason or ())
    )


def _agreed(question: str) -> bool:
    """Ask on the terminal.

    Raises:
        ConfigError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise ConfigError("nobody can be asked here", where="logmon dead purge", hint="say --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
