"""Tells trackers what is in the outbox: each entry once, in order for each item, never too much.

An entry stays until its tracker has taken it in. An outage postpones; a rule that opens too many
items is held to `per_hour`, and what piles up beyond `storm` is told in one digest.
"""

from __future__ import annotations

import asyncio
import random
import time
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.event import encode_json
from logmon.journal import Commit, Delivered, Effects, OutboxEntry
from logmon.level import Level
from logmon.sentinel.rule import PRIORITIES
from logmon.source import Notice
from logmon.trackers.tracker import DeliveryError, Tracker
from logmon.work_item import WorkItem, to_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from logmon.event import LogEvent
    from logmon.hub import LogEventHub
    from logmon.store.journal import Store

HOUR_NS = 3_600 * 10**9
LONGEST_WAIT_S = 3_600.0
LOOK_EVERY_NS = 60 * 10**9
"""An idle courier looks at its outbox this often, besides when it is woken."""
COVERED = "in a digest"
"""The name of an item that only a digest told of."""
SHORTEST_WAIT_S = 0.05
DIGEST_ITEMS = 200
"""Items named in one digest; it says how many there are."""


class Addressee(msgspec.Struct, frozen=True):
    """A tracker, and what it is told."""

    name: str
    tracker: Tracker
    enabled: bool = False
    rules: tuple[str, ...] = ("*",)
    minimum_priority: str = "low"
    per_hour: int = 10
    storm: int = 20

    def wants(self, item: WorkItem) -> bool:
        """Whether it is told of an item."""
        mildest = PRIORITIES.index(self.minimum_priority)
        return PRIORITIES.index(item.priority) <= mildest and any(
            fnmatchcase(item.rule, glob) for glob in self.rules
        )


