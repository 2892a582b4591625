"""Every command that is written down is run, in a box of its own, and shows what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from logmon.cli import app
from tests.docs_commands import (
    FENCE,
    INDENTED,
    PAGES_BY_HAND,
    PROGRAMS,
    ROOT,
    blocks,
    written_commands,
    written_flags,
)
from tests.docs_table import (
    BENCHMARK,
    COMMANDS,
    FLAGS,
    INSTALLED,
    NO_FLAGS,
    NOT_RUN,
    SELECTION,
    SUBSTITUTES,
    Screen,
    Stays,
)
from tests.docs_world import Outcome, World, surroundings
from tests.generated_pages import commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs_table import Ends
    from tests.docs_world import Box

WRITTEN = written_commands()
LANGUAGES = {"sh", "toml", "python", "text", "diff", "json"}
LEFT_OPEN = re.compile(r"…|<[a-z]+>|\{\w+\}")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("docs"))
    yield made
    made.close()


def test_every_command_that_is_written_down_stands_in_the_table():
    """`tests/docs_table.py` says what it must show, or why it cannot be run."""
    unknown = [
        f"{places[0]}: {text}"
        for text, places in WRITTEN.items()
        if text not in COMMANDS | NOT_RUN
        and not BENCHMARK.match(text)
        and not SELECTION.fullmatch(text)
        and not INSTALLED.fullmatch(text)
    ]
    assert not unknown


def test_the_table_has_no_command_that_is_written_nowhere():
    assert not [text for text in COMMANDS | NOT_RUN if text not in WRITTEN]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, marks=[pytest.mark.soak] if row.slow else [])
        for text, row in COMMANDS.items()
    ],
)
def test_a_command_shows_what_the_page_says(text, world):
    row = COMMANDS[text]
    command = filled_in(row.run or text, world)
    done = world.once((command, row.then, row.config), lambda: run(world, command, row))
    assert re.search(row.shows, done.said, re.MULTILINE), f"{command}\n{done.said}"
    assert not re.search(r"^Traceback \(most recent call last\)", done.said, re.MULTILINE)
    assert done.code == row.code, f"{command}\n{done.said}"


@pytest.mark.soak
@pytest.mark.parametrize("command", FLAGS)
def test_flags_that_are_written_by_themselves_work(command, world):
    row = FLAGS[command]
    done = run(world, command, row)
    assert re.search(row.shows, done.said, re.MULTILINE), done.said
    assert done.code == row.code, done.said


def test_every_flag_that_is_written_by_itself_is_one():
    """With a value it stands in a command that is run; a name alone is some command's option."""
    command = typer.main.get_command(app)
    options = {"--help"}
    for path in commands(command):
        inner = command
        for name in path:
            inner = inner.commands[name]
        options |= {name for each in inner.params for name in each.opts}
    for code, page in written_flags().items():
        if code not in NO_FLAGS:
            known = code in options if " " not in code else any(code in each for each in FLAGS)
            assert known, f"{page}: {code}"


def run(world: World, command: str, row: Ends) -> Outcome:
    """Run a command in a new box, and what its row asks for behind it."""
    box = world.box(config_on_a_page(row.config) if row.config else "")
    done = run_in(box, command, row)
    if row.then:
        then = box.run(filled_in(row.then, world))
        return Outcome(done.said + then.said, done.code)
    return done


def run_in(box: Box, command: str, row: Ends) -> Outcome:
    if isinstance(row, Screen):
        return box.run_on_terminal(command, row.shows, row.keys)
    if isinstance(row, Stays):
        return box.run_until(command, row.shows)
    return box.run(command)


def filled_in(command: str, world: World) -> str:
    """Return a command with all that the page leaves open put in."""
    for written, instead in SUBSTITUTES:
        command = command.replace(written, instead)
    for name in re.findall(r"\{(served|fake_datadog)\}", command):
        command = command.replace(f"{{{name}}}", getattr(world, name))
    assert not LEFT_OPEN.search(command), command
    return command


