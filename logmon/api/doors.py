"""Every door there is: the table to look at to know who may ask for what."""

from __future__ import annotations

from logmon.api import events, status
from logmon.api.door import Door

ROOT = "/api/log-monitor"


def doors() -> tuple[Door, ...]:
    """Return the doors of contract §6."""
    return (
        Door("GET", f"{ROOT}/events/recent", events.recent, "read"),
        Door("GET", f"{ROOT}/events/stream", events.stream, "read"),
        Door("GET", f"{ROOT}/health", status.health, None),
        Door("GET", f"{ROOT}/stats", status.stats, "read"),
    )
