"""Ids that came in through an origin, so that an event read twice is written once."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from logmon.event import LogEvent, to_ns

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from numpy.typing import NDArray

ID_BYTES = 16
AT_ONCE = 500
"""Ids that are looked up in one statement."""


def new_ids(
    connection: sqlite3.Connection, origin: str, events: Sequence[LogEvent], written_ns: int
) -> NDArray[np.intp]:
    """Remember the ids and return the places of those that were not known, repeats left out."""
    names = [_name(event.id) if event.id else b"" for event in events]
    known = _known(connection, origin, names)
    new: list[int] = []
    for row, name in enumerate(names):
        if name not in known:
            new.append(row)
            if name:
                known.add(name)
    # In the order of the index: a page of SQLite is touched once, not once for each id.
    fresh = sorted((names[row], to_ns(events[row].timestamp)) for row in new if names[row])
    connection.executemany(
        "INSERT INTO seen VALUES(?, ?, ?, ?)",
        [(origin, name, time_ns, written_ns) for name, time_ns in fresh],
    )
    return np.array(new, dtype=np.intp)


def _known(connection: sqlite3.Connection, origin: str, names: list[bytes]) -> set[bytes]:
    """Return those names that came in through an origin before."""
    known: set[bytes] = set()
    for start in range(0, len(names), AT_ONCE):
        asked = names[start : start + AT_ONCE]
        marks = ",".join("?" * len(asked))
        known.update(
            row[0]
            for row in connection.execute(
                f"SELECT id FROM seen WHERE origin=? AND id IN ({marks})",  # noqa: S608 - marks
                (origin, *asked),
            )
        )
    return known


def _name(event_id: str) -> bytes:
    return blake2b(event_id.encode("utf-8", "backslashreplace"), digest_size=ID_BYTES).digest()
