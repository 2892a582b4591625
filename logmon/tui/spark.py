"""Small drawings of numbers in text: sparklines, and times as short as they may be."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from logmon.event import from_ns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

BLOCKS = " ▁▂▃▄▅▆▇█"
DAY_NS = 86_400 * 10**9


def spark(values: Sequence[float]) -> str:
    """Return one block a value, the highest one full; anything above nothing is seen."""
    most = max(values, default=0)
    if most <= 0:
        return " " * len(values)
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[max(1, round(v / most * top))] if v > 0 else " " for v in values)


def local(time_ns: int, zone: tzinfo) -> datetime:
    """Return a moment in a zone; at the edge of the calendar, in UTC."""
    moment = from_ns(time_ns)
    with suppress(OverflowError):
        moment = moment.astimezone(zone)
    return moment


def short_time(time_ns: int, zone: tzinfo, span_ns: int) -> str:
    """Return a time with what tells apart moments within `span_ns`: date only beyond a day."""
    moment = local(time_ns, zone)
    if span_ns > 300 * DAY_NS:
        return f"{moment:%Y-%m-%d}"
    if span_ns > DAY_NS:
        return f"{moment:%m-%d %H:%M}"
    return f"{moment:%H:%M}" if span_ns > 600 * 10**9 else f"{moment:%H:%M:%S}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 row`, `1,204 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_text(count: int) -> str:
    """Return a size in its largest unit: `812 bytes`, `3.2 KiB`, `1.5 GiB`."""
    for size, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,} bytes"


def duration(seconds: float) -> str:
    """Return a length of time in its largest unit: `250 ms`, `5 s`, `10 min`, `2 h`, `30 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
