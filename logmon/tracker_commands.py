"""`logmon sentinel trackers`: where items go, what waits, and the request one would make."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from logmon.configured import store_path
from logmon.courier import entry_of
from logmon.errors import ConfigError, UnknownItem
from logmon.event import encode_json
from logmon.store.journal import open_reader
from logmon.tracker_setup import addressees

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.config import Config
    from logmon.courier import Addressee
    from logmon.store.journal import Store

_NOTHING: dict[str, Any] = {"waiting": 0, "delivered": 0, "error": ""}


def trackers(config: Config, item: str | None, *, json: bool) -> Iterator[str]:
    """Yield a line for each tracker, or with an item the request each would make for it.

    Nothing is sent.

    Raises:
        ConfigError: no tracker is configured, or there is no such item.
        StoreError: the store cannot be read.
    """
    found = tuple(addressees(config.sentinel))
    if not found:
        raise ConfigError("no tracker is configured", hint="write [sentinel.trackers.NAME]")
    path = store_path(config)
    store = open_reader(path) if path.exists() or item else None
    try:
        for to in found:
            if item is not None and store is not None:
                yield from _request(to, store, item)
            else:
                yield _line(to, store, json=json)
    finally:
        asyncio.run(_close(found))
        if store is not None:
            store.close()


async def _close(found: tuple[Addressee, ...]) -> None:
    for to in found:
        await to.tracker.close()


def _line(to: Addressee, store: Store | None, *, json: bool) -> str:
    figures = _NOTHING if store is None else store.tracker_statistics(to.name)
    if json:
        return encode_json({"tracker": to.name, "enabled": to.enabled, **figures}).decode()
    state = "enabled" if to.enabled else "dry run"
    counts = f"{figures['waiting']:>6} waiting {figures['delivered']:>6} told"
    return f"{to.name:<16} {state:<8} {counts}  {figures['error']}".rstrip()


def _request(to: Addressee, store: Store, item_id: str) -> Iterator[str]:
    for _, record in store.work_items():
        if record.item.id == item_id:
            entry = entry_of(store.epoch, to.name, record.item, "opened", record.item.id)
            yield f"# {to.name}"
            shown = to.tracker.preview(entry, store.tracker_ref(to.name, item_id))
            yield from [*shown.splitlines(), ""]
            return
    raise UnknownItem(f"there is no work item {item_id!r}", hint="see logmon items list --all")
