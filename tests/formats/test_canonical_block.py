"""What a block says of its lines at once, the full decoder says of each, or it is left to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.errors import MalformedEvent
from logmon.formats import LineDecoder
from logmon.level import Level

FALLBACK = 1_790_000_000 * 10**9
GOOD = (
    b'{"timestamp":"2026-11-23T14:02:30.240Z","level":"warn","source":"payments","message":"caf\xc3\xa9 \\n 1",'
    b'"attributes":{"order":812,"http":{"status":402}},"tags":["a:b"],"id":"x1"}'
)


def scan_block(lines: list[bytes], **kwargs: object):
    block = b"\n".join(lines) + b"\n"
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == 10)
    starts = np.append(0, ends[:-1] + 1)
    decoder = LineDecoder("app.log", **kwargs)
    return decoder, decoder.scan_block(block, starts, ends)


def test_canonical_lines_are_proven_and_read():
    _, found = scan_block([GOOD] * 200)
    assert found.proven.all()
    assert {found.names[place] for place in found.source_ids} == {"payments"}
    assert set(found.levels.tolist()) == {int(Level.WARN)}
    assert int(found.times[7]) == 1_795_442_550_240_000_000


def test_lines_of_several_days_and_widths_keep_each_its_own_time():
    dates = [b"2026-11-23", b"2024-02-29", b"2025-02-29", b"1969-12-31", b"0000-00-00"]
    lines = [GOOD.replace(b"2026-11-23", date) for date in dates]
    lines.append(GOOD.replace(b".240Z", b".240000Z"))
    decoder, found = scan_block(lines)
    assert np.flatnonzero(found.proven).tolist() == [0, 1, 3]
    for row in (0, 1, 3):
        assert int(found.times[row]) == decoder.scan(lines[row], 0, FALLBACK)[0]


def test_one_bad_line_leaves_its_neighbours_proven():
    lines = [GOOD] * 130
    lines[70] = GOOD[: len(GOOD) // 2]
    _, found = scan_block(lines)
    assert np.flatnonzero(~found.proven).tolist() == [70]


def test_extra_spellings_of_levels_are_learned():
    fatal = GOOD.replace(b'"warn"', b'"schlimm"')
    _, found = scan_block([fatal] * 70, levels={"schlimm": Level.CRITICAL})
    assert found.proven.all()
    assert set(found.levels.tolist()) == {int(Level.CRITICAL)}


@pytest.mark.parametrize(
    "line",
    [
        GOOD + GOOD, GOOD.replace(b'"x1"', b'"\xff"'), GOOD.replace(b"812", b'"\xed\xa0\x80"'),
        GOOD.replace(b"812", b'"\\ud800"'), GOOD.replace(b"812", b"NaN"), GOOD.replace(b"812", b"[" * 300 + b"]" * 300),
        GOOD.replace(b"11-23", b"02-30"), GOOD.replace(b"T14", b"T24"), GOOD.replace(b"2026", b"1600"),
        GOOD.replace(b".240Z", b".240+"), GOOD.replace(b"2026", b"20x6"), GOOD.replace(b"warn", b"shouty"),
        GOOD.replace(b"payments", b""), GOOD.replace(b'"tags"', b'"log"'), GOOD.replace(b'{"order"', b'null,"x":{"order"'),
        b" " * 65 + GOOD, GOOD.replace(b"\\n", b"y" * 300_000), b"", b"{}", b"}{",
    ],
)  # fmt: skip
def test_what_cannot_be_proven_is_left_to_the_full_decoder(line):
    lines = [GOOD] * 10 + [line] + [GOOD] * 10
    _, found = scan_block(lines)
    assert not found.proven[10]
    assert found.proven.sum() == 20


def broken(draw_at: int, byte: int, width: int) -> bytes:
    place = draw_at % len(GOOD)
    return GOOD[:place] + bytes([byte]) * (width % 3) + GOOD[place + width // 3 :]


@given(
    st.lists(
        st.one_of(
            st.just(GOOD),
            st.builds(broken, st.integers(0, 500), st.integers(0, 255), st.integers(0, 8)),
            st.binary(max_size=60),
        ),
        min_size=1,
        max_size=80,
    )
)
def test_a_proven_line_is_one_that_the_full_decoder_reads_the_same(lines):
    lines = [line.replace(b"\n", b"") for line in lines]
    decoder, found = scan_block(lines)
    for row in np.flatnonzero(found.proven).tolist():
        try:
            time_ns, level, source = decoder.scan(lines[row], 0, FALLBACK)
        except MalformedEvent as error:
            raise AssertionError(lines[row]) from error
        read = (int(found.times[row]), int(found.levels[row]), found.names[found.source_ids[row]])
        assert read == (time_ns, int(level), source)
