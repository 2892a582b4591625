"""Wrong uses: each is answered in one line that names the place and the remedy, with its exit code."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pty_judge import LOGMON, Terminal

ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", "TERM": "dumb"}


def run(*args: str, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*LOGMON, *args], input=stdin, capture_output=True, env=ENV | env, timeout=30, check=False
    )


def refused(done: subprocess.CompletedProcess[bytes], code: int, says: str) -> None:
    """Hold an answer to one line, that says something, with its exit code."""
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert says in said
    assert said.startswith("logmon: ")
    _, *carets = said.splitlines()
    assert all(line.startswith("  ") for line in carets), said
    assert "Traceback" not in said
    assert done.stdout == b""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Files that the uses below name."""
    made = tmp_path_factory.mktemp("wrong")
    (made / "app.log").write_text("one\n")
    (made / "broken.gz").write_bytes(b"no archive")
    (made / "binary.toml").write_bytes(b"\xff\xfe")
    (made / "open.toml").write_text("[tail]\n")
    (made / "taken.json").write_text("[]")
    (made / "events.json").write_text('{"level":"info","message":"an event is no item"}\n')
    (made / "link.db").symlink_to(made / "elsewhere.db")
    (made / "notes.db").write_text("no database, but text")
    for name, text in CONFIGS.items():
        (made / f"{name}.toml").write_text(text.replace("FOLDER", str(made)))
    for file in made.glob("*.toml"):
        file.chmod(0o600)
    (made / "open.toml").chmod(0o666)
    (made / "notes.db").chmod(0o600)
    return made


CONFIGS = {
    "syntax": "[tail\n",
    "unknown": "[tail]\nhistroy = 5000\n",
    "table": "[tial]\n",
    "type": "[sources.a]\ntype = 'dtadog'\n",
    "level": "[sentinel]\nminimum_level = 'loud'\n",
    "unit": "[store]\nkeep = 24\n",
    "rule": "[[sentinel.rules]]\nname = 'r'\nwhen = 'status:error AND'\n",
    "window": "[[sentinel.rules]]\nname = 'r'\nwindow = '-5m'\n",
    "key": "[tail.keys]\nfollow = ['F']\nfreeze = ['F']\n",
    "action": "[tail.keys]\nfolow = ['F']\n",
    "site": "[sources.d]\ntype = 'datadog'\nsite = 'http://example.com'\n",
    "linked": "[store]\nenabled = true\npath = 'FOLDER/link.db'\n",
    "nostore": "[store]\nenabled = true\npath = 'FOLDER/none/x.db'\n",
    "folder": "[store]\nenabled = true\npath = 'FOLDER'\n",
    "good": "[tail]\nhistory = 5000\n",
    "datadog": "[sources.d]\ntype = 'datadog'\n[store]\npath = 'FOLDER/dd/x.db'\n",
}

