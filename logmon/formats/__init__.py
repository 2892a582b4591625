"""Dialects: how one line of any log becomes an event, decided line by line.

`LineDecoder` looks at each line by itself, so one stream may mix dialects. Machine dialects claim
a structure and may be malformed; text never is.
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from logmon.errors import ConfigError, MalformedEvent
from logmon.event import event_id, to_ns
from logmon.formats.access import ACCESS
from logmon.formats.envelopes import CRI, DOCKER_OPENS
from logmon.formats.json_dialects import CANONICAL, JSON_DIALECTS, dialect_of
from logmon.formats.json_lines import (
    read_canonical,
    read_object,
    refuse_other_json,
)
from logmon.formats.klog import KLOG
from logmon.formats.line import Dialect, Kind, Line, Reading
from logmon.formats.logfmt import LOGFMT
from logmon.formats.otlp import SeveralEvents
from logmon.formats.python_logging import PYTHON
from logmon.formats.syslog import RFC3164, RFC5424
from logmon.formats.text import PLAIN, TEXT
from logmon.formats.traces import Joiner, surely_begins
from logmon.level import LABELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.event import LogEvent
    from logmon.formats.canonical_block import CanonicalBlocks
    from logmon.formats.json_dialects import JsonDialect
    from logmon.formats.plain_block import Places
    from logmon.formats.scanned import Scanned
    from logmon.level import Level

_TEXT_DIALECTS = (RFC5424, CRI, RFC3164, KLOG, ACCESS, LOGFMT, PYTHON, TEXT, PLAIN)
"""In the order they are tried; the last takes every line."""
_BY_NAME: dict[str, tuple[Dialect, ...]] = {
    "logfmt": (LOGFMT,),
    "syslog": (RFC5424, RFC3164, PLAIN),
    "cri": (CRI, PLAIN),
    "access": (ACCESS, PLAIN),
    "klog": (KLOG, PLAIN),
    "python": (PYTHON, TEXT, PLAIN),
    "plain": (PLAIN,),
}
_BY_FIRST: dict[bytes, tuple[Dialect, ...]] = {
    bytes([code]): tuple(
        dialect for dialect in _TEXT_DIALECTS if not dialect.opens or chr(code) in dialect.opens
    )
    for code in range(128)
}
_FOR_LONG = (CRI, TEXT, PLAIN)
"""What a line that is too long to be held whole is still read as."""
_JSON_BY_NAME: dict[str, JsonDialect] = {dialect.name: dialect for dialect in JSON_DIALECTS}
NAMES = (
    "auto", "canonical", "datadog", "pino", "bunyan", "winston", "zap", "zerolog", "structlog",
    "loguru", "ecs", "clef", "gelf", "gcp", "journald", "docker", "otlp", "ergonaut", "json",
    "logfmt", "syslog", "cri", "access", "klog", "python", "plain",
)  # fmt: skip
"""What `--input-format` and `format` may say."""

LONGEST_LINE_BYTES = 256 * 1_024
"""More of a line than this is neither shown nor stored."""
_BOM = b"\xef\xbb\xbf"
_MOST_ENVELOPES = 4
_ANY_NS = 1_000_000_000


class LineDecoder:
    """Decodes the lines of one input.

    `default_source` names events whose line names no source. `zone` is what naive times are in.
    `levels` are extra spellings; the ten levels' own names always mean themselves.
    """

    def __init__(
        self,
        default_source: str,
        *,
        input_format: str = "auto",
        zone: tzinfo = UTC,
        levels: Mapping[str, Level] | None = None,
        where: str = "--input-format",
    ) -> None:
        if input_format not in NAMES:
            near = get_close_matches(input_format, NAMES, n=1)
            meant = f"did you mean '{near[0]}'? " if near else ""
            raise ConfigError(
                f"{input_format!r} is no input format",
                where=where,
                hint=f"{meant}formats are {', '.join(NAMES)}",
            )
        self._is_auto = input_format == "auto"
        self._json = None if self._is_auto else _JSON_BY_NAME.get(input_format)
        self._may_be_canonical = self._is_auto or self._json is CANONICAL
        self._dialects = _BY_NAME.get(input_format, _TEXT_DIALECTS)
        self._has_traces = self._json is None and input_format != "plain"
        self._has_traces |= input_format == "docker"
        spellings = {name.strip().lower(): level for name, level in (levels or {}).items()}
        self._reading = Reading(
            source=default_source,
            zone=zone,
            levels={name: level for name, level in spellings.items() if name not in LABELS},
        )
        self._blocks: CanonicalBlocks | None = None

    def decode(self, raw: bytes, offset: int, fallback_ns: int) -> LogEvent:
        """Return the event of a line (or of a line with its joined trace lines).

        `offset` is the line's byte in its file; `fallback_ns` the time it gets when it has none,
        and before which a time without a year lies.

        Raises:
            MalformedEvent: the line claims a structure and does not keep to it.
            SeveralEvents: the line is an OTLP request with more than one record.
        """
        if not (self._may_be_canonical and raw.startswith(b"{")):
            return self._event(self._line(raw, offset, fallback_ns, fallback_ns))
        source = self._reading.source
        make_id = partial(event_id, source, offset, raw)
        event = read_canonical(raw, self._reading, make_id, source=source)
        if event is None:
            line = self._line(raw, offset, fallback_ns, fallback_ns)
            event = self._unwrapped(line, _read_other(line, self._json))
        return event

    def scan_block(self, lines: bytes, starts: Places, ends: Places) -> Scanned:
        """Return the columns of as many rows as can be proven canonical; `scan` reads the rest.

        Row `i` is `lines[starts[i]:ends[i]]`, with a line end behind it.
        """
        # The newest rows of a file are shown before numpy is loaded: 0.1 s sooner.
        from logmon.formats.canonical_block import CanonicalBlocks
        from logmon.formats.scanned import Scanned

        if not self._may_be_canonical:
            return Scanned(len(starts))
        if self._blocks is None:
            self._blocks = CanonicalBlocks(self._reading.level)
        return self._blocks.read(lines, starts, ends, LONGEST_LINE_BYTES)

    def scan(
        self, raw: bytes, offset: int, fallback_ns: int, newest_ns: int | None = None
    ) -> tuple[int, Level, str]:
        """Return time (ns since 1970), level and source of a line, for its columns.

        A missing year is the newest that does not lie ahead of `newest_ns`.

        Raises:
            MalformedEvent: `decode` would refuse the line.
            SeveralEvents: the line is an OTLP request with more than one record.
        """
        newest = fallback_ns if newest_ns is None else newest_ns
        event = self._event(self._line(raw, None, fallback_ns, newest))
        return to_ns(event.timestamp), event.level, event.source

    def joiner(self) -> Joiner | None:
        """Return what tells which lines belong to one event; None: each line is its own."""
        return Joiner(self._is_text, self._is_plain) if self._has_traces else None

    def begins(self, before: bytes, line: bytes) -> bool:
        """Whether a line begins a record and has a time of its own.

        What is read from there on does not depend on what stands before the line `before` it.
        """
        is_json = line.startswith(b"{") and not line.startswith(DOCKER_OPENS)
        if not (is_json or not self._has_traces or surely_begins(before, line)):
            return False
        try:
            times = [self.scan(line, 0, fallback_ns, _ANY_NS)[0] for fallback_ns in (0, _ANY_NS)]
        except (MalformedEvent, SeveralEvents):
            return False
        return times[0] == times[1]

    def explain(self, raw: bytes) -> str:
        """Say in a few words which dialect a line is read as, and why."""
        line = self._line(raw, None, 0, 0)
        try:
            self._event(line)
        except (MalformedEvent, SeveralEvents) as error:
            if not line.kinds:
                return f"json · {error}"
        return " in ".join(f"{kind.name} · {kind.why}" for kind in reversed(line.kinds))

    def _line(self, raw: bytes, offset: int | None, fallback_ns: int, newest_ns: int) -> Line:
        return Line(raw, self._reading, offset=offset, fallback_ns=fallback_ns, newest_ns=newest_ns)

    def _event(self, line: Line) -> LogEvent:
        return self._unwrapped(line, self._forced(line) if not self._is_auto else _read(line))

    def _unwrapped(self, line: Line, found: LogEvent | Line) -> LogEvent:
        for _ in range(_MOST_ENVELOPES):
            if not isinstance(found, Line):
                return found
            line = found
            found = _read(line)
        return line.event(line.text)

    def _forced(self, line: Line) -> LogEvent | Line:
        if self._json is not None:
            return _read_object(line, self._json)
        return _read_text(line, self._dialects)

    def _last_kind(self, raw: bytes) -> Kind | None:
        line = self._line(raw, None, 0, 0)
        try:
            self._event(line)
        except (MalformedEvent, SeveralEvents):
            return None
        return line.kinds[-1] if line.kinds else None

    def _is_text(self, raw: bytes) -> bool:
        """Whether trace lines may follow a line."""
        return isinstance(self._last_kind(raw), Dialect)

    def _is_plain(self, raw: bytes) -> bool:
        """Whether a line has no beginning that any dialect knows."""
        return self._last_kind(raw) is PLAIN


def _read(line: Line) -> LogEvent | Line:
    """Read a line as what it is; an envelope returns what it holds."""
    raw = line.raw
    if raw[:1] == b"{" or raw[:64].lstrip()[:1] == b"{":
        return _read_object(line, None)
    if raw[:1] in (b"[", b'"'):
        refuse_other_json(raw)
    if raw.startswith(_BOM):
        line.raw = raw.removeprefix(_BOM)
        return _read(line)
    return _read_text(line, _BY_FIRST.get(raw[:1], _TEXT_DIALECTS))


def _read_object(line: Line, dialect: JsonDialect | None) -> LogEvent | Line:
    raw = line.raw
    if dialect is None or dialect is CANONICAL:
        event = read_canonical(
            raw, line.reading, line.id, source=line.source, host=line.host, extra=line.extra
        )
        if event is not None:
            line.kinds.append(CANONICAL)
            return event
    return _read_other(line, dialect)


def _read_other(line: Line, dialect: JsonDialect | None) -> LogEvent | Line:
    """Read an object that is no canonical one."""
    raw = line.raw
    document = read_object(raw.partition(b"\n")[0] if raw.startswith(DOCKER_OPENS) else raw)
    dialect = dialect or dialect_of(document)
    line.kinds.append(dialect)
    return dialect.read(document, line)


def _read_text(line: Line, dialects: tuple[Dialect, ...]) -> LogEvent | Line:
    """Read a line of text.

    Raises:
        MalformedEvent: a dialect claims it and cannot read it, or none of those asked for does.
    """
    if len(line.raw) > LONGEST_LINE_BYTES:
        dialects = tuple(dialect for dialect in dialects if dialect in _FOR_LONG) or (PLAIN,)
    for dialect in dialects:
        found = dialect.recognise(line)
        if found is None:
            continue
        line.kinds.append(dialect)
        event = dialect.read(found, line)
        if event is not None:
            return event
        line.kinds.pop()
    raise MalformedEvent(f"not_{dialects[0].name}", dialects[0].why)
