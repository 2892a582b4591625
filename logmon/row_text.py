"""A row as the columns of a line of text: time, level, source, message; every part printable."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from logmon.visible import visible

if TYPE_CHECKING:
    from datetime import tzinfo

    from logmon.event import LogEvent

SOURCE_CHARS = 40


def text_columns(event: LogEvent, zone: tzinfo) -> tuple[str, str, str, str]:
    """Return time, level code, source and message of an event, each visible text."""
    moment = event.timestamp
    with suppress(OverflowError):  # a time at the edge of the calendar has no other zones
        moment = moment.astimezone(zone)
    source = visible(event.source)[:SOURCE_CHARS].ljust(12)
    time = moment.isoformat(sep=" ", timespec="milliseconds")
    return time, event.level.code, source, visible(event.message)


def mark_text(work_item: str | None) -> str:
    """Return what a line of text says of the row's work item: `  ◆ WI-7`, or nothing."""
    return f"  ◆ {visible(work_item)}" if work_item else ""
