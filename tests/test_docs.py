"""The documentation is true: pages are the program's own, links lead somewhere, what the changes name is there."""

import contextlib
import re
import shlex

import pytest
import typer
from typer.exceptions import TyperException

from logmon.cli import app
from tests.docs_commands import alternatives
from tests.docs_table import BENCHMARK, SELECTION
from tests.generated_pages import DOCS, PAGES

ROOT = DOCS.parent
WRITTEN = sorted([ROOT / "README.md", ROOT / "TODO.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
INLINE_CODE = re.compile(r"`([^`]+)`")
FIGURE = re.compile(r"\d ?(?:ms|µs|ns|s|min|%|×|[KM]i?B|kB|bytes)(?!\w)|\| [\d,]+ \|")
INLINE = re.compile(r"`(logmon [^`]+)`")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_the_program_tells_is_current(name):
    """`python -m tests.generated_pages` writes it anew."""
    assert (DOCS / name).read_text("utf-8") == PAGES[name]()


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_of_the_project(page):
    for link in LINK.findall(page.read_text("utf-8")):
        if "://" in link or link.startswith("#"):
            continue
        target = (page.parent / link.split("#")[0]).resolve()
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link


def has_command(text: str) -> bool:
    """Whether a text names a benchmark or a selection of tests; that they are there is tested."""
    commands = INLINE_CODE.findall(text)
    return any(BENCHMARK.match(each) or SELECTION.fullmatch(each) for each in commands)


@pytest.mark.parametrize("name", ["performance.md", "reliability.md", "datadog.md"])
def test_every_measured_figure_has_its_command(name):
    """In the heading or the first words of its section, else in its own row of the table."""
    sections = re.split(r"^(?=## )", (DOCS / name).read_text("utf-8"), flags=re.MULTILINE)[1:]
    for section in sections:
        head, _, body = section.partition("\n")
        if has_command(head) or has_command(body.strip().split("\n\n")[0]):
            continue
        assert name != "performance.md", head
        for row in re.findall(r"^\|.*", body, re.MULTILINE):
            assert has_command(row) or row.startswith("| the same") or not FIGURE.search(row), row


def commands_of_the_changes() -> list[str]:
    """Return what CHANGELOG.md calls a command; `[--rules FILE]` stands for its flag, given."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    return [command.replace("[", "").replace("]", "") for command in INLINE.findall(text)]


@pytest.mark.parametrize("line", commands_of_the_changes())
def test_every_command_that_the_changes_name_is_one(line):
    """Those of the other pages are run: `tests/test_docs_run.py`."""
    for words in alternatives(line.removeprefix("logmon ")):
        if "completion" not in words:  # would change the shell's own files
            parse(shlex.split(words))


def parse(words: list[str]) -> None:
    """Read a command line as the program would, without running it.

    Raises:
        TyperException: it has no such command, flag or argument.
    """
    command = typer.main.get_command(app)
    context = command.make_context("logmon", [], resilient_parsing=True)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
    if words and hasattr(command, "commands") and not words[0].startswith("-"):
        raise TyperException(f"there is no command {words[0]!r}")
    if not words and any(parameter.required for parameter in command.params):
        return  # the command is only named
    with contextlib.suppress(typer.Exit):  # its help
        command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("line", ["tail --bogus", "tial", "items shwo", "replay --speed"])
def test_a_command_that_is_none_is_seen(line):
    with pytest.raises(TyperException):
        parse(line.split())
