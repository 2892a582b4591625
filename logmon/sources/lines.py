"""Cuts bytes into records and records into batches: every byte in is in a row or a dead letter.

`lines in = events + joined trace lines + dead letters`. A record is a line with the trace lines
that follow it; the last one is held back until the next line shows where it ends.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.batch import Batch, Columns, EventBatch, PackedBytes, RawBatch
from logmon.byte_search import flags, places_of
from logmon.dead_letter import EXCERPT_BYTES, DeadLetter
from logmon.errors import MalformedEvent
from logmon.event import LogEvent, encode_json, to_ns
from logmon.file_batch import FileBatch, FileBytes
from logmon.formats import LONGEST_LINE_BYTES
from logmon.formats.envelopes import DOCKER_OPENS
from logmon.formats.otlp import SeveralEvents
from logmon.source import Arrival

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from numpy.typing import NDArray

    from logmon.formats import LineDecoder
    from logmon.formats.plain_block import Places
    from logmon.formats.scanned import Scanned

BATCH_ROWS = 1_000
BATCH_BYTES = 256 * 1_024
BATCHES_AT_ONCE = 4
"""Their columns are read together, and share a list of names: fewer calls of numpy a line."""
LONGEST_DECODED_BYTES = 4 << 20
"""Longer lines are cut while they are read, so that they cannot fill memory."""


def line_breaks(lines: bytes) -> Places:
    """Return where the line ends stand."""
    is_break = flags(len(lines))
    np.equal(np.frombuffer(lines, dtype=np.uint8), ord("\n"), out=is_break[: len(lines)])
    return places_of(is_break)


def _whole_lines(lines: bytes, view: NDArray[np.uint8], begins: Places) -> NDArray[np.bool_]:
    """Return which lines are JSON that goes on with no other line: all of it but docker's."""
    last = len(view) - 1
    is_json: NDArray[np.bool_] = view[np.minimum(begins, last)] == ord("{")
    maybe = np.flatnonzero(is_json & (view[np.minimum(begins + 2, last)] == DOCKER_OPENS[2]))
    for row in maybe.tolist():
        is_json[row] = not lines.startswith(DOCKER_OPENS, int(begins[row]))
    return is_json


class _Rows:
    """Records on their way into batches: where they are, their columns, which are kept."""

    __slots__ = ("ends", "first", "found", "kept", "lines", "rejected", "starts")

    def __init__(self, lines: bytes, starts: Places, ends: Places, found: Scanned) -> None:
        self.lines = lines
        self.starts = starts
        self.ends = ends
        self.found = found
        self.first = 0
        """The first row that is in no batch yet."""
        self.kept = np.ones(len(starts), dtype=bool)
        self.rejected: list[DeadLetter] = []

    def refuse(self, row: int, letters: Iterable[DeadLetter]) -> None:
        """Leave a row out of the batch."""
        self.kept[row] = False
        self.rejected += letters


