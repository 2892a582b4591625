"""How far the tail has read, as it stands in the checkpoint: committed with the events it names."""

from __future__ import annotations

import msgspec

from logmon.sources.datadog.ledger import Counts

VERSION = 1


class Window(msgspec.Struct, omit_defaults=True):
    """A span that is being read, the oldest events first, page by page."""

    start_ms: int
    end_ms: int
    cursor: str | None = None
    last_ms: int = 0
    """Time of the last event read in it; 0 before the first."""
    pages: int = 0

    def reopen(self) -> bool:
        """Go on without the cursor, from the last event; return whether that is any further."""
        further = self.last_ms > self.start_ms
        self.start_ms = max(self.start_ms, self.last_ms)
        self.cursor = None
        return further


class TailState(msgspec.Struct, omit_defaults=True):
    """Everything a restart needs. All times are ms by Datadog's clock."""

    key: str
    """Names what is read: site, query, indexes, storage tier. Another key starts anew."""
    began_ms: int
    """Everything since then is read sooner or later; what lies before is not looked for."""
    read_to_ms: int
    """Every window up to here was read to its end."""
    window: Window | None = None
    counts: Counts = Counts()
    version: int = VERSION


_decode = msgspec.json.Decoder(TailState).decode
_encode = msgspec.json.Encoder().encode


def encode_state(state: TailState) -> str:
    """Return the state as a checkpoint's text."""
    return _encode(state).decode()


def decode_state(text: str, key: str) -> TailState | None:
    """Return the state of a checkpoint's text, or None: it is of something else, or no state."""
    try:
        state = _decode(text)
    except (msgspec.MsgspecError, ValueError):
        return None
    return state if state.version == VERSION and state.key == key else None
