"""The documentation is true: pages are the program's own, links lead somewhere, commands parse."""

import contextlib
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.exceptions import TyperException

from logmon.cli import app
from tests.generated_pages import DOCS, PAGES

ROOT = DOCS.parent
WRITTEN = sorted([ROOT / "README.md", ROOT / "TODO.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?\n(.*?)```|((?:^ {4}.+\n?)+)", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:\.venv/bin/)?logmon (?:[^`]+))`")


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


def written_commands(page: Path) -> list[str]:
    """Return the logmon command lines of a page, without pipes and remarks."""
    text = page.read_text("utf-8")
    lines = [line for found in CODE.findall(text) for line in "".join(found).splitlines()]
    lines += INLINE.findall(text)
    found = []
    for line in lines:
        line = re.sub(r"(^|\s)#\s.*", "", line).strip().removeprefix("$ ")
        for part in re.split(r"\||&&|;(?=\s)", line):
            words = re.sub(r"^(?:\w+=\S+ )*(?:\.venv/bin/)?(?=logmon )", "", part.strip())
            if words.startswith("logmon ") and not any(mark in words for mark in "…{[<"):
                found.append(re.sub(r"\s*2?>+\s*\S+", "", words))
    return found


PAGES_WITH_COMMANDS = [page for page in WRITTEN if page.name not in ("cli.md", "keys.md")]


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.name)
def test_every_command_that_is_written_down_is_one(page):
    for line in written_commands(page):
        words = shlex.split(line)[1:]
        if "completion" not in line:  # would change the shell's own files
            parse(words)


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
