"""What goes into the tail and comes out of it: options, steps, and how far it has read.

The state is a checkpoint's text, committed together with the events it speaks of.
"""

from __future__ import annotations

import msgspec

from logmon.source import Notice
from logmon.sources.datadog.api import Record
from logmon.sources.datadog.ledger import Counts

VERSION = 1


class TailOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the tail reads."""

    overlap_s: float = 30.0
    """How far each window reaches back behind the last one, in seconds: what comes so late is
    read by the next window. Raised up to 120 s where events come later, lowered to 10 s where
    the budget is short."""
    lookback_s: float = 900.0
    """How far back reading begins when there is no checkpoint."""
    max_catch_up_s: float = 24 * 3600.0
    """A longer absence is not made up for: the part before is skipped, and a row says so."""
    reconcile: bool = True
    """Compare counts, to find what came later than the overlap."""
    ends: bool = False
    """End when everything up to the start has been read."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one request brought. The checkpoint belongs into the same commit as the records."""

    records: list[Record] = []
    """New ones, the oldest first; repeats of older ones are possible after a restart."""
    duplicates: int = 0
    """Records that an overlap read again."""
    checkpoint: str | None = None
    """Where to go on from, for `decode_state`."""
    notices: tuple[Notice, ...] = ()


class Window(msgspec.Struct, omit_defaults=True):
    """A span that is being read, the oldest events first, page by page."""

    start_ms: int
    end_ms: int
    cursor: str | None = None
    last_ms: int = 0
    """Time of the last event of the last page; 0 before the first, and when it is begun again."""
    pages: int = 0
    rows: int = 0
    """Events that its pages held, repeats included."""

    @property
    def length_ms(self) -> int:
        """How long a span it is."""
        return self.end_ms - self.start_ms

    def reached(self, records: list[Record]) -> bool:
        """Note a page, whose last event tells how far it goes; return whether that is further.

        Others of its events may lie anywhere: one that is repeated from elsewhere leads nowhere.
        """
        before_ms = self.last_ms
        if records:
            self.last_ms = min(max(before_ms, records[-1].time_ms), self.end_ms)
        return self.last_ms > before_ms

    def again(self) -> None:
        """Begin it again: what was read of it may lack something anywhere."""
        self.cursor, self.last_ms = None, 0

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