USES = [
    # Flags
    ("tail --bogus", 2, "No such option: --bogus; see logmon tail --help"),
    ("tial", 2, "Did you mean 'tail'"),
    ("items shwo", 2, "Did you mean 'show'"),
    ("tail -n", 2, "requires an argument"),
    ("tail -l wran", 2, "did you mean 'warn'"),
    ("tail -o xml", 2, "text, json or raw"),
    ("tail --color sometimes", 2, "auto, always or never"),
    ("tail -z Europe/Berln", 2, "did you mean 'Europe/Berlin'"),
    ("tail -S soon", 2, "15m, 2h ago"),
    ("tail -U 25:00", 2, "is no time"),
    ("tail -g a(b", 2, "at position"),
    ("tail -e *", 2, "no regular expression"),
    ("tail -n many", 2, "is no number"),
    ("tail -n -3", 2, "is no number"),
    ("tail --plain --tui", 2, "contradicts"),
    ("tail --tui", 2, "needs a terminal"),
    ("replay FOLDER/app.log -f --no-follow", 2, "--follow: contradicts --no-follow"),
    ("tail --from ", 2, "no URL of a logmon"),
    ("replay", 2, "Missing argument"),
    ("replay - --speed fast", 2, "is no speed"),
    ("replay - --speed 0", 2, "is no speed"),
    ("replay - --max-gap 5", 2, "with a unit"),
    ("replay - --input-format jsno", 2, "did you mean 'json'"),
    ("serve --port 70000", 2, "less than or equal to 65535"),
    ("serve --port http", 2, "valid integer"),
    ("serve --host 0.0.0.0", 2, "--tls-cert"),
    ("serve --port 0 --tls-cert FOLDER/none.pem --tls-key FOLDER/none.pem", 2, "none.pem"),
    ("serve token add", 2, "Missing option '--scope'"),
    ("serve token add --scope root", 2, "read, ingest"),
    ("patterns", 2, "Missing argument"),
    ("patterns FOLDER/app.log -o xml", 2, "text or json"),
    ("items list -o xml", 2, "text or json"),
    ("items show", 2, "Missing argument 'ID'"),
    # Queries
    ("tail -q status:error\\ AND", 2, "column 17"),
    ("tail -q (a", 2, "column"),
    ("tail -q @a:[1\\ TO", 2, "column"),
    ("tail -q :", 2, "column"),
    # Configuration
    ("tail -c FOLDER/none.toml", 2, "none.toml: No such file"),
    ("config check -c FOLDER/syntax.toml", 2, "syntax.toml:1"),
    ("config check -c FOLDER/unknown.toml", 2, "unknown.toml:2: tail.histroy: unknown key; did you mean 'history'?"),
    ("config check -c FOLDER/table.toml", 2, "did you mean 'tail'"),
    ("config check -c FOLDER/type.toml", 2, "did you mean 'datadog'"),
    ("config check -c FOLDER/level.toml", 2, "levels are trace"),
    ("config check -c FOLDER/unit.toml", 2, "with a unit"),
    ("config check -c FOLDER/rule.toml", 2, "rule.toml:3"),
    ("config check -c FOLDER/window.toml", 2, "window.toml:3"),
    ("config check -c FOLDER/key.toml", 2, "freeze"),
    ("config check -c FOLDER/action.toml", 2, "did you mean 'follow'"),
    ("config check -c FOLDER/site.toml", 2, "site.toml:3"),
    ("config check -c FOLDER/binary.toml", 2, "is not UTF-8"),
    ("config check -c FOLDER/open.toml", 2, "chmod go-w"),
    ("config init -c FOLDER/good.toml", 2, "is there already"),
    ("tail -c FOLDER", 2, "Is a directory"),
    # Files
    ("tail FOLDER/none.log", 2, "none.log: no such file"),
    ("replay FOLDER/none*.log", 2, "no such file"),
    ("replay FOLDER/broken.gz", 3, "broken.gz"),
    ("patterns FOLDER/none.log", 2, "no such file"),
    # Store
    ("items show WI-1 -c FOLDER/nostore.toml", 2, "x.db"),
    ("dead show 1 -c FOLDER/nostore.toml", 2, "x.db"),
    ("tail --plain -c FOLDER/linked.toml", 3, "is a link; name the file itself"),
    ("tail --plain -c FOLDER/folder.toml", 3, "Is a directory"),
    # Sentinel
    ("replay FOLDER/app.log --rules FOLDER/none.toml", 2, "none.toml"),
    ("replay FOLDER/app.log --dry-run --rules FOLDER/rule.toml", 2, "rule.toml:3"),
    ("replay FOLDER/app.log --diff-rules FOLDER/good.toml", 2, "--dry-run"),
    ("sentinel explain FOLDER/app.log:99", 2, "99"),
    ("sentinel explain FOLDER/app.log:0", 2, "app.log:0: lines are numbered from 1"),
    ("replay FOLDER/app.log --dry-run --expect FOLDER/events.json", 2, "holds no items"),
    # Credentials
    ("tail --plain -c FOLDER/datadog.toml", 4, "DD_"),
    ("sources check -c FOLDER/unknown.toml", 2, "histroy"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "code", "says"), USES, ids=[use[0] for use in USES])
def test_a_wrong_use_is_answered_in_one_line(folder, line, code, says):
    words = line.replace("\\ ", "\0").replace("FOLDER", str(folder)).split(" ")
    refused(run(*(word.replace("\0", " ") for word in words)), code, says)


def test_there_are_enough_of_them():
    assert len({line for line, _, _ in USES}) >= 60


def test_a_port_that_is_taken_is_named(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port))
    said = done.stderr.decode()
    assert done.returncode == 2, said
    assert str(port) in said
    assert "Traceback" not in said


def test_an_extra_that_is_missing_is_named_with_its_installation(tmp_path):
    (tmp_path / "re2.py").write_text("raise ImportError('hidden')\n")
    done = run("doctor", PYTHONPATH=str(tmp_path))
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("locale", ["xx_XX.UTF-8", "C", "POSIX", "de_DE.ISO-8859-1", ""])
def test_a_broken_locale_shows_the_same_text(folder, locale):
    (folder / "umlaut.log").write_text("größer → ✓\n", "utf-8")
    done = run("replay", str(folder / "umlaut.log"), "-o", "raw", LANG=locale, LC_ALL=locale)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "größer → ✓\n".encode()
    assert run("replay", str(folder / "umlaut.log"), LC_ALL=locale).returncode == 0


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (20, 5)])
def test_a_tiny_terminal_is_survived(folder, size):
    columns, rows = size
    terminal = Terminal("replay", str(folder / "app.log"), "--tui", cols=columns, rows=rows)
    terminal.pump(1.5, lambda: b"\x1b[?1049h" in terminal.output)
    terminal.pump(0.5)
    terminal.press("jkq")
    assert terminal.end() == 0


def test_a_dumb_terminal_gets_lines(folder):
    terminal = Terminal("replay", str(folder / "app.log"), env={"TERM": "dumb"})
    assert terminal.end() == 0
    assert b"one" in terminal.output
    assert b"\x1b" not in terminal.output


def test_a_full_disk_is_one_line(folder):
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m logmon config schema > /dev/full"],
        capture_output=True, env=ENV, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(b"logmon: ")
    assert done.stderr.count(b"\n") == 1


def test_where_no_source_is_enabled_a_line_says_so(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[sources.a]\ntype = 'mock'\nenabled = false\n")
    done = run("tail", "-c", str(path))
    refused(done, 0, f"{path}: no source is enabled")


def test_a_theme_that_is_none_is_refused_with_its_line_before_the_screen_opens(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[tail]\ntheme = 'drak'\n")
    terminal = Terminal("tail", "-c", str(path), cols=200)
    assert terminal.see("config.toml:2: tail.theme: there is no theme 'drak'")
    assert terminal.end() == 2
