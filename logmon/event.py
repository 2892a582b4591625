"""One log event: immutable, cheap to make, with one canonical JSON form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, ClassVar

import msgspec

from logmon.level import Level

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LogEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What happened, where, when and how bad. Making one costs about 0.9 µs (msgspec 0.22)."""

    timestamp: datetime
    """When it happened: aware, UTC, to the microsecond."""
    level: Level = Level.INFO
    has_level: bool = True
    """Whether the input named a level; a row without one is shown as info and has no status."""
    source: str = ""
    """The emitter's name: the Source column, and what `--source` filters."""
    message: str = ""
    message_template: str | None = None
    """The message before its values were put in: `Card declined for order {order}`."""
    attributes: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    host: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    id: str = ""
    """Stable: the same event read twice has the same id. Empty until the hub gives one."""
    work_item: str | None = None
    """What the input claimed, kept as recorded and never trusted: real links are the log's."""
    is_new: ClassVar[bool] = False
    """Whether it is the first of its template; filters are asked with the log's mark (`as_new`)."""


class _NewEvent(LogEvent, frozen=True, kw_only=True, gc=False):
    is_new = True


def as_new(event: LogEvent) -> LogEvent:
    """Return an event as the first of its template, for conditions such as `is:new`."""
    return _NewEvent(**msgspec.structs.asdict(event))


def to_ns(moment: datetime) -> int:
    """Return nanoseconds since 1970 of an aware datetime, exact to its microsecond."""
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000


def from_ns(time_ns: int) -> datetime:
    """Return the UTC datetime of nanoseconds since 1970, cut to microseconds, years 1–9999."""
    try:
        return EPOCH + timedelta(microseconds=time_ns // 1_000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if time_ns > 0 else datetime.min.replace(tzinfo=UTC)


def event_id(source: str, offset: int, raw: bytes) -> str:
    """Name an event that brought no id: a hash of source name, byte offset and bytes (1.2 µs)."""
    digest = blake2b(raw, digest_size=12, key=b"logmon")
    digest.update(b"%d\0" % offset)
    digest.update(source.encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def rfc3339(moment: datetime) -> str:
    """Write a moment as UTC with six decimals and a `Z`: `2026-11-23T14:02:30.240000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def canonical(event: LogEvent, *, work_item: str | None = None) -> dict[str, Any]:
    """Return the event as the JSON object users see; empty optional keys are left out.

    `work_item` is Sentinel's own link; without one, what the input claimed is shown as recorded.
    """
    out: dict[str, Any] = {
        "timestamp": rfc3339(event.timestamp),
        "level": event.level.label,
        "source": event.source,
    }
    if event.host:
        out["host"] = event.host
    out["message"] = event.message
    if event.message_template:
        out["message_template"] = event.message_template
    if event.attributes:
        out["attributes"] = event.attributes
    if event.tags:
        out["tags"] = event.tags
    if event.trace_id:
        out["trace_id"] = event.trace_id
    if event.span_id:
        out["span_id"] = event.span_id
    out["id"] = event.id
    if item := work_item or event.work_item:
        out["work_item"] = item
    return out


_encoder = msgspec.json.Encoder()


def encode(event: LogEvent, *, work_item: str | None = None) -> bytes:
    """Return the canonical form as one line of UTF-8 JSON, without the newline.

    Lone surrogates and integers beyond 64 bits, which JSON readers choke on, come out as text.
    """
    return encode_json(canonical(event, work_item=work_item))


def encode_json(document: dict[str, Any]) -> bytes:
    """Return any document as one line of UTF-8 JSON that every reader can read back."""
    try:
        return _encoder.encode(document)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError):
        return _encoder.encode(_plain(document))


def encode_ascii(event: LogEvent, *, work_item: str | None = None) -> str:
    """Return the canonical form with every character beyond ASCII escaped, for a terminal."""
    return ascii_json(encode(event, work_item=work_item))


def ascii_json(line: bytes) -> str:
    """Return a line of JSON with every character beyond printable ASCII escaped."""
    import json

    text = line.decode()
    if text.isascii() and "\x7f" not in text:
        return text
    escaped = json.dumps(json.loads(text), ensure_ascii=True, separators=(",", ":"))
    return escaped.replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    return _plain(str(value))
