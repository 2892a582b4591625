"""OTLP: an export request, as a line of JSON or sent over HTTP, may hold many log records.

Source: OpenTelemetry protocol 1.x and logs data model, read 2026-11. Ids are hex in OTLP/JSON,
64-bit integers are texts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.dead_letter import EXCERPT_BYTES, DeadLetter
from logmon.errors import MalformedEvent
from logmon.event import encode_json, event_id, from_ns
from logmon.formats.fields import json_text
from logmon.formats.line import Line
from logmon.formats.times import read_time
from logmon.level import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.event import LogEvent
    from logmon.formats.line import Reading

Document = dict[str, Any]

_TEMPLATES = ("message_template", "messageTemplate", "message.template", "log.record.template")
_SOURCES = ("source", "service", "service.name", "logger", "name")
_TIMES = ("timeUnixNano", "observedTimeUnixNano")
_NO_TIME = (None, 0, "0", "")
_RANGES = (
    (4, Level.TRACE),
    (8, Level.DEBUG),
    (9, Level.INFO),
    (10, Level.NOTICE),
    (12, Level.INFO),
    (16, Level.WARN),
    (17, Level.ERROR),
    (18, Level.CRITICAL),
    (19, Level.ALERT),
    (20, Level.ERROR),
    (24, Level.EMERGENCY),
)
"""The highest number of each level: OpenTelemetry logs data model, appendix B."""


class _Kept(msgspec.Struct):
    """A refused record as its dead letter keeps it."""

    resource: Document
    scope: Document
    record: Document


class SeveralEvents(Exception):
    """A line that holds not one event but these, and records that are none."""

    def __init__(self, events: list[LogEvent], refused: list[MalformedEvent]) -> None:
        self.events = events
        self.refused = refused
        super().__init__(f"{len(events)} events")


def read_otlp(document: Document, line: Line) -> LogEvent:
    """Return the event of the only record.

    Raises:
        MalformedEvent: there is no record, or the only one cannot be read.
        SeveralEvents: there are more.
    """
    records = list(_records(document))
    if not records:
        raise MalformedEvent("no_records", "resourceLogs holds no log record")
    if len(records) == 1:
        return _event(*records[0], line, line.id())
    events: list[LogEvent] = []
    refused: list[MalformedEvent] = []
    base = line.id()
    for place, record in enumerate(records):
        try:
            events.append(_event(*record, line, f"{base}-{place}" if base else ""))
        except MalformedEvent as error:
            refused.append(error)
    raise SeveralEvents(events, refused)


def read_export(
    document: Document, reading: Reading, *, origin: str, now_ns: int
) -> tuple[list[LogEvent], list[DeadLetter]]:
    """Return the events of a whole export request, and the records that are none.

    An event's id is made of its content: a request that comes again has the same ones. Equal
    records in one request are told apart by their number. A record without any time gets `now_ns`.

    Raises:
        MalformedEvent: it is no export request.
    """
    events: list[LogEvent] = []
    refused: list[DeadLetter] = []
    equal: Counter[bytes] = Counter()
    for resource, scope, record in list(_records(document)):
        raw = encode_json({"resource": resource, "scope": scope, "record": record})
        equal[raw] += 1
        has_time = any(record.get(name) not in _NO_TIME for name in _TIMES)
        place = equal[raw] if has_time else now_ns + equal[raw]
        line = Line(raw, reading, fallback_ns=now_ns)
        try:
            events.append(
                _event(resource, scope, record, line, event_id(reading.source, place, raw))
            )
        except MalformedEvent as error:
            refused.append(_letter(error, raw, reading.source, origin, now_ns))
    return events, refused


def reread_record(raw: bytes, reading: Reading, *, now_ns: int) -> LogEvent:
    """Return the event that a record `read_export` refused is now, from its letter's bytes.

    Raises:
        MalformedEvent: it is still none.
    """
    try:
        kept = msgspec.json.decode(raw, type=_Kept)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent("invalid_otlp", str(error)[:100]) from None
    line = Line(raw, reading, fallback_ns=now_ns)
    name = event_id(reading.source, 1, raw)
    return _event(kept.resource, kept.scope, kept.record, line, name)


def _letter(error: MalformedEvent, raw: bytes, source: str, origin: str, now_ns: int) -> DeadLetter:
    return DeadLetter(
        source=source,
        origin=origin,
        reason=error.reason,
        detail=error.detail,
        raw=raw[:EXCERPT_BYTES],
        length=len(raw),
        parser="otlp",
        seen_at=from_ns(now_ns),
    )


def _records(document: Document) -> Iterator[tuple[Document, Document, Document]]:
    """Yield each record with its resource's and its scope's attributes."""
    for resource_logs in _objects(document, "resourceLogs"):
        resource = _attributes(_object(resource_logs, "resource"))
        for scope_logs in _objects(resource_logs, "scopeLogs"):
            scope = _object(scope_logs, "scope")
            named = {"logger": scope["name"]} if isinstance(scope.get("name"), str) else {}
            for record in _objects(scope_logs, "logRecords"):
                yield resource, named | _attributes(scope), record


def _object(document: Document, name: str) -> Document:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _objects(document: Document, name: str) -> list[Document]:
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedEvent("invalid_otlp", f"{name} is no list of objects")
    return value


def _event(
    resource: Document, scope: Document, record: Document, line: Line, event_id: str
) -> LogEvent:
    attributes = {**resource, **scope, **_attributes(record)}
    body, name = _value(record.get("body")), _text(record, "eventName")
    if name is not None:
        attributes.setdefault("event.name", name)
    if isinstance(body, dict):
        attributes.setdefault("body", body)
    if isinstance(uid := attributes.get("log.record.uid"), str) and uid:
        event_id = uid  # semantic conventions: equal ones are one record
    template = next((attributes[key] for key in _TEMPLATES if key in attributes), None)
    source = next(
        (value for key in _SOURCES if isinstance(value := attributes.get(key), str)), None
    )
    if body in (None, ""):
        body = name or (record if body is None else "")
    return line.event(
        body if isinstance(body, str) else json_text(body),
        timestamp=_time(record, line),
        level=_level(record, line),
        source=source,
        event_id=event_id,
        message_template=template if isinstance(template, str) else None,
        attributes=attributes,
        host=_text(attributes, "host.name"),
        trace_id=_id(record, "traceId"),
        span_id=_id(record, "spanId"),
    )


def _id(record: Document, name: str) -> str | None:
    """Return an id as lower-case hex; all zeros is none (W3C Trace Context)."""
    value = _text(record, name)
    return value.lower() if value and value.strip("0") else None


def _text(document: Document, name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None


def _time(record: Document, line: Line) -> Any:
    for name in _TIMES:
        value = record.get(name)
        if value not in _NO_TIME:
            return read_time(value, line)
    return None


def _level(record: Document, line: Line) -> Level | None:
    """Read the severity; its text beats its number, as names beat numbers everywhere."""
    text, number = record.get("severityText"), record.get("severityNumber")
    found = line.reading.level(text) if isinstance(text, str) and text else None
    if found is not None:
        return found
    if isinstance(number, str):  # the enum's name, as proto3 JSON also allows
        number = _RANKS.get(number.removeprefix("SEVERITY_NUMBER_"), number)
    if number in (None, 0):
        if text:
            raise MalformedEvent("unknown_level", str(text)[:100])
        return None
    if isinstance(number, int) and 1 <= number <= 24 and not isinstance(number, bool):
        return next(level for highest, level in _RANGES if number <= highest)
    raise MalformedEvent("unknown_level", str(number)[:100])


_RANKS = {"UNSPECIFIED": 0} | {
    f"{word}{step or ''}": start + max(step - 1, 0)
    for start, word in zip(
        range(1, 22, 4), ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"), strict=True
    )
    for step in (0, 2, 3, 4)
}  # fmt: skip


def _attributes(holder: Document) -> Document:
    """Return a list of key and value objects as a mapping."""
    found: Document = {}
    for pair in _objects(holder, "attributes"):
        key = pair.get("key")
        if isinstance(key, str):
            found[key] = _value(pair.get("value"))
    return found


def _value(value: Any) -> Any:
    """Return what an AnyValue holds."""
    if not isinstance(value, dict):
        return value
    for name, inner in value.items():
        if name == "intValue":
            return _integer(inner)
        if name == "arrayValue" and isinstance(inner, dict):
            return [_value(item) for item in _listed(inner.get("values"))]
        if name == "kvlistValue" and isinstance(inner, dict):
            return _attributes({"attributes": inner.get("values")})
        return inner
    return None


def _listed(values: Any) -> list[Any]:
    if values is not None and not isinstance(values, list):
        raise MalformedEvent("invalid_otlp", "values is no list")
    return values or []


def _integer(value: Any) -> Any:
    is_short = isinstance(value, str) and len(value) < 21
    return int(value) if is_short and value.lstrip("-").isdecimal() else value
