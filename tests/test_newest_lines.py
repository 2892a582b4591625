"""The last N lines: what counts as one of them, and what stands beside them."""

from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.filter import EVERYTHING, build_filter
from logmon.journal import Block
from logmon.newest_lines import NewestLines
from logmon.patterns import compile_pattern
from logmon.segment import Slice, segment_of
from logmon.source import LookBack
from logmon.store.newest import first_of_newest
from logmon.testing import NOON, make_event

SENTINELS = build_filter(sources=["sentinel"])


def blocks(text: str) -> list[Block]:
    """Return a block for each run of rows of one origin: `a`…`z` are rows, `S` Sentinel's."""
    made: list[Block] = []
    for seq, letter in enumerate(text):
        own = letter == "S"
        event = make_event(
            f"{letter}{seq}",
            source="sentinel" if own else "app",
            timestamp=NOON + timedelta(seconds=seq),
        )
        made.append(Block(seq, "sentinel" if own else "file", EventBatch([event]), {}))
    return made


def last(text: str, most: int, log_filter=EVERYTHING) -> str:
    newest = NewestLines(most, log_filter)
    for block in blocks(text):
        segment = segment_of(block.first_seq, block.batch, block.origin, {})
        rows = segment.rows(log_filter, 0, 1)
        for row in newest.worth(Slice(segment, rows)):
            newest.add(row, row.event.message[:1].encode())
    return newest.take().decode()


def test_what_sentinel_says_stands_beside_the_rows_and_takes_no_place():
    assert last("abScSd", 2) == "cSd"
    assert last("abcSSS", 1) == "cSSS"
    assert last("abcd", 9) == "abcd"
    assert last("abcd", 0) == ""


def test_where_sentinel_is_asked_for_by_name_its_rows_count():
    assert last("aSbSSc", 2, SENTINELS) == "SS"
    assert last("aSbSSc", 2, build_filter(sources=["sentinel", "app"])) == "Sc"


def test_where_nothing_else_passes_sentinels_rows_fill_the_places():
    only_its_words = build_filter(greps=[compile_pattern("^S")])
    assert last("aSbSSc", 2, only_its_words) == "SS"
    assert last("SSSa", 3) == "SSa"


@given(st.text("abS", max_size=30), st.integers(0, 6))
def test_the_newest_rows_are_always_there_and_never_too_many_of_others(text, most):
    shown = last(text, most)
    outside = text.replace("S", "")
    assert shown.replace("S", "") == outside[max(0, len(outside) - most) :]
    assert text.endswith(shown) or most == 0


@settings(max_examples=500)
@example("SaS", 2, EVERYTHING)
@given(st.text("abS", max_size=30), st.integers(1, 6), st.sampled_from([EVERYTHING, SENTINELS]))
def test_the_store_begins_where_the_lines_do(text, most, log_filter):
    kept = blocks(text)
    first = first_of_newest(
        reversed(kept), LookBack(rows=most, passing=log_filter), newest=len(text)
    )
    assert last(text[first:], most, log_filter) == last(text, most, log_filter)
