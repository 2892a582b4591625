"""A consumer's effects on disk: work items, their history, and what it needs to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from logmon.event import encode_json, rfc3339
from logmon.journal import ItemRecord
from logmon.store import outbox
from logmon.work_item import WorkItem

if TYPE_CHECKING:
    import sqlite3

    from logmon.journal import Effects

_decode_item = msgspec.json.Decoder(WorkItem).decode
_decode_cause = msgspec.json.Decoder(dict[str, tuple[str, ...]]).decode


def write(connection: sqlite3.Connection, effects: Effects, written_ns: int) -> None:
    """Write effects and offset inside the caller's transaction.

    Raises:
        sqlite3.IntegrityError: a second open item for one cause.
    """
    if effects.offset is not None:
        connection.execute(
            "INSERT INTO offsets VALUES(?, ?) "
            "ON CONFLICT(consumer) DO UPDATE SET seq=max(seq, excluded.seq)",
            (effects.consumer, effects.offset),
        )
    connection.executemany("INSERT OR REPLACE INTO links VALUES(?, ?)", effects.links.items())
    connection.executemany(
        "INSERT OR REPLACE INTO decisions VALUES(?, ?)", effects.decisions.items()
    )
    connection.executemany("INSERT OR IGNORE INTO news VALUES(?)", [(seq,) for seq in effects.news])
    _write_items(connection, effects)
    connection.executemany(
        "INSERT INTO item_changes VALUES(?, ?, ?)",
        [(change.item, rfc3339(change.at), change.change) for change in effects.changes],
    )
    connection.executemany(
        "DELETE FROM requests WHERE number=?", [(number,) for number in effects.requests]
    )
    outbox.write(connection, effects, written_ns)
    _write_values(connection, effects)


def _write_items(connection: sqlite3.Connection, effects: Effects) -> None:
    # Done ones first: the cause of one that closes may open again in the same commit.
    for kept in sorted(effects.items, key=lambda kept: kept.item.is_open):
        connection.execute(
            "INSERT INTO items VALUES(?, ?, ?, 1 + (SELECT coalesce(max(changed), 0) FROM items), "
            "?) ON CONFLICT(number) DO UPDATE SET cause=excluded.cause, status=excluded.status, "
            "changed=excluded.changed, item=excluded.item",
            (
                kept.number,
                cause_key(kept.cause),
                kept.item.status,
                encode_json(msgspec.structs.asdict(kept.item)),
            ),
        )


def _write_values(connection: sqlite3.Connection, effects: Effects) -> None:
    for name, value in effects.values.items():
        if value is None:
            connection.execute(
                "DELETE FROM consumer_values WHERE consumer=? AND name=?", (effects.consumer, name)
            )
        else:
            connection.execute(
                "INSERT OR REPLACE INTO consumer_values VALUES(?, ?, ?)",
                (effects.consumer, name, value),
            )


def cause_key(cause: tuple[str, ...]) -> str:
    """Return a cause as the text that is unique among open items."""
    return encode_json({"cause": cause}).decode()


def record(number: int, cause: str, item: bytes) -> ItemRecord:
    """Return a row of `items` as what was written."""
    return ItemRecord(number, _decode_cause(cause)["cause"], _decode_item(item))
