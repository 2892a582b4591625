"""Dead letters on disk: each once, however often it comes; and what is asked about them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.dead_letter import DeadLetter, KeptLetter
from logmon.event import encode
from logmon.formats import LineDecoder
from logmon.journal import LetterRequest
from logmon.store.database import connect, translated

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from logmon.journal import Commit
    from logmon.redaction import Redactor

DIGEST_BYTES = 16
SHARE_OF_STORE = 4
"""Dead letters take up at most one part in so many of the store's `max_bytes`."""

_packed = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(DeadLetter).decode
_unpack_numbers = msgspec.msgpack.Decoder(tuple[int, ...]).decode


def write(
    connection: sqlite3.Connection, commit: Commit, written_ns: int, redactor: Redactor | None
) -> int:
    """Write a commit's part of it inside the caller's transaction; return how many are new."""
    new = 0
    if commit.rejected:
        rejected = commit.rejected
        if redactor is not None:
            rejected = tuple(map(redactor.dead_letter, rejected))
        done = connection.executemany(
            "INSERT OR IGNORE INTO dead_letters(digest, written_ns, letter) VALUES(?, ?, ?)",
            [(_digest(letter), written_ns, _packed(letter)) for letter in rejected],
        )
        new = done.rowcount
    connection.executemany(
        "DELETE FROM dead_letters WHERE number=?", [(number,) for number in commit.settled]
    )
    connection.executemany(
        "DELETE FROM letter_requests WHERE number=?", [(number,) for number in commit.granted]
    )
    return new


def prune(connection: sqlite3.Connection, oldest_ns: int, max_bytes: int) -> None:
    """Remove what is too old or too much inside the caller's transaction."""
    connection.execute("DELETE FROM dead_letters WHERE written_ns < ?", (oldest_ns,))
    connection.execute(
        "DELETE FROM dead_letters WHERE number <= ("
        "SELECT max(number) FROM (SELECT number, sum(length(letter)) "
        "OVER (ORDER BY number DESC) AS size FROM dead_letters) WHERE size > ?)",
        (max_bytes // SHARE_OF_STORE,),
    )


def kept(row: tuple[int, int, bytes]) -> KeptLetter:
    """Return a row of (number, written_ns, letter) as what was written."""
    number, written_ns, letter = row
    return KeptLetter(number, datetime.fromtimestamp(written_ns / 1e9, UTC), _unpack(letter))


def request(path: Path, wish: LetterRequest) -> int:
    """Ask the process that writes into a store; return the request's number.

    Raises:
        StoreError: the request cannot be written.
    """
    import sqlite3

    events = b"\n".join(encode(event) for event in wish.events)
    try:
        with closing(connect(path)) as connection:
            done = connection.execute(
                "INSERT INTO letter_requests(origin, settled, events) VALUES(?, ?, ?)",
                (wish.origin, _packed(wish.settled), events),
            )
    except sqlite3.Error as error:
        raise translated(error, path) from None
    return int(done.lastrowid or 0)


def requested(row: tuple[int, str, bytes, bytes]) -> LetterRequest:
    """Return a row of `letter_requests` as what was asked."""
    number, origin, settled, lines = row
    decode = LineDecoder("", input_format="canonical").decode
    events: Any = [decode(line, 0, 0) for line in lines.split(b"\n")] if lines else ()
    return LetterRequest(
        number=number, origin=origin, settled=_unpack_numbers(settled), events=tuple(events)
    )


def _digest(letter: DeadLetter) -> bytes:
    """Tell dead letters apart by where they stood and what they were, however often they come."""
    digest = blake2b(letter.raw, digest_size=DIGEST_BYTES)
    place = f"\0{letter.source}\0{letter.origin}\0{letter.offset}\0{letter.reason}"
    digest.update(place.encode("utf-8", "backslashreplace"))
    return digest.digest()
