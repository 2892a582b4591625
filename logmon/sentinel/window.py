"""Matches of causes that have no item yet: which events within the rule's window, in event time."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from logmon.event import encode_json
from logmon.sentinel.rule import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.event import LogEvent
    from logmon.sentinel.rule import Rule

Match = tuple[datetime, str]
"""When an event happened, and its id."""
PENDING = "pending "
MOST_CAUSES = 10_000
"""Causes whose matches are remembered; the one that matched longest ago is forgotten first."""

_encode = msgspec.json.Encoder().encode
_decode_cause = msgspec.json.Decoder(dict[str, tuple[str, ...]]).decode
_decode_seen = msgspec.json.Decoder(list[Match]).decode


class Window:
    """Remembers at most `threshold` matches of each cause."""

    def __init__(self) -> None:
        self._dirty: dict[Cause, None] = {}
        self._seen: OrderedDict[Cause, deque[Match]] = OrderedDict()

    def with_event(
        self, cause: Cause, rule: Rule, event: LogEvent, moved: Mapping[str, str]
    ) -> list[Match]:
        """Return the matches inside the window with this event the last; remember nothing.

        `moved` are templates that are about to become part of others: theirs count too.
        """
        seen = [*self._seen.get(cause, ())]
        for other in cause.formerly(moved):
            seen += self._seen.get(other, ())
        if moved:
            seen = sorted(set(seen))
        if all(event_id != event.id for _, event_id in seen):
            seen.append((event.timestamp, event.id))
        newest = event.timestamp
        kept = [match for match in seen if (newest - match[0]).total_seconds() <= rule.window_s]
        return kept[-max(rule.threshold, 1) :]

    def add(self, cause: Cause, rule: Rule, event: LogEvent) -> None:
        """Remember a match."""
        kept = self.with_event(cause, rule, event, {})
        self._seen.pop(cause, None)
        self._seen[cause] = deque(kept)
        self._dirty[cause] = None
        while len(self._seen) > MOST_CAUSES:
            forgotten, _ = self._seen.popitem(last=False)
            self._dirty[forgotten] = None

    def rekey(self, merges: Mapping[str, str]) -> None:
        """Move matches whose template became part of another one under that one."""
        for cause in [cause for cause in self._seen if cause.template in merges]:
            wider = msgspec.structs.replace(cause, template=merges[cause.template])
            seen = self._seen.pop(cause)
            self._seen[wider] = deque(sorted({*seen, *self._seen.get(wider, ())}))
            self._dirty |= {cause: None, wider: None}

    def clear(self, cause: Cause) -> None:
        """Forget a cause, now that it has an item."""
        if self._seen.pop(cause, None) is not None:
            self._dirty[cause] = None

    def take_changes(self) -> dict[str, bytes | None]:
        """Return the causes whose matches changed since the last call, by name, None if gone."""
        changed: dict[str, bytes | None] = {}
        for cause in self._dirty:
            seen = self._seen.get(cause)
            name = PENDING + encode_json({"cause": cause.parts()}).decode()
            changed[name] = None if seen is None else _encode(list(seen))
        self._dirty.clear()
        return changed

    def restore(self, values: Mapping[str, bytes]) -> None:
        """Take in matches that were kept."""
        for name, value in values.items():
            if name.startswith(PENDING):
                parts = _decode_cause(name.removeprefix(PENDING))["cause"]
                self._seen[Cause.of(parts)] = deque(_decode_seen(value))
