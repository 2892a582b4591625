"""What can be copied: rows as text, raw or JSON, and the filter as a command, curl or query.

Nothing that comes out of here holds a control character or a token, whatever the rows, file names
and filters hold: what is pasted into a shell is one printable line, quoted for it.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

import msgspec

from logmon.event import encode, encode_ascii
from logmon.level import ALL_LEVELS, Level, at_least
from logmon.row_text import mark_text, text_columns
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from logmon.event_log import Snapshot
    from logmon.segment import Delivery

Form = Literal["text", "raw", "json"]
FORMS: tuple[Form, ...] = ("text", "raw", "json")
RECENT_LIMIT = 1_000
"""Most rows that one request to the API returns."""
MOST_COPIED_BYTES = 1_000_000
"""Terminals drop a longer clipboard write, or stall on it."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """How this screen was started, as far as its filter does not say it."""

    command: str = "tail"
    files: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """Flags and their values in order, other than level, source and query."""
    api: str = "http://127.0.0.1:8787"


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """What the screen is narrowed to."""

    levels: frozenset[Level] = ALL_LEVELS
    sources: tuple[str, ...] = ()
    """Globs; `!glob` leaves out."""
    query: str = ""


def rows_text(
    rows: Iterable[Delivery], snapshot: Snapshot, form: Form, zone: tzinfo
) -> tuple[str, int]:
    """Return rows as lines in a form, and how many they are.

    The bytes of a marked row that the log holds no more are its canonical JSON.
    """
    lines = []
    for row in rows:
        found = snapshot.find(row.seq) if form == "raw" else None
        raw = encode(row.event) if found is None else found[0].raw(found[1])
        lines.append(row_line(row, raw, form, zone))
    return "\n".join(lines), len(lines)


def row_line(delivery: Delivery, raw: bytes, form: Form, zone: tzinfo) -> str:
    """Return one row as one printable line."""
    if form == "json":
        return encode_ascii(delivery.event, work_item=delivery.work_item)
    if form == "raw":
        return visible(raw.decode("utf-8", "backslashreplace"))
    return " ".join(text_columns(delivery.event, zone)) + mark_text(delivery.work_item)


def shell_word(text: str) -> str:
    r"""Quote a text as one word of a POSIX shell; what does not print becomes `$'\x1b'` (bash)."""
    if visible(text) == text and text.isprintable():
        return shlex.quote(text)
    out = []
    for char in text:
        if char in "\\'":
            out.append(f"\\{char}")
        elif visible(char) == char and char.isprintable():
            out.append(char)
        else:
            # File names that are no UTF-8 hold their bytes as lone surrogates (PEP 383).
            out += [f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape")]
    return f"$'{''.join(out)}'"


def level_words(levels: frozenset[Level]) -> str:
    """Return levels as `--level` takes them; empty for all."""
    if levels == ALL_LEVELS:
        return ""
    if levels and levels == at_least(min(levels)):
        return min(levels).label
    return ",".join(level.label for level in Level if level in levels)


def as_command(started: Started, narrowing: Narrowing) -> str:
    """Return the command line that opens this view again."""
    words = ["logmon", started.command, *started.flags]
    if level := level_words(narrowing.levels):
        words += ["-l", level]
    for source in narrowing.sources:
        words += ["-s", source]
    if narrowing.query:
        words += ["-q", narrowing.query]
    if any(name.startswith("-") and name != "-" for name in started.files):
        words.append("--")
    return " ".join(map(shell_word, [*words, *started.files]))


def as_curl(started: Started, narrowing: Narrowing) -> str:
    """Return a curl command for the newest rows of this view; the token stays in its variable."""
    asked = [("limit", str(RECENT_LIMIT))]
    if level := level_words(narrowing.levels):
        asked.append(("level", level))
    asked += [("source", source) for source in narrowing.sources]
    if narrowing.query:
        asked.append(("q", narrowing.query))
    path = "/api/log-monitor/events/recent?"
    url = started.api + path + urlencode(asked, errors="replace")
    return f'curl -sS -H "Authorization: Bearer $LOGMON_API_TOKEN" {shlex.quote(url)}'


def as_query(narrowing: Narrowing) -> str:
    """Return the view as one query in Datadog's syntax, which `-q` takes too."""
    parts = []
    if narrowing.query:
        plain = visible(narrowing.query)
        wraps = (narrowing.levels != ALL_LEVELS or narrowing.sources) and re.search(
            r"\bOR\b", plain
        )
        parts.append(f"({plain})" if wraps else plain)
    if narrowing.levels != ALL_LEVELS:
        parts.append(
            _any_of("status", [level.label for level in Level if level in narrowing.levels])
        )
    shown = [query_term(source) for source in narrowing.sources if not source.startswith("!")]
    if shown:
        parts.append(_any_of("service", shown))
    parts += [
        f"-service:{query_term(name[1:])}" for name in narrowing.sources if name.startswith("!")
    ]
    return " ".join(parts) or "*"


def _any_of(field: str, values: list[str]) -> str:
    if len(values) == 1:
        return f"{field}:{values[0]}"
    return f"{field}:({' OR '.join(values)})" if values else f"-{field}:*"


_CLASS_OF_ONE = re.compile(r"\[([*?\[!])\]")
_PLAIN = re.compile(r"[\w.*?-]")


def query_term(glob: str) -> str:
    r"""Return a glob as a term of a query: `[*]` becomes `\*`, what does not print `?`."""
    if glob in ("AND", "OR", "NOT", "TO"):
        return f'"{glob}"'
    out = []
    place = 0
    while place < len(glob):
        single = _CLASS_OF_ONE.match(glob, place)
        char = single[1] if single else glob[place]
        place = single.end() if single else place + 1
        if visible(char) != char or not char.isprintable():
            out.append("?")
        elif single or not _PLAIN.match(char) or (char == "-" and not out):
            out.append(f"\\{char}")
        else:
            out.append(char)
    return "".join(out)
