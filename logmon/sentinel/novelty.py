"""Which templates were seen before: first-seen times by template, kept over restarts."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING

from logmon.template import template_id

if TYPE_CHECKING:
    from collections.abc import Mapping

SEEN = "seen "
MOST_TEMPLATES = 50_000
"""Templates remembered; the one seen first longest ago is forgotten first."""


class FirstSeen:
    """Remembers when each template was seen first, in event time."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, datetime] = OrderedDict()
        self._dirty: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def knows(self, template: str) -> bool:
        """Whether a template was seen before."""
        return template_id(template) in self._seen

    def note(self, template: str, at: datetime) -> bool:
        """Remember a template; whether it was new."""
        name = template_id(template)
        if name in self._seen:
            return False
        self._put(name, at)
        return True

    def _put(self, name: str, at: datetime) -> None:
        self._seen[name] = at
        self._dirty[name] = None
        while len(self._seen) > MOST_TEMPLATES:
            forgotten, _ = self._seen.popitem(last=False)
            self._dirty[forgotten] = None

    def rekey(self, merges: Mapping[str, str]) -> None:
        """Let a template that others became part of be known since the first of them was."""
        for old, new in merges.items():
            at = self._seen.get(template_id(old))
            if at is None:
                continue
            name = template_id(new)
            if name not in self._seen or at < self._seen[name]:
                self._put(name, at)

    def take_changes(self) -> dict[str, bytes | None]:
        """Return what changed since the last call, by name, None if forgotten."""
        changed: dict[str, bytes | None] = {}
        for name in self._dirty:
            at = self._seen.get(name)
            changed[SEEN + name] = None if at is None else at.isoformat().encode()
        self._dirty.clear()
        return changed

    def restore(self, values: Mapping[str, bytes]) -> None:
        """Take in what was kept."""
        kept = [
            (datetime.fromisoformat(value.decode()), name.removeprefix(SEEN))
            for name, value in values.items()
            if name.startswith(SEEN)
        ]
        for at, name in sorted(kept):
            self._seen[name] = at
