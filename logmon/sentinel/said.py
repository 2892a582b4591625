"""What Sentinel says: one event for each thing that happened to a work item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.event import LogEvent, event_id

if TYPE_CHECKING:
    from datetime import datetime

    from logmon.level import Level
    from logmon.work_item import WorkItem


def say(item: WorkItem, verb: str, at: datetime, level: Level, more: str = "") -> LogEvent:
    """Return the event that tells that an item was opened, joined, raised, started, done …"""
    message = f"{item.id} {verb} · {item.priority} · {item.title}{more}"
    return LogEvent(
        timestamp=at,
        level=level,
        source="sentinel",
        message=message,
        message_template=f"{{work_item}} {verb} · {{priority}} · {{title}}",
        attributes={
            "work_item": item.id,
            "change": verb,
            "status": item.status,
            "priority": item.priority,
            "title": item.title,
            "rule": item.rule,
            "source": item.source,
            "count": item.count,
        },
        id=event_id("sentinel", item.count, f"{item.id} {verb} {at.isoformat()}".encode()),
        work_item=item.id,
    )
