"""The outbox on disk: what trackers are to be told until they know, and their names for items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logmon.journal import OutboxEntry

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from logmon.journal import Effects

    Ask = Callable[..., list[Any]]

KEPT_NS = 30 * 86_400 * 10**9
"""How long it is remembered that a delivery took place; an item's name is kept for good."""


def write(connection: sqlite3.Connection, effects: Effects, written_ns: int) -> None:
    """Write what is to be told, and what became of it, inside the caller's transaction."""
    connection.executemany(
        "INSERT OR IGNORE INTO outbox(tracker, key, item, rule, kind, document, item_key, "
        "written_ns) SELECT ?, ?, ?, ?, ?, ?, ?, ? "
        "WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE key=?)",
        [
            (one.tracker, one.key, one.item, one.rule, one.kind, one.document, one.item_key,
             written_ns, one.key)
            for one in effects.outbox
        ],
    )  # fmt: skip
    for done in effects.delivered:
        entry = done.entry
        connection.execute("DELETE FROM outbox WHERE number=?", (entry.number,))
        connection.execute(
            "INSERT OR REPLACE INTO deliveries VALUES(?, ?, ?, ?, ?)",
            (
                entry.key,
                entry.tracker,
                entry.rule,
                entry.kind if not done.silent else "",
                done.at_ns,
            ),
        )
        connection.execute("DELETE FROM deliveries WHERE at_ns < ?", (done.at_ns - KEPT_NS,))
        if done.ref:
            connection.execute(
                "INSERT OR REPLACE INTO tracker_refs VALUES(?, ?, ?)",
                (entry.tracker, entry.item, done.ref),
            )
    connection.executemany(
        "UPDATE outbox SET attempts=?, next_ns=?, error=? WHERE number=?",
        [(one.attempts, one.next_ns, one.error, one.number) for one in effects.postponed],
    )


def waiting(ask: Ask, tracker: str, limit: int) -> list[OutboxEntry]:
    """Return what a tracker does not know yet, the oldest first."""
    found = ask(
        "SELECT tracker, key, item, rule, kind, document, item_key, written_ns, number, attempts, "
        "next_ns, error FROM outbox WHERE tracker=? ORDER BY number LIMIT ?", tracker, limit,
    )  # fmt: skip
    return [OutboxEntry(*row) for row in found]


def count(ask: Ask, tracker: str) -> int:
    """Return how much a tracker does not know yet."""
    return int(ask("SELECT count(*) FROM outbox WHERE tracker=?", tracker)[0][0])


def ref(ask: Ask, tracker: str, item: str) -> str:
    """Return what a tracker calls an item; empty when it never heard of it."""
    found = ask("SELECT ref FROM tracker_refs WHERE tracker=? AND item=?", tracker, item)
    return str(found[0][0]) if found else ""


def opened_since(ask: Ask, tracker: str, rule: str, since_ns: int) -> list[int]:
    """Return when new items of a rule were delivered since a moment, the oldest first."""
    found = ask(
        "SELECT at_ns FROM deliveries WHERE tracker=? AND rule=? AND kind IN ('opened', 'digest') "
        "AND at_ns > ? ORDER BY at_ns", tracker, rule, since_ns,
    )  # fmt: skip
    return [int(row[0]) for row in found]


def statistics(ask: Ask, tracker: str) -> dict[str, Any]:
    """Return how many entries wait and were delivered, and the last error of those that wait."""
    delivered = ask("SELECT count(*) FROM deliveries WHERE tracker=?", tracker)[0][0]
    errors = ask(
        "SELECT error FROM outbox WHERE tracker=? AND error != '' ORDER BY number LIMIT 1", tracker
    )
    return {
        "waiting": count(ask, tracker),
        "delivered": int(delivered),
        "error": str(errors[0][0]) if errors else "",
    }
