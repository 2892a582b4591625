"""`type = "otlp"`: what applications and collectors send to `POST /v1/logs`.

An export request becomes events with ids made of their content, so that one that is sent again,
because its answer was lost, changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from pydantic import BaseModel, ConfigDict

from logmon.batch import EventBatch
from logmon.dead_letter import DeadLetter
from logmon.event import LogEvent, to_ns
from logmon.formats.line import Reading
from logmon.formats.otlp import read_export, reread_record
from logmon.source import Arrival
from logmon.sources.push import MOST_WAITING, PushSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from logmon.level import Level
    from logmon.source import LogStreamOptions

BATCH_ROWS = 1_000
ACCEPTED_WITHIN_S = 10.0


class OtlpSettings(BaseModel):
    """`[sources.NAME]` with `type = "otlp"`: it has no keys of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Export(msgspec.Struct, frozen=True):
    """What one request holds: events, and records that are none."""

    events: list[LogEvent]
    rejected: list[DeadLetter]


class OtlpSource(PushSource):
    """Takes in export requests, each whole or not at all."""

    def __init__(
        self,
        name: str,
        options: LogStreamOptions,
        levels: Mapping[str, Level] | None = None,
        *,
        most_waiting: int = MOST_WAITING,
        accepted_within_s: float = ACCEPTED_WITHIN_S,
    ) -> None:
        super().__init__(name, options=options, most_waiting=most_waiting)
        self.accepted_within_s = accepted_within_s
        """How long a request waits to be taken in before its sender is told to come back."""
        self._reading = Reading(source=name, levels=dict(levels or {}))

    def read(self, document: dict[str, Any], *, peer: str, now_ns: int) -> Export:
        """Return what a request in OTLP/JSON's form holds; safe in any thread.

        Raises:
            MalformedEvent: it is no export request.
        """
        return Export(*read_export(document, self._reading, origin=peer, now_ns=now_ns))

    def reread(self, letter: DeadLetter) -> list[LogEvent]:
        """Return the event that a dead letter of this source reads as now.

        Raises:
            MalformedEvent: it is still none.
        """
        now_ns = 0 if letter.seen_at is None else to_ns(letter.seen_at)
        return [reread_record(letter.raw, self._reading, now_ns=now_ns)]

    async def accept(self, export: Export) -> None:
        """Wait until the log holds all of a request, in parts of at most `BATCH_ROWS` rows.

        Raises:
            SourceBusy: too much waits already. What was taken before is known by its ids.
        """
        for arrival in _arrivals(export):
            await self.deliver(arrival)


def _arrivals(export: Export) -> Iterator[Arrival]:
    rejected = tuple(export.rejected)
    for start in range(0, len(export.events), BATCH_ROWS):
        batch = EventBatch(export.events[start : start + BATCH_ROWS])
        yield Arrival(batch=batch, rejected=rejected)
        rejected = ()
    if rejected:
        yield Arrival(rejected=rejected)
