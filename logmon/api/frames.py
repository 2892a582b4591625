r"""Rows as they are served: redacted, encoded once each, and put together once for all who read.

A row's JSON is made when the first reader needs it and shared by every stream and answer; a run
of rows as one HTTP chunk is shared by all streams that have the same filter and stand at the same
place. Both are bounded and forgotten oldest first.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.event import ascii_json, encode
from logmon.filter import LogFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.batch import Columns
    from logmon.event import LogEvent
    from logmon.filter import Mask
    from logmon.redaction import Redactor
    from logmon.segment import Segment, Slice

ROWS_BYTES = 8 << 20
CHUNKS_BYTES = 8 << 20
CHUNK_BYTES = 32 << 10
"""About how much is handed to a connection at once; what a stalled one holds is bounded by it."""


class RedactedClause(msgspec.Struct, frozen=True):
    """A filter that sees what is served: what is taken out of rows cannot be searched for."""

    inner: LogFilter
    redactor: Any
    needs_rows = True

    @property
    def asks_new(self) -> bool:
        """Whether the filter asks for rows that are the first of their template."""
        return self.inner.asks_new

    def mask(self, columns: Columns) -> Mask:
        """Rows that level, source and time let through."""
        return self.inner.mask(columns)

    def matches(self, event: LogEvent) -> bool:
        """Whether the event matches as it is served."""
        return self.inner.matches_rest(self.redactor.event(event))


class Frames:
    """Makes and shares what is sent. `epoch` names the numbering of the rows."""

    def __init__(self, epoch: str, redactor: Redactor | None) -> None:
        self.epoch = epoch
        self._redactor = redactor
        self._prefix = f"event: log\nid: {epoch}-".encode()
        self._rows: OrderedDict[int, bytes] = OrderedDict()
        self._chunks: OrderedDict[tuple[LogFilter, int, int], tuple[bytes, ...]] = OrderedDict()
        self._rows_bytes = 0
        self._chunks_bytes = 0
        self.encoded = 0
        """How many rows were encoded so far."""

    def seen(self, log_filter: LogFilter) -> LogFilter:
        """Return a filter as it must be applied to rows that are served."""
        if self._redactor is None or not log_filter.needs_rows:
            return log_filter
        return LogFilter((RedactedClause(log_filter, self._redactor),))

    def json(self, segment: Segment, row: int) -> bytes:
        """Return a row as one line of ASCII JSON."""
        seq = segment.first_seq + row
        line = self._rows.get(seq)
        if line is None:
            delivery = segment.delivery(row)
            encoding = encode if self._redactor is None else self._redactor.encode
            text = encoding(delivery.event, work_item=delivery.work_item)
            line = ascii_json(text).encode()
            self.encoded += 1
            self._rows[seq] = line
            self._rows_bytes += len(line)
            while self._rows_bytes > ROWS_BYTES:
                self._rows_bytes -= len(self._rows.popitem(last=False)[1])
        return line

    def chunks(self, log_filter: LogFilter, rows: Slice) -> tuple[bytes, ...]:
        """Return rows as HTTP chunks of SSE events, in pieces of about `CHUNK_BYTES`."""
        first, last = int(rows.rows[0]), int(rows.rows[-1])
        key = (log_filter, rows.segment.first_seq + first, rows.segment.first_seq + last)
        found = self._chunks.get(key)
        if found is None:
            found = self._chunks[key] = tuple(self._pieces(rows))
            self._chunks_bytes += sum(map(len, found))
            while self._chunks_bytes > CHUNKS_BYTES and len(self._chunks) > 1:
                _, gone = self._chunks.popitem(last=False)
                self._chunks_bytes -= sum(map(len, gone))
        return found

    def _pieces(self, rows: Slice) -> Iterator[bytes]:
        parts: list[bytes] = []
        size = 0
        segment = rows.segment
        for row in rows.rows.tolist():
            event = b"%b%d\ndata: %b\n\n" % (
                self._prefix,
                segment.first_seq + row,
                self.json(segment, row),
            )
            if parts and size + len(event) > CHUNK_BYTES:
                yield chunk(b"".join(parts))
                parts, size = [], 0
            parts.append(event)
            size += len(event)
        yield chunk(b"".join(parts))

    def id(self, seq: int) -> str:
        """Return a row's SSE id."""
        return f"{self.epoch}-{seq}"


def chunk(data: bytes) -> bytes:
    """Return data as one chunk of HTTP/1.1's chunked coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def unchunked(piece: bytes) -> bytes:
    """Return what a chunk holds, for a client that speaks HTTP/1.0."""
    return piece[piece.index(b"\r\n") + 2 : -2]


LAST_CHUNK = b"0\r\n\r\n"


def sse(event: str, document: dict[str, Any], *, event_id: str = "", retry_ms: int = 0) -> bytes:
    """Return one SSE event with a JSON object as its data."""
    lines = [f"event: {event}"]
    if event_id:
        lines.append(f"id: {event_id}")
    if retry_ms:
        lines.append(f"retry: {retry_ms}")
    lines.append(f"data: {json.dumps(document, separators=(',', ':'))}")
    return "\n".join(lines).encode("ascii") + b"\n\n"
