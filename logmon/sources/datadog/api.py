"""What the tailing rule needs of Datadog, and nothing of HTTP: pages, counts, time, budget.

All times are milliseconds since 1970, UTC, by Datadog's clock.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from logmon.errors import SourceError

MOST_ROWS = 1_000
"""Largest page Datadog gives (API reference, "Search logs"; more is refused with 400)."""

Kind = Literal["search", "count"]


class CursorRefused(SourceError):
    """A page's cursor is no longer good; the window can be opened again without it."""


class CountsUnavailable(SourceError):
    """Events cannot be counted: no permission, no such endpoint, or counts that make no sense."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One event of a page, not decoded yet."""

    id: str
    time_ms: int
    """Its timestamp; of one that has none that can be read, its neighbour's."""
    raw: bytes


class Page(msgspec.Struct, frozen=True):
    """One answer to a search."""

    records: list[Record]
    """In the order that was asked for."""
    after: str | None = None
    """Where the next page begins; None at the end. A short page with a cursor is not the end."""
    partial: str = ""
    """Why it may lack events (`timeout`, a warning's text); empty when it is whole."""


class LogsApi(Protocol):
    """One organisation's logs, narrowed to one query.

    All but `now_ms`, `ready_in_s` and `allowance` may raise `TransientSourceError` (the same call
    may work later), `PermanentSourceError` or `CredentialsError`. Calls wait for their turn in
    the organisation's rate limit.
    """

    def now_ms(self) -> int:
        """Return the time by Datadog's clock; a guess until the first answer came."""
        ...

    def ready_in_s(self, kind: Kind) -> float:
        """Return how long a call of this kind would wait for its turn."""
        ...

    def allowance(self) -> float:
        """Return how many searches a second may be made on average: our share of the budget."""
        ...

    async def fetch_newest(self, lookback_ms: int, limit: int) -> Page:
        """Return the newest events of the time before now, the newest first."""
        ...

    async def fetch_page(
        self,
        start_ms: int,
        end_ms: int,
        *,
        newest_first: bool = False,
        limit: int = MOST_ROWS,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of the events from `start_ms` to `end_ms`.

        Whether the two ends themselves are included is not documented.

        Raises:
            CursorRefused: the cursor is not valid (any more).
        """
        ...

    async def count_buckets(self, start_ms: int, end_ms: int, bucket_ms: int) -> dict[int, int]:
        """Return how many events lie in each bucket, by its start; empty ones may be left out.

        `start_ms` and `end_ms` are multiples of `bucket_ms`.

        Raises:
            CountsUnavailable: it cannot be counted.
        """
        ...
