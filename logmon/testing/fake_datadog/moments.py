"""The times a search may ask for: ISO 8601, milliseconds since 1970 as text, or `now-15m`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from logmon.testing.fake_datadog.events import EPOCH

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FROM_NOW = re.compile(r"(?:now)?(?:([+-]\d+)([smhd]))?")
INTERVAL = re.compile(r"(\d+)(ms|[smhd])?")


class BadTime(ValueError):
    """A text that is no time."""


def milliseconds(text: object, now_ms: int) -> int:
    """Return the moment a text means, in milliseconds since 1970.

    Raises:
        BadTime: it means none.
    """
    if not isinstance(text, str) or not text:
        raise BadTime(f"{text!r} is no time")
    if text.isdecimal():
        return int(text)
    found = _FROM_NOW.fullmatch(text)
    if found:
        return now_ms + (int(found[1]) * _UNITS_MS[found[2]] if found[1] else 0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadTime(f"{text!r} is no time") from None
    if moment.tzinfo is None:
        raise BadTime(f"{text!r} names no zone")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def interval_ms(text: object) -> int:
    """Return the length of an aggregation's buckets: `5m`, `30s`, or a number of milliseconds.

    Raises:
        BadTime: it is none.
    """
    found = INTERVAL.fullmatch(str(text))
    length = int(found[1]) * _UNITS_MS.get(found[2] or "ms", 1) if found else 0
    if not length:
        raise BadTime(f"{text!r} is no interval")
    return length


def is_absolute(text: object) -> bool:
    """Whether a time means the same moment whenever it is read."""
    return isinstance(text, str) and not _FROM_NOW.fullmatch(text)
