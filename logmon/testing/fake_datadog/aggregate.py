"""`POST /api/v2/logs/analytics/aggregate`: counts of the same events that searches return.

Buckets are multiples of the interval since 1970; those without an event are left out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.testing.fake_datadog.events import rfc3339_ms
from logmon.testing.fake_datadog.moments import BadTime, interval_ms
from logmon.testing.fake_datadog.search import BadRequest, parse_post, seen, span

if TYPE_CHECKING:
    from logmon.testing.fake_datadog.events import EventStore

MOST_POINTS = 150
"""The interval of a time series that names none gives about so many points (generated client)."""


def buckets(store: EventStore, body: bytes, now_ms: int, bounds: str) -> list[dict[str, Any]]:
    """Return `data.buckets` of an answer.

    Raises:
        BadRequest: the request cannot be answered.
    """
    asked = parse_post(body).filter
    sent = msgspec.json.decode(body) if body.strip() else {}
    computes = sent.get("compute") or []
    begin, end = span(asked, now_ms, bounds)
    times = [event.time_ms for event in seen(store, asked, now_ms, bounds) if not event.hidden]
    if not computes or not times:
        return []
    values = {
        f"c{place}": _compute(compute, times, end - begin) for place, compute in enumerate(computes)
    }
    return [{"by": {}, "computes": values}]


def _compute(compute: Any, times: list[int], length_ms: int) -> Any:
    if not isinstance(compute, dict) or compute.get("aggregation") != "count":
        raise BadRequest("input_validation_error(Field 'compute.aggregation' is invalid)")
    if compute.get("type", "total") == "total":
        return len(times)
    try:
        step = interval_ms(compute.get("interval", max(1, length_ms // MOST_POINTS)))
    except BadTime as error:
        raise BadRequest(f"input_validation_error(Field 'compute' is invalid: {error})") from None
    counts = Counter(time_ms // step * step for time_ms in times)
    return [{"time": rfc3339_ms(start), "value": counts[start]} for start in sorted(counts)]
