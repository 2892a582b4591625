"""`logmon items`: list, show and change the work items of a store, also while it is in use."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from logmon.errors import ConfigError
from logmon.event import encode_json
from logmon.launch import sentinel_of, store_path
from logmon.store.journal import open_reader, open_writer, request_status
from logmon.work_item import PRIORITY_MARK, to_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from logmon.config import Config
    from logmon.store.journal import Store
    from logmon.work_item import Status, WorkItem

GRANTED_WITHIN_S = 5.0
"""How long to wait for the process that writes to do what it is asked."""
LOOK_EVERY_S = 0.05


def items(config: Config, *, every: bool) -> list[WorkItem]:
    """Return the items of the configured store, open ones first, the last changed first.

    Without `every` those that are done are left out.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    store = open_reader(store_path(config))
    try:
        found = [record.item for _, record in store.work_items()]
    finally:
        store.close()
    return sorted(
        (item for item in found if every or item.is_open), key=lambda item: not item.is_open
    )


def as_lines(found: list[WorkItem], *, json: bool) -> Iterator[str]:
    """Yield a line for each item: JSON, or columns for people."""
    for item in found:
        if json:
            yield encode_json(to_document(item)).decode()
        else:
            seen = item.last_seen.strftime("%Y-%m-%d %H:%M:%S")
            yield (
                f"{item.id:<8} {item.status:<11} {PRIORITY_MARK[item.priority]:<5} "
                f"×{item.count:<6} {seen}  {item.source:<12} {item.title}"
            )


def details(config: Config, item_id: str) -> Iterator[str]:
    """Yield the lines that tell all about one item.

    Raises:
        ConfigError: there is no such item.
        StoreError: there is no store, or it cannot be read.
    """
    store = open_reader(store_path(config))
    try:
        for key, value in to_document(_find(store, item_id)).items():
            text = value if isinstance(value, str) else encode_json({"": value})[4:-1].decode()
            yield f"{key:<12} {text}"
        for change in store.history(item_id):
            yield f"{'history':<12} {change.at:%Y-%m-%d %H:%M:%S}  {change.change}"
    finally:
        store.close()


def change(config: Config, item_id: str, status: Status) -> str:
    """Change an item's status and return a line that says so.

    Where another process writes into the store, it is asked to.

    Raises:
        ConfigError: there is no such item, or its status cannot become that.
        StoreError: there is no store, or it cannot be written.
    """
    path, at = store_path(config), datetime.now(UTC)
    open_reader(path).close()  # one that is not there is not made
    store = open_writer(path)
    if store is None:
        return _ask(path, item_id, status, at)
    try:
        before = _find(store, item_id)
        sentinel = sentinel_of(config)
        kept = sorted(store.work_items(), key=lambda pair: pair[0])
        sentinel.restore([record for _, record in kept], store.values("sentinel"))
        effects = sentinel.set_status(item_id, status, at)
        store.commit_now(effects.commit(sentinel.to_keep({}, None)))
        return _said(before, _find(store, item_id), status)
    finally:
        store.close()


def _ask(path: Path, item_id: str, status: Status, at: datetime) -> str:
    store = open_reader(path)
    try:
        before = _find(store, item_id)
        request_status(path, item_id, status, at)
        for _ in range(round(GRANTED_WITHIN_S / LOOK_EVERY_S)):
            time.sleep(LOOK_EVERY_S)
            if all(request.item != item_id for request in store.requests()):
                return _said(before, _find(store, item_id), status)
        return f"{item_id}: the process that writes into {path} was asked, and has not answered yet"
    finally:
        store.close()


def _find(store: Store, item_id: str) -> WorkItem:
    for _, record in store.work_items():
        if record.item.id == item_id:
            return record.item
    raise ConfigError(f"there is no work item {item_id!r}", hint="see logmon items list --all")


def _said(before: WorkItem, after: WorkItem, wanted: Status) -> str:
    if after.status != wanted:
        raise ConfigError(
            f"{after.id} stays {after.status}", hint="a newer item of the same cause is open"
        )
    return f"{after.id}: {before.status} → {after.status}"
