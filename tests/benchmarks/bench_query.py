"""Filtering and searching a million held rows: goals of their own, and lnav on the same file.

    python tests/benchmarks/bench_query.py [ROWS]

All of it in one run. lnav (a Debian package) is skipped where it is not installed; both programs
run in tmux at 120 × 40, and what is measured is key to screen, looked at every 5 ms.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from logmon.filter import LevelClause, LogFilter
from logmon.hub import LogEventHub
from logmon.level import Level, at_least
from logmon.query import parse_query
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.tui.app import LogmonApp
from logmon.tui.shown_rows import level_rows
from logmon.tui.tail_model import TailModel

NEEDLE = "needle-7f3a"
WORD = "reconcile"
SELECTIVE = "status:error @http.status:>=500"
SOCKET = "logmon-bench-query"


def write_lines(path: Path, count: int) -> None:
    """Write canonical lines of about 340 bytes: 1 % errors, 9 % warnings, 1 % `WORD`, 20 needles."""
    with path.open("w") as file:
        for n in range(count):
            level = "error" if n % 100 == 7 else "warn" if n % 10 == 1 else "info"
            verb = WORD if n % 100 == 33 else "serve"
            text = f"{verb} order {n * 7919 % 99_991} for shop-{n % 64} took {n % 977} ms"
            if n % (count // 20) == 11:
                text += f" {NEEDLE}"
            event = {
                "timestamp": f"2026-01-05T{8 + n // 3_600_000:02d}:{n // 60_000 % 60:02d}:"
                f"{n // 1_000 % 60:02d}.{n % 1_000:03d}Z",
                "level": level,
                "source": f"service-{n % 16}",
                "message": text,
                "attributes": {
                    "http": {
                        "status": 500 + n % 7 if level == "error" else 200,
                        "path": f"/api/v1/orders/{n % 9973}",
                    },
                    "user": f"u-{n % 5003}",
                    "duration_ms": n % 977,
                    "region": "eu-west-2",
                },
                "trace_id": f"{n // 8:032x}",
            }
            file.write(json.dumps(event, separators=(",", ":")) + "\n")


def median_ms(measure, runs: int = 5) -> float:
    """Return the median time of a call in milliseconds."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        measure()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


# In one process: what the model and the frames cost


async def held(path: Path) -> LogEventHub:
    """Read the file into a hub."""
    hub = LogEventHub(max_rows=20_000_000, max_bytes=4 << 30)
    hub.log.begin_at(20_000_000)  # a file that is read from its end is numbered downwards
    drawn = asyncio.Event()
    drawn.set()
    reading = ReplayOptions(newest_first=drawn)  # as the screen reads: rows stay in the file
    source = ReplaySource([str(path)], name="replay", reading=reading)
    await hub.drain(source, hub.intake("replay", source.options))
    return hub


class Lag:
    """The longest time the event loop did not turn: what a key would have waited."""

    def __init__(self) -> None:
        self.worst_ms = 0.0
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.worst_ms = max(self.worst_ms, (time.perf_counter() - began) * 1e3 - 1)

    def stop(self) -> float:
        """Return the longest gap in milliseconds."""
        self._task.cancel()
        return self.worst_ms


def columns(hub: LogEventHub, path: Path) -> None:
    wc_ms = median_ms(lambda: subprocess.run(["wc", "-l", str(path)], stdout=subprocess.DEVNULL))
    clause = LevelClause(at_least(Level.ERROR))
    snapshot = hub.log.snapshot
    ids_ms = median_ms(lambda: level_rows(snapshot, clause), 9)
    print(
        f"wc -l {wc_ms:.1f} ms; row ids of level ≥ error {ids_ms:.2f} ms: 1/{wc_ms / ids_ms:.0f} (goal 1/20)"
    )


def in_slices(hub: LogEventHub) -> None:
    """The model alone: a selective query's first screen, and all of it."""
    model = TailModel(hub.log)
    model.resize(36)
    model.sync()
    began = time.perf_counter()
    model.set_filter(LogFilter((parse_query(SELECTIVE),)))
    while len(model.visible()) < 36 and model.work():
        pass
    first_ms = (time.perf_counter() - began) * 1e3
    while model.work():
        pass
    all_ms = (time.perf_counter() - began) * 1e3
    print(
        f"{SELECTIVE}: first screen {first_ms:.1f} ms (goal ≤ 100), all {model.shown():,} rows {all_ms:.0f} ms"
    )


