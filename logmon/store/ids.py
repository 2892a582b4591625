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


def new_ids(
    connection: sqlite3.Connection, origin: str, events: Sequence[LogEvent], written_ns: int
) -> NDArray[np.intp]:
    """Remember the ids and return the places of those that were not known, repeats left out."""
    new: list[int] = []
    for row, event in enumerate(events):
        if not event.id:
            new.append(row)
            continue
        name = blake2b(event.id.encode("utf-8", "backslashreplace"), digest_size=ID_BYTES).digest()
        done = connection.execute(
            "INSERT OR IGNORE INTO seen VALUES(?, ?, ?, ?)",
            (origin, name, to_ns(event.timestamp), written_ns),
        )
        if done.rowcount:
            new.append(row)
    return np.array(new, dtype=np.intp)
