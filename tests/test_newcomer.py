"""The README, followed by somebody who has nothing but a clone, a HOME and a Python: by hand.

`pytest -m soak tests/test_newcomer.py`, for each interpreter that is here. Takes packages from
the index that pip is set up for, and two minutes each.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs_commands import ROOT, blocks
from tests.docs_table import COMMANDS, INSTALLED, ROWS, Screen, Stays
from tests.docs_world import Box, write_logs

PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
WATCH, TEST, USE = (block.body.strip() for block in blocks(ROOT / "README.md"))
assert INSTALLED.fullmatch(WATCH)
assert INSTALLED.fullmatch(TEST)


def interpreter(version: str) -> Path | None:
    """Return where an interpreter is, among pyenv's or on the path."""
    found = [*PYENV.glob(f"{version}.*/bin/python{version}"), shutil.which(f"python{version}")]
    return Path(found[0]) if found[0] else None


@pytest.fixture(params=["3.11", "3.12", "3.13"])
def clone(request, tmp_path) -> Box:
    """A clone, with nothing in the surroundings but a path with one Python on it."""
    found = interpreter(request.param)
    if found is None:
        pytest.skip(f"no Python {request.param} here")
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "work")], check=True)
    (tmp_path / "home").mkdir()
    path = f"{found.parent}:/usr/bin:/bin"
    return Box(tmp_path, {"PATH": path, "TERM": "xterm-256color", "LANG": "C.UTF-8"})


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_the_readme_works_in_a_bare_clone(clone):
    watched = clone.run_on_terminal(WATCH, ROWS, "q", within_s=300)
    assert re.search(ROWS, watched.said), watched
    assert watched.code == 0
    home = Path(clone.env["HOME"])
    assert {path.name for path in home.iterdir()} <= {".cache"}  # pip's

    write_logs(clone.work)
    for line in USE.splitlines():
        follow(clone, re.split(r"\s+#", line)[0])
    serve_and_ask(clone)

    collected = re.sub(r"-n \d+ --dist worksteal", "--collect-only -q", TEST)
    assert collected != TEST
    tested = clone.run(collected, within_s=300)
    assert re.search(r"\d{4,}(/\d+)? tests collected", tested.said), tested.said[-2_000:]
    assert tested.code == 0


def follow(clone: Box, command: str) -> None:
    """Run a line of the README, which shows what it shows elsewhere."""
    row = COMMANDS[command.removeprefix(".venv/bin/")]
    command = command.replace("/var/log/syslog", "syslog")
    if isinstance(row, Screen):
        done = clone.run_on_terminal(command, row.shows, row.keys)
    elif isinstance(row, Stays):
        done = clone.run_until(command, row.shows)
    else:
        done = clone.run(command)
    if row.then:
        done = clone.run(row.then.replace("python ", "python3 "))
    assert re.search(row.shows, done.said, re.MULTILINE), f"{command}\n{done.said}"
    assert done.code == row.code, f"{command}\n{done.said}"


def serve_and_ask(clone: Box) -> None:
    """Ask with the token that a run makes for itself, as docs/log-monitoring.md has it."""
    says = r"serving on (http://\S+ · token for this run: \S+)"
    with clone.staying(".venv/bin/logmon serve --port 0", says) as said:
        url, _, token = said.partition(" · token for this run: ")
        ask = f"curl -s -H 'Authorization: Bearer {token}' {url}/api/log-monitor/events/recent"
        assert '"level":"info"' in clone.run(ask).said
