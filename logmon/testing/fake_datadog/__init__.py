"""A Datadog to test against: the logs search API with everything that goes wrong in it.

In a test, without a socket and with virtual time:

    fake = FakeDatadog(traffic=Traffic(per_second=5), clock=FakeClock())
    async with httpx2.AsyncClient(transport=fake.transport(), base_url="http://fake") as client:
        fake.on(3, "503")                      # the third search
        ...
    assert fake.journal.most_in_a_period(10) <= 5

On a socket: `async with serving(fake) as url`, or as a process of its own:
`python -m logmon.testing.fake_datadog --port 8126`.
"""

from __future__ import annotations

from logmon.testing.fake_datadog.behaviour import Behaviour
from logmon.testing.fake_datadog.events import (
    ASSUMED,
    EIGHTEEN_HOURS,
    LIVE,
    NONE,
    WITHIN_5_S,
    FakeEvent,
    Lag,
    Traffic,
    log_event,
    make_id,
    rfc3339_ms,
)
from logmon.testing.fake_datadog.faults import FAULTS
from logmon.testing.fake_datadog.journal import Asked, RequestJournal
from logmon.testing.fake_datadog.limits import AGGREGATE, SEARCH, UNLIMITED, RateLimit
from logmon.testing.fake_datadog.malformed import MALFORMED, malformed_event
from logmon.testing.fake_datadog.server import FakeDatadog
from logmon.testing.fake_datadog.serving import serving

__all__ = [
    "AGGREGATE",
    "ASSUMED",
    "EIGHTEEN_HOURS",
    "FAULTS",
    "LIVE",
    "MALFORMED",
    "NONE",
    "SEARCH",
    "UNLIMITED",
    "WITHIN_5_S",
    "Asked",
    "Behaviour",
    "FakeDatadog",
    "FakeEvent",
    "Lag",
    "RateLimit",
    "RequestJournal",
    "Traffic",
    "log_event",
    "make_id",
    "malformed_event",
    "rfc3339_ms",
    "serving",
]
