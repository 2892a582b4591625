"""`LogmonHandler`: what Python's logging says, sent to a logmon without holding up the program."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from logmon.producers.producer import CAPACITY, CLOSE_WITHIN_S, Producer, open_producer
from logmon.producers.records import event_of

if TYPE_CHECKING:
    from logmon.hub import LogEventHub
    from logmon.producers.producer import ProducerStatistics


class LogmonHandler(logging.Handler):
    """Sends log records to a logmon at a URL, or to a hub in this process.

        logging.getLogger().addHandler(LogmonHandler("http://127.0.0.1:8787", token="…"))

    Template and arguments are kept apart, `extra=` become attributes, an exception comes with its
    trace. `emit` never blocks: what cannot be held is dropped, counted, and said to the other
    side. Records of logmon itself are left out. See `open_producer` for the arguments.
    """

    def __init__(
        self,
        to: str | LogEventHub | Producer,
        *,
        token: str | None = None,
        service: str = "",
        level: int | str = logging.NOTSET,
        capacity: int = CAPACITY,
    ) -> None:
        super().__init__(level)
        self._service = service
        self.producer: Producer = open_producer(to, token=token, service=service, capacity=capacity)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; never blocks."""
        if record.name == "logmon" or record.name.startswith("logmon."):
            return
        try:
            self.producer.put(event_of(record, self._service))
        except Exception:  # noqa: BLE001 - a handler must not raise; logging says what it was
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all is sent, `CLOSE_WITHIN_S` at most."""
        self.producer.flush(CLOSE_WITHIN_S)

    def close(self) -> None:
        """Send what waits, `CLOSE_WITHIN_S` at most; logging does this when the program ends."""
        self.producer.close(CLOSE_WITHIN_S)
        super().close()

    def statistics(self) -> ProducerStatistics:
        """Return how many were sent, dropped and refused."""
        return self.producer.statistics()
