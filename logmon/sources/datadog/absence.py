"""A time in which nothing could be read: how it is told, and what was made up for since."""

from __future__ import annotations

from logmon.event import from_ns
from logmon.level import Level
from logmon.source import Notice


class Absence:
    """What lies between `from_ms` and now, as far as it has been made up for."""

    def __init__(self, from_ms: int, word: str = "") -> None:
        self._from_ms = from_ms
        self.word = word
        """How to say that it is over; empty when nobody was told that it began."""
        self.rows = 0

    def progress(self, read_to_ms: int, now_ms: int) -> float:
        """Return how much of it has been read, 0 to 1."""
        whole_ms = now_ms - self._from_ms
        return 1.0 if whole_ms <= 0 else min(1.0, (read_to_ms - self._from_ms) / whole_ms)

    def over(self, name: str) -> list[Notice]:
        """Say that all of it is there, to those who were told that it was not."""
        if not self.word:
            return []
        return [Notice(text=f"{name} {self.word} · {self.rows:,} backfilled · 0 lost")]


def skipped(name: str, from_ms: int, to_ms: int) -> Notice:
    """Say that a span is left out."""
    text = (
        f"gap {_moment(from_ms)} – {_moment(to_ms)} · {name} skipped "
        f"{span_text((to_ms - from_ms) / 1000)}: longer ago than max_catch_up"
    )
    return Notice(text=text, level=Level.WARN, lost=None)


def partial(name: str, why: str) -> Notice:
    """Say that Datadog keeps answering without some of the events."""
    text = f"{name}: Datadog answers only in part ({why}); the rest may come late"
    return Notice(text=text, level=Level.WARN)


def span_text(seconds: float) -> str:
    """Write a span as people say it: `42 s`, `5 min`, `1.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"


def _moment(time_ms: int) -> str:
    return from_ns(time_ms * 1_000_000).strftime("%Y-%m-%d %H:%M:%S UTC")
