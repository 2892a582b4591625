"""Writes conditions of the query language: the text that means exactly a field and its value."""

from __future__ import annotations

import re

from logmon.query.fields import as_text

_PLAIN = re.compile(r"[\w./][\w./@-]*")
_PLAIN_NAME = re.compile(r"@?[\w./-]+")
_WORDS_OF_THE_LANGUAGE = frozenset({"AND", "OR", "NOT", "TO"})


def written(field: str, value: object) -> str:
    """Return `field:value` as a query that holds for exactly this value, quoted where it must be.

    `field` is a name of the language: `service`, `@http.status`, or a tag's key.
    """
    return f"{written_name(field)}:{written_value(as_text(value))}"


def written_value(text: str) -> str:
    """Return a value as it stands behind a colon: as it is, or as a phrase."""
    if _PLAIN.fullmatch(text) and text not in _WORDS_OF_THE_LANGUAGE and text.isascii():
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def written_name(field: str) -> str:
    """Return a field's name with what has a meaning of its own escaped."""
    if _PLAIN_NAME.fullmatch(field) and field.isascii():
        return field
    start = "@" if field.startswith("@") else ""
    return start + re.sub(r"([^\w./-])", r"\\\1", field.removeprefix("@"), flags=re.ASCII)


def narrowed(query: str, condition: str, *, exclude: bool = False) -> str:
    """Return a query that asks for a condition as well, or that it does not hold.

    The opposite condition, where it stands at the end of the query, is taken off instead.
    """
    wanted = f"-{condition}" if exclude else condition
    opposite = condition if exclude else f"-{condition}"
    words = query.strip()
    if words == wanted or words.endswith(f" {wanted}"):
        return words
    if words == opposite or words.endswith(f" {opposite}"):
        return f"{words.removesuffix(opposite).rstrip()} {wanted}".strip()
    grouped = f"({words})" if re.search(r"(?:^|\s)(?:OR|\|\|)\s", words) else words
    return f"{grouped} {wanted}".strip()
