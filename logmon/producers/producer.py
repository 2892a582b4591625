"""What every producer promises, and which one sends to where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from logmon.event import LogEvent
    from logmon.hub import LogEventHub

CAPACITY = 10_000
"""How many events wait to be sent before more are dropped."""
CLOSE_WITHIN_S = 2.0


class ProducerStatistics(msgspec.Struct, frozen=True):
    """What became of the events: `put = sent + dropped + refused + waiting`."""

    put: int
    sent: int
    """Taken in by the other side."""
    dropped: int
    """Left out here: too many waited, or the program ended first."""
    refused: int
    """Sent, and refused for good by the other side."""
    waiting: int
    last_error: str
    """Why the last attempt failed, for a person; empty when it did not."""


class Producer(Protocol):
    """Takes events from any thread and sends them in order, in the background."""

    def put(self, event: LogEvent) -> None:
        """Take an event; never blocks and never raises."""
        ...

    def flush(self, within_s: float = CLOSE_WITHIN_S) -> bool:
        """Wait until all that was put is sent; return whether it was, in time."""
        ...

    def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Send what waits, at most so long, and let go of everything; what is left is dropped."""
        ...

    def statistics(self) -> ProducerStatistics:
        """Return the account."""
        ...


def open_producer(
    to: str | LogEventHub | Producer,
    *,
    token: str | None = None,
    service: str = "",
    capacity: int = CAPACITY,
) -> Producer:
    """Return what sends to a URL (`http://127.0.0.1:8787`) or to a hub in this process.

    A producer is returned as it is: several handlers may share one.

    `token` needs the scope `ingest`; without one `$LOGMON_API_TOKEN` is used. A hub's producer
    must be made on the hub's event loop. `service` names the program, as `service.name` does.

    Raises:
        ValueError: the URL is none, or `http` to another machine: the token could be read.
    """
    if isinstance(to, str):
        from logmon.producers.http import HttpProducer

        return HttpProducer(to, token=token, service=service, capacity=capacity)
    from logmon.hub import LogEventHub

    if not isinstance(to, LogEventHub):
        return to
    from logmon.producers.in_process import HubProducer

    return HubProducer(to, name=service or "python", capacity=capacity)
