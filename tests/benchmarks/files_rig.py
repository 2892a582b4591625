"""What the benches of files stand on: a log of any length, and programs driven in a terminal."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from pathlib import Path

SOURCES = (
    "checkout-api",
    "orders-api",
    "auth",
    "billing-worker",
    "gateway",
    "search",
    "mailer",
    "scheduler",
)
TEMPLATES = (
    "{method} {path} completed in {duration} ms with {status}", "user {user} signed in from {region}",
    "job {job} finished, {rows} rows", "cache {op} for key {key}", "retrying {path} attempt {attempt} of 5",
)  # fmt: skip
BEGIN_S = 1_767_600_000
SOCKET = f"logmon-bench-{os.getpid()}"


def lines(count: int, seed: int = 7):
    """Yield JSON lines of about 330 bytes: 1 % errors, 9 % warnings, 0.1 % malformed, rare needles."""
    rng = random.Random(seed)
    for number in range(count):
        level = rng.choices(("info", "debug", "warn", "error"), (75, 15, 9, 1))[0]
        template = TEMPLATES[number % len(TEMPLATES)]
        values = {
            "path": f"/api/orders/{rng.randrange(99_999)}",
            "user": f"u-{rng.randrange(20_011)}",
            "duration_ms": rng.randrange(90_000) / 100,
        }
        message = f"{template.split(' ')[0].strip('{}')} {values['path']} for {values['user']} took {values['duration_ms']} ms"
        if number % 50_000 == 31_337:
            message += " needle-7f3a"
        if rng.random() < 0.005:
            message += " für Käufer 東京"
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(BEGIN_S + number // 200))
        line = json.dumps(
            {
                "timestamp": f"{moment}.{number % 200 * 5:03d}Z", "level": level, "source": SOURCES[rng.randrange(8)],
                "message": message, "message_template": template,
                "attributes": {"http": {"status": 200 + rng.randrange(300), "path": values["path"]}, "trace_id": f"{rng.getrandbits(96):024x}", **values},
            },
            ensure_ascii=False, separators=(",", ":"),
        )  # fmt: skip
        if rng.random() < 0.001:
            line = (
                line[: len(line) // 2],
                "a line of text from a child",
                line.replace(f'"{level}"', '"shouty"', 1),
                '{"level":"info"}',
            )[number % 4]
        yield line


def make_log(path: Path, count: int) -> Path:
    """Write a log, unless it is there."""
    if not path.exists():
        with path.open("w") as file:
            for line in lines(count):
                file.write(line + "\n")
    return path


def lnav_home(folder: Path) -> dict[str, str]:
    """Return an environment in which lnav knows the log's format."""
    form = {
        "bench_log": {
            "title": "bench", "json": True, "file-type": "json", "description": "bench",
            "line-format": [{"field": "__timestamp__"}, " ", {"field": "level"}, " ", {"field": "source"}, " ", {"field": "message"}],
            "timestamp-field": "timestamp", "level-field": "level", "body-field": "message", "hide-extra": True,
            "value": {
                "source": {"kind": "string", "identifier": True}, "level": {"kind": "string"}, "message": {"kind": "string"},
                "message_template": {"kind": "string", "hidden": True}, "attributes": {"kind": "json", "hidden": True},
            },
        }
    }  # fmt: skip
    for place in (".config/lnav", ".lnav"):
        formats = folder / place / "formats" / "installed"
        formats.mkdir(parents=True, exist_ok=True)
        (formats / "bench.json").write_text(json.dumps(form))
    return {"HOME": str(folder)}


class Terminal:
    """A program in a tmux window; times are from its start, to about 5 ms."""

    def __init__(
        self, command: str, *, columns: int = 160, rows: int = 40, env: dict[str, str] | None = None
    ) -> None:
        environment = dict(os.environ, TERM="xterm-256color", **(env or {}))
        _tmux("kill-server")
        _tmux(
            "new-session",
            "-d",
            "-s",
            "keep",
            "-x",
            str(columns),
            "-y",
            str(rows),
            "sleep 3600",
            env=environment,
        )
        _tmux("set-option", "-g", "escape-time", "0")
        self.began = time.perf_counter()
        _tmux(
            "new-session",
            "-d",
            "-s",
            "t",
            "-x",
            str(columns),
            "-y",
            str(rows),
            f"exec {command}",
            env=environment,
        )
        self.pid = int(_tmux("display-message", "-p", "-t", "t", "#{pane_pid}") or 0)

    def screen(self) -> str:
        return _tmux("capture-pane", "-p", "-t", "t")

    def wait(self, seen, timeout_s: float = 90, since: float | None = None) -> float:
        """Return after how many seconds the screen was as wanted; NaN when it never was."""
        since = self.began if since is None else since
        while time.perf_counter() - since < timeout_s:
            if seen(self.screen()):
                return time.perf_counter() - since
            time.sleep(0.002)
        return float("nan")

    def settled(
        self, quiet_s: float = 1.0, timeout_s: float = 60, since: float | None = None
    ) -> float:
        """Return when the screen changed last before it was quiet; clocks are in its first line."""
        since = self.began if since is None else since
        last, changed = self.screen().partition("\n")[2], time.perf_counter()
        while time.perf_counter() - changed < quiet_s and time.perf_counter() - since < timeout_s:
            now = self.screen().partition("\n")[2]
            if now != last:
                last, changed = now, time.perf_counter()
            time.sleep(0.01)
        return changed - since

    def keys(self, *keys: str, literal: bool = False) -> float:
        at = time.perf_counter()
        _tmux("send-keys", "-t", "t", *(["-l"] if literal else []), *keys)
        return at

    def cpu_s(self) -> float:
        """Return the CPU time of the program and its children."""
        ticks = os.sysconf("SC_CLK_TCK")
        return sum(sum(map(int, _stat(pid)[11:15])) for pid in _tree(self.pid)) / ticks

    def close(self) -> None:
        _tmux("kill-server")


def _tmux(*arguments: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["tmux", "-L", SOCKET, "-f", "/dev/null", *arguments],
        capture_output=True,
        env=env,
        check=False,
    )
    return done.stdout.decode(errors="replace").strip("\n")


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split(" ")


def _tree(root: int) -> list[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_stat(int(entry.name))[1])
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return [pid for pid in found if pid in parents]


def anon_kib(pid: int | str = "self") -> int:
    """Return the memory of a process that is no file, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    return 0
