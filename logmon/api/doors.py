"""Every door there is: the table to look at to know who may ask for what."""

from __future__ import annotations

from logmon.api import events, items, otlp, page, status
from logmon.api.door import Door

ROOT = "/api/log-monitor"


def doors() -> tuple[Door, ...]:
    """Return all of them."""
    return (
        Door("GET", "/", page.page, None),
        Door("GET", "/openapi.json", page.openapi, None),
        Door("GET", f"{ROOT}/events/recent", events.recent, "read"),
        Door("GET", f"{ROOT}/events/stream", events.stream, "read"),
        Door("GET", f"{ROOT}/health", status.health, None),
        Door("GET", f"{ROOT}/stats", status.stats, "read"),
        Door("GET", f"{ROOT}/work-items", items.work_items, "read"),
        Door("POST", f"{ROOT}/work-items/{{id}}", items.change, "admin", items.BODY_BYTES),
        Door("POST", f"{ROOT}/work-items/{{id}}/feedback", items.mark, "admin", items.BODY_BYTES),
        Door("POST", "/v1/logs", otlp.logs, "ingest", otlp.READ_BYTES),
        Door("GET", f"{ROOT}/dead-letters", items.dead_letters, "read"),
        Door("POST", f"{ROOT}/session", page.session, "read"),
    )
