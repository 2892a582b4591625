"""Completion of flags' values, asked for as a shell asks."""

import os
import subprocess
import sys

import pytest

PROGRAM = "import sys; sys.argv = ['logmon']; from logmon.__main__ import main; main()"


def offered(tmp_path, line: str, **env: str) -> list[str]:
    """Return what bash would be offered at the end of a line."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "_LOGMON_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
            **env,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [("logmon tail --level w", ["warn"]), ("logmon tail -l error,c", ["error,critical"]),
     ("logmon tail -l !d", ["!debug"]), ("logmon tail --source pay", ["payments"]),
     ("logmon tail -s !se", ["!search", "!sentinel"]), ("logmon tail -o j", ["json"]),
     ("logmon replay --input-format pi", ["pino"]), ("logmon conf", ["config"])],
)  # fmt: skip
def test_values_are_completed(tmp_path, line, words):
    assert offered(tmp_path, line) == words


def test_configured_sources_are_offered_and_a_faulty_file_is_silent(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[sources.app]\ntype = 'file'\npaths = ['/x']\n")
    path.chmod(0o600)
    assert offered(tmp_path, "logmon tail -s a", LOGMON_CONFIG=str(path)) == ["app"]
    for line in ("logmon sources check a", "logmon doctor datadog a"):
        assert offered(tmp_path, line, LOGMON_CONFIG=str(path)) == ["app"]
    path.write_text("[[[")
    assert offered(tmp_path, "logmon tail -s s", LOGMON_CONFIG=str(path)) == ["sentinel"]


def test_without_a_store_no_item_is_offered(tmp_path):
    assert offered(tmp_path, "logmon items show WI") == []
