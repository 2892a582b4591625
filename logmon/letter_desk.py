"""Where dead letters are settled: read again as rows of the log, or thrown away, once.

`logmon dead retry` writes its wish into the store when another process writes there; that one
grants it in the same transaction that removes it, so it happens once, over crashes too.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from logmon.batch import EventBatch
from logmon.intake import SourceStatistics
from logmon.journal import Commit, Committed

if TYPE_CHECKING:
    from logmon.hub import LogEventHub
    from logmon.journal import LetterRequest
    from logmon.store.journal import Store

LOOK_EVERY_S = 0.5


async def grant_letters(hub: LogEventHub, store: Store) -> None:
    """Settle dead letters as other processes ask for it, until cancelled."""
    while True:
        for wish in store.letter_requests():
            await settle(hub, wish)
        await asyncio.sleep(LOOK_EVERY_S)


async def settle(hub: LogEventHub, wish: LetterRequest) -> None:
    """Append what dead letters read as now and take them off the account, or throw them away."""
    await hub.commit(commit_of(wish), lambda commit, done: _account(hub, commit, done))


def commit_of(wish: LetterRequest) -> Commit:
    """Return a request as what is written: the rows, without the letters they were."""
    return Commit(
        origin=wish.origin,
        batch=EventBatch(list(wish.events)) if wish.events else None,
        distinct=True,
        settled=wish.settled,
        granted=(wish.number,) if wish.number else (),
    )


def _account(hub: LogEventHub, commit: Commit, done: Committed) -> None:
    """Count restored rows as stored; those this run had refused were received already."""
    if commit.batch is None:
        return
    account = hub.sources.setdefault(commit.origin, SourceStatistics(state="ended"))
    stored = len(commit.batch) if done.rows is None else len(done.rows)
    moved = min(len(commit.settled), account.dead_lettered)
    account.dead_lettered -= moved
    account.received += stored - moved
    account.stored += stored
    account.duplicates += len(commit.batch) - stored
