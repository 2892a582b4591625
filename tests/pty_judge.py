"""Runs logmon in a real pseudo-terminal and judges what reached it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable

LOGMON = (sys.executable, "-m", "logmon")
ROOT = Path(__file__).resolve().parent.parent

SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]",  # two-byte and longer escapes
    re.DOTALL,
)


class Terminal:
    """A child process on a pty, with a terminal emulator that sees every byte."""

    def __init__(
        self,
        *args: str,
        program: tuple[str, ...] = LOGMON,
        folder: Path = ROOT,
        cols: int = 120,
        rows: int = 40,
        env: dict[str, str] | None = None,
    ) -> None:
        self.screen = pyte.Screen(cols, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = bytearray()
        self.status: int | None = None
        surroundings = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            **(env or {}),
        }
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(program[0], [*program, *args], surroundings)  # noqa: S606
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def pump(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Read what comes for so long, or until something holds; return whether it does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if until():
                return True
            ready, _, _ = select.select([self.fd], [], [], 0.02)
            if not ready:
                continue
            try:
                data = os.read(self.fd, 65_536)
            except OSError:  # the child closed its end
                break
            if not data:
                break
            self.output += data
            with contextlib.suppress(TypeError, IndexError):  # pyte knows not every private mode
                self._stream.feed(data)
        return until()

    def see(self, text: str, seconds: float = 10) -> bool:
        """Wait until a text is on the screen."""
        looked_at = -1

        def is_there() -> bool:
            nonlocal looked_at
            if looked_at == len(self.output):  # a look at every cell takes milliseconds
                return False
            looked_at = len(self.output)
            return any(text in line for line in self.screen.display)

        return self.pump(seconds, is_there)

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def modes(self) -> list[object]:
        return termios.tcgetattr(self.fd)

    def end(self, seconds: float = 5) -> int | None:
        """Wait for the child to end; kill it when it does not. Return its exit code."""
        end = time.monotonic() + seconds
        while not self._ended() and time.monotonic() < end:
            self.pump(0.05, self._ended)
            time.sleep(0.005)
        self.pump(0.2)  # what it wrote last
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.fd)
            return None
        os.close(self.fd)
        return os.waitstatus_to_exitcode(self.status)

    def _ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None


def kinds(output: bytes) -> set[str]:
    """Return the kinds of control sequences in an output: their introducer and final character."""
    found: set[str] = set()
    for match in SEQUENCE.finditer(output.decode("utf-8", "replace")):
        text = match[0]
        if text.startswith("\x1b["):
            private = text[2] if text[2] in "<=>?" else ""
            number = text[3:-1] if private == "?" else ""
            found.add(f"CSI {private}{number}{text[-1]}")
        elif text[1] in "]PX^_":
            found.add(f"{text[:2]!r} {text[2:6]}")
        else:
            found.add(repr(text))
    return found


def strays(output: bytes) -> str:
    """Return every control, bidi or zero-width character that is part of no control sequence."""
    rest = SEQUENCE.sub("", output.decode("utf-8", "replace"))
    return "".join(sorted({c for c in rest if not c.isprintable() and c not in "\r\n"}))
