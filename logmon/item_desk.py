"""Where work items are written: Sentinel's own effects, and what people change, one at a time.

With a store, an effect is written together with how far Sentinel got, then shown. Where another
process writes into the store, it is asked to make the change.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import msgspec

from logmon.errors import ItemError, UnknownItem
from logmon.sentinel.pipeline import Effects
from logmon.work_item import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.courier import Courier
    from logmon.hub import LogEventHub
    from logmon.sentinel.pipeline import Sentinel
    from logmon.store.journal import Store
    from logmon.work_item import Feedback, WorkItem

STATUSES = get_args(Status)
FEEDBACK: dict[str, Feedback] = {"useful": "useful", "noise": "noise", "unmarked": ""}
REQUESTS_EVERY_S = 0.5
GRANTED_WITHIN_S = 5.0
"""How long to wait for the process that writes to do what it is asked."""
LOOK_EVERY_S = 0.05


class ItemDesk:
    """Serializes all changes of work items: they reach the store in the order they were made."""

    def __init__(
        self,
        hub: LogEventHub,
        sentinel: Sentinel,
        store: Store | None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._hub = hub
        self._sentinel = sentinel
        self._store = store
        self._now = now
        self._turn = asyncio.Lock()
        self.courier: Courier | None = None
        """Who tells trackers, where there are any."""

    async def keep(
        self, effects: Effects, offset: int | None, requests: tuple[int, ...] = ()
    ) -> None:
        """Write effects together with how far Sentinel got, then show them.

        Raises:
            StoreError: the store cannot be written.
        """
        if self._hub.journal is None:
            self._sentinel.to_keep(effects, None)  # what nobody keeps must not pile up
            if effects:
                self._hub.publish_own(
                    effects.events,
                    origin="sentinel",
                    links=effects.links,
                    news=tuple(effects.news),
                )
            return
        async with self._turn:
            kept = self._sentinel.to_keep(effects, offset, requests)
            if self.courier is not None:
                told = self.courier.entries(effects.events, self._sentinel.items.get)
                kept = msgspec.structs.replace(kept, outbox=told)
            await self._hub.commit(effects.commit(kept), own=True)
            if self.courier is not None:
                self.courier.wake(kept.outbox)

    async def change(self, item_id: str, wanted: str, by: str) -> WorkItem:
        """Give an item a status or a mark, and return it (see `LogMonitorService.set_status`)."""
        if self._store is not None and not self._store.writes:
            await self._ask(self._store, item_id, wanted, by)
        elif self._known(item_id) is not None:
            await self.keep(self._make(item_id, wanted, self._now(), by), None)
        item = self._known(item_id)
        if item is None:
            raise UnknownItem(f"there is no work item {item_id!r}", hint="see logmon items list")
        refuse_unless(item, wanted)
        return item

    def _known(self, item_id: str) -> WorkItem | None:
        if self._store is not None and not self._store.writes:
            found = self._store.work_items()
            return next((kept.item for _, kept in found if kept.item.id == item_id), None)
        return self._sentinel.items.get(item_id)

    def _make(self, item_id: str, wanted: str, at: datetime, by: str) -> Effects:
        if wanted in FEEDBACK:
            self._sentinel.set_feedback(item_id, FEEDBACK[wanted], at, by)
            return Effects({}, [])
        status = next(known for known in STATUSES if known == wanted)
        return self._sentinel.set_status(item_id, status, at, by)

    async def _ask(self, store: Store, item_id: str, wanted: str, by: str) -> None:
        from logmon.store.journal import request_change

        request_change(store.path, item_id, wanted, self._now(), by)
        for _ in range(round(GRANTED_WITHIN_S / LOOK_EVERY_S)):
            await asyncio.sleep(LOOK_EVERY_S)
            if all(request.item != item_id for request in store.requests()):
                return
        raise ItemError(f"{item_id}: the process that writes was asked, and has not answered yet")

    async def grant(self, store: Store) -> None:
        """Change items as other processes ask for it, until cancelled."""
        while True:
            for request in store.requests():
                known = request.status in FEEDBACK or request.status in STATUSES
                effects = (
                    self._make(request.item, request.status, request.at, request.by)
                    if known
                    else Effects({}, [])
                )
                await self.keep(effects, None, (request.number,))
            await asyncio.sleep(REQUESTS_EVERY_S)


def refuse_unless(item: WorkItem, wanted: str) -> None:
    """Raise unless an item is what was wanted.

    Raises:
        ItemError: it is not; the message says why.
    """
    if wanted in FEEDBACK or item.status == wanted:
        return
    reason = f"it became part of {item.part_of}" if item.part_of else ""
    reason = reason or "a newer item of the same cause is open"
    raise ItemError(f"{item.id} stays {item.status}", hint=reason)
