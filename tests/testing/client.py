"""A client of the fake Datadog, in virtual time."""

from typing import Any

import httpx2

from logmon.testing import NOON, FakeClock
from logmon.testing.fake_datadog import (
    UNLIMITED,
    Behaviour,
    FakeDatadog,
    log_event,
)

SEARCH = "/api/v2/logs/events/search"
AGGREGATE = "/api/v2/logs/analytics/aggregate"
KEYS = {"dd-api-key": "a" * 32, "dd-application-key": "b" * 40}
NOON_MS = int(NOON.timestamp() * 1000)


class Client:
    """An httpx2 client and the fake it talks to, in virtual time."""

    def __init__(self, clock: FakeClock | None = None, **behaviour: Any) -> None:
        self.clock = clock or FakeClock()
        behaviour.setdefault("search_rate", UNLIMITED)
        behaviour.setdefault("aggregate_rate", UNLIMITED)
        self.fake = FakeDatadog(clock=self.clock, behaviour=Behaviour(**behaviour))
        self.http = httpx2.AsyncClient(
            transport=self.fake.transport(), base_url="http://fake", headers=KEYS, timeout=30
        )

    def fill(self, count: int, *, step_ms: int = 1_000, **attributes: Any) -> list[str]:
        """Put in events before noon, the oldest first; return their ids in that order."""
        ids = [f"e{number:04}" for number in range(count)]
        first_ms = NOON_MS - count * step_ms
        self.fake.add(
            *(
                log_event(first_ms + place * step_ms, id=name, message=name, **attributes)
                for place, name in enumerate(ids)
            )
        )
        return ids

    async def search(self, **body: Any) -> httpx2.Response:
        body.setdefault("filter", {"from": "now-2d", "to": "now"})
        return await self.http.post(SEARCH, json=body)

    async def ids(self, **body: Any) -> list[str]:
        answer = await self.search(**{"page": {"limit": 1000}, "sort": "timestamp"} | body)
        assert answer.status_code == 200, answer.text
        return [event["id"] for event in answer.json()["data"]]

    async def walk(self, limit: int, **body: Any) -> list[list[str]]:
        """Follow the cursor to the end; return the ids of each page."""
        pages, cursor = [], None
        while True:
            page = {"limit": limit} | ({"cursor": cursor} if cursor else {})
            answer = (await self.search(page=page, sort="timestamp", **body)).json()
            pages.append([event["id"] for event in answer["data"]])
            cursor = answer.get("meta", {}).get("page", {}).get("after")
            if cursor is None:
                return pages
