"""The command line: parse, build, hand over. Only Typer is imported until a command runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

from logmon import __version__
from logmon.commands import (
    completion,
    config,
    dead,
    doctor,
    items,
    sentinel,
    serve,
    sources,
)
from logmon.commands.running import ConfigFile, Errors, Form, is_json, say

app = typer.Typer(
    help="A live log tail for the terminal, with automation's work items beside the events.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Level = Annotated[
    str,
    typer.Option(
        "--level",
        "-l",
        metavar="LEVEL",
        autocompletion=completion.levels,
        help="warn and above; error,critical exactly; !debug all but.",
    ),
]
Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        "-s",
        metavar="NAME",
        autocompletion=completion.sources,
        help="Only this source; repeatable, globs, !NAME excludes.",
    ),
]
Query = Annotated[
    str | None,
    typer.Option(
        "--query", "-q", metavar="TEXT", help="status:error @http.status_code:>=500 -env:test …"
    ),
]
Grep = Annotated[
    list[str] | None,
    typer.Option(
        "--grep", "-g", metavar="RE", help="Only messages that match; repeated: all of them."
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", "-e", metavar="RE", help="No messages that match; repeatable."),
]
Lines = Annotated[
    str | None,
    typer.Option("--lines", "-n", metavar="N", help="First the last N that pass, or all."),
]
Since = Annotated[
    str | None,
    typer.Option("--since", "-S", metavar="TIME", help="15m, 2h ago, 14:30, today, RFC 3339."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", "-U", metavar="TIME", help="Like --since; the end is left out."),
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORM",
        autocompletion=completion.outputs,
        help="text, json or raw lines.",
    ),
]
Plain = Annotated[bool, typer.Option("--plain", help="Lines, also on a terminal.")]
Tui = Annotated[
    bool, typer.Option("--tui", help="The screen, or an error where there is no terminal.")
]
NoFollow = Annotated[bool, typer.Option("--no-follow", help="End when the history is out.")]
Color = Annotated[str, typer.Option("--color", metavar="WHEN", help="auto, always or never.")]
Timezone = Annotated[
    str | None,
    typer.Option(
        "--timezone",
        "-z",
        metavar="ZONE",
        help="For showing only: UTC, local, Europe/Berlin, +02:00.",
    ),
]
InputFormat = Annotated[
    str,
    typer.Option(
        "--input-format",
        metavar="NAME",
        autocompletion=completion.input_formats,
        help="auto decides line by line.",
    ),
]
Speed = Annotated[
    str, typer.Option("--speed", metavar="X", help="max, or recorded pace times X: 1, 10, 0.5.")
]
MaxGap = Annotated[
    str,
    typer.Option("--max-gap", metavar="SPAN", help="Longest recorded pause that is waited for."),
]
StoreFlag = Annotated[
    bool, typer.Option("--store", help="Keep it on disk, once, however often it is replayed.")
]
Redact = Annotated[bool, typer.Option("--redact", help="Take secrets out of what is shown, too.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Print the work items the rules would make; write nothing."),
]
RulesFile = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="Use the rules of this file.")
]
DiffRules = Annotated[
    Path | None,
    typer.Option(
        "--diff-rules",
        metavar="FILE",
        help="With --dry-run: what differs from the items of these rules.",
    ),
]
Expect = Annotated[
    Path | None,
    typer.Option(
        "--expect", metavar="FILE", help="With --dry-run: exit code 1 unless the items are these."
    ),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Stay, and read what is added.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"logmon {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and leave.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """A live log tail for the terminal, with automation's work items beside the events."""


FromUrl = Annotated[
    str | None,
    typer.Option("--from", metavar="URL", help="Another logmon's stream: logmon serve over there."),
]


@app.command()
def tail(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Follow these instead of the configured sources."),
    ] = None,
    level: Level = "trace",
    source: Source = None,
    query: Query = None,
    grep: Grep = None,
    exclude: Exclude = None,
    lines: Lines = None,
    since: Since = None,
    until: Until = None,
    output: OutputOption = None,
    plain: Plain = False,
    tui: Tui = False,
    no_follow: NoFollow = False,
    color: Color = "auto",
    timezone: Timezone = None,
    config: ConfigFile = None,
    input_format: InputFormat = "auto",
    redact: Redact = False,
    from_url: FromUrl = None,
) -> None:
    """Follow events as they arrive: from the configured sources, or from files."""
    given = dict(locals())
    _hand_over("tail", given)


