"""Which events were read, as ids where they are recent and as counts where they are older.

A count is never higher than what was read: comparing it with Datadog's own count may lead to
reading again what is there already, and never to leaving out what is not.
"""

from __future__ import annotations

import msgspec

FINE_MS = 10_000
"""Width of a recent bucket."""
COARSE_MS = 60_000
"""Width of an older bucket."""
IDS_KEPT_MS = 20 * 60_000
"""Ids are held for buckets this far behind what has been read."""
MOST_IDS = 300_000
"""At about 80 bytes each; beyond it the oldest buckets keep only their count."""
COUNTS_KEPT_MS = 19 * 3_600_000
"""Counts are kept as long as the store remembers ids."""


class Counts(msgspec.Struct, frozen=True, array_like=True):
    """A ledger on disk: counts of consecutive buckets, the older and the recent ones."""

    coarse_from_ms: int = 0
    coarse: list[int] = []
    fine_from_ms: int = 0
    fine: list[int] = []


class _Bucket:
    __slots__ = ("ids", "known")

    def __init__(self, known: int = 0) -> None:
        self.known = known
        """How many distinct events were read whose ids are not held any more."""
        self.ids: set[int] = set()

    @property
    def count(self) -> int:
        # What is in `ids` may be in `known` as well: adding them could hide a missing event.
        return max(self.known, len(self.ids))


class Ledger:
    """What was read. Times before `border_ms` are in coarse buckets, the others in fine ones."""

    def __init__(self, counts: Counts | None = None) -> None:
        counts = counts or Counts()
        self.border_ms = counts.fine_from_ms
        self._coarse = _buckets(counts.coarse, counts.coarse_from_ms, COARSE_MS)
        self._fine = _buckets(counts.fine, counts.fine_from_ms, FINE_MS)
        self._ids = 0

    def add(self, time_ms: int, event_id: str) -> bool:
        """Note an event; return False when its id is held already."""
        bucket = self._bucket(time_ms)
        name = hash(event_id)
        if name in bucket.ids:
            return False
        bucket.ids.add(name)
        self._ids += 1
        if self._ids > MOST_IDS:
            self._forget_oldest()
        return True

    def count(self, start_ms: int, width_ms: int) -> int:
        """Return how many events of a bucket were read, at least."""
        if start_ms < self.border_ms:
            bucket = self._coarse.get(start_ms)
            return 0 if bucket is None else bucket.count
        places = range(start_ms, start_ms + width_ms, FINE_MS)
        return sum(self._fine[place].count for place in places if place in self._fine)

    def accept(self, start_ms: int, width_ms: int, count: int) -> None:
        """Take Datadog's count of a bucket for true: what it names cannot be found."""
        if start_ms < self.border_ms:
            bucket = self._bucket(start_ms)
            bucket.known = max(bucket.known, count)
        elif missing := count - self.count(start_ms, width_ms):
            bucket = self._bucket(start_ms)
            bucket.known = max(bucket.known, bucket.count + missing)

    def close(self, start_ms: int, end_ms: int) -> None:
        """Let go the ids of older buckets after all of them was read once more."""
        for place in range(start_ms - start_ms % COARSE_MS, min(end_ms, self.border_ms), COARSE_MS):
            if bucket := self._coarse.get(place):
                self._freeze(bucket)

    def fold(self, read_to_ms: int) -> None:
        """Keep of buckets far behind `read_to_ms` only their counts, and of old ones nothing."""
        border_ms = read_to_ms - IDS_KEPT_MS
        border_ms -= border_ms % COARSE_MS
        if border_ms <= self.border_ms:
            return
        for place in [place for place in self._fine if place < border_ms]:
            bucket = self._fine.pop(place)
            self._freeze(bucket)
            minute = place - place % COARSE_MS
            self._coarse.setdefault(minute, _Bucket()).known += bucket.known
        self.border_ms = border_ms
        oldest_ms = read_to_ms - COUNTS_KEPT_MS
        for place in [place for place in self._coarse if place < oldest_ms]:
            self._freeze(self._coarse.pop(place))

    def counts(self) -> Counts:
        """Return what goes to disk."""
        coarse_from_ms = min(self._coarse, default=self.border_ms)
        return Counts(
            coarse_from_ms,
            _row(self._coarse, coarse_from_ms, COARSE_MS),
            self.border_ms,
            _row(self._fine, self.border_ms, FINE_MS) if self.border_ms else [],
        )

    def _bucket(self, time_ms: int) -> _Bucket:
        if time_ms < self.border_ms:
            return self._coarse.setdefault(time_ms - time_ms % COARSE_MS, _Bucket())
        return self._fine.setdefault(time_ms - time_ms % FINE_MS, _Bucket())

    def _freeze(self, bucket: _Bucket) -> None:
        bucket.known = bucket.count
        self._ids -= len(bucket.ids)
        bucket.ids = set()

    def _forget_oldest(self) -> None:
        for place in sorted(self._fine):
            self._freeze(self._fine[place])
            if self._ids <= MOST_IDS // 2:
                return
        for bucket in self._coarse.values():
            self._freeze(bucket)


def _buckets(counts: list[int], from_ms: int, width_ms: int) -> dict[int, _Bucket]:
    return {
        from_ms + place * width_ms: _Bucket(count) for place, count in enumerate(counts) if count
    }


def _row(buckets: dict[int, _Bucket], from_ms: int, width_ms: int) -> list[int]:
    if not buckets:
        return []
    places = range(from_ms, max(buckets) + 1, width_ms)
    return [buckets[place].count if place in buckets else 0 for place in places]
