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

    def toggle_mouse(self) -> bool:
        """Give the mouse to the terminal or take it back; return whether logmon has it now."""
        if self._mouse:
            self._disable_mouse_support()
            self._mouse = False
        else:
            self._mouse = True
            self._enable_mouse_support()
        return self._mouse