async def frames(hub: LogEventHub) -> None:
    """The app, headless: keys while a million rows are filtered and searched."""
    app = LogmonApp(hub)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.model.select(app.model.first())
        for name, act in (
            ("level ≥ error", lambda: setattr(app.state, "levels", at_least(Level.ERROR))),
            (
                SELECTIVE,
                lambda: (
                    setattr(app.state, "levels", at_least(Level.TRACE)),
                    app.state.set_text(SELECTIVE),
                ),
            ),
            (WORD, lambda: app.state.set_text(WORD)),
            ("no filter", lambda: app.state.set_text("")),
        ):
            act()
            lag = Lag()
            began = time.perf_counter()
            app.filters.apply()
            applied_ms = (time.perf_counter() - began) * 1e3
            await app.pump.idle()
            painted_ms = (time.perf_counter() - began) * 1e3
            while app.model.busy:
                await asyncio.sleep(0.005)
            all_ms = (time.perf_counter() - began) * 1e3
            print(
                f"{name}: applied {applied_ms:.1f} ms, painted {painted_ms:.1f} ms, complete {all_ms:.0f} ms, "
                f"longest wait of a key {lag.stop():.1f} ms (goal ≤ 50), {app.model.shown():,} rows"
            )
        lag = Lag()
        began = time.perf_counter()
        app.searches.changed(NEEDLE)
        while not app.searches.search.complete:
            await asyncio.sleep(0.005)
        took = (time.perf_counter() - began) * 1e3
        print(
            f"/{NEEDLE}: all {app.searches.search.total} hits {took:.0f} ms, longest wait of a key {lag.stop():.1f} ms"
        )
        steps = []
        for _ in range(15):
            before = app.model.cursor
            began = time.perf_counter()
            app.searches.next(1)
            while app.model.cursor == before:
                await asyncio.sleep(0)
            steps.append((time.perf_counter() - began) * 1e3)
        print(
            f"next hit of a literal: median {statistics.median(steps):.1f} ms, worst {max(steps):.1f} ms (goal ≤ 50)"
        )


# Beside lnav, in tmux


def tmux(*words: str) -> str:
    return subprocess.run(
        ["tmux", "-L", SOCKET, "-f", "/dev/null", *words], capture_output=True, text=True
    ).stdout


class Screen:
    """One program in tmux."""

    def __init__(self, command: str, env: dict[str, str]) -> None:
        tmux("kill-server")
        time.sleep(0.2)
        surroundings = [f"-e{name}={value}" for name, value in env.items()]
        tmux(
            "new-session",
            "-d",
            "-s",
            "b",
            "-x",
            "120",
            "-y",
            "40",
            *surroundings,
            f"exec {command}",
        )
        tmux("set-option", "-g", "escape-time", "0")

    def text(self) -> str:
        return tmux("capture-pane", "-p", "-t", "b")

    def type(self, text: str) -> None:
        tmux("send-keys", "-t", "b", "-l", text)
        time.sleep(0.4)

    def press(self, *keys: str) -> float:
        began = time.perf_counter()
        tmux("send-keys", "-t", "b", *keys)
        return began

    def until(self, pattern: str, began: float, within_s: float = 120) -> float:
        """Return how long it took until a text was there, in seconds."""
        while time.perf_counter() - began < within_s:
            if re.search(pattern, self.text()):
                return time.perf_counter() - began
            time.sleep(0.003)
        raise SystemExit(f"never saw {pattern!r}:\n{self.text()}")

    def settled(self, pattern: str, began: float, quiet_s: float = 2.5) -> tuple[float, str]:
        """Return when what a pattern finds changed last, in seconds, and what it was."""
        last, at = "", began
        while time.perf_counter() - at < quiet_s or not last:
            found = re.search(pattern, self.text())
            if found and found[0] != last:
                last, at = found[0], time.perf_counter()
            if time.perf_counter() - began > 120:
                break
            time.sleep(0.003)
        return at - began, last

    def end(self) -> None:
        tmux("kill-server")


