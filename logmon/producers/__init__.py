"""How a Python program sends what it logs: a logging handler, a structlog processor, a hook.

All three hand events to one `Producer`, which never blocks the program: what it cannot hold is
dropped and counted.
"""

from __future__ import annotations

from logmon.producers.excepthook import install_excepthook
from logmon.producers.handler import LogmonHandler
from logmon.producers.producer import Producer, ProducerStatistics, open_producer
from logmon.producers.structlog import LogmonProcessor

__all__ = [
    "LogmonHandler",
    "LogmonProcessor",
    "Producer",
    "ProducerStatistics",
    "install_excepthook",
    "open_producer",
]
