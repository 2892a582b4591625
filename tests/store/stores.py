"""Stores of tests: opened to write, with options, and their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.store.journal import Store, StoreOptions, open_writer

if TYPE_CHECKING:
    from pathlib import Path

    from logmon.event import LogEvent


def opened(path: Path, **options: object) -> Store:
    store = open_writer(path, StoreOptions(**options))
    assert store is not None
    return store


def rows(store: Store, after: int = -1) -> list[tuple[int, LogEvent]]:
    """Return the `seq` and the event of each row behind `after`."""
    return [
        (block.first_seq + row, block.batch.event(row))
        for block in store.read_now(after, 10**9)
        for row in range(len(block.batch))
        if block.first_seq + row > after
    ]
