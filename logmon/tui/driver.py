"""Textual's terminal driver, drawing on stdout and able to say how far the terminal is behind."""

from __future__ import annotations

import sys
from typing import Any

from textual.drivers.linux_driver import LinuxDriver


class TerminalDriver(LinuxDriver):
    """Draws where data goes: Textual's own driver draws on stderr (8.2.8), so that a stderr sent
    to a file would take the screen with it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sys.__stdout__ is not None:
            self._file = sys.__stdout__

    def backlog(self) -> int:
        """Return how many writes the terminal has not taken yet.

        Textual offers no public way to ask (8.2.8): frames go to a writer thread's queue.
        """
        queue = getattr(self._writer_thread, "_queue", None)
        return queue.qsize() if queue is not None else 0
