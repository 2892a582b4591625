"""The newest rows of a large file on the terminal, before the screen that draws them is loaded.

Decoding the end of a file takes a millisecond, loading Textual, numpy's rest and the configuration
three hundred: the rows are there while that goes on, and the screen draws over them. Only for a
plain call: whatever a flag or the configuration might change about rows is left to the screen.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

LARGE_BYTES = 1 << 20
END_BYTES = 64 * 1_024
SOURCE_CELLS = 12
HEAD_LINES = 2
ENTER, LEAVE = "\x1b[?1049h\x1b[H\x1b[2J", "\x1b[?1049l"
PLAIN = frozenset({"files", "speed", "max_gap", "color", "input_format", "tui"})
"""What may be given without a change to what the first screen shows."""


class FirstScreen:
    """Rows on the alternate screen; gone again when the program ends before its screen is up."""

    def __init__(self, rows: list[str]) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._end)
        sys.stdout.write(ENTER + "\n" * HEAD_LINES + "\n".join(rows))
        sys.stdout.flush()

    def leave(self) -> None:
        """Show the terminal as it was."""
        sys.stdout.write(LEAVE)
        sys.stdout.flush()

    def _end(self, number: int, _frame: FrameType | None) -> NoReturn:
        self.leave()
        os._exit(128 + number)


def show(command: str, given: Mapping[str, Any], env: Mapping[str, str]) -> FirstScreen | None:
    """Show the newest rows of the file that is to be replayed, if nothing speaks against it."""
    names: list[str] = given.get("files") or []
    if command != "replay" or len(names) != 1 or not _is_plain(given) or not _is_terminal(env):
        return None
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
        status = Path(names[0]).stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size < LARGE_BYTES or _has_zone(env):
            return None
        if names[0].endswith((".gz", ".bz2", ".xz", ".zst")):
            return None
        rows = list(_rows(names[0], status, given["input_format"], size.columns))
    except Exception:  # noqa: BLE001 - what is wrong is said by what is loaded next
        return None
    room = size.lines - HEAD_LINES - 1
    return FirstScreen(rows[-room:]) if rows and room > 0 else None


def _is_plain(given: Mapping[str, Any]) -> bool:
    odd = [name for name, value in given.items() if value and name not in PLAIN]
    return odd in ([], ["level"]) and (given["level"], given["speed"]) == ("trace", "max")


def _is_terminal(env: Mapping[str, str]) -> bool:
    both = sys.stdout.isatty() and sys.stdin.isatty()
    return both and env.get("TERM", "") not in ("", "dumb") and "LOGMON_TAIL__TIMEZONE" not in env


def _has_zone(env: Mapping[str, str]) -> bool:
    """Whether a configuration may say in which zone times are shown, or add spellings of levels."""
    from platformdirs import user_config_path

    path = Path(env.get("LOGMON_CONFIG") or user_config_path("logmon") / "config.toml")
    if not path.exists():
        return False
    text = path.read_bytes()
    return b"timezone" in text or b"[levels]" in text


def _rows(name: str, status: os.stat_result, form: str, columns: int) -> Iterator[str]:
    from logmon.errors import MalformedEvent
    from logmon.formats import LineDecoder
    from logmon.formats.otlp import SeveralEvents
    from logmon.visible import visible

    decoder = LineDecoder(visible(Path(name).name), input_format=form)
    with Path(name).open("rb") as file:
        file.seek(max(0, status.st_size - END_BYTES))
        lines = file.read(END_BYTES).split(b"\n")[1:]
    time_ns = status.st_mtime_ns
    for line in lines if lines[-1] else lines[:-1]:
        try:
            event = decoder.decode(line, 0, time_ns)
        except (MalformedEvent, SeveralEvents):
            continue
        moment, source = event.timestamp, visible(event.source[: SOURCE_CELLS * 2])
        clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1_000:03d}"
        start = f" {clock} {event.level.code} {source[:SOURCE_CELLS].ljust(SOURCE_CELLS)} "
        text = start + visible(event.message[:columns])
        # A character may be two cells wide: as many as surely fit.
        yield text[: columns - 1] if text.isascii() else text[: columns // 2]
