"""Rules as TOML: a table to append, or one changed in place with every comment left as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from logmon.config_file import key_lines
from logmon.moments import duration_text
from logmon.sentinel.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITTEN: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "name": ("name", str),
    "enabled": ("enabled", bool),
    "when": ("when", str),
    "minimum_level": ("minimum_level", lambda level: level.label),
    "sources": ("sources", list),
    "group_by": ("group_by", list),
    "threshold": ("threshold", int),
    "window_s": ("window", duration_text),
    "cooldown_s": ("cooldown", duration_text),
    "priority": ("priority", str),
    "title": ("title", str),
}
"""For each field of a rule its key in the table, and what its value is written as."""
FIELD_OF: dict[str, str] = {key: field for field, (key, _) in _WRITTEN.items()}
"""For each key of the table the rule's field."""


def table_of(rule: Rule) -> dict[str, Any]:
    """Return every key and value of the table that is a rule."""
    return {key: write(getattr(rule, field)) for field, (key, write) in _WRITTEN.items()}


def to_toml(rule: Rule, remark: str = "") -> str:
    """Return a rule as a table; what is as usual is left out."""
    lines = ["", *(f"# {line}" for line in remark.splitlines()), "[[sentinel.rules]]"]
    usual = table_of(Rule()) | {"name": None}
    table = table_of(rule)
    lines += [f"{key} = {_value(table[key])}" for key in table if table[key] != usual[key]]
    return "\n".join([*lines, ""])


def with_rule(text: str, number: int, before: Rule, after: Rule) -> str:
    """Return a configuration with a rule changed, given its place among the rules of the file.

    Keys that are there get other values where they stand; the others come below the rule's name.
    """
    import tomlkit  # 26 ms, once somebody changes a rule

    old, new = table_of(before), table_of(after)
    changed = [key for key in new if new[key] != old[key]]
    parsed = tomlkit.parse(text)
    rules: Any = parsed["sentinel"]["rules"]
    table = rules[number]
    fresh = {key: new[key] for key in changed if key not in table}
    for key in changed:
        if key not in fresh:
            table[key] = new[key]
    place = key_lines(tomlkit.dumps(parsed)).get(("sentinel", "rules", number, "name"))
    if place is None:  # an array of inline tables: it has no comments to mix up
        table.update(fresh)
        return tomlkit.dumps(parsed)
    lines = tomlkit.dumps(parsed).splitlines(keepends=True)
    end = "\r\n" if lines[place - 1].endswith("\r\n") else "\n"
    lines[place - 1] = lines[place - 1].rstrip("\r\n") + end
    lines[place:place] = [f"{key} = {_value(value)}{end}" for key, value in fresh.items()]
    return "".join(lines)


def _value(value: Any) -> str:
    """Return a value as TOML: JSON's escapes are all of a basic string's escapes too, bar DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
