"""The journal: all of a commit or nothing, rows back in order, ids once, bounds kept."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.checkpoint import Checkpoint
from logmon.dead_letter import DeadLetter
from logmon.errors import StoreError
from logmon.event import LogEvent, encode
from logmon.journal import Commit, Effects, LetterRequest
from logmon.level import Level
from logmon.redaction import Redactor
from logmon.store.letters import request
from logmon.store.place import redaction_key
from logmon.testing import NOON, make_event
from tests.store.stores import opened, rows

HOUR_NS = 3600 * 10**9
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
events = st.builds(
    LogEvent,
    timestamp=st.just(NOON),
    level=st.sampled_from(Level),
    source=texts,
    message=texts,
    message_template=st.none() | texts.filter(bool),
    attributes=st.dictionaries(texts, st.integers(-(2**63), 2**63 - 1) | texts, max_size=3),
    tags=st.lists(texts, max_size=3).map(tuple),
    id=texts.filter(bool),
)


@given(batches=st.lists(st.lists(events, min_size=1, max_size=5), max_size=6), reopen=st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_is_written_comes_back_in_order_numbered_from_0(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[LogEvent]], reopen: bool
):
    path = tmp_path_factory.mktemp("store") / "logmon.db"
    store = opened(path)
    for batch in batches:
        store.commit_now(Commit(origin="app", batch=EventBatch(batch)))
        if reopen:
            store.close()
            store = opened(path)
    expected = [event for batch in batches for event in batch]
    assert [seq for seq, _ in rows(store)] == list(range(len(expected)))
    assert [encode(event) for _, event in rows(store)] == [encode(event) for event in expected]
    for after in range(-1, len(expected)):
        assert [seq for seq, _ in rows(store, after)] == list(range(after + 1, len(expected)))
    store.close()


def test_an_id_is_stored_once_for_each_origin_however_often_it_comes(tmp_path: Path):
    store = opened(tmp_path / "logmon.db")
    a, b, c = make_event("a", id="1"), make_event("b", id="2"), make_event("c", id="3")
    first = store.commit_now(Commit(origin="app", batch=EventBatch([a, b, a]), distinct=True))
    assert first.rows is not None
    assert first.rows.tolist() == [0, 1]
    store.close()
    store = opened(tmp_path / "logmon.db")
    again = store.commit_now(Commit(origin="app", batch=EventBatch([b, c]), distinct=True))
    assert again.rows is not None
    assert again.rows.tolist() == [1]
    other = store.commit_now(Commit(origin="web", batch=EventBatch([a]), distinct=True))
    assert other.rows is None
    assert [(seq, event.message) for seq, event in rows(store)] == [
        (0, "a"), (1, "b"), (2, "c"), (3, "a"),
    ]  # fmt: skip
    store.close()


def test_a_batch_of_nothing_but_repeats_takes_no_number(tmp_path: Path):
    store = opened(tmp_path / "logmon.db")
    commit = Commit(origin="app", batch=EventBatch([make_event("a", id="1")]), distinct=True)
    store.commit_now(commit)
    committed = store.commit_now(commit)
    assert committed.rows is not None
    assert len(committed.rows) == 0
    assert store.next_seq == store.newest_seq() == 1
    store.close()


def test_checkpoint_offset_links_and_dead_letters_are_kept_with_their_rows(tmp_path: Path):
    dead = DeadLetter(source="app", offset=7, reason="invalid_json", raw=b"{\xff", length=2)
    store = opened(tmp_path / "logmon.db")
    said = make_event("WI-1 opened", id="s", work_item="WI-1")
    store.commit_now(
        Commit(
            origin="app",
            batch=EventBatch([make_event("a", id="1")]),
            rejected=(dead, dead),
            checkpoint=Checkpoint("app", "cursor 1"),
        )
    )
    store.commit_now(
        Commit(
            origin="sentinel",
            batch=EventBatch([said]),
            effects=Effects(consumer="sentinel", offset=1, links={0: "WI-1"}),
        )
    )
    again = store.commit_now(Commit(origin="app", rejected=(dead,)))
    store.close()
    store = opened(tmp_path / "logmon.db")
    assert again.rejected == 0
    assert store.checkpoint("app") == Checkpoint("app", "cursor 1")
    assert store.checkpoint("web") is None
    assert store.offset("sentinel") == 1
    assert [kept.letter for kept in store.dead_letters()] == [dead]
    links = {seq: item for block in store.read_now(-1, 9) for seq, item in block.links.items()}
    assert links == {0: "WI-1", 1: "WI-1"}
    store.close()


def test_an_outside_row_that_claims_a_work_item_is_linked_to_none(tmp_path: Path):
    store = opened(tmp_path / "logmon.db")
    claim = make_event("a", source="sentinel", work_item="WI-1")
    store.commit_now(Commit(origin="app", batch=EventBatch([claim])))
    assert store.read_now(-1, 9)[0].links == {}
    store.close()


def test_what_is_written_is_redacted_first(tmp_path: Path):
    redactor = Redactor(key=redaction_key(tmp_path / "logmon.db"))
    store = opened(tmp_path / "logmon.db", redactor=redactor)
    event = make_event("password=hunter2", attributes={"token": "0abc1def"})
    letter = DeadLetter(source="app", reason="odd", raw=b"password=hunter2", length=16)
    store.commit_now(Commit(origin="app", batch=EventBatch([event]), rejected=(letter,)))
    assert [kept for _, kept in rows(store)] == [redactor.event(event)]
    assert [kept.letter for kept in store.dead_letters()] == [redactor.dead_letter(letter)]
    store.close()
    for file in tmp_path.iterdir():
        assert b"hunter2" not in file.read_bytes()


def test_the_key_of_a_stores_pseudonyms_stays_and_is_ours_alone(tmp_path: Path):
    key = redaction_key(tmp_path / "logmon.db")
    assert redaction_key(tmp_path / "logmon.db") == key
    assert redaction_key(tmp_path / "other.db") != key
    file = tmp_path / "logmon.db.key"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(StoreError, match="read by others"):
        redaction_key(tmp_path / "logmon.db")


def test_rows_beyond_their_time_are_removed_and_numbers_go_on(tmp_path: Path):
    now = [HOUR_NS]
    store = opened(tmp_path / "logmon.db", keep_s=3600.0, now_ns=lambda: now[0])
    for hour in range(5):
        now[0] = (hour + 1) * HOUR_NS
        store.commit_now(Commit(origin="app", batch=EventBatch([make_event(f"hour {hour}")])))
    assert [(seq, event.message) for seq, event in rows(store)] == [(3, "hour 3"), (4, "hour 4")]
    now[0] += 9 * HOUR_NS
    store.commit_now(Commit(origin="app", checkpoint=Checkpoint("app", "x")))
    assert rows(store) == []
    store.close()
    store = opened(tmp_path / "logmon.db")
    assert store.next_seq == 5
    store.close()


def test_the_oldest_rows_go_when_the_file_is_too_large_and_it_shrinks_again(tmp_path: Path):
    now = [HOUR_NS]
    path = tmp_path / "logmon.db"
    store = opened(path, max_bytes=1_000_000, now_ns=lambda: now[0])
    rng = random.Random(1)
    for number in range(120):
        now[0] += 120 * 10**9
        message = f"{number} {rng.randbytes(20_000).hex()}"
        store.commit_now(Commit(origin="app", batch=EventBatch([make_event(message)])))
    kept = rows(store)
    assert [seq for seq, _ in kept] == list(range(120 - len(kept), 120))
    assert 30 <= len(kept) <= 50
    assert {int(event.message.split()[0]) for _, event in kept} == {seq for seq, _ in kept}
    store.close()
    assert path.stat().st_size < 1_200_000
    store = opened(path, max_bytes=300_000, now_ns=lambda: now[0])
    now[0] += 120 * 10**9
    store.commit_now(Commit(origin="app", checkpoint=Checkpoint("app", "x")))
    store.close()
    assert path.stat().st_size < 500_000


def test_the_newest_commit_stays_however_small_the_bound(tmp_path: Path):
    now = [HOUR_NS]
    store = opened(tmp_path / "logmon.db", max_bytes=1, now_ns=lambda: now[0])
    for number in range(3):
        now[0] += 120 * 10**9
        batch = EventBatch([make_event(f"{number}a"), make_event(f"{number}b")])
        store.commit_now(Commit(origin="app", batch=batch))
    assert [event.message for _, event in rows(store)] == ["2a", "2b"]
    store.close()


def test_ids_are_forgotten_after_their_time_and_not_before(tmp_path: Path):
    now = [HOUR_NS]
    store = opened(tmp_path / "logmon.db", keep_s=3600.0, now_ns=lambda: now[0])
    commit = Commit(origin="app", batch=EventBatch([make_event("a", id="1")]), distinct=True)
    store.commit_now(commit)
    now[0] += 18 * HOUR_NS
    again = store.commit_now(commit)
    assert again.rows is not None
    assert len(again.rows) == 0
    now[0] += 20 * HOUR_NS
    store.commit_now(Commit(origin="app", checkpoint=Checkpoint("app", "x")))
    assert store.commit_now(commit).rows is None
    store.close()


def letter(number: int, size: int = 100) -> DeadLetter:
    raw = b"%d" % number + b"x" * size
    return DeadLetter(source="app", offset=number, reason="invalid_json", raw=raw, length=len(raw))


def test_dead_letters_take_up_a_bounded_part_of_the_store_and_the_newest_stay(tmp_path: Path):
    now = [HOUR_NS]
    store = opened(tmp_path / "logmon.db", max_bytes=400_000, now_ns=lambda: now[0])
    for number in range(0, 300, 10):
        now[0] += 61 * 10**9
        letters = tuple(letter(n, 1_000) for n in range(number, number + 10))
        store.commit_now(Commit(origin="app", rejected=letters))
    kept = [one.letter.offset for one in store.dead_letters()]
    assert 80 <= len(kept) <= 110
    assert kept == list(range(299, 299 - len(kept), -1))
    store.close()


def test_a_letter_is_settled_in_the_transaction_that_writes_what_it_became(tmp_path: Path):
    store = opened(tmp_path / "logmon.db")
    store.commit_now(Commit(origin="app", rejected=(letter(1), letter(2))))
    wish = LetterRequest(origin="app", settled=(1,), events=(make_event("a", id="1"),))
    number = request(store.path, wish)
    (asked,) = store.letter_requests()
    assert (asked.number, asked.settled) == (number, (1,))
    assert [event.message for event in asked.events] == ["a"]
    store.commit_now(
        Commit(
            origin="app", batch=EventBatch(list(asked.events)), distinct=True,
            settled=asked.settled, granted=(number,),
        )
    )  # fmt: skip
    assert [one.number for one in store.dead_letters()] == [2]
    assert [event.message for _, event in rows(store)] == ["a"]
    assert store.letter_requests() == []
    store.close()
