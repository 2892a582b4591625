"""Where events go when their arrival must be confirmed: deliver, then acknowledge by offset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from logmon.segment import Slice


class LogEventSink(Protocol):
    """A consumer with a memory of how far it got.

    The contract:

    * `deliver()` is called with slices in `seq` order and returns when their effect is safe.
    * Its return value is the acknowledged offset: every `seq` below it is done with, and a
      restart begins there. It never goes backwards.
    * A slice may be delivered again after a crash: the effect of a second time is nothing.
    """

    @property
    def name(self) -> str:
        """The name under which the offset is kept."""
        ...

    async def deliver(self, rows: Slice) -> int:
        """Take rows in, make their effect safe, and return the new acknowledged offset."""
        ...
