"""A stdout that is full or closed is an error in one line; a closed stdin or stderr is survived."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}


def shell(command: str, tmp_path: Path) -> subprocess.CompletedProcess[bytes]:
    (tmp_path / "a.log").write_bytes(b"one\n")
    line = command.replace("LOGMON", f"{sys.executable} -m logmon").replace(
        "FILE", f"{tmp_path}/a.log"
    )
    return subprocess.run(["sh", "-c", line], capture_output=True, env=ENV, timeout=20, check=False)


@pytest.mark.parametrize("command", ["replay FILE", "keys", "replay -o json FILE"])
@pytest.mark.parametrize("target", [">/dev/full", ">&-"])
def test_a_stdout_that_cannot_be_written_is_one_line_and_exit_code_1(command, target, tmp_path):
    done = shell(f"LOGMON {command} {target}", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(b"logmon: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("command", "code"),
    [("replay nowhere 2>&-", 2), ("replay FILE <&-", 0), ("replay FILE 2>&-", 0), ("replay - <&-", 3),
     ("replay FILE <&- 2>&-", 0)],
)  # fmt: skip
def test_a_closed_stdin_or_stderr_changes_no_exit_code(command, code, tmp_path):
    done = shell(f"LOGMON {command}", tmp_path)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    if code == 0:
        assert b"one" in done.stdout
