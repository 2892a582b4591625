"""A record that could not become an event: kept, with where it stood and why it failed."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.event import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCERPT_BYTES = 256 * 1_024
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

    @property
    def is_whole(self) -> bool:
        """Whether all of the record was kept: only then can it be read again."""
        return self.length <= EXCERPT_BYTES


class KeptLetter(msgspec.Struct, frozen=True):
    """A dead letter in a store."""

    number: int
    """Names it in its store, for good."""
    kept_at: datetime
    letter: DeadLetter


def to_document(letter: DeadLetter) -> dict[str, Any]:
    r"""Return the letter as the JSON object users see.

    `raw` is text, bytes that are no UTF-8 as `\xNN`; where there are such, `raw_base64` has the
    bytes as they came.
    """
    out = msgspec.structs.asdict(letter)
    out["raw"] = letter.raw.decode("utf-8", "backslashreplace")
    out["seen_at"] = None if letter.seen_at is None else rfc3339(letter.seen_at)
    try:
        letter.raw.decode()
    except UnicodeDecodeError:
        out["raw_base64"] = base64.b64encode(letter.raw).decode()
    return out


def kept_document(kept: KeptLetter) -> dict[str, Any]:
    """Return a letter of a store as the JSON object users see, with its number."""
    head = {"number": kept.number, "kept_at": rfc3339(kept.kept_at)}
    return head | to_document(kept.letter)


def hex_lines(raw: bytes, *, narrow: bool = False) -> Iterator[str]:
    """Yield bytes as 16 (`narrow`: 8) to a line: offset, hexadecimal, what is printable ASCII."""
    size = 8 if narrow else 16
    for start in range(0, len(raw), size):
        row = raw[start : start + size]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        more = "" if narrow else f"  {row[8:].hex(' '):<23}"
        yield f"{start:08x}  {row[:8].hex(' '):<23}{more}  |{text}|"
