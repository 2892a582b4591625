"""The parts of the tail: the ledger never claims too much, the clock follows Datadog's."""

from email.utils import format_datetime

from hypothesis import given
from hypothesis import strategies as st

from logmon.sources.datadog.ledger import COARSE_MS, FINE_MS, IDS_KEPT_MS, Ledger
from logmon.sources.datadog.reconcile import DEEP_EVERY_MS, Reconciler, Span
from logmon.sources.datadog.server_clock import ServerClock
from logmon.sources.datadog.tail_state import TailState, Window, decode_state, encode_state
from logmon.testing import FakeClock

NOW_MS = 1_795_442_520_000
EVENT = st.tuples(st.integers(0, 3_600_000), st.integers(0, 60))
STEP = st.one_of(EVENT, st.sampled_from(["fold", "restart"]))


@given(st.lists(STEP, max_size=80))
def test_a_count_is_never_higher_than_what_was_read(steps):
    """Over events again and again, ids let go, and restarts from what was saved."""
    ledger, read, border_ms = Ledger(), set(), NOW_MS
    for step in steps:
        if step == "fold":
            border_ms += 10 * 60_000
            ledger.fold(border_ms)
        elif step == "restart":
            ledger = Ledger(ledger.counts())
        else:
            offset_ms, number = step
            ledger.add(NOW_MS - offset_ms, str(number))
            read.add((NOW_MS - offset_ms, number))
    for start_ms in range(NOW_MS - 3_660_000, NOW_MS + COARSE_MS, COARSE_MS):
        names = {number for time, number in read if start_ms <= time < start_ms + COARSE_MS}
        distinct = len({(time, number) for time, number in read
                        if start_ms <= time < start_ms + COARSE_MS})  # fmt: skip
        assert ledger.count(start_ms, COARSE_MS) <= distinct
        assert bool(names) >= bool(ledger.count(start_ms, COARSE_MS))


def test_what_was_read_once_is_counted_over_a_restart():
    ledger = Ledger()
    for number in range(100):
        assert ledger.add(NOW_MS + number, str(number))
    assert not ledger.add(NOW_MS + 5, "5")
    ledger.fold(NOW_MS + IDS_KEPT_MS - 60_000)
    assert Ledger(ledger.counts()).count(NOW_MS, FINE_MS) == 100
    ledger.fold(NOW_MS + IDS_KEPT_MS + COARSE_MS)
    assert Ledger(ledger.counts()).count(NOW_MS, COARSE_MS) == 100


def test_an_old_bucket_that_is_read_again_is_counted_anew():
    ledger = Ledger()
    ledger.add(NOW_MS, "a")
    ledger.fold(NOW_MS + IDS_KEPT_MS + COARSE_MS)
    for name in ("a", "b"):
        ledger.add(NOW_MS, name)
    ledger.close(NOW_MS, NOW_MS + COARSE_MS)
    assert ledger.count(NOW_MS, COARSE_MS) == 2


def state_of(read_to_ms: int) -> TailState:
    return TailState(key="k", began_ms=read_to_ms - 20 * 3_600_000, read_to_ms=read_to_ms)


def test_only_buckets_of_which_there_is_more_are_read_again():
    ledger = Ledger()
    for number in range(5):
        ledger.add(NOW_MS + number, str(number))
    reconciler = Reconciler(ledger)
    span = Span(NOW_MS, NOW_MS + 3 * FINE_MS, FINE_MS)
    counted = {NOW_MS: 5, NOW_MS + FINE_MS: 1, NOW_MS + 2 * FINE_MS: 2}
    again = reconciler.compare(span, counted, NOW_MS)
    assert again == [(NOW_MS + FINE_MS, NOW_MS + 3 * FINE_MS)]


def test_a_count_that_is_never_found_is_given_up_after_three_tries():
    reconciler = Reconciler(Ledger())
    span = Span(NOW_MS, NOW_MS + FINE_MS, FINE_MS)
    tries = [bool(reconciler.compare(span, {NOW_MS: 1}, NOW_MS)) for _ in range(5)]
    assert tries == [True, True, True, False, False]
    assert reconciler.compare(span, {NOW_MS: 2}, NOW_MS)


def test_counts_that_are_too_low_are_not_used():
    ledger = Ledger()
    for number in range(50):
        ledger.add(NOW_MS, str(number))
    reconciler = Reconciler(ledger)
    span = Span(NOW_MS, NOW_MS + FINE_MS, FINE_MS)
    for _ in range(2):
        reconciler.compare(span, {NOW_MS: 40}, NOW_MS)
    assert reconciler.is_blind(NOW_MS)
    assert reconciler.blind_ranges(NOW_MS, state_of(NOW_MS), 30_000)


def test_the_whole_of_eighteen_hours_is_compared_every_ten_minutes():
    reconciler = Reconciler(Ledger())
    state = state_of(NOW_MS)
    counted: list[Span] = []
    while span := reconciler.next_span(NOW_MS, state, 30_000, pressed=False):
        counted.append(span)
        reconciler.compare(span, {}, NOW_MS)
    assert min(span.start_ms for span in counted) <= NOW_MS - 18 * 3_600_000 + COARSE_MS
    assert max(span.end_ms for span in counted) == NOW_MS - 30_000
    assert all((span.end_ms - span.start_ms) // span.width_ms <= 150 for span in counted)
    later_ms = NOW_MS + DEEP_EVERY_MS - 1
    span = reconciler.next_span(later_ms, state_of(later_ms), 30_000, pressed=False)
    assert span is not None
    assert span.width_ms == FINE_MS


def test_a_state_is_the_same_after_the_disk():
    ledger = Ledger()
    ledger.add(NOW_MS, "a")
    state = state_of(NOW_MS)
    state.window = Window(1, 2, "cursor", 3, 4)
    state.counts = ledger.counts()
    assert decode_state(encode_state(state), "k") == state
    assert decode_state(encode_state(state), "other") is None
    assert decode_state("", "k") is None
    assert decode_state('{"key":7}', "k") is None


@given(
    st.floats(-86_400, 86_400), st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5)), min_size=1)
)
def test_the_clock_is_datadogs_to_the_second(ahead_s, answers):
    clock = FakeClock()
    told = ServerClock(clock.monotonic, lambda: clock.now().timestamp() - ahead_s)
    for pause_s, took_s in answers:
        clock.advance(pause_s)
        sent_s = clock.monotonic()
        clock.advance(took_s / 2)
        date = format_datetime(clock.now().replace(microsecond=0), usegmt=True)
        clock.advance(took_s / 2)
        told.note(date, sent_s, clock.monotonic())
    assert (
        abs(told.now_ms() / 1000 - clock.now().timestamp()) <= 0.51 + max(t for _, t in answers) / 2
    )


def test_a_date_that_is_none_changes_nothing():
    clock = FakeClock()
    told = ServerClock(clock.monotonic, lambda: 5.0)
    for date in (None, "", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"):
        told.note(date, 0.0, 1.0)
    assert told.now_ms() == 5_000
