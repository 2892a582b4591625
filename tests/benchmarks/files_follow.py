"""A program that follows a file while lines are written: its CPU, and how far its screen is behind."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from files_rig import Terminal, lines

if TYPE_CHECKING:
    from collections.abc import Callable


def follow(
    make: Callable[[Path], Terminal], rate: int, seconds: float, prepare: tuple[str, ...]
) -> tuple[float, list[float]]:
    """Return the CPU share of a program that follows a file, and how far its screen is behind."""
    path = Path(tempfile.mkdtemp()) / "follow.jsonl"
    written = 0
    over = threading.Event()
    sample = next(lines(1)).split('"message":"')

    def text(number: int) -> str:
        return f'{sample[0]}"message":"seq={number:09d} {sample[1]}\n'

    with path.open("w") as file:
        file.writelines(map(text, range(1_000)))
        file.flush()
        written = 1_000
        terminal = make(path)
        terminal.wait(lambda screen: "seq=" in screen, 30)
        time.sleep(1.5)
        terminal.keys(*prepare)

        def write() -> None:
            nonlocal written
            began, first = time.perf_counter(), written
            while not over.is_set():
                due = first + int((time.perf_counter() - began) * rate)
                if due > written:
                    file.write("".join(map(text, range(written, due))))
                    file.flush()
                    written = due
                time.sleep(0.02)

        thread = threading.Thread(target=write)
        thread.start()
        time.sleep(1)
        cpu, began, lags = terminal.cpu_s(), time.perf_counter(), []
        while time.perf_counter() - began < seconds:
            now = written
            shown = re.findall(r"seq=(\d{9})", terminal.screen())
            if shown:
                lags.append((now - max(map(int, shown))) / rate)
            time.sleep(0.03)
        share = (terminal.cpu_s() - cpu) / (time.perf_counter() - began)
        over.set()
        thread.join()
    terminal.close()
    shutil.rmtree(path.parent)
    return share, lags