@app.command()
def replay(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE|FOLDER|GLOB|-...", help="What to read; - is standard input."),
    ],
    level: Level = "trace",
    source: Source = None,
    query: Query = None,
    grep: Grep = None,
    exclude: Exclude = None,
    lines: Lines = None,
    since: Since = None,
    until: Until = None,
    output: OutputOption = None,
    plain: Plain = False,
    tui: Tui = False,
    no_follow: NoFollow = False,
    color: Color = "auto",
    timezone: Timezone = None,
    config: ConfigFile = None,
    input_format: InputFormat = "auto",
    speed: Speed = "max",
    max_gap: MaxGap = "5s",
    follow: Follow = False,
    store: StoreFlag = False,
    redact: Redact = False,
    dry_run: DryRun = False,
    rules: RulesFile = None,
    diff_rules: DiffRules = None,
    expect: Expect = None,
) -> None:
    """Read recorded logs, to scroll, filter and search; or again at the pace they came."""
    given = dict(locals())
    _hand_over("replay", given)


@app.command()
def patterns(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE|FOLDER|GLOB|-...", help="What to read; - is standard input."),
    ],
    by_line: Annotated[
        bool,
        typer.Option(
            "--by-line", help="Each event as JSON, in order, with template_id and template."
        ),
    ] = False,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FORM", help="text, or json: one template a line."),
    ] = None,
    config: ConfigFile = None,
    input_format: InputFormat = "auto",
) -> None:
    """Print the templates that messages are made of: count, first and last seen, levels."""
    given = dict(locals())
    with Errors():
        from logmon.template_report import print_patterns

        print_patterns(given, os.environ)


@app.command()
def keys(output: Form = None, config: ConfigFile = None) -> None:
    """Print the screen's keys and the action names they have in [tail.keys]."""
    with Errors():
        from logmon.config import load_config
        from logmon.tui.actions import describe, documents, keymap

        settings = load_config(config, os.environ)
        mine = keymap(settings.tail.keys, settings.where_of_key)
        if is_json(output):
            from json import dumps

            for document in documents(mine):
                say(dumps(document, ensure_ascii=False), json=True)
        else:
            for line in describe(mine):
                typer.echo(line)


app.add_typer(config.app, name="config")
app.add_typer(items.app, name="items")
app.add_typer(sentinel.app, name="sentinel")
app.add_typer(dead.app, name="dead")
app.add_typer(doctor.app, name="doctor")
app.add_typer(serve.app, name="serve")
app.add_typer(sources.app, name="sources")


def _hand_over(command: str, given: dict[str, Any]) -> NoReturn:
    """Build the run that the flags describe and end with its exit code."""
    with Errors():
        from logmon.first_screen import show
        from logmon.starting import collector_paused, without_plugins

        without_plugins()
        first_screen = show(command, given, os.environ)
        try:
            with collector_paused():
                from logmon.launch import launch

            code = launch(command, given, os.environ, letters=_letters)
        except BaseException:
            if first_screen is not None:
                first_screen.leave()
            raise
    sys.stdout.flush()
    raise typer.Exit(code)


def _letters(service: Any, load: Any) -> object:
    """Return what the screen shows of dead letters; few runs ever look at them."""
    from logmon.screen_letters import letters_for

    return letters_for(service, load)


def main() -> None:
    """Run the program; what goes wrong is one line, whatever it is."""
    _fill_closed_streams()
    try:
        sys.exit(app(standalone_mode=False, prog_name="logmon"))
    except BrokenPipeError:
        os._exit(0)
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):  # typer 0.29 makes a 1 of it
            os._exit(0)
        raise
    except TyperException as error:
        _refuse(error)
    except typer.Abort:
        sys.exit(1)
    except Exception as error:
        if os.environ.get("LOGMON_DEBUG"):
            raise
        from logmon.visible import visible

        reason = error.strerror if isinstance(error, OSError) else None
        sys.stderr.write(f"logmon: {visible(reason or f'{type(error).__name__}: {error}')}\n")
        sys.stderr.flush()
        os._exit(1)


def _refuse(error: TyperException) -> NoReturn:
    """Say in one line what is wrong with the command line, and where its help is."""
    from logmon.visible import visible

    said = error.format_message()
    if "\n" in said:  # a group without a command: its whole help
        sys.stderr.write(f"{said}\n")
    else:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "logmon"
        sys.stderr.write(f"logmon: {visible(said.rstrip('.'))}; see {command} --help\n")
    sys.exit(error.exit_code)


def _fill_closed_streams() -> None:
    """Open what the caller closed the wrong way round: using it fails, and no file takes its number."""
    null = os.devnull
    if sys.stdin is None:
        os.open(null, os.O_WRONLY)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        os.open(null, os.O_RDONLY)
        os.set_inheritable(1, True)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        os.open(null, os.O_WRONLY)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
