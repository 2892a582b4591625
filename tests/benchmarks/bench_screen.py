"""From a key to its echo on a real pty, idle and under load, on a fast and on a slow terminal.

    python tests/benchmarks/bench_screen.py [KEYS]

All of it in one run, 120 × 40: own idle, 50,000 events/s, and a terminal that drains 150 kB/s with
and without back-pressure. CPU is of one core: of following alone, and of the whole run from its
start with the keys, each of which paints a frame. Prints milliseconds and the ratios that count.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import select
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

FOLLOWING_S = 10.0
"""How long the CPU of following is measured before keys are pressed."""
CHILD = Path(__file__).with_name("screen_child.py")


class Run:
    """One child on a pty; `drain` bounds what the terminal takes, in bytes a second."""

    def __init__(self, rate: int, *flags: str, drain: int = 0) -> None:
        self.stats = Path(tempfile.mkstemp(suffix=".json")[1])
        self._drain = drain
        self._next_read = 0.0
        self._tail = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            os.execv(
                sys.executable, [sys.executable, str(CHILD), str(rate), str(self.stats), *flags]
            )
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def pump(self, until: float, needle: bytes = b"") -> float | None:
        """Read until a time or a text; return when the text was seen."""
        while (now := time.monotonic()) < until:
            if self._drain and self._next_read > now:
                time.sleep(min(self._next_read, until) - now)
                continue
            if not select.select([self.fd], [], [], until - now)[0]:
                continue
            try:
                data = os.read(self.fd, 2_048 if self._drain else 65_536)
            except OSError:
                return None
            seen = time.monotonic()
            if self._drain:
                self._next_read = max(self._next_read, seen) + len(data) / self._drain
            held = self._tail + data
            self._tail = held[-16:]
            if needle and needle in held:
                return seen
        return None

    def keys(self, count: int) -> list[float]:
        """Press a key so often at random moments; return each time to its echo in ms."""
        rng = random.Random(1)
        took = []
        for n in range(1, count + 1):
            self.pump(time.monotonic() + rng.uniform(0.02, 0.07))
            self._tail = b""
            sent = time.monotonic()
            os.write(self.fd, b"x")
            seen = self.pump(sent + 5, b"K%05d" % n)
            took.append(((seen or sent + 5) - sent) * 1e3)
        return sorted(took)

    def cpu_s(self) -> float:
        """Return the CPU time the child has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> dict[str, float]:
        """Leave, and return what the child says of itself."""
        os.write(self.fd, b"Q")
        end = time.monotonic() + 5
        while time.monotonic() < end and os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            self.pump(time.monotonic() + 0.05)
        os.close(self.fd)
        return json.loads(self.stats.read_text() or "{}")


def measure(name: str, rate: int, keys: int, *flags: str, drain: int = 0) -> tuple[float, float]:
    """Run one case, print it, and return its p50 and p99 in ms."""
    run = Run(rate, *flags, drain=drain)
    run.pump(time.monotonic() + 15, b"K00000")
    run.pump(time.monotonic() + 2.5)
    began, used = time.monotonic(), run.cpu_s()
    run.pump(began + FOLLOWING_S)
    following = (run.cpu_s() - used) / (time.monotonic() - began)
    took = run.keys(keys)
    said = run.end()
    p50, p90, p99 = (took[min(len(took) - 1, int(len(took) * q))] for q in (0.5, 0.9, 0.99))
    print(
        f"{name:<42} n={keys} p50 {p50:6.1f} p90 {p90:6.1f} p99 {p99:6.1f} max {took[-1]:6.1f} ms · "
        f"{said.get('stored_per_second', 0):,.0f} ev/s · {said.get('frames_per_second', 0):.0f} fps · "
        f"CPU {following:.0%}, {said.get('cpu', 0):.0%} with keys · RSS {said.get('rss_mb', 0):.0f} MB"
    )
    return p50, p99


def main() -> None:
    keys = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    idle = measure("idle", 0, keys)
    busy = measure("50,000 events/s", 50_000, keys)
    slow = measure("same, terminal drains 150 kB/s", 50_000, 40, drain=150_000)
    flooded = measure("same, without back-pressure", 50_000, 15, "--no-backpressure", drain=150_000)
    print(f"p50 under load / idle = {busy[0] / idle[0]:.2f} (goal ≤ 2)")
    print(f"p99 under load / idle = {busy[1] / idle[1]:.2f} (goal ≤ 4)")
    print(
        f"slow terminal, p50 with / without back-pressure = 1/{flooded[0] / slow[0]:.1f} (goal ≤ 1/8)"
    )


if __name__ == "__main__":
    main()
