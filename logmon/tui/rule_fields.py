"""The fields of a rule as texts to edit; a text is checked as the configuration's file would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from pydantic import ValidationError

from logmon.config_sentinel import RuleTable
from logmon.rule_text import FIELD_OF, table_of
from logmon.tui.prompt import Mistake

if TYPE_CHECKING:
    from logmon.sentinel.rule import Rule

MEANING: dict[str, str] = {
    "when": "the query language; empty: every row of that level",
    "minimum_level": "the mildest level it looks at",
    "threshold": "matches …",
    "window": "… within this time before an item is opened",
    "cooldown": "least time between two items of one cause",
    "priority": "high, medium, low; empty takes it from the level",
    "title": "of its items; empty takes the template",
    "group_by": "attributes that tell items apart, parted by commas",
}
"""Keys that can be edited, as the file names them, and what each means."""


def field_text(rule: Rule, key: str) -> str:
    """Return a field as it is typed."""
    value = table_of(rule)[key]
    return ", ".join(value) if isinstance(value, list) else str(value)


def with_field(rule: Rule, key: str, text: str) -> Rule | Mistake:
    """Return the rule with a field as typed, or what is wrong with the text."""
    given = table_of(rule)[key]
    value: object = text.strip()
    if isinstance(given, list):
        value = [path.strip() for path in text.split(",") if path.strip()]
    try:
        table = RuleTable.model_validate({"name": "rule", key: value})
    except ValidationError as failure:
        return _mistake(failure)
    read = getattr(table, key)
    made = tuple(read) if isinstance(read, list) else read
    return msgspec.structs.replace(rule, **{FIELD_OF[key]: made})


def _mistake(failure: ValidationError) -> Mistake:
    error = failure.errors(include_url=False)[0]
    message = str(error["msg"]).removeprefix("Value error, ")
    column = getattr(error.get("ctx", {}).get("error"), "column", 0)
    place = f" (column {column})" if column else ""
    return Mistake(f"{message}{place}", column)