def lnav_home(folder: Path) -> Path:
    """Make a home in which lnav knows the format of the file."""
    formats = folder / "home" / ".config" / "lnav" / "formats" / "installed"
    formats.mkdir(parents=True)
    hidden = {"kind": "json", "hidden": True}
    (formats / "bench.json").write_text(
        json.dumps(
            {
                "bench_log": {
                    "title": "bench",
                    "json": True,
                    "file-type": "json",
                    "description": "bench",
                    "line-format": [
                        {"field": "__timestamp__"},
                        " ",
                        {"field": "level"},
                        " ",
                        {"field": "source"},
                        " ",
                        {"field": "message"},
                    ],
                    "timestamp-field": "timestamp",
                    "level-field": "level",
                    "body-field": "message",
                    "hide-extra": True,
                    "value": {
                        "source": {"kind": "string", "identifier": True},
                        "level": {"kind": "string"},
                        "message": {"kind": "string"},
                        "trace_id": {"kind": "string", "hidden": True},
                        "attributes": hidden,
                    },
                }
            }
        )
    )
    return folder / "home"


def lnav(path: Path, folder: Path) -> dict[str, float]:
    screen = Screen(f"lnav {path}", {"HOME": str(lnav_home(folder)), "TERM": "xterm-256color"})
    took = {"open, all rows": screen.until(r"L999,9\d\d|LOG ", time.perf_counter())}
    time.sleep(12)
    screen.press(":")
    screen.type("set-min-log-level error")
    took["level filter"] = screen.until("not shown", screen.press("Enter"))
    time.sleep(2)
    screen.press(":")
    screen.type("set-min-log-level trace")
    screen.press("Enter")
    time.sleep(3)
    screen.press("/")
    screen.type(NEEDLE)
    took["all hits of a literal"], hits = screen.settled(r"[\d,]+ hits?", screen.press("Enter"))
    print(f"lnav: {hits}")
    screen.press("C-r")
    time.sleep(2)
    screen.press(":")
    screen.type(f"filter-in {WORD}")
    took["text filter-in"], found = screen.settled(
        r"[\d,]+ Lines? not shown|[\d,]+ [a-z ]*not shown", screen.press("Enter")
    )
    print(f"lnav: {found}")
    screen.end()
    return took


def logmon(path: Path) -> dict[str, float]:
    command = f"{sys.executable} -m logmon replay {path} --tui"
    screen = Screen(command, {"TERM": "xterm-256color", "LOGMON_SENTINEL__ENABLED": "false"})
    took = {
        "open, all rows": screen.until(r"of 1,000,000 shown|of [\d,]+ shown", time.perf_counter())
    }
    time.sleep(12)
    for _ in range(4):
        screen.press("]")
        time.sleep(0.3)
    took["level filter"] = screen.until("≥ error", screen.press("]"))
    time.sleep(2)
    for _ in range(5):
        screen.press("[")
        time.sleep(0.3)
    screen.press("/")
    began = time.perf_counter()
    screen.type(NEEDLE[:-1])
    began = screen.press(NEEDLE[-1])
    took["all hits of a literal"], hits = screen.settled(r"[\d,]+ hits(?: …)?", began)
    print(f"logmon: {hits}")
    screen.press("Escape")
    time.sleep(0.5)
    screen.press("&")
    screen.type(WORD[:-1])
    began = screen.press(WORD[-1])
    took["text filter-in"], found = screen.settled(r"(?:… )?[\d,]+ of [\d,]+ shown", began)
    print(f"logmon: {found}")
    screen.end()
    return took


def beside(path: Path, folder: Path) -> None:
    if not (shutil.which("lnav") and shutil.which("tmux")):
        print("lnav or tmux is not installed: not compared")
        return
    theirs, ours = lnav(path, folder), logmon(path)
    for what, seconds in ours.items():
        if what != "open, all rows":
            print(
                f"{what}: logmon {seconds * 1e3:.0f} ms, lnav {theirs[what] * 1e3:.0f} ms: {theirs[what] / seconds:.1f} × (goal > 1)"
            )


async def in_process(path: Path) -> None:
    hub = await held(path)
    print(f"{len(hub.log.snapshot):,} rows held in {len(hub.log.snapshot.segments)} segments")
    columns(hub, path)
    in_slices(hub)
    await frames(hub)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    os.environ.setdefault("TEXTUAL_FPS", "1000")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "bench.jsonl"
        write_lines(path, count)
        print(f"{count:,} lines, {path.stat().st_size / 1e6:.0f} MB")
        if "--no-lnav" not in sys.argv:
            beside(path, Path(name))
        asyncio.run(in_process(path))


if __name__ == "__main__":
    main()
