"""Dialects: how one line of any log becomes an event, decided line by line.

`LineDecoder` looks at each line by itself, so one stream may mix dialects. Machine dialects claim
a structure and may be malformed; text never is.
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from difflib import get_close_matches
from typing import TYPE_CHECKING

from logmon.errors import ConfigError
from logmon.event import to_ns
from logmon.formats.json_lines import JsonDialect, refuse_other_json, scan_canonical
from logmon.formats.text import TextDialect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.event import LogEvent
    from logmon.level import Level

NAMES = ("auto", "canonical", "json", "plain")
"""What `--input-format` and `format` may say."""

LONGEST_LINE_BYTES = 256 * 1_024
"""More of a line than this is neither shown nor stored."""


class LineDecoder:
    """Decodes the lines of one input.

    `default_source` names events whose line names no source. `zone` is what naive times are in.
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
        self._format = input_format
        self._json = JsonDialect(default_source, zone, levels or {})
        self._text = TextDialect(default_source, zone, levels or {})

    def decode(self, raw: bytes, offset: int, fallback_ns: int) -> LogEvent:
        """Return the event of a line (or of a line with its joined trace lines).

        `offset` is the line's byte in its file; `fallback_ns` the time it gets when it has none.

        Raises:
            MalformedEvent: the line claims a structure and does not keep to it.
        """
        raw = _unmarked(raw, offset)
        if self._is_json(raw):
            return self._json.decode(raw, offset, fallback_ns)
        if self._format == "auto" and raw[:1] in (b"[", b'"'):
            refuse_other_json(raw)
        if self._format == "plain":
            return self._text.plain(raw, offset, fallback_ns)
        return self._text.decode(raw, offset, fallback_ns)

    def scan_block(self, raws: list[bytes]) -> tuple[list[int], list[int], list[str]] | None:
        """Return times, levels and sources of lines that are all canonical, else None."""
        return None if self._format == "plain" else scan_canonical(raws)

    def scan(self, raw: bytes, offset: int, fallback_ns: int) -> tuple[int, Level, str]:
        """Return time (ns since 1970), level and source of a line, for its columns.

        Raises:
            MalformedEvent: `decode` would refuse the line.
        """
        raw = _unmarked(raw, offset)
        if raw[:1] == b"{" and self._format != "plain":
            return self._json.scan(raw, offset, fallback_ns)
        event = self.decode(raw, offset, fallback_ns)
        return to_ns(event.timestamp), event.level, event.source

    def _is_json(self, raw: bytes) -> bool:
        if self._format == "auto":
            return raw[:1] == b"{" or raw[:64].lstrip()[:1] == b"{"
        return self._format in ("canonical", "json")

    def continues(self, raw: bytes, *, in_trace: bool) -> bool:
        """Whether a line belongs to the event before it: a line of a stack trace."""
        return self._format == "auto" and self._text.continues(raw, in_trace=in_trace)

    def explain(self, raw: bytes) -> str:
        """Say in a few words which dialect a line is read as, and why."""
        if self._is_json(raw):
            return "json · the line opens with {"
        if self._format == "plain":
            return "plain · as asked"
        return self._text.explain(raw)


def _unmarked(raw: bytes, offset: int) -> bytes:
    """Leave out the byte order mark that a file may open with."""
    return raw if offset else raw.removeprefix(b"\xef\xbb\xbf")
