"""Files against lnav, toolong, ripgrep and wc: opening, indexing, searching, following, as ratios.

    python tests/benchmarks/bench_files.py [open index search follow] [--toolong TL] [--data FOLDER]

Needs tmux, lnav and ripgrep (Debian), and toolong in an environment of its own. Both sides of a
ratio run one after the other; medians of three, CPU figures of one run.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from files_follow import follow
from files_measures import child
from files_rig import Terminal, lnav_home, make_log

if TYPE_CHECKING:
    from collections.abc import Callable

LOGMON = str(Path(sys.executable).with_name("logmon"))
SIZES = {"100k": 100_000, "1M": 1_000_000, "5M": 5_000_000}
ROUNDS = 3
RESULTS: list[tuple[str, str, float, str]] = []


def say(name: str, figures: str, ratio: float, goal: str) -> None:
    RESULTS.append((name, figures, ratio, goal))
    print(f"| {name} | {figures} | {ratio:.2f} | {goal} |", flush=True)


class Bench:
    """The peers and the logs."""

    def __init__(self, data: Path, toolong: str | None) -> None:
        self.logs = {name: make_log(data / f"{name}.jsonl", count) for name, count in SIZES.items()}
        self.toolong = toolong
        self.home = lnav_home(data / "lnav-home")
        self.last = {name: newest_mark(path) for name, path in self.logs.items()}

    def lnav(self, path: Path) -> Terminal:
        return Terminal(f"lnav {path}", env=self.home)


def newest_mark(path: Path) -> str:
    """Return what only the newest readable line of a log shows: its trace id."""
    with path.open("rb") as file:
        file.seek(-4_000, os.SEEK_END)
        return re.findall(rb"took ([\d.]+ ms)", file.read())[-1].decode()


def rows_of(screen: str, wanted: str) -> int:
    return sum(wanted in line for line in screen.splitlines())


def has_rows(screen: str) -> bool:
    return rows_of(screen, " ms") > 15


# Opening


def bench_open(bench: Bench) -> None:
    def first(make: Callable[[], Terminal], seen: Callable[[str], bool] = has_rows) -> float:
        terminal = make()
        took = terminal.wait(seen)
        terminal.close()
        return took

    def logmon(name: str) -> Callable[[], Terminal]:
        return lambda: Terminal(f"{LOGMON} replay {bench.logs[name]}")

    ours: dict[str, list[float]] = {name: [] for name in SIZES}
    newest, lnav, toolong, toolong_newest = [], [], [], []
    for _ in range(ROUNDS):
        for name in SIZES:
            ours[name].append(first(logmon(name)))
        newest.append(
            first(logmon("5M"), lambda screen: has_rows(screen) and bench.last["5M"] in screen)
        )
        lnav.append(first(lambda: bench.lnav(bench.logs["1M"])))
        if bench.toolong:
            toolong.append(
                first(
                    lambda: Terminal(f"{bench.toolong} {bench.logs['1M']}", columns=250),
                    lambda s: '"timestamp"' in s,
                )
            )
            toolong_newest.append(
                first(
                    lambda: Terminal(f"{bench.toolong} {bench.logs['5M']}", columns=250),
                    lambda s: bench.last["5M"] in s,
                )
            )
    t = {name: median(times) for name, times in ours.items()}
    say(
        "first rows, 1M: lnav / logmon",
        f"{median(lnav):.2f} / {t['1M']:.2f} s",
        median(lnav) / t["1M"],
        "≥ 5",
    )
    say(
        "first rows: logmon 5M / 100k",
        f"{t['5M']:.2f} / {t['100k']:.2f} s",
        t["5M"] / t["100k"],
        "≤ 1.2",
    )
    if toolong:
        say(
            "first rows, 1M: toolong / logmon",
            f"{median(toolong):.2f} / {t['1M']:.2f} s",
            median(toolong) / t["1M"],
            "≥ 2",
        )
        say(
            "newest rows, 5M: toolong / logmon",
            f"{median(toolong_newest):.2f} / {median(newest):.2f} s",
            median(toolong_newest) / median(newest),
            "≥ 10",
        )


# Indexing


def timed(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return time.perf_counter() - began


def bench_index(bench: Bench) -> None:
    path, count = bench.logs["1M"], SIZES["1M"]
    ours, bare, newlines, wc, lnav = [], [], [], [], []
    for _ in range(ROUNDS):
        ours.append(child("index", path))
        bare += child("bare", path)
        newlines += child("newlines", path)
        wc.append(timed("wc", "-l", str(path)))
        terminal = bench.lnav(path)
        terminal.wait(has_rows)
        terminal.settled()
        lnav.append(terminal.cpu_s())
        terminal.close()
    cpu = median(run[1] for run in ours)
    say(
        "full index, CPU a line: logmon / lnav",
        f"{cpu / count * 1e6:.2f} / {median(lnav) / count * 1e6:.2f} µs",
        cpu / median(lnav),
        "≤ 0.45",
    )
    say(
        "full index, rate: logmon / bare msgspec decode",
        f"{count / cpu:,.0f} / {count / median(bare):,.0f} lines/s",
        median(bare) / cpu,
        "≥ 0.40",
    )
    say(
        "newline index, rate: logmon / wc -l",
        f"{median(newlines):.3f} / {median(wc):.3f} s",
        median(wc) / median(newlines),
        "≥ 0.40",
    )
    large = child("index", bench.logs["5M"])
    small = median(run[3] for run in ours)
    slope = (large[3] - small) * 1_024 / (SIZES["5M"] - count)
    say(
        "memory a row, 1M to 5M",
        f"{small / 1024:.0f} to {large[3] / 1024:.0f} MiB",
        slope,
        "≤ 25 B",
    )


# Searching


def bench_search(bench: Bench) -> None:
    path, literal = bench.logs["1M"], "needle-7f3a"
    ours, rg, lnav = [], [], []
    for _ in range(ROUNDS):
        hits, took = child(literal, path)
        ours.append(took)
        rg.append(timed("rg", "-c", "-i", "-F", literal, str(path)))
        terminal = bench.lnav(path)
        terminal.wait(has_rows)
        terminal.settled()
        terminal.keys("/")
        time.sleep(0.5)
        terminal.keys(literal, literal=True)
        entered = terminal.keys("Enter")
        lnav.append(terminal.settled(quiet_s=2.5, since=entered))
        terminal.close()
    say(
        "all hits of a literal, 1M: lnav / logmon",
        f"{median(lnav):.2f} / {median(ours):.2f} s, {hits:.0f} hits",
        median(lnav) / median(ours),
        "≥ 10",
    )
    say(
        "all hits of a literal, rate: logmon / rg -i",
        f"{median(ours):.3f} / {median(rg):.3f} s",
        median(rg) / median(ours),
        "≥ 0.10",
    )


# Following


def bench_follow(bench: Bench) -> None:
    def logmon(redraw_hz: int) -> Callable[[Path], Terminal]:
        config = bench.logs["1M"].with_name(f"config-{redraw_hz}.toml")
        config.write_text(f"[tail]\nredraw_hz = {redraw_hz}\n")
        return lambda path: Terminal(f"{LOGMON} tail -c {config} {path}")

    lnav_cpu, lnav_lag = follow(bench.lnav, 50_000, 8, ("G",))
    fast_cpu, fast_lag = follow(logmon(30), 50_000, 8, ("G",))
    slow_cpu, _ = follow(logmon(10), 50_000, 8, ("G",))
    say(
        "50,000 lines/s at 30 fps, CPU: logmon / lnav",
        f"{fast_cpu:.0%} / {lnav_cpu:.0%}",
        fast_cpu / lnav_cpu,
        "≤ 2",
    )
    say(
        "50,000 lines/s at 10 fps, CPU: logmon / lnav",
        f"{slow_cpu:.0%} / {lnav_cpu:.0%}",
        slow_cpu / lnav_cpu,
        "≤ 1",
    )
    say(
        "50,000 lines/s, lag: logmon / lnav",
        f"{median(fast_lag):.2f} / {median(lnav_lag):.2f} s",
        median(fast_lag) / median(lnav_lag),
        "≤ 0.5",
    )
    half = len(fast_lag) // 2
    say(
        "lag, second half / first half",
        f"{median(fast_lag[half:]):.2f} / {median(fast_lag[:half]):.2f} s",
        median(fast_lag[half:]) / median(fast_lag[:half]),
        "≈ 1",
    )
    if bench.toolong:
        theirs, _ = follow(
            lambda path: Terminal(f"{bench.toolong} {path}", columns=250), 1_000, 8, ("End",)
        )
        ours, _ = follow(logmon(30), 1_000, 8, ("G",))
        say(
            "1,000 lines/s, CPU: logmon / toolong",
            f"{ours:.0%} / {theirs:.0%}",
            ours / theirs,
            "≤ 0.33",
        )


PARTS = {"open": bench_open, "index": bench_index, "search": bench_search, "follow": bench_follow}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--toolong", default=shutil.which("tl"))
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "logmon-bench")
    given = parser.parse_args()
    given.data.mkdir(parents=True, exist_ok=True)
    bench = Bench(given.data, given.toolong)
    print("| what | figures | ratio | goal |\n|---|---|---|---|", flush=True)
    for part in given.parts:
        PARTS[part](bench)


if __name__ == "__main__":
    main()
