"""Completions of a query at the cursor: fields, values, and what joins conditions. No Textual."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logmon.query.writing import written_name, written_value
from logmon.tui.prompt import Offer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.tui.seen import Seen

_TOKEN = re.compile(r'(?:"(?:\\.|[^"\\])*"?|\\.|[^\s()"\\])*\Z', re.DOTALL)
JOINERS = {
    "AND": "both must hold; a blank means the same",
    "OR": "one of them must hold",
    "NOT": "it must not hold; - means the same",
}


def offers(text: str, cursor: int, seen: Seen) -> Iterator[Offer]:
    """Yield completions of the word before the cursor, the likeliest first."""
    before, after = text[:cursor], text[cursor:]
    found = _TOKEN.search(before)
    token = found[0] if found else ""
    start = before[: len(before) - len(token)]
    sign = token[:1] if token[:1] in ("-", "+") else ""
    name, colon, value = token.removeprefix(sign).partition(":")
    if colon:
        for text_of_value, count in seen.values(name.replace("\\", "")):
            if _begins(text_of_value, value):
                word = f"{sign}{name}:{written_value(text_of_value)}"
                yield _offer(start, word, after, text_of_value, f"{count:,} rows" if count else "")
        return
    if name:
        for field, count in sorted(seen.fields.items(), key=lambda pair: (-pair[1], pair[0])):
            if field.casefold().startswith(name.casefold()) or field == f"@{name}":
                word = f"{sign}{written_name(field)}:"
                yield _offer(start, word, after, field, f"{count:,} rows" if count else "a field")
    for joiner, meaning in JOINERS.items():
        if name and start.strip() and joiner.startswith(name):
            yield _offer(start, f"{joiner} ", after, joiner, meaning)


def _begins(value: str, typed: str) -> bool:
    bare = typed.removeprefix('"').replace("\\", "")
    return value.casefold().startswith(bare.casefold()) and value != bare


def _offer(start: str, word: str, after: str, label: str, note: str) -> Offer:
    return Offer(f"{start}{word}{after}", len(start) + len(word), label, note)
