"""What the commands of the documentation find where they run: files, a served logmon, a fake Datadog.

Each command gets a box: a new HOME and a working folder with the files that the pages name. No
box sees another one's, nor the home or the working folder of whoever runs the tests.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs_commands import ROOT
from tests.pty_judge import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "a-token-for-the-documentation"  # noqa: S105 - nobody's
EVENT_ID = "5f0c1e"
LIMIT_S = 40
CONFIG_OF_SERVER = (
    '[sources.mock]\ntype = "mock"\nevents_per_second = 100.0\n\n[sources.otlp]\ntype = "otlp"\n'
)
ERRORS = (
    "Card declined for order 812",
    "Connection to db-3 lost",
    "Disk full on volume data",
    "Queue mails holds 9000 messages",
    "Certificate of shop.example expires today",
    "Payment gateway answered nothing",
    "Stock of A-17 below zero",
    "Login throttled for bob",
)


@dataclass(frozen=True)
class Outcome:
    """What a command said (both streams, or its terminal) and its exit code; None: killed."""

    said: str
    code: int | None


class Box:
    """A HOME and a working folder for one command."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.work = folder / "work"
        self.env = env | {"HOME": str(folder / "home"), "PWD": str(self.work)}

    def run(self, command: str, within_s: float = LIMIT_S) -> Outcome:
        """Run a command line to its end, in pipes."""
        with self._started(command) as process:
            said, _ = process.communicate(timeout=within_s)
        return Outcome(said, process.returncode)

    def run_until(self, command: str, shows: str) -> Outcome:
        """Run a command line that stays until a line shows something, then press Ctrl+c."""
        said = ""
        with self._started(command) as process:
            for line in process.stdout or ():
                said += line
                if re.search(shows, line):
                    os.killpg(process.pid, signal.SIGINT)
                    break
            rest, _ = process.communicate(timeout=LIMIT_S)
        code = process.returncode
        return Outcome(said + rest, code if code >= 0 else 128 - code)

    def run_on_terminal(
        self, command: str, shows: str, keys: str, within_s: float = LIMIT_S
    ) -> Outcome:
        """Run a command line on a terminal until it shows something, then press keys."""
        terminal = Terminal("-c", command, program=("bash",), folder=self.work, env=self.env)
        terminal.pump(within_s, lambda: bool(re.search(shows, "\n".join(terminal.screen.display))))
        seen = "\n".join(line.rstrip() for line in terminal.screen.display)
        before = len(terminal.output)
        terminal.press(keys)
        code = terminal.end(10)
        return Outcome(f"{seen}\n{terminal.output[before:].decode('utf-8', 'replace')}", code)

    @contextlib.contextmanager
    def staying(self, command: str, says: str) -> Iterator[str]:
        """Run a command that stays; yield the first group of what it says when it is ready."""
        with self._started(command) as process:
            for line in process.stdout or ():
                if found := re.search(says, line):
                    yield found[1]
                    return
            raise AssertionError(f"{command} ended with {process.wait()}")

    @contextlib.contextmanager
    def _started(self, command: str) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            ["bash", "-c", f"set -o pipefail; {command}"],
            cwd=self.work,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()


