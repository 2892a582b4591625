"""The hub over a journal: the same numbers, older rows from it, nothing lost to a full store."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.checkpoint import Checkpoint
from logmon.dead_letter import DeadLetter
from logmon.errors import StoreFull
from logmon.filter import EVERYTHING, build_filter
from logmon.hub import LogEventHub
from logmon.journal import Commit, Committed, LetterRequest
from logmon.letter_desk import settle
from logmon.level import Level, at_least
from logmon.source import Arrival, Notice
from logmon.store.journal import Store, StoreOptions, open_writer
from logmon.testing import FakeClock, make_event

LEVELS = (Level.INFO, Level.ERROR)
ERRORS = build_filter(levels=at_least(Level.ERROR))
DEAD = DeadLetter(source="app", offset=1, reason="invalid_json", raw=b"{", length=1)


def opened(folder: Path, **options: object) -> Store:
    store = open_writer(folder / "logmon.db", StoreOptions(**options))
    assert store is not None
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path)
    yield store
    store.close()


def arrival(*ids: int, checkpoint: str = "", rejected: tuple[DeadLetter, ...] = ()) -> Arrival:
    events = [make_event(f"m{n}", id=f"id {n}", level=LEVELS[n % 2]) for n in ids]
    return Arrival(
        batch=EventBatch(events),
        checkpoint=Checkpoint("app", checkpoint) if checkpoint else None,
        rejected=rejected,
    )


async def test_a_reader_gets_older_rows_from_the_journal_then_live_ones(store: Store):
    hub = LogEventHub(max_rows=10, journal=store)
    intake = hub.intake("app")
    for start in range(0, 50, 5):
        await intake.accept(arrival(*range(start, start + 5)))
    assert hub.log.snapshot.first_seq == 40
    reader = hub.subscribe(after=12)
    await intake.accept(arrival(50, 51))
    hub.close()
    seqs = [row.seq async for rows in reader.batches() for row in rows]
    assert seqs == list(range(13, 52))
    assert reader.statistics().missed == 0


async def test_older_rows_that_pipelines_are_not_done_with_are_waited_for_not_missed(store: Store):
    hub = LogEventHub(max_rows=10, journal=store)
    for start in range(0, 50, 5):
        await hub.intake("app").accept(arrival(*range(start, start + 5)))
    hub.subscribe_pipeline(EVERYTHING, name="slow", first=22)
    reader = hub.subscribe(after=4, settled=True)
    seqs = [row.seq async for rows in reader.older() for row in rows]
    assert seqs == list(range(5, 22))
    assert (reader.position, reader.missed) == (22, 0)


async def test_what_retention_removed_is_an_exact_gap(tmp_path: Path):
    now = [10**18]
    store = opened(tmp_path, keep_s=60.0, now_ns=lambda: now[0])
    hub = LogEventHub(max_rows=10, journal=store)
    intake = hub.intake("app")
    for start in range(0, 40, 5):
        now[0] += 61 * 10**9 if start == 20 else 0
        await intake.accept(arrival(*range(start, start + 5)))
    reader = hub.subscribe(after=4)
    hub.close()
    slices = [rows async for rows in reader.batches()]
    assert slices[0].missed == 15
    assert [row.seq for rows in slices for row in rows] == list(range(20, 40))
    store.close()


async def test_a_filter_holds_for_rows_of_the_journal_too(store: Store):
    hub = LogEventHub(max_rows=10, journal=store)
    for start in range(0, 60, 5):
        await hub.intake("app").accept(arrival(*range(start, start + 5)))
    reader = hub.subscribe(ERRORS, after=-1)
    hub.close()
    found = [event.message async for event in reader]
    assert found == [f"m{n}" for n in range(60) if n % 2]
    figures = reader.statistics()
    assert figures.passed + figures.skipped == 60


async def test_a_restart_goes_on_with_the_next_number_and_holds_the_newest_rows(tmp_path: Path):
    store = opened(tmp_path)
    hub = LogEventHub(journal=store)
    await hub.intake("app").accept(arrival(*range(30)))
    hub.publish_own(
        [make_event("WI-1 opened", work_item="WI-1")], origin="sentinel", links={29: "WI-1"}
    )
    await hub.drained()
    store.close()

    store = opened(tmp_path)
    hub = LogEventHub(journal=store)
    await hub.warm(5)
    assert [row.event.message for row in hub.recent(9)][-2:] == ["m29", "WI-1 opened"]
    assert [row.work_item for row in hub.recent(2)] == ["WI-1", "WI-1"]
    assert hub.recent(1)[0].is_own
    await hub.intake("app").accept(arrival(29, 30))
    assert hub.recent(1)[0].seq == 31
    assert hub.sources["app"].duplicates == 1
    assert hub.sources["app"].received == 1
    store.close()


async def test_what_came_in_before_is_counted_as_duplicate_and_shown_once(store: Store):
    hub = LogEventHub(journal=store)
    intake = hub.intake("app")
    await intake.accept(arrival(1, 2, 3, rejected=(DEAD,)))
    await intake.accept(arrival(2, 3, 4, rejected=(DEAD,)))
    account = hub.sources["app"]
    assert [row.event.message for row in hub.recent(9)] == ["m1", "m2", "m3", "m4"]
    assert (account.received, account.stored, account.dead_lettered) == (5, 4, 1)
    assert account.duplicates == 3
    assert account.difference == 0
    assert list(hub.dead_letters) == [DEAD]


class FullStore:
    """A journal that has no room for the first so many commits."""

    epoch = "full"

    def __init__(self, store: Store, refusals: int) -> None:
        self._store = store
        self.refusals = refusals

    @property
    def next_seq(self) -> int:
        return self._store.next_seq

    async def commit(self, commit: Commit) -> Committed:
        if self.refusals:
            self.refusals -= 1
            raise StoreFull("no space left")
        return await self._store.commit(commit)

    read = None


async def test_a_full_store_is_waited_for_and_said_and_loses_nothing(store: Store):
    clock = FakeClock()
    hub = LogEventHub(journal=FullStore(store, 20), sleep=clock.sleep)  # type: ignore[arg-type]
    await hub.intake("app").accept(arrival(1, 2, checkpoint="2"))
    await hub.drained()
    assert len(clock.slept) == 20
    assert [row.event.message for row in hub.recent(2)] == [
        "m2", "the store takes rows again, nothing was lost: no space left",
    ]  # fmt: skip
    assert store.checkpoint("app") == Checkpoint("app", "2")
    assert hub.store_trouble == ""
    assert hub.sources["app"].difference == 0


async def test_stopped_while_the_store_is_full_the_rows_were_never_received(store: Store):
    waiting = asyncio.Event()

    async def wait(_seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    hub = LogEventHub(journal=FullStore(store, 10**9), sleep=wait)  # type: ignore[arg-type]
    task = asyncio.create_task(hub.intake("app").accept(arrival(1, 2, checkpoint="2")))
    await waiting.wait()
    assert "no space left" in hub.store_trouble
    assert hub.sources["app"].in_flight == 2
    task.cancel()
    await asyncio.wait({task})
    account = hub.sources["app"]
    assert (account.received, account.dropped, account.in_flight) == (0, 0, 0)
    assert store.checkpoint("app") is None


async def test_cancelled_while_it_is_written_a_row_is_counted_where_it_ended(store: Store):
    hub = LogEventHub(journal=store)
    for turn in range(40):
        task = asyncio.create_task(hub.intake("app").accept(arrival(turn)))
        for _ in range(turn % 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        account = hub.sources["app"]
        assert account.difference == 0
        assert account.stored == store.newest_seq() == len(hub.log.snapshot)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "own", "notice"]), st.integers(0, 30)), max_size=30
    )
)
@settings(max_examples=30, deadline=None)
async def test_whoever_writes_when_the_log_and_the_journal_number_rows_alike(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
):
    store = opened(tmp_path_factory.mktemp("store"))
    hub = LogEventHub(journal=store)
    writing = []
    for name, number in steps:
        if name == "own":
            hub.publish_own([make_event(f"said {number}")], origin="sentinel")
        elif name == "notice":
            hub.announce(Notice(text=f"notice {number}"), source="a")
        else:
            intake = hub.intake(name)
            writing.append(asyncio.create_task(intake.accept(arrival(number, number + 1))))
        if number % 3 == 0:
            await asyncio.sleep(0)
    for task in writing:
        await task
    await hub.drained()
    held = [(row.seq, row.event.message) for row in hub.recent(10**6)]
    written = [
        (block.first_seq + row, block.batch.event(row).message)
        for block in await store.read(-1, 10**9)
        for row in range(len(block.batch))
    ]
    assert held == written
    assert all(account.difference == 0 for account in hub.sources.values())
    store.close()


async def test_what_a_dead_letter_became_moves_from_refused_to_stored(store: Store):
    hub = LogEventHub(journal=store)
    await hub.intake("app").accept(arrival(1, rejected=(DEAD,)))
    (kept,) = store.dead_letters()
    wish = LetterRequest(
        origin="app", settled=(kept.number,), events=(make_event("mended", id="m"),)
    )
    await settle(hub, wish)
    account = hub.sources["app"]
    assert (account.received, account.stored, account.dead_lettered) == (2, 2, 0)
    assert account.difference == 0
    assert hub.recent(1)[0].event.message == "mended"
    await settle(hub, wish)
    assert (account.received, account.duplicates) == (2, 1)
    assert account.difference == 0
    assert len(hub.recent(9)) == 2


async def test_dead_letters_held_to_look_at_are_bounded_in_bytes():
    hub = LogEventHub()
    for number in range(20):
        raw = b"x" * (8 << 20)
        dead = DeadLetter(source="app", offset=number, reason="too_long", raw=raw, length=len(raw))
        await hub.intake("app").accept(Arrival(rejected=(dead,)))
    held = [dead.offset for dead in hub.dead_letters]
    assert held == list(range(12, 20))
    assert hub.sources["app"].dead_lettered == 20