def config_on_a_page(table: str) -> str:
    """Return the TOML block of the pages that has a table."""
    found = [
        block.body
        for page in PAGES_BY_HAND
        for block in blocks(page)
        if block.language == "toml" and f"[{table}]" in block.body
    ]
    assert len(found) == 1, f"[{table}] is in {len(found)} blocks"
    return found[0]


def test_every_benchmark_that_is_named_is_there_and_loads():
    """They take minutes and a quiet machine: what they import is there, and nothing is measured."""
    found = sorted({match[1] for text in WRITTEN if (match := BENCHMARK.match(text))})
    by_path = [ROOT / f"{name}.py" for name in found if "/" in name]
    by_name = [name for name in found if "/" not in name]
    assert by_path
    assert by_name
    loads = f"import runpy, sys; sys.path[0] = {str(by_path[0].parent)!r}\n"
    python(loads + "".join(f"runpy.run_path({str(path)!r})\n" for path in by_path))
    python("".join(f"import {name}\n" for name in by_name))


def test_every_flag_of_a_benchmark_is_one():
    flagged = [text for text in WRITTEN if BENCHMARK.match(text) and " --" in text]
    for text in flagged:
        program, *_ = text.partition(" --")
        said = subprocess.run(
            [sys.executable, *program.split()[1:], "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert set(re.findall(r"--\w+", text)) <= set(re.findall(r"--\w+", said)), text


def test_every_selection_of_tests_that_is_named_holds_one():
    """The suite runs them, or a long run that is started by hand: here they are only collected."""
    selections = [match[1] for text in WRITTEN if (match := SELECTION.fullmatch(text))]
    assert selections
    said = python(
        "import pytest\n"
        f"for each in {selections!r}:\n"
        "    print('code', int(pytest.main(['-qq', '--collect-only', *each.split()])), each)\n"
    )
    codes = re.findall(r"^code (\d+) (.+)", said, re.MULTILINE)
    assert codes == [("0", each) for each in selections]


def python(program: str) -> str:
    """Run a Python program in the project's folder and return what it said; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env=surroundings(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_extra_that_is_to_be_installed_is_one():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {name for text in WRITTEN for name in re.findall(r"pip install .*'\.\[(\w+)\]'", text)}
    assert named == {"otlp", "test"}
    assert named <= set(extras["optional-dependencies"])


@pytest.mark.parametrize("page", PAGES_BY_HAND, ids=lambda page: page.name)
def test_every_block_says_what_it_holds(page):
    """So that no command is taken for something else and left out."""
    if page.suffix == ".md":
        assert not INDENTED.findall(FENCE.sub("", page.read_text("utf-8")))
        for block in blocks(page):
            assert block.language in LANGUAGES, block.place
            if block.language == "text":
                first = [line.split()[0] for line in block.body.splitlines() if line.strip()]
                assert not set(first) & set(PROGRAMS), block.place


TOML = [block for page in PAGES_BY_HAND for block in blocks(page) if block.language == "toml"]


@pytest.mark.parametrize("block", TOML, ids=lambda block: block.place)
def test_every_configuration_that_is_shown_is_right(block, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(block.body, "utf-8")
    done = CliRunner().invoke(app, ["config", "check", "-c", str(path)])
    assert done.output == f"{path}: ok\n"
    assert done.exit_code == 0


PYTHON = [
    block
    for page in PAGES_BY_HAND
    for block in blocks(page)
    if block.language == "python" and not block.file
]


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.place)
def test_every_program_that_is_shown_logs_what_it_says(block, world):
    """The address in it is that of a logmon that takes OTLP, as the page says before it."""
    box = world.box()
    program = block.body.replace("http://127.0.0.1:8787", world.served)
    (box.work / "program.py").write_text(program, "utf-8")
    assert box.run("python program.py").code == 0
    asked = f"{world.served}/api/log-monitor/events/recent?source=checkout"
    said = box.run(f'curl -s -H "Authorization: Bearer $TOKEN" "{asked}"').said
    assert "stock of A-17 is low" in said
