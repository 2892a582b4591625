"""Lines that are JSON objects: the quick way for our canonical form, and the parser for all others.

Nothing gets past the parser that JSON does not have: no NaN or Infinity, no lone surrogate, and
no nesting that would take a later reader's stack.
"""

from __future__ import annotations

import re
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.errors import MalformedEvent
from logmon.event import LogEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.formats.line import Reading

DEEPEST = 256
"""Deeper nesting is refused: 100,000 levels would take any reader's stack."""
SHORT_BYTES = 2 * DEEPEST
"""A shorter line cannot nest deeper."""
_ESCAPES = re.compile(rb"\\.")
_TEXTS = re.compile(rb'"[^"]*"')
_NO_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'"{[]}')
_STEPS = bytes.maketrans(b"{[]}", b"\x01\x01\xff\xff")
"""An opening bracket is one level down, a closing one (-1 as int8) one level up."""


class _Canonical(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    timestamp: datetime
    level: str
    source: str
    message: str
    id: str = ""
    message_template: str | None = None
    attributes: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    host: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    work_item: str | None = None


_decode_canonical = msgspec.json.Decoder(_Canonical).decode
_decode_any = msgspec.json.Decoder().decode
_NOT_CANONICAL = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)


def read_canonical(
    raw: bytes,
    reading: Reading,
    make_id: Callable[[], str],
    *,
    source: str,
    host: str | None = None,
    extra: dict[str, Any] | None = None,
) -> LogEvent | None:
    """Return the event of a canonical line, or None: it is some other object, or none.

    What it leaves out is given: its source and host, an id; `extra` attributes are added.

    Raises:
        MalformedEvent: its time lies outside what can be kept.
    """
    try:
        wire = _decode_canonical(raw)
    except _NOT_CANONICAL:
        return None
    level = reading.level(wire.level)
    if level is None or wire.timestamp.tzinfo is None or is_deep(raw):
        return None
    return LogEvent(
        timestamp=reading.moment(wire.timestamp),
        level=level,
        source=wire.source or source,
        message=wire.message,
        message_template=wire.message_template,
        attributes={**extra, **wire.attributes} if extra else wire.attributes,
        tags=wire.tags,
        host=wire.host or host,
        trace_id=wire.trace_id,
        span_id=wire.span_id,
        id=wire.id or make_id(),
        work_item=wire.work_item,
    )


def read_object(raw: bytes) -> dict[str, Any]:
    """Parse a line that claims to be a JSON object.

    Raises:
        MalformedEvent: it is none, or it is nested too deeply.
    """
    try:
        document = _parse(raw)
    except UnicodeDecodeError as error:
        raise MalformedEvent("invalid_utf8", str(error)) from None
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedEvent("invalid_json", str(error)[:200]) from None
    if not isinstance(document, dict):
        raise MalformedEvent("not_an_object", f"a JSON {type(document).__name__}")
    if is_deep(raw):
        raise _too_deep()
    return document


def _parse(raw: bytes) -> Any:
    """Parse JSON; a number that no float holds, such as 1e999, is kept as it is written."""
    try:
        return _decode_any(raw)
    except msgspec.ValidationError:  # the only one that a document of any type can draw
        return _decode_wide(raw)


def _wide(number: str) -> float | str:
    value = float(number)
    return value if isfinite(value) else number


def refuse_other_json(raw: bytes) -> None:
    """Refuse a line that is JSON but no object; text that only opens like JSON passes.

    Raises:
        MalformedEvent: the whole line is a JSON array or string.
    """
    try:
        document = _decode_any(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    raise MalformedEvent("not_an_object", f"a JSON {type(document).__name__}")


_decode_wide = msgspec.json.Decoder(float_hook=_wide).decode


def _too_deep() -> MalformedEvent:
    return MalformedEvent("too_deep", f"nested deeper than {DEEPEST} levels")


def is_deep(raw: bytes) -> bool:
    """Whether valid JSON is nested too deeply. Looks closely only where brackets are many."""
    if len(raw) <= SHORT_BYTES or raw.count(b"{") + raw.count(b"[") <= DEEPEST:
        return False
    import numpy as np

    if b"\\" in raw:
        raw = _ESCAPES.sub(b"", raw)
    # Quotes and brackets alone are looked at: a tenth of the bytes, and of the time.
    brackets = _TEXTS.sub(b"", raw.translate(None, _NO_STRUCTURE)).translate(_STEPS)
    return int(np.frombuffer(brackets, dtype=np.int8).cumsum(dtype=np.int32).max()) > DEEPEST
