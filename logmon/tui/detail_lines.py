"""Everything known of one row as a tree of lines: its fields, how it was read, its bytes.

No Textual here. Text is not made visible yet: that is for who draws it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from logmon.event import rfc3339
from logmon.query.fields import as_text
from logmon.query.writing import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from logmon.segment import Delivery

DEEPEST = 20
MOST_FIELDS = 500
VALUE_CHARS = 4_000
RAW_BYTES = 16_384
BYTES_A_LINE = 16

Kind = Literal["plain", "value", "branch", "item", "note", "level"]


class Field(msgspec.Struct, frozen=True):
    """One line: a name, its value, how deep it lies, and the condition that asks for it."""

    name: str
    value: str = ""
    depth: int = 0
    kind: Kind = "plain"
    path: str = ""
    """Names a branch, for opening and closing it."""
    condition: str = ""
    """A query that holds for events with this value; empty where there is none."""


class Sight(msgspec.Struct, frozen=True):
    """What of a row is to be seen."""

    closed: frozenset[str] = frozenset()
    """Paths of branches whose fields are hidden."""
    raw: bool = False
    """Whether the bytes are shown."""


def fields_of(delivery: Delivery, parsed: str, raw: bytes, sight: Sight) -> list[Field]:
    """Return the lines of one row."""
    event = delivery.event
    found = [
        Field("message", event.message),
        Field("time", rfc3339(event.timestamp)),
        Field("level", event.level.label, kind="level", condition=_status(delivery)),
        Field("source", event.source, condition=written("service", event.source)),
    ]
    if event.message_template:
        found.insert(1, Field("template", event.message_template))
    if delivery.work_item:
        found.append(Field("work item", delivery.work_item, kind="item"))
    found += _attributes(event.attributes, sight)
    found += _tags(event.tags)
    for name in ("host", "trace_id", "span_id"):
        if value := getattr(event, name):
            found.append(Field(name, value, condition=written(name, value)))
    found.append(Field("id", event.id))
    if event.work_item and not delivery.is_own:
        found.append(Field("recorded", f"work_item {event.work_item} (as it came)"))
    found.append(Field("came by", delivery.origin))
    found.append(Field("parsed as", _because(parsed), kind="note"))
    found += _raw(raw, sight)
    return found


def _status(delivery: Delivery) -> str:
    return written("status", delivery.event.level.label) if delivery.event.has_level else ""


def _because(parsed: str) -> str:
    """Turn `json · opens with {` into `json, because it opens with {`."""
    name, _, why = parsed.partition(" · ")
    return f"{name} because {why}" if why else name


def _tags(tags: Sequence[str]) -> Iterator[Field]:
    for tag in tags:
        key, colon, value = tag.partition(":")
        condition = written(key, value) if colon and key and value else written("tags", tag)
        yield Field("tag", tag, condition=condition)


def _attributes(attributes: dict[str, Any], sight: Sight) -> list[Field]:
    found = list(_branch(attributes, "", 0, sight))
    if len(found) > MOST_FIELDS:
        over = len(found) - MOST_FIELDS
        found = [*found[:MOST_FIELDS], Field(f"… {over:,} more are not shown", kind="note")]
    return found


def _branch(value: Any, path: str, depth: int, sight: Sight) -> Iterator[Field]:
    """Yield the fields below a branch; lists are branches whose names are places."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        place = f"{path}.{key}" if path else str(key)
        name = f"@{key}" if depth == 0 else f"{key}"
        if isinstance(inner, dict | list | tuple) and inner and depth < DEEPEST:
            closed = place in sight.closed
            size = f"{len(inner)} {'fields' if isinstance(inner, dict) else 'elements'}"
            yield Field(name, size if closed else "", depth, "branch", place)
            if not closed:
                yield from _branch(inner, place, depth + 1, sight)
            continue
        yield Field(
            name,
            "null" if inner is None else as_text(inner),
            depth,
            "value",
            place,
            _condition(value, path, key, inner),
        )


def _condition(parent: Any, path: str, key: object, value: Any) -> str:
    if value is None or isinstance(value, dict | list | tuple):
        return ""
    if isinstance(parent, dict):
        return written(f"@{path}.{key}" if path else f"@{key}", value)
    return written(f"@{path}", value)


def _raw(raw: bytes, sight: Sight) -> Iterator[Field]:
    if not sight.raw:
        yield Field("bytes", f"{len(raw):,}; r shows them", kind="note")
        return
    for start in range(0, min(len(raw), RAW_BYTES), BYTES_A_LINE):
        piece = raw[start : start + BYTES_A_LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in piece)
        yield Field(f"{start:08x}", f"{piece.hex(' '):<47}  {text}", kind="note")
    if len(raw) > RAW_BYTES:
        yield Field(f"… {len(raw) - RAW_BYTES:,} more bytes are not shown", kind="note")
