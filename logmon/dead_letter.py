"""A record that could not become an event: kept whole, with where it stood and why it failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from logmon.event import rfc3339

EXCERPT_BYTES = 4_096
"""How much of a huge record is kept, in bytes; its true length is kept beside it."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected record. `offset` is the byte in `origin` where it starts, where that is known."""

    source: str
    """Name of the configured source it came through."""
    origin: str = ""
    """File name, URL or peer it was read from."""
    offset: int | None = None
    reason: str
    """A short machine word: `invalid_json`, `not_an_object`, `unknown_level`, …"""
    detail: str = ""
    raw: bytes
    """The first `EXCERPT_BYTES` of the record."""
    length: int
    """Length of the whole record, in bytes."""
    parser: str = ""
    """The dialect that refused it."""
    seen_at: datetime | None = None


def to_document(letter: DeadLetter) -> dict[str, Any]:
    r"""Return the letter as the JSON object users see; bytes that are no UTF-8 read `\xNN`."""
    out = msgspec.structs.asdict(letter)
    out["raw"] = letter.raw.decode("utf-8", "backslashreplace")
    out["seen_at"] = None if letter.seen_at is None else rfc3339(letter.seen_at)
    return out
