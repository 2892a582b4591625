"""How far a source has been read: an opaque position that only its source understands."""

from __future__ import annotations

import msgspec


class Checkpoint(msgspec.Struct, frozen=True):
    """A place to resume from, valid for one source.

    `cursor` is the source's own text (a byte offset, a page cursor, a time); nobody else reads it.
    """

    source: str
    cursor: str
