"""Any source, with the secrets taken out before anyone sees its rows: what `--redact` asks for."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from logmon.batch import Columns, EventBatch, events_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import numpy as np
    from numpy.typing import NDArray

    from logmon.batch import Batch
    from logmon.checkpoint import Checkpoint
    from logmon.event import LogEvent
    from logmon.redaction import Redactor
    from logmon.source import Arrival, LogEventSource, LogStreamOptions, Notice


class RedactedSource:
    """Gives what another source gives, redacted; `resume` works if the other one has it."""

    def __init__(self, source: LogEventSource, redactor: Redactor) -> None:
        self.inner = source
        self._redactor = redactor

    @property
    def name(self) -> str:
        """The other source's name."""
        return self.inner.name

    @property
    def options(self) -> LogStreamOptions:
        """The other source's options."""
        return self.inner.options

    def resume(self, checkpoint: Checkpoint | None) -> None:
        """Hand a checkpoint on."""
        if resume := getattr(self.inner, "resume", None):
            resume(checkpoint)

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Read the other source."""
        async with aclosing(self.inner.observe()) as arrivals:  # type: ignore[type-var]
            async for arrival in arrivals:
                yield self._redacted(arrival)

    def _redacted(self, arrival: Arrival) -> Arrival:
        redactor = self._redactor
        return msgspec.structs.replace(
            arrival,
            batch=None if arrival.batch is None else redacted(arrival.batch, redactor),
            rejected=tuple(map(redactor.dead_letter, arrival.rejected)),
            notices=tuple(map(self._said, arrival.notices)),
        )

    def _said(self, notice: Notice) -> Notice:
        return msgspec.structs.replace(notice, text=self._redactor.text(notice.text))


def redacted(batch: Batch, redactor: Redactor) -> Batch:
    """Return a batch without secrets; what is bytes is redacted when looked at."""
    if isinstance(batch, EventBatch):
        return EventBatch([redactor.event(event) for event in events_of(batch)])
    return RedactedBatch(batch, redactor)


class RedactedBatch:
    """Another batch whose rows are redacted each time one is looked at."""

    __slots__ = ("_batch", "_redactor", "columns", "nbytes")

    def __init__(self, batch: Batch, redactor: Redactor) -> None:
        self._batch = batch
        self._redactor = redactor
        self.nbytes = batch.nbytes
        other = batch.columns
        names = tuple(map(redactor.text, other.names))
        self.columns = Columns(other.times, other.levels, other.source_ids, names)

    def __len__(self) -> int:
        return len(self._batch)

    def event(self, row: int) -> LogEvent:
        """Return the redacted event of a row."""
        return self._redactor.event(self._batch.event(row))

    def raw(self, row: int) -> bytes:
        """Return a row's bytes as they came, but for the secrets."""
        return self._redactor.raw(self._batch.raw(row))

    def explain(self, row: int) -> str:
        """Say as what a row was read, and why."""
        return self._batch.explain(row)

    def take(self, rows: NDArray[np.intp]) -> Batch:
        """Return a batch of only these rows, still redacted when looked at."""
        return RedactedBatch(self._batch.take(rows), self._redactor)
