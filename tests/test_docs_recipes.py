"""Each "Adding …" of docs/architecture.md is followed by the letter, in a copy of the program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.docs_commands import DOCS, ROOT, blocks
from tests.docs_world import TOKEN, Box, surroundings
from tests.pty_judge import Terminal

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOCS / "architecture.md"
BLOCKS = blocks(PAGE)
SWIFT, MEANT = next(block.body for block in BLOCKS if block.language == "json").splitlines()
ERROR = '{"timestamp":"2026-11-23T14:00:00Z","level":"error","source":"api","message":"no","host":"%s"}\n'


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The program with everything added that the page adds."""
    folder = tmp_path_factory.mktemp("recipes")
    for name in ("logmon", "tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for page in (*ROOT.glob("*.md"), ROOT / "config.example.toml", ROOT / "pyproject.toml"):
        shutil.copy(page, folder)
    for block in BLOCKS:
        if block.file:
            (folder / block.file).write_text(block.body.partition("\n")[2], "utf-8")
        elif block.language == "diff":
            change(folder, block.body)
    samples = folder / "tests" / "formats" / "samples"
    (samples / "swift.log").write_text(f"{SWIFT}\n" * 20, "utf-8")
    (samples / "swift.expected").write_text(f"{MEANT}\n" * 20, "utf-8")
    return folder


def change(folder: Path, diff: str) -> None:
    """Make the changes of a diff: what stands there without its `+` lines is found exactly once."""
    for path, hunks in re.findall(r"^--- (\S+)\n(.*?)(?=^--- |\Z)", diff, re.MULTILINE | re.DOTALL):
        text = (folder / path).read_text("utf-8")
        for hunk in hunks.split("@@\n"):
            lines = [line or " " for line in hunk.splitlines()]
            old = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
            new = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
            assert ("\n" + text).count("\n" + old) == 1, f"{path}: {old}"
            text = ("\n" + text).replace("\n" + old, "\n" + new).removeprefix("\n")
        (folder / path).write_text(text, "utf-8")


@pytest.fixture
def box(copy, tmp_path) -> Box:
    """A place to run the changed program in; `logmon` is the changed one."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    return Box(tmp_path, surroundings() | {"PYTHONPATH": str(copy)})


LOGMON = "python -m logmon"
BEARER = f"-H 'Authorization: Bearer {TOKEN}'"


def test_an_added_source_is_read_and_its_keys_are_checked(box):
    (box.work / "c.toml").write_text('[sources.launch]\ntype = "countdown"\nstart = 4\n', "utf-8")
    done = box.run(f"{LOGMON} tail --plain --no-follow -c c.toml")
    assert re.findall(r"launch +(\d) to go", done.said) == ["4", "3", "2", "1"]
    (box.work / "c.toml").write_text('[sources.launch]\ntype = "countdown"\nstrat = 4\n', "utf-8")
    done = box.run(f"{LOGMON} config check -c c.toml")
    assert "did you mean" in done.said
    assert done.code == 2


def test_an_added_dialect_and_an_added_shape_of_text_are_known(box):
    shape = re.search(r"Then `(.+)` is an error of `till`", PAGE.read_text("utf-8"))
    (box.work / "till.log").write_text(f"{SWIFT}\n{shape[1]}\n", "utf-8")
    said = box.run(f"{LOGMON} replay till.log -o json").said
    found = [json.loads(line) for line in said.splitlines() if '"sentinel"' not in line]
    assert [(one["source"], one["level"], one["message"]) for one in found] == [
        ("till", "warn", "drawer stays open"),
        ("till", "error", "drawer stays open"),
    ]
    assert {one["timestamp"] for one in found} == {"2026-11-23T14:02:30.000000Z"}
    assert found[0]["attributes"] == {"drawer": 2}


def test_an_added_condition_of_rules_decides_and_is_explained(box):
    rules = '[[sentinel.rules]]\nname = "web"\nhost = "web-*"\n'
    (box.work / "r.toml").write_text(rules, "utf-8")
    (box.work / "a.jsonl").write_text(ERROR % "db-1" + ERROR % "web-1", "utf-8")
    said = box.run(f"{LOGMON} replay a.jsonl --dry-run --rules r.toml -o json").said
    assert [json.loads(line)["count"] for line in said.splitlines()] == [1]
    said = box.run(f"{LOGMON} sentinel explain a.jsonl:1 -c r.toml").said
    assert re.search(r"✗ host:web-\* +db-1", said)


def test_an_added_door_answers_those_who_may(box):
    with box.staying(f"{LOGMON} serve --port 0", r"serving on (http://\S+)") as url:
        ask = f"curl -s -w ' %{{http_code}}' {url}/api/log-monitor/levels"
        assert re.search(r'{"levels":{.*"info":\d+.*}} 200$', box.run(f"{ask} {BEARER}").said)
        assert box.run(ask).said.endswith(" 401")


def test_an_added_view_action_and_command_work_on_the_screen(box):
    terminal = Terminal("tail", folder=box.work, env=box.env)
    assert terminal.see("INF")
    terminal.press(":sum\r")
    assert terminal.see("counted ")
    terminal.press("\x1b[21~")  # F10
    assert terminal.see("the sum is ")
    terminal.press("qq")  # leaves the view, then the screen
    assert terminal.end() == 0


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_the_changed_program_passes_the_checks_of_the_house(copy):
    """Two minutes: what tests, types and floors ask for is what the page says, and no more."""
    tests = [
        "tests/sources/test_countdown.py", "tests/sources/test_registry.py", "tests/test_config.py",
        "tests/test_config_text.py", "tests/test_docs.py", "tests/formats", "tests/api/test_answers.py",
        "tests/tui/test_actions.py", "tests/tui/test_views.py", "tests/sentinel/test_explain.py",
        "tests/sentinel/test_rule_files.py", "tests/tui/test_rules_view.py",
    ]  # fmt: skip
    for command in (
        ["python", "-m", "tests.generated_pages"],
        ["sh", "-c", "logmon config schema > docs/config.schema.json"],
        ["pytest", "-q", "-p", "no:cacheprovider", *tests],
        ["mypy", "--cache-dir", "/dev/null"],
        ["ruff", "check", "--no-cache", "logmon"],
        ["lint-imports", "--no-cache"],
    ):
        done = subprocess.run(
            command,
            cwd=copy, env=surroundings() | {"PYTHONPATH": str(copy)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