class Courier:
    """Carries entries from the store's outbox to trackers."""

    def __init__(
        self,
        hub: LogEventHub,
        store: Store,
        addressees: Iterable[Addressee],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        rng: random.Random | None = None,
    ) -> None:
        self._hub = hub
        self._store = store
        self._all = tuple(addressees)
        self._now_ns = now_ns
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._woken = {one.name: asyncio.Event() for one in self._all}
        self._trouble: dict[str, str] = {}

    def entries(
        self, said: Sequence[LogEvent], item_of: Callable[[str], WorkItem | None]
    ) -> tuple[OutboxEntry, ...]:
        """Return what trackers are to be told of what Sentinel said; `wake` them once it is kept.

        Those that are not enabled get nothing: a row of the log says what they would be told.
        """
        found = []
        for event in said:
            item = item_of(str(event.attributes["work_item"]))
            change = str(event.attributes["change"])
            for to in self._all:
                if item is None or not to.wants(item):
                    continue
                if to.enabled:
                    entry = entry_of(self._store.epoch, to.name, item, change, event.id)
                    found.append(entry)
                elif change == "opened":
                    self._say(to, f"would be told: {item.id} {change} (dry run)", Level.NOTICE)
        return tuple(found)

    def wake(self, kept: Iterable[OutboxEntry]) -> None:
        """Look at the outbox now: these are in it. Before, there would be nothing to see."""
        for name in {entry.tracker for entry in kept}:
            self._woken[name].set()

    async def run(self) -> None:
        """Deliver until cancelled; an outage of one tracker is nothing to the others."""
        try:
            await asyncio.gather(*(self._serve(to) for to in self._all if to.enabled))
        finally:
            for to in self._all:
                await to.tracker.close()

    async def _serve(self, to: Addressee) -> None:
        woken = self._woken[to.name]
        while True:
            woken.clear()
            wait_s = await self.round(to)
            try:
                async with asyncio.timeout(wait_s):
                    await woken.wait()
            except TimeoutError:
                pass

    async def round(self, to: Addressee) -> float:
        """Deliver what can be delivered now; return after how many seconds to look again."""
        await self._fold(to)
        now_ns = self._now_ns()
        for entry, ref, due_ns in self._first_of_items(to):
            if due_ns > now_ns or (not ref and self._free_ns(to, entry.rule) > now_ns):
                continue
            if ref == COVERED and not to.tracker.tells_all:
                await self._settle(delivered=(Delivered(entry, "", now_ns, silent=True),))
            elif not await self._deliver(to, entry, "" if ref == COVERED else ref):
                break
        now_ns = self._now_ns()
        due = [due_ns for _, _, due_ns in self._first_of_items(to)]
        wait_ns = min([max(0, due_ns - now_ns) for due_ns in due], default=LOOK_EVERY_NS)
        return max(SHORTEST_WAIT_S, min(wait_ns, LOOK_EVERY_NS) / 1e9)

    def _first_of_items(self, to: Addressee) -> list[tuple[OutboxEntry, str, int]]:
        """Return the oldest entry of each item, with the tracker's name for it and when it is due.

        An item's entries are told in their order; one without a name yet waits for `per_hour`.
        """
        found: dict[str, tuple[OutboxEntry, str, int]] = {}
        free: dict[str, int] = {}
        for entry in self._store.outbox(to.name):
            if entry.item in found:
                continue
            ref = self._store.tracker_ref(to.name, entry.item)
            free_ns = 0
            if not ref:
                free_ns = free.setdefault(entry.rule, self._free_ns(to, entry.rule))
            found[entry.item] = (entry, ref, max(entry.next_ns, free_ns))
        return list(found.values())

    def _free_ns(self, to: Addressee, rule: str) -> int:
        """Return from when on a new item of a rule may be told."""
        told = self._store.opened_since(to.name, rule, self._now_ns() - HOUR_NS)
        return told[-to.per_hour] + HOUR_NS if len(told) >= to.per_hour else 0

    async def _deliver(self, to: Addressee, entry: OutboxEntry, ref: str) -> bool:
        try:
            name = await to.tracker.deliver(entry, ref)
        except DeliveryError as error:
            await self._postpone(to, entry, error)
            return False
        if self._trouble.pop(to.name, ""):
            self._say(to, "takes items again", Level.NOTICE)
        await self._settle(delivered=(Delivered(entry, name, self._now_ns()),))
        return True

    async def _postpone(self, to: Addressee, entry: OutboxEntry, error: DeliveryError) -> None:
        wait_s = LONGEST_WAIT_S
        if not error.for_good:
            most = min(LONGEST_WAIT_S, 2.0 ** min(entry.attempts, 12))
            wait_s = max(self._rng.uniform(most / 2, most), error.retry_after_s or 0.0)
        if to.name not in self._trouble:
            self._trouble[to.name] = str(error)
            self._say(to, f"{error}; what it is to be told waits", Level.WARN)
        later = msgspec.structs.replace(
            entry,
            attempts=entry.attempts + 1,
            next_ns=self._now_ns() + round(wait_s * 1e9),
            error=str(error),
        )
        await self._settle(postponed=(later,))

    async def _fold(self, to: Addressee) -> None:
        """Put one digest in place of new items that pile up, rule by rule, in one transaction.

        What was tried already is left alone: the tracker may know of it.
        """
        by_rule: dict[str, list[OutboxEntry]] = {}
        for entry in self._store.outbox(to.name):
            if entry.kind == "opened" and not entry.attempts:
                by_rule.setdefault(entry.rule, []).append(entry)
        now_ns = self._now_ns()
        for new in by_rule.values():
            if len(new) > to.storm:
                told = tuple(Delivered(one, COVERED, now_ns, silent=True) for one in new)
                await self._settle(delivered=told, outbox=(_digest(new),))

    async def _settle(
        self,
        *,
        delivered: tuple[Delivered, ...] = (),
        postponed: tuple[OutboxEntry, ...] = (),
        outbox: tuple[OutboxEntry, ...] = (),
    ) -> None:
        effects = Effects(
            consumer="courier", delivered=delivered, postponed=postponed, outbox=outbox
        )
        await self._hub.commit(Commit(origin="logmon", effects=effects), own=True)

    def _say(self, to: Addressee, text: str, level: Level) -> None:
        notice = Notice(text=f"tracker {to.name}: {text}", level=level)
        self._hub.announce(notice, source="sentinel")

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Return for each tracker whether it is enabled, what waits, was told, and went wrong."""
        return {
            to.name: {"enabled": to.enabled, **self._store.tracker_statistics(to.name)}
            for to in self._all
        }


def entry_of(epoch: str, tracker: str, item: WorkItem, change: str, said: str) -> OutboxEntry:
    """Return what a tracker is to be told of a change; `said` is the id of the event that says it.

    `epoch` is the store's: keys of two stores differ.
    """
    return OutboxEntry(
        tracker=tracker,
        key=_hash(epoch, tracker, said),
        item=item.id,
        rule=item.rule,
        kind=change,
        document=encode_json(to_document(item)),
        item_key=_hash(epoch, item.id, item.created_at.isoformat()),
    )


def _digest(new: Sequence[OutboxEntry]) -> OutboxEntry:
    """Return one entry for many items: the first one's form, the others in its description."""
    items = [msgspec.json.decode(entry.document) for entry in new]
    first = items[0]
    lines = [f"{item['id']} {item['source']}: {item['title']}" for item in items[:DIGEST_ITEMS]]
    if len(items) > DIGEST_ITEMS:
        lines.append(f"… and {len(items) - DIGEST_ITEMS} more")
    key = _hash("digest", *(entry.key for entry in new))
    digest = {
        **first,
        "title": f"{len(items)} new work items of rule {first['rule']}",
        "description": "\n".join(lines),
        "template": "",
        "count": sum(item["count"] for item in items),
        "first_seen": min(item["first_seen"] for item in items),
        "last_seen": max(item["last_seen"] for item in items),
        "source_data": {"items": [item["id"] for item in items]},
    }
    return msgspec.structs.replace(
        new[0], key=key, item_key=key, item=key, kind="digest", document=encode_json(digest)
    )


def _hash(*parts: str) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
