"""What tests of logmon, and of sources that plug into it, are written with. Public and stable.

`check_source_contract` holds any source to the promises of `logmon.source.LogEventSource`:

    async def test_my_source_keeps_the_contract():
        await check_source_contract(lambda: MySource("mine"))

`logmon.testing.fake_datadog` is a Datadog to talk to, in a test or as a process of its own.
"""

from __future__ import annotations

from logmon.testing.contract import (
    CANCELLED_AFTER_TURNS,
    MOST_ROWS,
    PROMPT_S,
    QUIET_S,
    check_source_contract,
)
from logmon.testing.doubles import (
    NOON,
    FakeClock,
    ScriptedSource,
    arrival_of,
    hang,
    make_event,
)

__all__ = [
    "CANCELLED_AFTER_TURNS",
    "MOST_ROWS",
    "NOON",
    "PROMPT_S",
    "QUIET_S",
    "FakeClock",
    "ScriptedSource",
    "arrival_of",
    "check_source_contract",
    "hang",
    "make_event",
]
