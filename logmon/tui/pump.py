"""When to draw: frames are woken by data, at most so many a second, none while nothing comes.

A frame is put off while the terminal has not swallowed the last one: over a slow line that is
the difference between 2 s and 0.1 s from a key to its echo (measured at 150 kB/s). While each
frame shows other rows than the one before they are fewer: nobody reads rows that are gone at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

LOOK_AGAIN_S = 0.01
"""How long to wait before asking again whether the terminal has caught up."""
TURNOVER_PERIOD_S = 1 / 12
"""The least time between two frames that have no row in common."""


class FramePump:
    """Calls `draw` soon after `data`, never more than `redraw_hz` times a second."""

    def __init__(
        self, draw: Callable[[], None], redraw_hz: float, backlog: Callable[[], int]
    ) -> None:
        self._draw = draw
        self._least_period_s = self.period_s = 1 / redraw_hz
        self._backlog = backlog
        self._armed: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._stopped = False
        self._idle = asyncio.Event()
        self._idle.set()
        self.frames = 0
        self.context: Context | None = None
        """Where frames run: rows come from tasks that know nothing of the app (Textual asks)."""

    def data(self) -> None:
        """Say that there is something new to draw."""
        if self._armed is None and not self._stopped:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._last + self.period_s - loop.time())
            self._idle.clear()
            self._armed = loop.call_later(wait, self._frame, context=self.context)

    def pace(self, *, turnover: bool) -> None:
        """Say whether the last frame had no row in common with the one before it."""
        self.period_s = self._least_period_s
        if turnover:
            self.period_s = max(self.period_s, TURNOVER_PERIOD_S)

    def _frame(self) -> None:
        loop = asyncio.get_running_loop()
        if self._backlog():
            self._armed = loop.call_later(LOOK_AGAIN_S, self._frame, context=self.context)
            return
        self._armed = None
        self._last = loop.time()
        self.frames += 1
        self._draw()
        if self._armed is None:
            self._idle.set()

    async def idle(self) -> None:
        """Wait until everything that came in has been drawn."""
        await self._idle.wait()

    def stop(self) -> None:
        """Draw no more, whatever comes."""
        self._stopped = True
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        self._idle.set()