class LineReader:
    """Takes bytes as they come and returns arrivals. One for each file that is read.

    With a `file`, rows are held as places in it and not as bytes; `packed`, as compressed bytes.
    """

    def __init__(
        self,
        decoder: LineDecoder,
        *,
        source: str,
        origin: str,
        fallback_ns: int,
        file: FileBytes | None = None,
        packed: bool = False,
        batch_rows: int = BATCH_ROWS,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        self._decoder = decoder
        self._file = file
        self._packed = packed
        self._batch_rows = batch_rows
        self._batch_bytes = batch_bytes
        self._source = source
        self._origin = origin
        self._before_ns = fallback_ns
        self.newest_ns = fallback_ns
        """When the file was changed last: a time without a year does not lie ahead of it."""
        self._held = bytearray()
        self._skipped = 0
        self._hash = hashlib.sha256()
        """Of the line that is being skipped, as far as it came."""
        self.offset = 0
        """Byte in the file where the held bytes begin."""
        self.done = 0
        """Byte in the file behind the records that were yielded."""

    @property
    def _last_ns(self) -> int:
        """The previous event's time; before any was read, when the file was changed last."""
        return self._before_ns or self.newest_ns

    @_last_ns.setter
    def _last_ns(self, time_ns: int) -> None:
        self._before_ns = time_ns

    def restart(self, offset: int = 0, before_ns: int | None = None) -> None:
        """Forget what is held: the file begins anew, or reading starts at an offset.

        `before_ns` is the time of what stands before it, for records that have none.
        """
        if before_ns is not None:
            self._last_ns = before_ns
        self._held.clear()
        self._skipped = 0
        self.offset = self.done = offset

    def feed(self, data: bytes) -> Iterator[Arrival]:
        """Yield what complete records the new bytes bring."""
        end = data.rfind(b"\n") + 1
        if end == 0:
            self._held += data
            self._cut_long()
            return
        first = 0
        if self._skipped:
            first = data.find(b"\n") + 1
            yield from self._cut_line(data[:first])
        lines = b"".join((self._held, memoryview(data)[first:end]))
        keep = yield from self._records(lines, ended=False)
        self._held[:] = lines[len(lines) - keep :]
        self._held += memoryview(data)[end:]
        self._cut_long()

    def block(self, offset: int, lines: bytes) -> Iterator[Arrival]:
        """Yield the records of whole lines that stand at an offset, whatever was read before."""
        self.restart(offset)
        self._last_ns = self.newest_ns
        yield from self._records(lines, ended=True)

    @property
    def holds(self) -> bool:
        """Whether bytes are held back."""
        return bool(self._held)

    @property
    def holds_whole_line(self) -> bool:
        """Whether what is held back ends with a line end."""
        return self._held.endswith(b"\n")

    def flush_lines(self) -> Iterator[Arrival]:
        """Yield the record of whole lines that is held back; a line without its end stays."""
        stop = self._held.rfind(b"\n") + 1
        yield from self._records(bytes(self._held[:stop]), ended=True)
        del self._held[:stop]

    def flush(self) -> Iterator[Arrival]:
        """Yield what is held back as it is: no more bytes will come for now."""
        if self._skipped:
            yield from self._cut_line(b"")
        if self._held:
            yield from self._records(bytes(self._held), ended=True)
            self._held.clear()

    def _cut_line(self, rest: bytes) -> Iterator[Arrival]:
        """Yield the line of which bytes are skipped and the record that was held back before it."""
        before = self._held.rfind(b"\n") + 1
        skipped, self._skipped = self._skipped, 0
        yield from self._records(bytes(self._held[:before]), ended=True)
        self._skipped = skipped
        yield from self._records(bytes(self._held[before:]) + rest, ended=True)
        self._held.clear()

    def _cut_long(self) -> None:
        """Drop the rest of a line that is too long to decode, and count it."""
        last = self._held.rfind(b"\n") + 1
        over = len(self._held) - last - LONGEST_DECODED_BYTES
        if over > 0:
            kept = last + LONGEST_DECODED_BYTES
            if not self._skipped:
                self._hash = hashlib.sha256(self._held[last:kept])
            self._hash.update(memoryview(self._held)[kept:])
            self._skipped += over
            del self._held[kept:]

    def _records(self, lines: bytes, *, ended: bool) -> Generator[Arrival, None, int]:
        """Yield the records of whole lines; return how many bytes at the end are held back."""
        if not lines:
            return 0
        starts, ends = self._cut(lines)
        keep = 0
        if not ended:
            keep = len(lines) - int(starts[-1])
            starts, ends = starts[:-1], ends[:-1]
        at_once = BATCHES_AT_ONCE * self._batch_rows
        for first in range(0, len(starts), at_once):
            some = slice(first, first + at_once)
            yield from self._batches(lines, starts[some], ends[some])
        self.offset += len(lines) - keep + self._skipped
        self._skipped = 0
        return keep

    def _batches(self, lines: bytes, starts: Places, ends: Places) -> Iterator[Arrival]:
        """Read the columns of some records in one go, and yield them in batches."""
        found = self._decoder.scan_block(lines, starts, ends)
        place = 0
        while place < len(starts):
            heavy = np.searchsorted(ends, int(starts[place]) + self._batch_bytes, side="right")
            stop = max(place + 1, min(int(heavy), place + self._batch_rows))
            part = found.part(place, stop)
            yield from self._arrivals(_Rows(lines, starts[place:stop], ends[place:stop], part))
            place = stop

    def _cut(self, lines: bytes) -> tuple[Places, Places]:
        """Return where records start and end, line ends left out."""
        view = np.frombuffer(lines, dtype=np.uint8)
        stops = line_breaks(lines)
        if not lines.endswith(b"\n"):
            stops = np.append(stops, len(lines))
        begins = np.concatenate(([0], stops[:-1] + 1))
        is_json = _whole_lines(lines, view, begins)
        joiner = None if is_json.all() else self._decoder.joiner()
        if joiner is None:
            return begins, stops
        joined = np.zeros(len(begins), dtype=bool)
        start_of_record = 0
        for row in np.flatnonzero(~is_json).tolist():
            if row and is_json[row - 1]:
                start_of_record = int(begins[row - 1])
                joiner.goes_on(lines[start_of_record : stops[row - 1]], 0)
            start = int(begins[row])
            if joiner.goes_on(lines[start : stops[row]], start - start_of_record if row else 0):
                joined[row] = True
            else:
                start_of_record = start
        is_last = np.append(~joined[1:], True)
        return begins[~joined], stops[is_last]

    def _arrivals(self, rows: _Rows) -> Iterator[Arrival]:
        """Read records once for their columns; hold their bytes, not their events."""
        base, last_ns = self.offset, self._last_ns
        lines, starts, ends, found = rows.lines, rows.starts, rows.ends, rows.found
        for row in np.flatnonzero(~found.proven).tolist():
            if row and found.proven[row - 1]:
                last_ns = int(found.times[row - 1])
            start = int(starts[row])
            raw = lines[start : ends[row]]
            if len(raw) + self._skipped > LONGEST_LINE_BYTES:
                yield from self._so_far(rows, row)
                self._last_ns = last_ns
                self.done = base + int(ends[row]) + 1 + self._skipped
                yield self._long(raw, base + start)
                continue
            try:
                last_ns, level, source = self._decoder.scan(
                    raw, base + start, last_ns, self.newest_ns
                )
            except MalformedEvent as error:
                rows.refuse(row, self._dead_lines(raw, base + start, error))
            except SeveralEvents:
                yield from self._so_far(rows, row)
                self.done = base + int(ends[row]) + 1
                yield self._several(raw, base + start, last_ns)
            else:
                found.put(row, last_ns, level, source)
        self._last_ns = int(found.times[-1]) if found.proven[-1] else last_ns
        yield from self._so_far(rows, len(starts))

    def _so_far(self, rows: _Rows, stop: int) -> Iterator[Arrival]:
        """Yield the rows before `stop` that were not yielded yet; `stop` itself is passed over."""
        kept = np.flatnonzero(rows.kept[rows.first : stop]) + rows.first
        rows.first = stop + 1
        rejected, rows.rejected = tuple(rows.rejected), []
        ends = rows.ends
        self.done = max(self.done, self.offset + (int(ends[stop - 1]) + 1 if stop else 0))
        if len(kept):
            yield Arrival(batch=self._batch(rows, kept), rejected=rejected)
        elif rejected:
            yield Arrival(rejected=rejected)

    def _batch(self, rows: _Rows, kept: Places) -> Batch:
        begin, end = int(rows.starts[kept[0]]), int(rows.ends[kept[-1]])
        starts = (rows.starts[kept] - begin).astype(np.uint32)
        ends = (rows.ends[kept] - begin).astype(np.uint32)
        found = rows.found
        columns = Columns(
            found.times[kept], found.levels[kept], found.source_ids[kept], tuple(found.names)
        )
        decode, base = self._decoder.decode, self.offset + begin

        def decode_row(raw: bytes, start: int, time_ns: int) -> LogEvent:
            try:
                return decode(raw, base + start, time_ns)
            except SeveralEvents:
                raise MalformedEvent("several_events") from None

        if self._file is None:
            lines, explain = rows.lines[begin:end], self._decoder.explain
            block = PackedBytes(lines) if self._packed else lines
            return RawBatch(block, starts, ends, columns, decode_row, explain, base=base)
        plain = found.proven[kept]
        return FileBatch(
            self._file,
            base,
            starts,
            ends,
            columns,
            decode_row,
            plain=plain,
            explain=self._decoder.explain,
        )

    def _several(self, raw: bytes, offset: int, last_ns: int) -> Arrival:
        """Take a line that holds many events: an OTLP export request."""
        try:
            self._decoder.decode(raw, offset, last_ns)
        except SeveralEvents as several:
            rejected = tuple(self._dead(raw, offset, error) for error in several.refused)
            batch = EventBatch(several.events) if several.events else None
            return Arrival(batch=batch, rejected=rejected)
        raise AssertionError("a line holds as many events each time it is read")

    def _dead_lines(self, raw: bytes, offset: int, error: MalformedEvent) -> Iterator[DeadLetter]:
        """Refuse each line of a record that was joined from several."""
        for line in raw.split(b"\n"):
            yield self._dead(line, offset, error)
            offset += len(line) + 1

    def _long(self, raw: bytes, offset: int) -> Arrival:
        """Take a line that is too long to be held whole: shown cut, with its true length."""
        length = len(raw) + self._skipped
        digest = self._digest(raw)
        try:
            if self._skipped and raw[:1] == b"{":
                raise MalformedEvent("too_long", f"{length} bytes, sha256 {digest}")
            event = self._decoder.decode(raw, offset, self._last_ns)
        except MalformedEvent as error:
            if self._skipped:
                return Arrival(rejected=(self._dead(raw, offset, error, length),))
            return Arrival(rejected=tuple(self._dead_lines(raw, offset, error)))
        except SeveralEvents:
            return self._several(raw, offset, self._last_ns)
        heavy = len(encode_json(event.attributes)) > LONGEST_LINE_BYTES
        cut = msgspec.structs.replace(
            event,
            message=event.message[:LONGEST_LINE_BYTES],
            attributes={
                **({} if heavy else event.attributes),
                "line_bytes": length,
                "line_sha256": digest,
            },
        )
        kept = raw[:LONGEST_LINE_BYTES]
        columns = Columns.of([to_ns(cut.timestamp)], [cut.level], [cut.source])
        starts, ends = np.zeros(1, dtype=np.uint32), np.array([len(kept)], dtype=np.uint32)
        return Arrival(
            batch=RawBatch(kept, starts, ends, columns, lambda _raw, _start, _time_ns: cut)
        )

    def _digest(self, raw: bytes) -> str:
        """Hash a whole line, of which `raw` are the first bytes and the last ones."""
        if not self._skipped:
            return hashlib.sha256(raw).hexdigest()
        whole = self._hash.copy()
        whole.update(raw[LONGEST_DECODED_BYTES:])
        return whole.hexdigest()

    def _dead(
        self, raw: bytes, offset: int, error: MalformedEvent, length: int | None = None
    ) -> DeadLetter:
        return DeadLetter(
            source=self._source,
            origin=self._origin,
            offset=offset,
            reason=error.reason,
            detail=error.detail,
            raw=raw[:EXCERPT_BYTES],
            length=len(raw) if length is None else length,
            parser=self._decoder.explain(raw[:LONGEST_LINE_BYTES]).split(" ")[0],
        )
