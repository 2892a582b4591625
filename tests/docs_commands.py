"""Finds every command that is written down: each line of a `sh` block, and inline code that is one.

Blocks are fenced and say what they hold, so no line of a block can be taken for something else:
a fence without a language, or an indented block, is itself a mistake (`tests/test_docs_run.py`).
Inline code is a command where its first word, behind variables, is one of `PROGRAMS`.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.generated_pages import DOCS, PAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = DOCS.parent
PAGES_BY_HAND = (
    ROOT / "README.md",
    ROOT / "TODO.md",
    ROOT / "config.example.toml",
    *sorted(page for page in DOCS.glob("*.md") if page.name not in PAGES),
    *sorted((DOCS / "examples").glob("*.py")),
)
PROGRAMS = (
    *("logmon", "curl", "wget", "python", "python3", "pytest", "pip", "pipx", "uv", "uvx", "npm"),
    *("npx", "git", "docker", "kubectl", "journalctl", "ssh", "apt-get", "sudo"),
)

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?<=\n\n) {4}\S.*")
INLINE = re.compile(r"`([^`\n]+)`")
REMARK = re.compile(r"(^|\s)#\s.*")
VARIABLES = r"(?:\w+=\S+ )*"
COMMAND = re.compile(rf"{VARIABLES}(?:\S*/bin/)?(?:{'|'.join(PROGRAMS)})(?= |$)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    body: str

    @property
    def file(self) -> str:
        """Return the file that a block of Python is, by its first line; empty for a program."""
        found = re.match(r"# (\S+/\S+\.py)\n", self.body)
        return found[1] if found else ""

    @property
    def place(self) -> str:
        """Return where it stands, as `docs/query.md:4`."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Written:
    """A command as it is written; what the lines before it export stands in front of it."""

    text: str
    place: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found["language"], found["body"])
        for found in FENCE.finditer(text)
    ]


def written_commands() -> dict[str, list[str]]:
    """Return every command of every page, each once, with the places it is written at."""
    found: dict[str, list[str]] = {}
    for page in PAGES_BY_HAND:
        for written in itertools.chain(_in_blocks(page), _inline(page)):
            found.setdefault(written.text, []).append(written.place)
    return found


def _in_blocks(page: Path) -> Iterator[Written]:
    for block in blocks(page):
        if block.language != "sh":
            continue
        exports: list[str] = []
        for number, line in enumerate(block.body.splitlines(), block.line + 1):
            command = REMARK.sub("", line).strip().removeprefix("$ ").removeprefix(".venv/bin/")
            if command.startswith("export "):
                exports.append(command)
            elif command:
                place = f"{page.relative_to(ROOT)}:{number}"
                yield Written("; ".join((*exports, command)), place)


def _inline(page: Path) -> Iterator[Written]:
    text = FENCE.sub(lambda block: "\n" * block[0].count("\n"), page.read_text("utf-8"))
    for found in INLINE.finditer(text):
        program = COMMAND.match(found[1])
        if program is None or found[1] in PROGRAMS:  # a program is only named
            continue
        place = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}"
        for command in alternatives(found[1].removeprefix(".venv/bin/")):
            yield Written(command, place)


def written_flags() -> dict[str, str]:
    """Return each piece of inline code that is flags alone, such as `-n 50`, with its page."""
    found: dict[str, str] = {}
    for page in PAGES_BY_HAND:
        if page.suffix == ".md":
            for code in INLINE.findall(FENCE.sub("", page.read_text("utf-8"))):
                if re.match(r"--?[a-z]", code):
                    found.setdefault(code, page.name)
    return found


def alternatives(command: str) -> Iterator[str]:
    """Yield what `logmon dead list|show` stands for: one command, then the other."""
    words = [word.split("|") if "'" not in word else [word] for word in command.split(" ")]
    for chosen in itertools.product(*words):
        yield " ".join(chosen)
