"""Cuts bytes into records and records into batches: every byte in is in a row or a dead letter.

`lines in = events + joined trace lines + dead letters`. A record is a line with the trace lines
that follow it; the last one is held back until the next line shows where it ends.
"""

from __future__ import annotations

from operator import sub
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from logmon.batch import Columns, EventBatch, RawBatch
from logmon.dead_letter import EXCERPT_BYTES, DeadLetter
from logmon.errors import MalformedEvent
from logmon.event import LogEvent, to_ns
from logmon.formats import LONGEST_LINE_BYTES
from logmon.formats.envelopes import DOCKER_OPENS
from logmon.formats.otlp import SeveralEvents
from logmon.source import Arrival

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, MutableSequence

    from numpy.typing import NDArray

    from logmon.formats import LineDecoder

BATCH_ROWS = 1_000
BATCH_BYTES = 256 * 1_024
LONGEST_DECODED_BYTES = 4 << 20
"""Longer lines are cut while they are read, so that they cannot fill memory."""


def _short(starts: list[int], ends: list[int]) -> bool:
    """Whether every record is short enough to be held whole."""
    return int(max(map(sub, ends, starts))) <= LONGEST_LINE_BYTES


def _may_be_docker(view: NDArray[np.uint8], begins: NDArray[np.intp]) -> bool:
    """Whether any line may open as docker's do; looks at one byte of each line."""
    thirds = np.minimum(begins + 2, len(view) - 1)
    return bool((view[thirds] == DOCKER_OPENS[2]).any())


class _Found:
    """The columns of the records that were read so far, and what was refused between them."""

    __slots__ = ("ends", "levels", "rejected", "sources", "starts", "times")

    def __init__(
        self,
        times: MutableSequence[int] | None = None,
        levels: list[int] | None = None,
        sources: list[str] | None = None,
        starts: list[int] | None = None,
        ends: list[int] | None = None,
    ) -> None:
        self.times: MutableSequence[int] = times or []
        self.levels = levels or []
        self.sources = sources or []
        self.starts = starts or []
        self.ends = ends or []
        self.rejected: list[DeadLetter] = []

    def add(self, time_ns: int, level: int, source: str, start: int, end: int) -> None:
        """Take a record's columns and where it stands."""
        self.times.append(time_ns)
        self.levels.append(level)
        self.sources.append(source)
        self.starts.append(start)
        self.ends.append(end)


