"""How long rows, ids and dead letters are kept, and how large the file becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.store import letters

if TYPE_CHECKING:
    import sqlite3

IDS_KEPT_S = 19 * 3600.0
"""Ids are remembered at least so long: Datadog takes in events up to 18 h old."""
EVERY_NS = 60 * 10**9
IDS_EVERY_NS = 3600 * 10**9
"""Looking through ten million ids takes a second."""
VACUUMED_PAGES = 2_000
"""Freed pages that are given back to the disk each time, at most."""


class Retention:
    """Removes what is too old or too much, now and then, inside transactions of its own."""

    def __init__(self, keep_s: float, max_bytes: int, now_ns: int) -> None:
        self._keep_s = keep_s
        self._max_bytes = max_bytes
        self._pruned_ns = self._ids_pruned_ns = now_ns

    def prune(self, connection: sqlite3.Connection, now_ns: int, next_seq: int) -> None:
        """Remove what has to go, every `EVERY_NS`.

        Raises:
            sqlite3.Error: it could not be removed; it comes round again.
        """
        if now_ns - self._pruned_ns < EVERY_NS:
            return
        self._pruned_ns = now_ns
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            oldest_ns = now_ns - int(self._keep_s * 1e9)
            connection.execute(
                "DELETE FROM journal WHERE first_seq < coalesce((SELECT first_seq FROM journal "
                "WHERE written_ns >= ? ORDER BY first_seq LIMIT 1), ?)",
                (oldest_ns, next_seq),
            )
            letters.prune(connection, oldest_ns, self._max_bytes)
            self._prune_ids(connection, now_ns)
            _delete_oldest(connection, _used_bytes(connection) - self._max_bytes)
            for table in ("links", "decisions", "news"):
                connection.execute(
                    f"DELETE FROM {table} "  # noqa: S608 - one of these two names
                    "WHERE seq < coalesce((SELECT min(first_seq) FROM journal), ?)",
                    (next_seq,),
                )
        # `execute` would take one step of this pragma, which frees one page (Python 3.11).
        connection.executescript(f"PRAGMA incremental_vacuum({VACUUMED_PAGES})")

    def _prune_ids(self, connection: sqlite3.Connection, now_ns: int) -> None:
        if now_ns - self._ids_pruned_ns < IDS_EVERY_NS:
            return
        self._ids_pruned_ns = now_ns
        ids_ns = now_ns - int(max(self._keep_s, IDS_KEPT_S) * 1e9)
        connection.execute("DELETE FROM seen WHERE written_ns < ?", (ids_ns,))


def _used_bytes(connection: sqlite3.Connection) -> int:
    """Return how much of the file is in use."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _delete_oldest(connection: sqlite3.Connection, over: int) -> None:
    """Remove the oldest rows until so many bytes are free; the newest commit's always stay."""
    last: int | None = None
    oldest = connection.execute("SELECT first_seq, length(body) FROM journal ORDER BY first_seq")
    for first_seq, size in oldest:
        if over <= 0:
            break
        last = first_seq
        over -= size
    oldest.close()
    if last is not None:
        connection.execute(
            "DELETE FROM journal WHERE first_seq <= ? "
            "AND first_seq < (SELECT max(first_seq) FROM journal)",
            (last,),
        )
