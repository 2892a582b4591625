"""Events as an OTLP export request in JSON; `logmon.formats.otlp` reads it back the same.

Source: OpenTelemetry protocol 1.x, "JSON Protobuf Encoding": ids in hex, 64-bit integers as texts.
"""

from __future__ import annotations

from itertools import groupby
from math import isfinite
from typing import TYPE_CHECKING, Any

from logmon.event import encode_json, to_ns
from logmon.level import Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logmon.event import LogEvent

SEVERITY = {
    Level.TRACE: 1, Level.DEBUG: 5, Level.INFO: 9, Level.NOTICE: 10, Level.WARN: 13,
    Level.ERROR: 17, Level.CRITICAL: 18, Level.ALERT: 19, Level.EMERGENCY: 21,
}  # fmt: skip
"""OpenTelemetry logs data model, appendix B; the table of `logmon.level`."""


def encode_export(events: Iterable[LogEvent], service: str) -> bytes:
    """Return a request; events that name no source get `service`."""
    resources = [
        {
            "resource": {"attributes": _pairs({"service.name": source or service or "python"})},
            "scopeLogs": [{"logRecords": [_record(event) for event in group]}],
        }
        for source, group in groupby(events, key=lambda event: event.source)
    ]
    return encode_json({"resourceLogs": resources})


def _record(event: LogEvent) -> dict[str, Any]:
    attributes = dict(event.attributes)
    if event.message_template:
        attributes["message.template"] = event.message_template
    if event.id:
        attributes["log.record.uid"] = event.id
    if event.host:
        attributes["host.name"] = event.host
    record: dict[str, Any] = {
        "timeUnixNano": str(to_ns(event.timestamp)),
        "severityNumber": SEVERITY[event.level],
        "severityText": event.level.label,
        "body": {"stringValue": event.message},
        "attributes": _pairs(attributes),
    }
    if event.trace_id:
        record["traceId"] = event.trace_id
    if event.span_id:
        record["spanId"] = event.span_id
    return record


def _pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return {"intValue": str(value)}
    if isinstance(value, float) and isfinite(value):
        return {"doubleValue": value}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _pairs({str(key): item for key, item in value.items()})}}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {} if value is None else {"stringValue": str(value)}