class LineReader:
    """Takes bytes as they come and returns arrivals. One for each file that is read."""

    def __init__(self, decoder: LineDecoder, *, source: str, origin: str, fallback_ns: int) -> None:
        self._decoder = decoder
        self._source = source
        self._origin = origin
        self._last_ns = fallback_ns
        self.newest_ns = fallback_ns
        """When the file was changed last: a time without a year does not lie ahead of it."""
        self._held = bytearray()
        self._skipped = 0
        self.offset = 0
        """Byte in the file where the held bytes begin."""

    def restart(self, offset: int = 0) -> None:
        """Forget what is held: the file begins anew, or reading starts at an offset."""
        self._held.clear()
        self._skipped = 0
        self.offset = offset

    def feed(self, data: bytes) -> Iterator[Arrival]:
        """Yield what complete records the new bytes bring."""
        self._held += data
        end = self._held.rfind(b"\n") + 1
        if end == 0:
            self._cut_long()
            return
        if self._skipped:
            first = self._held.find(b"\n") + 1
            yield from self._records(bytes(self._held[:first]), ended=True)
            del self._held[:first]
            end -= first
        lines = bytes(self._held[:end])
        keep = yield from self._records(lines, ended=False)
        del self._held[: len(lines) - keep]
        self._cut_long()

    @property
    def holds(self) -> bool:
        """Whether bytes are held back."""
        return bool(self._held)

    @property
    def holds_whole_line(self) -> bool:
        """Whether what is held back ends with a line end."""
        return self._held.endswith(b"\n")

    def flush(self) -> Iterator[Arrival]:
        """Yield what is held back as it is: no more bytes will come for now."""
        if self._held:
            yield from self._records(bytes(self._held), ended=True)
            self._held.clear()

    def _cut_long(self) -> None:
        """Drop the rest of a line that is too long to decode, and count it."""
        last = self._held.rfind(b"\n") + 1
        over = len(self._held) - last - LONGEST_DECODED_BYTES
        if over > 0:
            self._skipped += over
            del self._held[last + LONGEST_DECODED_BYTES :]

    def _records(self, lines: bytes, *, ended: bool) -> Generator[Arrival, None, int]:
        """Yield the records of whole lines; return how many bytes at the end are held back."""
        if not lines:
            return 0
        starts, ends = self._cut(lines)
        keep = 0
        if not ended:
            keep = len(lines) - starts[-1]
            starts, ends = starts[:-1], ends[:-1]
        place = 0
        while place < len(starts):
            stop = place + 1
            while (
                stop < len(starts)
                and stop - place < BATCH_ROWS
                and ends[stop] - starts[place] <= BATCH_BYTES
            ):
                stop += 1
            yield from self._arrivals(lines, starts[place:stop], ends[place:stop])
            place = stop
        self.offset += len(lines) - keep + self._skipped
        self._skipped = 0
        return keep

    def _cut(self, lines: bytes) -> tuple[list[int], list[int]]:
        """Return where records start and end, line ends left out."""
        view = np.frombuffer(lines, dtype=np.uint8)
        stops = np.flatnonzero(view == 10)
        if not lines.endswith(b"\n"):
            stops = np.append(stops, len(lines))
        begins = np.concatenate(([0], stops[:-1] + 1))
        breaks: list[int] = stops.tolist()
        if (view[begins] == ord("{")).all() and not _may_be_docker(view, begins):
            return begins.tolist(), breaks  # of JSON lines only docker's have trace lines to join
        joiner = self._decoder.joiner()
        if joiner is None:
            return begins.tolist(), breaks
        starts: list[int] = []
        ends: list[int] = []
        start = 0
        for stop in breaks:
            if joiner.goes_on(lines[start:stop], start - starts[-1] if starts else 0):
                ends[-1] = stop
            else:
                starts.append(start)
                ends.append(stop)
            start = stop + 1
        return starts, ends

    def _arrivals(self, lines: bytes, starts: list[int], ends: list[int]) -> Iterator[Arrival]:
        """Read records once for their columns; hold their bytes, not their events."""
        if lines[starts[0] : starts[0] + 1] == b"{" and not self._skipped:
            raws = [lines[start:end] for start, end in zip(starts, ends, strict=True)]
            columns = self._decoder.scan_block(raws) if _short(starts, ends) else None
            if columns is not None:
                self._last_ns = columns[0][-1]
                yield self._arrival(lines, _Found(*columns, starts, ends))
                return
        yield from self._one_by_one(lines, starts, ends)

    def _one_by_one(self, lines: bytes, starts: list[int], ends: list[int]) -> Iterator[Arrival]:
        found, base = _Found(), self.offset
        scan, last_ns = self._decoder.scan, self._last_ns
        for start, end in zip(starts, ends, strict=True):
            raw = lines[start:end]
            if len(raw) + self._skipped > LONGEST_LINE_BYTES:
                yield from self._so_far(lines, found)
                found = _Found()
                yield self._long(raw, base + start)
                continue
            try:
                last_ns, level, source = scan(raw, base + start, last_ns, self.newest_ns)
            except MalformedEvent as error:
                found.rejected += self._dead_lines(raw, base + start, error)
            except SeveralEvents:
                yield from self._so_far(lines, found)
                found = _Found()
                yield self._several(raw, base + start, last_ns)
            else:
                found.add(last_ns, level, source, start, end)
        self._last_ns = last_ns
        yield from self._so_far(lines, found)

    def _so_far(self, lines: bytes, found: _Found) -> Iterator[Arrival]:
        if found.starts or found.rejected:
            yield self._arrival(lines, found)

    def _arrival(self, lines: bytes, found: _Found) -> Arrival:
        rejected = tuple(found.rejected)
        if not found.starts:
            return Arrival(rejected=rejected)
        begin, end = found.starts[0], found.ends[-1]
        starts = np.array(found.starts, dtype=np.uint32) - np.uint32(begin)
        ends = np.array(found.ends, dtype=np.uint32) - np.uint32(begin)
        columns = Columns.of(found.times, found.levels, found.sources)
        decode, base = self._decoder.decode, self.offset + begin

        def decode_row(raw: bytes, start: int, time_ns: int) -> LogEvent:
            return decode(raw, base + start, time_ns)

        batch = RawBatch(lines[begin:end], starts, ends, columns, decode_row)
        return Arrival(batch=batch, rejected=rejected)

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
        try:
            if self._skipped and raw[:1] == b"{":
                raise MalformedEvent("too_long", f"{length} bytes")
            event = self._decoder.decode(raw, offset, self._last_ns)
        except MalformedEvent as error:
            if self._skipped:
                return Arrival(rejected=(self._dead(raw, offset, error, length),))
            return Arrival(rejected=tuple(self._dead_lines(raw, offset, error)))
        except SeveralEvents:
            return self._several(raw, offset, self._last_ns)
        cut = msgspec.structs.replace(
            event,
            message=event.message[:LONGEST_LINE_BYTES],
            attributes={**event.attributes, "line_bytes": length},
        )
        kept = raw[:LONGEST_LINE_BYTES]
        columns = Columns.of([to_ns(cut.timestamp)], [cut.level], [cut.source])
        starts, ends = np.zeros(1, dtype=np.uint32), np.array([len(kept)], dtype=np.uint32)
        return Arrival(
            batch=RawBatch(kept, starts, ends, columns, lambda _raw, _start, _time_ns: cut)
        )

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