class World:
    """Makes boxes, and keeps one served logmon and one fake Datadog for all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._done: dict[object, Outcome] = {}
        self._running = contextlib.ExitStack()
        write_files(folder / "work")
        (folder / "home").mkdir()

    def box(self, config: str = "") -> Box:
        """Return a new box; its HOME has a store with work items and a dead letter."""
        folder = self._folder / f"box{next(self._numbers)}"
        shutil.copytree(self._with_store, folder / "home")
        box = self._empty_box(folder)
        if config:
            place = folder / "home" / ".config" / "logmon"
            place.mkdir(parents=True)
            (place / "config.toml").write_text(config, "utf-8")
            for name in re.findall(r'"~/.config/logmon/(\S+)"', config):  # files with secrets
                (place / name).write_text("a-secret-for-the-documentation\n", "utf-8")
                (place / name).chmod(0o600)
        return box

    @cached_property
    def served(self) -> str:
        """The URL of a logmon that serves a mock, which has had an error, and takes OTLP."""
        folder = self._folder / "server"
        box = self._empty_box(folder)
        config = folder / "config.toml"
        config.write_text(CONFIG_OF_SERVER, "utf-8")
        staying = box.staying(f"logmon serve --port 0 -c {config}", r"serving on (http://\S+)")
        url = self._running.enter_context(staying)
        asked = f"curl -s -H 'Authorization: Bearer {TOKEN}' {url}/api/log-monitor/events/recent"
        while '"level":"error"' not in box.run(f"{asked}?level=error").said:
            time.sleep(0.05)
        return url

    @cached_property
    def fake_datadog(self) -> str:
        """The URL of a fake Datadog, whose organisation has a generous budget."""
        command = "python -m logmon.testing.fake_datadog --port 0 --rate 60/10"
        staying = self._empty_box(self._folder / "fake").staying(command, r"(http://\S+?:\d+)")
        return self._running.enter_context(staying)

    def once(self, key: object, run: Callable[[], Outcome]) -> Outcome:
        """Return what came of a command; one that was run before is not run again."""
        if key not in self._done:
            self._done[key] = run()
        return self._done[key]

    def close(self) -> None:
        """End what runs."""
        self._running.close()

    @cached_property
    def _with_store(self) -> Path:
        folder = self._folder / "kept"
        done = self._empty_box(folder).run("logmon replay file.jsonl --store -o json")
        assert done.code == 0, done.said
        return folder / "home"

    def _empty_box(self, folder: Path) -> Box:
        (folder / "home").mkdir(parents=True, exist_ok=True)
        shutil.copytree(self._folder / "work", folder / "work", symlinks=True)
        return Box(folder, surroundings())


def surroundings() -> dict[str, str]:
    """Return the variables that a command sees, besides HOME: nothing of ours but the programs."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "TOKEN": TOKEN,
        "LOGMON_API_TOKEN": TOKEN,
        "LOGMON_API__PORT": "0",  # the default may be taken where the tests run
    }


def write_files(work: Path) -> None:
    """Write the files that the pages name, as the pages say what they are."""
    work.mkdir()
    (work / "docs").mkdir()
    for name in ("docs/examples", "tests", "pyproject.toml"):
        (work / name).symlink_to(ROOT / name)
    (work / ".venv").symlink_to(Path(sys.prefix))
    write_logs(work)


def write_logs(work: Path) -> None:
    """Write the recordings, logs and rules that the pages name."""
    recording = "\n".join(json.dumps(event) for event in recorded()) + "\n"
    (work / "file.jsonl").write_text(recording + '{"message":"cut off\n', "utf-8")
    (work / "incident.jsonl").write_text(recording, "utf-8")
    (work / "app.log").write_text("".join(text_lines()), "utf-8")
    (work / "syslog").write_text(
        "".join(
            f"Nov 26 10:{n:02}:00 web-1 sshd[{n}]: password: swordfish{n} taken\n"
            for n in range(60)
        ),
        "utf-8",
    )
    rule = '[[sentinel.rules]]\nname = "{name}"\nminimum_level = "{level}"\n'
    (work / "new.toml").write_text(rule.format(name="new", level="error"), "utf-8")
    (work / "old.toml").write_text(rule.format(name="old", level="warn"), "utf-8")


def recorded() -> Iterator[dict[str, object]]:
    """Yield the events of a recording, as `logmon tail -o json` writes them."""
    for n in range(80):
        error = n % 10 == 3
        yield {
            "timestamp": f"2026-11-23T14:{n // 60:02}:{n % 60:02}.000000Z",
            "level": "error" if error else "info",
            "source": "payments" if error else "api",
            "message": ERRORS[n // 10] if error else f"GET /cart/{n} 200",
            "id": EVENT_ID if n == 3 else f"recorded-{n}",
        }


def text_lines() -> Iterator[str]:
    """Yield the lines of a program's log; the 120th and the last one are errors."""
    for n in range(1, 151):
        level = "ERROR" if n in (120, 150) else "INFO"
        said = "card declined, password=swordfish" if level == "ERROR" else f"cart {n} opened"
        yield f"2026-11-23 14:{n // 60:02}:{n % 60:02} {level} shop {said}\n"
