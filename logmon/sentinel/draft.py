"""A rule drafted from an event: what it may look at, each part taken or left, and what it does.

Parts are written in the query language; what the event says in them is quoted, never read as one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.sentinel.rule import Rule
from logmon.template import HOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.event import LogEvent

MOST_PARTS = 12
"""Attributes offered besides template, source and tags."""
LONGEST_VALUE = 80


class Part(msgspec.Struct, frozen=True):
    """One condition that a draft may have."""

    text: str
    taken: bool


class Draft(msgspec.Struct, frozen=True):
    """A rule that is being made."""

    parts: tuple[Part, ...]
    rule: Rule
    """Everything but its `when`, which its parts make where it has any."""

    @classmethod
    def of(cls, event: LogEvent, template: str, names: tuple[str, ...]) -> Draft:
        """Return a draft for events like this one; `names` of rules are taken already."""
        rule = Rule(name=_name(template or event.message, names), minimum_level=event.level)
        return cls(tuple(_parts(event, template)), rule)

    def made(self) -> Rule:
        """Return the rule as it stands; without parts its `when` is what was typed."""
        if not self.parts:
            return self.rule
        when = " ".join(part.text for part in self.parts if part.taken)
        return msgspec.structs.replace(self.rule, when=when)

    def toggled(self, place: int) -> Draft:
        """Take a part in, or leave it out."""
        part = self.parts[place]
        other = msgspec.structs.replace(part, taken=not part.taken)
        return msgspec.structs.replace(
            self, parts=(*self.parts[:place], other, *self.parts[place + 1 :])
        )

    def typed(self, rule: Rule, *, parts: bool) -> Draft:
        """Take a rule in as it was typed; without `parts` its `when` is no longer made of them."""
        return msgspec.structs.replace(self, rule=rule, parts=self.parts if parts else ())

    def changed(self, **fields: Any) -> Draft:
        """Change what is not a part: threshold, minimum_level, name, …"""
        return msgspec.structs.replace(self, rule=msgspec.structs.replace(self.rule, **fields))


def _parts(event: LogEvent, template: str) -> Iterator[Part]:
    for place, phrase in enumerate(phrases(template or event.message)):
        yield Part(quoted(phrase), place < 3)
    if event.source and len(event.source) <= LONGEST_VALUE:
        yield Part(f"service:{quoted(event.source)}", True)
    for tag in event.tags[:3]:
        key, colon, value = tag.partition(":")
        if colon and len(tag) <= LONGEST_VALUE and re.fullmatch(r"[A-Za-z_][\w.-]*", key):
            yield Part(f"{key}:{quoted(value)}", False)
    for path, value in list(_leaves(event.attributes, ""))[:MOST_PARTS]:
        yield Part(f"@{path}:{quoted(value)}", False)


def phrases(template: str) -> list[str]:
    """Return the texts between a template's holes that hold a word."""
    texts = re.split(rf"{re.escape(HOLE)}|\{{[^{{}}]*\}}", template)
    found = (_short(re.findall(r"\w+", text)) for text in texts[:MOST_PARTS])
    return [text for text in dict.fromkeys(found) if re.search(r"[^\W\d_]", text)]


def _short(words: list[str]) -> str:
    """Join the first words that fit together."""
    text = ""
    for word in words:
        if len(text) + len(word) >= LONGEST_VALUE:
            break
        text = f"{text} {word}".lstrip()
    return text


def quoted(value: str) -> str:
    """Return a value as a phrase of the query language."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _leaves(attributes: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in attributes.items():
        path = f"{prefix}{key}"
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", path):
            continue
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}.")
        elif isinstance(value, str | int | float | bool):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if len(text) <= LONGEST_VALUE:
                yield path, text


def _name(template: str, taken: tuple[str, ...]) -> str:
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", " ".join(phrases(template)))]
    name = "-".join(words[:4])[:40] or "rule"
    number = 2
    found = name
    while found in taken:
        found = f"{name}-{number}"
        number += 1
    return found
