"""Cut at random and resumed: ids go on without a hole, or one gap says exactly what is missing."""

import asyncio
import json
import random

import pytest

from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.store.journal import open_writer
from logmon.testing import make_event
from tests.api.rig import rig

CLIENTS = 20


def seq_of(event_id: str) -> int:
    """Return the row an id names; the one before the first is -1."""
    return int(event_id.partition("-")[2])


class Reader:
    """A client that is cut again and again, and checks every row and gap it is given.

    Row `n` has the message `n`; every third is a warning. `wants` says which pass the filter.
    """

    def __init__(self, served, rng: random.Random, query: str) -> None:
        self._served = served
        self._rng = rng
        self._query = query
        self._id: str | None = None
        self._next = 0
        """The first row that was neither given nor said to be missing."""
        self.cuts = 0
        self.rows = 0
        self.gaps = 0
        self.missed = 0

    def wants(self, seq: int) -> bool:
        return not self._query or seq % 3 == 0

    async def once(self, most: int | None, *, until: int | None = None) -> None:
        """Connect, read for a while, and be cut."""
        async with self._served.stream(self._query, after=self._id) as sse:
            assert sse.status == 200
            told = json.loads(sse.headers.get("logmon-gap", "null"))
            taken = 0
            while (most is None or taken < most) and (until is None or self._next < until):
                try:
                    fields = await sse.next(0.3 if until is None else 60)
                except TimeoutError:
                    break
                assert fields is not None
                taken += 1
                self._see(fields, told)
                told = None
        self.cuts += 1

    def _see(self, fields: dict[str, str], told) -> None:
        data = json.loads(fields["data"])
        if fields["event"] == "gap":
            assert told in (None, data)
            self._see_gap(data)
        else:
            assert told is None, "the header told of a gap that is not the first event"
            if fields["event"] == "log":
                self._see_row(seq_of(fields["id"]), data)
            elif "id" in fields:
                self._next = max(self._next, seq_of(fields["id"]) + 1)
        self._id = fields.get("id", self._id)

    def _see_row(self, seq: int, data) -> None:
        assert data["message"] == str(seq)
        assert self.wants(seq)
        assert seq >= self._next, f"row {seq} came twice"
        silent = [row for row in range(self._next, seq) if self.wants(row)]
        assert silent == [], "rows went missing in silence"
        self._next = seq + 1
        self.rows += 1

    def _see_gap(self, gap) -> None:
        assert gap["reason"] in ("rotated", "slow_consumer")
        first = seq_of(gap["first_available"])
        asked = seq_of(gap["requested"])
        assert gap["missed"] == first - asked - 1 > 0
        assert asked >= self._next - 1
        self._next = first
        self.gaps += 1
        self.missed += gap["missed"]

    async def run(self, cuts: int) -> None:
        while self.cuts < cuts:
            await self.once(self._rng.choice([0, 1, 3, 30, 300]))
            if self._rng.random() < 0.1:
                await asyncio.sleep(self._rng.random() * 0.2)


async def publish(served, rng: random.Random, stop: asyncio.Event) -> int:
    """Publish numbered rows in bursts until told to stop; return how many there are."""
    count = 0
    while not stop.is_set():
        rows = rng.choice([1, 1, 1, 5, 60])
        levels = [Level.WARN if n % 3 == 0 else Level.INFO for n in range(count, count + rows)]
        await served.publish(
            *(make_event(str(count + n), level=level) for n, level in enumerate(levels))
        )
        count += rows
        await asyncio.sleep(rng.random() * 0.004)
    return count


async def disturb(served, cuts: int, seed: int) -> list[Reader]:
    """Cut readers at random while rows are published, then let all read to the end."""
    rng = random.Random(seed)
    stop = asyncio.Event()
    publishing = asyncio.create_task(publish(served, rng, stop))
    readers = [
        Reader(served, random.Random(seed + n), "?level=warn" if n % 2 else "")
        for n in range(CLIENTS)
    ]
    for reader in readers:
        await reader.once(1)
    await asyncio.gather(*(reader.run(cuts // CLIENTS) for reader in readers))
    stop.set()
    count = await publishing
    await asyncio.gather(*(reader.once(None, until=count - 3) for reader in readers))
    assert all(reader._next >= count - 3 for reader in readers)
    await served.until(lambda: not served.streams.claimed)
    assert served.said == []
    return readers


async def check_memory(tmp_path, cuts: int) -> None:
    hub = LogEventHub(max_rows=1_000)
    async with rig(tmp_path, hub=hub) as served:
        readers = await disturb(served, cuts, seed=1)
        assert sum(reader.gaps for reader in readers) > 0


async def check_journal(tmp_path, cuts: int) -> None:
    store = open_writer(tmp_path / "log.db")
    try:
        hub = LogEventHub(max_rows=1_000, journal=store)
        async with rig(tmp_path, hub=hub, store=store) as served:
            readers = await disturb(served, cuts, seed=2)
            assert sum(reader.gaps for reader in readers) == 0
    finally:
        store.close()


async def test_with_a_ring_alone_every_hole_is_told_exactly(tmp_path):
    await check_memory(tmp_path, 400)


async def test_with_a_journal_there_is_no_hole(tmp_path):
    await check_journal(tmp_path, 400)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
# With a ring alone 20 readers see about 500 gaps in 110,000 rows; with a journal none.
async def test_ten_thousand_cuts(tmp_path):
    for check in (check_memory, check_journal):
        folder = tmp_path / check.__name__
        folder.mkdir()
        await check(folder, 10_000)
