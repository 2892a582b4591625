"""A piece of work that Sentinel made out of log events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from logmon.event import LogEvent, canonical, rfc3339
from logmon.level import Level

Status = Literal["new", "in_progress", "done"]
Priority = Literal["high", "medium", "low"]
Feedback = Literal["", "useful", "noise"]
"""What a person thinks of an item: it was worth making, or its rule made noise."""

PRIORITY_MARK = {"high": "high", "medium": "med", "low": "low"}


def priority_of(level: Level) -> Priority:
    """Error and worse are high, warn is medium, the rest low."""
    if level >= Level.ERROR:
        return "high"
    return "medium" if level >= Level.WARN else "low"


class WorkItem(msgspec.Struct, frozen=True, kw_only=True):
    """One open cause: at most one open item exists for a rule, source, template and group."""

    id: str
    title: str
    description: str = ""
    status: Status = "new"
    priority: Priority = "low"
    source_label: str = "sentinel"
    rule: str
    template: str
    source: str
    level: Level
    count: int = 1
    first_seen: datetime
    last_seen: datetime
    event_ids: tuple[str, ...] = ()
    """Ids of sample events: the first ones and the last ones."""
    source_data: dict[str, Any] = {}
    samples: tuple[LogEvent, ...] = ()
    """The first and the last events themselves, shortened: there when the log no longer is."""
    previous: str = ""
    """The item of the same cause that was done before this one was opened."""
    part_of: str = ""
    """The item that this one became part of when their templates became one."""
    feedback: Feedback = ""
    created_at: datetime
    updated_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether a repeat would extend this item rather than open a new one."""
        return self.status != "done"


_OPTIONAL = ("previous", "part_of", "feedback")


def to_document(item: WorkItem) -> dict[str, Any]:
    """Return the item as the JSON object users see (contract: times RFC 3339, level by name).

    `previous`, `part_of` and `feedback` are left out when empty; sample events are in
    `source_data`, as `samples`, the first ones and the last ones.
    """
    out = msgspec.structs.asdict(item)
    out["level"] = item.level.label
    for key in ("first_seen", "last_seen", "created_at", "updated_at"):
        out[key] = rfc3339(out[key])
    del out["samples"]
    if item.samples:
        samples = [canonical(event, work_item=item.id) for event in item.samples]
        out["source_data"] = {**item.source_data, "samples": samples}
    for key in _OPTIONAL:
        if not out[key]:
            del out[key]
    return out
