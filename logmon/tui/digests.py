"""What is known of each segment's rows in short, kept up to date at the cost of what changed.

Overviews (histogram, patterns, emitters) are sums over segments. A segment's part is worked out
once and again only when its rows, the filter or what else it depends on changed; a bounded number
of segments at a time, newest first, so that no frame waits for a million rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from logmon.event_log import Snapshot
    from logmon.filter import LogFilter
    from logmon.segment import Segment

    Rows = NDArray[np.intp]

Digest = TypeVar("Digest")


class Digests(Generic[Digest]):
    """One digest for each held segment, made by `make(segment, rows)` of the rows that pass."""

    def __init__(
        self,
        make: Callable[[Segment, Rows], Digest],
        *,
        progress: Callable[[Segment], Hashable] | None = None,
    ) -> None:
        self._make = make
        self._progress = progress
        self._settled: Snapshot | None = None
        self._made: dict[int, tuple[Hashable, Digest]] = {}
        self._seen: tuple[object, ...] = ()
        self.complete = True
        """Whether every held row that the filter has been asked about is counted."""
        self.version = 0
        """Counts changes of any digest."""

    def sync(
        self, snapshot: Snapshot, log_filter: LogFilter, key: Hashable = None, *, most: int
    ) -> bool:
        """Bring up to `most` segments up to date; return whether it should be called again.

        A snapshot that is up to date already costs nothing.

        `key` is what all digests depend on besides rows and filter: another one starts afresh.
        Rows that the filter has not been asked about yet are left out, and `complete` is False.
        """
        if self._seen[:2] != (log_filter, key):
            self._made.clear()
            self.version += 1
            self._settled = None
        self._seen = (log_filter, key)
        if snapshot is self._settled:
            return False
        self._forget(snapshot)
        self.complete = True
        done = 0
        for segment in reversed(snapshot.segments):
            start, stop = snapshot.bounds(segment)
            state = (start, stop, self._progress(segment) if self._progress else None)
            known = self._made.get(segment.first_seq)
            if known is not None and known[0] == state:
                continue
            if not segment.decided(log_filter, stop):
                self.complete = False
                continue
            if done == most:
                self.complete = False
                return True
            digest = self._make(segment, segment.rows(log_filter, start, stop))
            self._made[segment.first_seq] = (state, digest)
            self.version += 1
            done += 1
        if self.complete and self._progress is None:
            self._settled = snapshot
        return False

    def _forget(self, snapshot: Snapshot) -> None:
        held = {segment.first_seq for segment in snapshot.segments}
        for first in [first for first in self._made if first not in held]:
            del self._made[first]
            self.version += 1

    def values(self) -> Iterable[Digest]:
        """Return the digests there are."""
        return (digest for _, digest in self._made.values())
