"""The ring: order, bounds, snapshots, links, recent rows."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.event_log import EventLog
from logmon.filter import EVERYTHING, Clause, LevelClause, LogFilter, build_filter
from logmon.level import Level, at_least
from logmon.testing import make_event

WARNINGS = build_filter(levels=at_least(Level.WARN))


def fill(log: EventLog, sizes: list[int]) -> list[str]:
    """Append batches of these sizes; return the messages in order."""
    messages: list[str] = []
    for size in sizes:
        levels = [Level.WARN if (len(messages) + n) % 3 == 0 else Level.INFO for n in range(size)]
        names = [f"m{len(messages) + n}" for n in range(size)]
        log.append(
            EventBatch([make_event(m, level=lv) for m, lv in zip(names, levels, strict=True)]),
            origin="tests",
        )
        messages += names
    return messages


@given(st.lists(st.integers(0, 700), max_size=12), st.integers(1, 2_000))
@settings(max_examples=60)
def test_the_ring_holds_the_newest_rows_in_order_and_no_more_than_its_bound(sizes, bound):
    log = EventLog(max_rows=bound)
    messages = fill(log, sizes)
    snapshot = log.snapshot
    assert len(snapshot) == min(len(messages), bound)
    held = [snapshot.delivery(seq) for seq in range(snapshot.first_seq, snapshot.next_seq)]
    assert [row.event.message for row in held] == messages[-bound:]
    assert snapshot.delivery(snapshot.first_seq - 1) is None
    assert snapshot.delivery(snapshot.next_seq) is None


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=10),
    st.integers(1, 50),
    st.integers(50, 3_000),
)
@settings(max_examples=60)
def test_recent_pages_cover_every_matching_row_exactly_once(sizes, limit, bound):
    log = EventLog(max_rows=bound)
    messages = fill(log, sizes)[-bound:]
    first = log.snapshot.first_seq
    wanted = [m for m in messages if int(m[1:]) % 3 == 0]
    got: list[str] = []
    before = None
    for _ in range(5_000):
        page = log.recent(limit, WARNINGS, before=before)
        if not page:
            break
        got[:0] = [row.event.message for row in page]
        before = page[0].seq
        assert before >= first
    assert got == wanted


def test_the_byte_bound_evicts_whole_segments():
    log = EventLog(max_rows=1_000_000, max_bytes=3_000_000)
    fill(log, [600] * 50)
    assert log.nbytes <= 3_000_000 + 600 * 400
    assert log.snapshot.first_seq > 0


def test_links_are_kept_with_their_rows_and_go_with_them():
    log = EventLog(max_rows=1_500)
    fill(log, [700, 700])
    log.link({3: "WI-1", 1_399: "WI-2", 99_999: "WI-3"})
    assert log.snapshot.delivery(3).work_item == "WI-1"
    assert log.snapshot.delivery(1_399).work_item == "WI-2"
    fill(log, [900])
    assert log.snapshot.delivery(3) is None
    assert log.snapshot.delivery(1_399).work_item == "WI-2"


def test_a_row_is_evaluated_once_however_often_an_equal_filter_asks():
    asked: list[str] = []

    class Counting(LevelClause, frozen=True):
        needs_rows = True

        def matches(self, event):
            asked.append(event.message)
            return True

    clause: Clause = Counting(frozenset(Level))
    log = EventLog()
    fill(log, [10, 10])
    for _ in range(5):
        log.recent(100, LogFilter((clause,)))
    assert sorted(asked) == sorted({f"m{n}" for n in range(20)})


def test_a_snapshot_never_changes_while_the_log_goes_on():
    log = EventLog(max_rows=100)
    fill(log, [50])
    snapshot = log.snapshot
    fill(log, [200])
    assert [snapshot.delivery(seq).event.message for seq in range(50)] == [
        f"m{n}" for n in range(50)
    ]
    assert len(snapshot) == 50


def test_readers_on_other_threads_always_see_whole_rows():
    log = EventLog(max_rows=5_000)
    wrong: list[str] = []
    rounds: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            snapshot = log.snapshot
            rows = 0
            for segment, start, end in snapshot.spans(snapshot.first_seq, snapshot.next_seq):
                for row in range(start, end, 97):
                    rows += 1
                    event = segment.event(row)
                    if event.level != segment.levels[row] or event.message == "":
                        wrong.append(event.message)
            rounds.append(rows)

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(60):
        fill(log, [1, 30, 600])
    stop.set()
    thread.join()
    assert not wrong
    assert rounds


def test_everything_lets_everything_pass():
    log = EventLog()
    fill(log, [5])
    assert len(log.recent(10, EVERYTHING)) == 5
