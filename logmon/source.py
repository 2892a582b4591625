"""Where events come from: the promises every source keeps, and the options every source obeys."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from logmon.batch import Batch
from logmon.checkpoint import Checkpoint
from logmon.dead_letter import DeadLetter
from logmon.filter import EVERYTHING, LogFilter
from logmon.level import Level

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


EVERY_ROW = 1 << 62


class LookBack(msgspec.Struct, frozen=True, kw_only=True):
    """How far back a source of kept rows begins: with the last so many that pass."""

    rows: int
    """`EVERY_ROW` is all."""
    passing: LogFilter = EVERYTHING
    thorough: bool = True
    """Look through all there is; else no further than can be read before anyone waits for it."""
    each: bool = False
    """So many of each file, not of all together."""
    room: int | None = None
    """How many rows can be held: before the newest so many, rows that do not pass are left out."""


class LogStreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What one source is asked to deliver; the hub enforces it and counts what it leaves out."""

    minimum_level: Level | None = None
    """Milder events are counted as filtered."""
    sources: tuple[str, ...] = ()
    """Emitter names to keep, as globs, `!name` excludes; empty keeps all."""
    tags: tuple[str, ...] = ()
    """Every one of these tags must be on an event for it to be kept."""
    query: str = ""
    """A filter in the other side's own language, for sources that can push it there."""
    since: datetime | None = None
    """Older events are counted as filtered."""
    throttle_per_second: float | None = None
    """Most events per second a source delivers; the excess is counted as dropped."""
    look_back: LookBack | None = None
    """How much history is wanted first; None leaves that to the source's own settings."""
    history_only: bool = False
    """End when what was there at the start has been read; sources that cannot tell are cut off."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the stream itself that readers must see as a row: a gap, a reconnect."""

    text: str
    level: Level = Level.NOTICE
    lost: int | None = 0
    """How many events are missing for good; None when it cannot be known."""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What a source has now: events, records that are none, how far it got, what to say."""

    batch: Batch | None = None
    rejected: tuple[DeadLetter, ...] = ()
    checkpoint: Checkpoint | None = None
    notices: tuple[Notice, ...] = ()
    duplicates: int = 0
    """Events an overlap read again and the source left out."""
    older: bool = False
    """The rows stand before all that came so far: a file that is read from its end."""
    caught_up: bool = False
    """All that was there at the start has been delivered."""
    share_read: float | None = None
    """How much of a whole of known size has been read, from 0 to 1; at 1 it is read."""


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a source stands, for a person; asked for about once a second."""

    state: str
    """`live` while all is well, else a few words: `retry in 8 s`."""
    detail: str = ""
    """What is wrong."""
    progress: str = ""
    """How it goes while it is live: `38/60 · 4 s behind · next 3 s`."""


class Probe(msgspec.Struct, frozen=True):
    """One thing that was tried. `remedy` is empty when there is nothing to do."""

    subject: str
    verdict: Literal["ok", "note", "wrong"]
    text: str
    remedy: str = ""


class LogEventSource(Protocol):
    """Somewhere log events come from.

    The contract, which `logmon.testing.check_source_contract` holds any source to:

    * `observe()` yields arrivals in the order the source received them, each as soon as there is
      something to say: a batch holds what is there now (about 1,000 rows at most) and is never
      held back to be filled.
    * It ends normally when the source is exhausted (a replayed file), or never.
    * It may be called again after it ended, failed or was cancelled.
    * Cancelling the iterating task, or closing the iterator, is the only way to stop it, and
      releases every resource before it returns.
    * It raises `TransientSourceError` or `PermanentSourceError`, nothing else.
    * A record that is no event is rejected with a reason, and its neighbours are delivered.

    A source may also have `resume(checkpoint)`: with a store it is called before each `observe()`
    with the last checkpoint of this source that was committed, or None. And `status()`: it returns
    a `SourceStatus` at any time, at once. And `reread(letter)`: it returns the events that a dead
    letter of this source reads as now, or raises `MalformedEvent`. And `check()`: it yields
    `Probe`s of a trial reading, or raises what that met. And `tells_caught_up`: true where an
    arrival will say `caught_up`, so that readers may wait for it.
    """

    @property
    def name(self) -> str:
        """The configured name, unique in one program."""
        ...

    @property
    def options(self) -> LogStreamOptions:
        """What it is asked to deliver."""
        ...

    def observe(self) -> AsyncIterator[Arrival]:
        """Read the source; wrap it in `contextlib.aclosing` to stop early."""
        ...
