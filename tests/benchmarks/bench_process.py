"""The whole process: idle CPU, memory with a million rows held, and what `--help` costs.

python tests/benchmarks/bench_process.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_screen import Run
from screen_child import lines

TYPER_APP = """
import typer
app = typer.Typer()
def make(n):
    def command() -> None: ...
    command.__name__ = f"c{n}"
    app.command()(command)
for n in range(10): make(n)
app()
"""
LOGMON = [sys.executable, "-m", "logmon"]


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle() -> None:
    run = Run(0)
    assert run.pump(time.monotonic() + 15, b"K00000"), "the screen never came up"
    run.pump(time.monotonic() + 3)
    before, began = cpu_seconds(run.pid), time.monotonic()
    run.pump(time.monotonic() + 20)
    share = (cpu_seconds(run.pid) - before) / (time.monotonic() - began)
    run.end()
    print(f"idle screen, 20 s: {share:.2%} of a core (goal ≤ 0.5 %)")


def memory() -> None:
    """Hold a million lines on the screen and compare with their bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.jsonl"
        some = b"".join(lines(20_000))
        path.write_bytes(some * 50)
        import pty

        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm-256color")
            os.execv(sys.executable, [*LOGMON, "replay", str(path), "--tui"])
        run = Run.__new__(Run)
        run.fd, run.pid, run._drain, run._next_read, run._tail = fd, pid, 0, 0.0, b""
        started = time.monotonic()
        seen = run.pump(started + 120, b"ended")
        assert seen, "the replay did not end"
        run.pump(time.monotonic() + 2)
        rss = 0
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                rss = int(line.split()[1]) * 1024
        raw = path.stat().st_size
        allowed = raw + 30 * 1_000_000 + 80 * 10**6
        print(
            f"1,000,000 lines held ({raw / 1e6:.0f} MB, {seen - started:.1f} s to read): RSS {rss / 1e6:.0f} MB, "
            f"{(rss - raw) / 1e6:.0f} MB over the bytes; bound {allowed / 1e6:.0f} MB: {'kept' if rss <= allowed else 'NOT kept'}"
        )
        os.write(fd, b"qq")
        time.sleep(0.5)
        os.close(fd)
        os.waitpid(pid, 0)


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def help_cost() -> None:
    pairs = [
        (timed([*LOGMON, "--help"]), timed([sys.executable, "-c", TYPER_APP, "--help"]))
        for _ in range(11)
    ]
    ratio = statistics.median([ours / bare for ours, bare in pairs])
    print(f"--help / a bare Typer app with ten commands = {ratio:.2f} (goal ≤ 1.3)")


def first_rows() -> None:
    """From the start of the process to the first row on the pty."""
    took = []
    for _ in range(5):
        import pty

        started = time.monotonic()
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm-256color")
            os.execv(sys.executable, [*LOGMON, "tail"])
        run = Run.__new__(Run)
        run.fd, run.pid, run._drain, run._next_read, run._tail = fd, pid, 0, 0.0, b""
        seen = run.pump(started + 10, b"gateway")
        took.append((seen or started + 10) - started)
        os.write(fd, b"q")
        run.pump(time.monotonic() + 0.7)
        os.close(fd)
        os.waitpid(pid, 0)
    print(f"logmon tail, start to first rows: {statistics.median(took):.2f} s (goal ≤ 1 s)")


if __name__ == "__main__":
    first_rows()
    help_cost()
    idle()
    memory()
