"""`logmon items`: list, show and change the work items of a store, also while it is in use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from logmon.configured import sentinel_of, store_path
from logmon.errors import UnknownItem
from logmon.event import encode_json
from logmon.hub import LogEventHub
from logmon.item_desk import FEEDBACK, STATUSES
from logmon.redaction_setup import redactor_of
from logmon.runtime import LogMonitorService
from logmon.sentinel.statistics import RuleStatistics
from logmon.store.journal import StoreOptions, open_reader, open_writer
from logmon.work_item import PRIORITY_MARK, to_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.config import Config
    from logmon.store.journal import Store
    from logmon.work_item import WorkItem


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


def rule_lines(config: Config, *, json: bool) -> Iterator[str]:
    """Yield a line for each rule with its counts: JSON, or columns for people.

    Without a store nothing was counted yet.

    Raises:
        StoreError: the store cannot be read.
    """
    sentinel = sentinel_of(config)
    path = store_path(config)
    if path.exists():
        store = open_reader(path)
        LogMonitorService(LogEventHub(), [], sentinel=sentinel, store=store).take_up()
        store.close()
    counts = sentinel.statistics()
    enabled = {rule.name: rule.enabled for rule in sentinel.known_rules}
    names = msgspec.structs.asdict(RuleStatistics())
    if not json:
        yield f"{'rule':<20} " + " ".join(f"{name:>10}" for name in names)
    for name, rule in counts.items():
        figures = msgspec.structs.asdict(rule)
        if json:
            yield encode_json(
                {"rule": name, "enabled": enabled.get(name, False), **figures}
            ).decode()
        else:
            state = "" if enabled.get(name) else "  off" if name in enabled else "  gone"
            yield f"{name:<20} " + " ".join(f"{figures[one]:>10,}" for one in names) + state


def details(config: Config, item_id: str) -> Iterator[str]:
    """Yield the lines that tell all about one item.

    Raises:
        UnknownItem: there is no such item.
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


def change(config: Config, item_id: str, wanted: str) -> str:
    """Give an item a status or a mark (`useful`, `noise`, `unmarked`); return a line that says so.

    Where another process writes into the store, it is asked to.

    Raises:
        ItemError: there is no such item, or its status cannot become that.
        StoreError: there is no store, or it cannot be written.
    """
    return asyncio.run(_change(config, item_id, wanted))


async def _change(config: Config, item_id: str, wanted: str) -> str:
    path = store_path(config)
    open_reader(path).close()  # one that is not there is not made
    options = StoreOptions(redactor=redactor_of(config.redaction, store=path))
    store = open_writer(path, options) or open_reader(path)
    hub = LogEventHub(journal=store if store.writes else None)
    service = LogMonitorService(hub, [], sentinel=sentinel_of(config), store=store)
    try:
        before = _find(store, item_id)
        service.take_up()
        if wanted in FEEDBACK:
            after = await service.set_feedback(item_id, FEEDBACK[wanted], by="logmon items")
            return f"{item_id}: marked {after.feedback or 'neither useful nor noise'}"
        status = next(status for status in STATUSES if status == wanted)
        after = await service.set_status(item_id, status, by="logmon items")
        return f"{item_id}: {before.status} → {after.status}"
    finally:
        service.close_store()


def _find(store: Store, item_id: str) -> WorkItem:
    for _, record in store.work_items():
        if record.item.id == item_id:
            return record.item
    raise UnknownItem(f"there is no work item {item_id!r}", hint="see logmon items list --all")
