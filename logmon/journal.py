"""What is kept on disk, as hub and readers know it: one commit for all that belongs together.

A `Commit` is all or nothing: rows, rejected records, checkpoint, links to work items, a consumer's
effects and its offset. Rows are numbered by the journal, consecutively and for good; the log's
`seq` is the same number.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from logmon.batch import Batch
from logmon.checkpoint import Checkpoint
from logmon.dead_letter import DeadLetter
from logmon.event import LogEvent
from logmon.work_item import WorkItem

if TYPE_CHECKING:
    from collections.abc import Sequence


class ItemRecord(msgspec.Struct, frozen=True):
    """A work item as it is kept; at most one item of a cause is open."""

    number: int
    cause: tuple[str, ...]
    """What its events have in common: rule, source, template, then the group's values."""
    item: WorkItem


class ItemChange(msgspec.Struct, frozen=True):
    """One line of an item's history: it was opened, or its status changed."""

    item: str
    at: datetime
    change: str


class ItemRequest(msgspec.Struct, frozen=True):
    """Another process's wish to change an item; the process that writes grants it."""

    number: int
    item: str
    status: str
    """A status to take, or `useful`, `noise` or `unmarked`."""
    at: datetime
    by: str = ""
    """Who asks: `items done`, `screen`, an API token's name."""


class LetterRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Another process's wish about dead letters; the process that writes grants it."""

    number: int = 0
    origin: str
    """The source they came through."""
    settled: tuple[int, ...]
    """Numbers of the letters that are done with: restored, or thrown away."""
    events: tuple[LogEvent, ...] = ()
    """What they read as now."""


class OutboxEntry(msgspec.Struct, frozen=True):
    """What a tracker is to be told about one work item; kept until it has taken it in."""

    tracker: str
    key: str
    """Names this entry for good: a second one with it is the same one."""
    item: str
    rule: str
    kind: str
    """What happened: `opened`, `joined`, `raised`, `started`, `done`, `reopened`, `digest`."""
    document: bytes
    """The item as JSON, as it was then."""
    item_key: str = ""
    """Names the item for good, and cannot be guessed."""
    written_ns: int = 0
    number: int = 0
    """The order of entries, given by the store."""
    attempts: int = 0
    next_ns: int = 0
    """Not to be tried before this moment."""
    error: str = ""
    """Why the last attempt failed."""


class Delivered(msgspec.Struct, frozen=True):
    """What became of an outbox entry: its tracker knows, and calls the item `ref`."""

    entry: OutboxEntry
    ref: str
    at_ns: int
    silent: bool = False
    """Nothing was sent for it: another entry told of it."""


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer did with the rows up to an offset; kept together with the offset."""

    consumer: str = ""
    offset: int | None = None
    """Every row with a smaller `seq` is done with; None leaves the offset as it was."""
    links: dict[int, str] = {}
    """Rows by `seq`, and the work item each is linked to."""
    decisions: dict[int, bytes] = {}
    """Rows by `seq`, and what the consumer decided about each, where its link does not tell."""
    news: tuple[int, ...] = ()
    """Rows by `seq` that are the first of their template."""
    items: tuple[ItemRecord, ...] = ()
    """Work items that are new or have changed."""
    changes: tuple[ItemChange, ...] = ()
    outbox: tuple[OutboxEntry, ...] = ()
    """What trackers are to be told."""
    delivered: tuple[Delivered, ...] = ()
    postponed: tuple[OutboxEntry, ...] = ()
    """Entries to be tried again, with why and when."""
    requests: tuple[int, ...] = ()
    """Requests of other processes that are dealt with now."""
    values: dict[str, bytes | None] = {}
    """What else the consumer needs to go on after a restart, by name; None removes one."""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """What is written in one transaction."""

    origin: str
    """The configured source's name, or one of logmon's own origins."""
    batch: Batch | None = None
    distinct: bool = False
    """Leave out rows whose id came in through this origin before."""
    rejected: tuple[DeadLetter, ...] = ()
    checkpoint: Checkpoint | None = None
    effects: Effects | None = None
    older: bool = False
    """The rows go before the oldest one; never with a journal, whose numbers only grow."""
    settled: tuple[int, ...] = ()
    """Numbers of dead letters to remove: restored by this batch, or thrown away."""
    granted: tuple[int, ...] = ()
    """Numbers of `LetterRequest`s that are dealt with now."""


class Committed(msgspec.Struct, frozen=True):
    """What became of a commit."""

    first_seq: int
    """Number of the first row that was written."""
    rows: NDArray[np.intp] | None = None
    """Places in the batch of the rows that were written; None when all were."""
    rejected: int | None = None
    """How many of the rejected records are new; None when all are."""


class Block(msgspec.Struct, frozen=True):
    """Consecutive rows as the journal gives them back."""

    first_seq: int
    origin: str
    batch: Batch
    links: dict[int, str]
    news: tuple[int, ...] = ()


class Journal(Protocol):
    """The durable end of the log.

    The contract:

    * `commit` returns when everything in it would survive `kill -9`, or raises and nothing of it
      is there. Commits are applied in the order they are called in.
    * `read` gives rows back in `seq` order, from the oldest that is still kept.
    """

    epoch: str
    """Names the numbering: rows of one epoch never change their `seq`."""
    next_seq: int
    """The `seq` the next row will get."""

    async def commit(self, commit: Commit) -> Committed:
        """Write everything or nothing.

        Raises:
            StoreUnavailable: no room, a lock, damage; try again later.
            StoreError: it could not be written at all.
        """
        ...

    async def read(self, after: int, limit: int) -> Sequence[Block]:
        """Return the blocks of rows with seq > `after`, about `limit` rows; [] at the end."""
        ...
