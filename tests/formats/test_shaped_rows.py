"""What shapes prove of a block, the full decoder says of each line; what they cannot, is left."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.errors import MalformedEvent
from logmon.formats import LineDecoder
from logmon.formats.canonical_block import CanonicalBlocks
from logmon.formats.known_words import MOST_TEXTS, UNKNOWN, KnownWords
from logmon.formats.line_shapes import LineShapes
from logmon.formats.plain_block import PlainBlock
from logmon.formats.scalars import LONGEST_BYTES, are_scalars
from logmon.formats.shaped_rows import FEWEST_ROWS
from logmon.level import parse_level

FALLBACK = 1_790_000_000 * 10**9
GOOD = (
    b'{"timestamp":"2026-11-23T14:02:30.240Z","level":"warn","source":"payments","message":"card 812 declined",'
    b'"attributes":{"order":812,"http":{"status":402,"took_ms":0.5},"ok":true,"user":"u-1"},"tags":["a:b"],"id":"x1"}'
)
OTHER = b'{"level":"info","message":"up","source":"auth","timestamp":"2026-11-23T14:02:31Z"}'


def block_of(lines: list[bytes]):
    block = b"\n".join(lines) + b"\n"
    ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == 10)
    return block, np.append(0, ends[:-1] + 1), ends


def proven_by_shapes(lines: list[bytes], learned: list[bytes]) -> np.ndarray:
    shapes = LineShapes()
    for line in learned:
        shapes.learn(line)
    proven = np.zeros(len(lines), dtype=bool)
    proven[shapes.prove(PlainBlock(*block_of(lines))).rows] = True
    return proven


def held_to_the_full_decoder(decoder: LineDecoder, lines: list[bytes]) -> np.ndarray:
    found = decoder.scan_block(*block_of(lines))
    known = {}
    for row in np.flatnonzero(found.proven).tolist():
        line = lines[row]
        if line not in known:
            try:
                known[line] = decoder.scan(line, 0, FALLBACK)
            except MalformedEvent as error:
                raise AssertionError(line) from error
        time_ns, level, source = known[line]
        read = (int(found.times[row]), int(found.levels[row]), found.names[found.source_ids[row]])
        assert read == (time_ns, int(level), source), line
    return found.proven


def test_rows_of_learned_shapes_are_proven_whatever_their_values_are():
    lines = [
        GOOD.replace(b"812", str(number).encode()).replace(b"u-1", b"x" * (number % 400))
        for number in range(900)
    ]
    lines[::3] = [OTHER.replace(b"up", b"up " + bytes([65 + row % 26])) for row in range(300)]
    assert proven_by_shapes(lines, [GOOD, OTHER]).mean() > 0.99


def test_a_text_that_is_too_long_to_look_through_is_left():
    long = GOOD.replace(b"u-1", b"y" * 3_000)
    proven = proven_by_shapes([GOOD] * 300 + [long] + [GOOD] * 300, [GOOD])
    assert np.flatnonzero(~proven).tolist()[0] == 300
    assert len(proven) - proven.sum() <= 3


EDITS = [
    GOOD + GOOD, GOOD[:-1], GOOD + b"x", GOOD + b" ", GOOD[: len(GOOD) // 2], b" " + GOOD, GOOD.replace(b"812", b"0812"),
    GOOD.replace(b"402", b"4e2"), GOOD.replace(b"402", b"NaN"), GOOD.replace(b"402", b"-"), GOOD.replace(b"402", b"1."),
    GOOD.replace(b"402", b""), GOOD.replace(b"402", b"4,2"), GOOD.replace(b"402", b"4}2"), GOOD.replace(b"402", b"True"),
    GOOD.replace(b"402", b"12345678901234567"), GOOD.replace(b"u-1", b"\xff"), GOOD.replace(b"u-1", b"\xed\xa0\x80"),
    GOOD.replace(b"u-1", b"\\ud800"), GOOD.replace(b"u-1", b"\\q"), GOOD.replace(b"u-1", b"\t"), GOOD.replace(b"u-1", b'"'),
    GOOD.replace(b"u-1", b'","user":"'), GOOD.replace(b"card", b'","level":"error","x":"'), GOOD.replace(b'"id"', b'"level"'),
    GOOD.replace(b'"u-1"', b'{"level":"error"}'), GOOD.replace(b"warn", b"shouty"), GOOD.replace(b"payments", b""),
    GOOD.replace(b"11-23", b"02-30"), GOOD.replace(b"T14", b"T24"), GOOD.replace(b".240Z", b".240+"), GOOD.replace(b"2026", b"20x6"),
    GOOD.replace(b".240Z", b".24Z"), GOOD.replace(b'"card', b'null"card'), b"", b"{}", b'"', b"\\",
]  # fmt: skip


@pytest.mark.parametrize("line", EDITS)
def test_what_shapes_cannot_prove_is_read_as_the_full_decoder_reads_it(line):
    decoder = LineDecoder("app.log")
    lines = [GOOD] * (FEWEST_ROWS // 2) + [line] + [GOOD] * (FEWEST_ROWS // 2)
    decoder.scan_block(*block_of(lines))  # learns the shape
    proven = held_to_the_full_decoder(decoder, lines)
    assert proven.sum() >= FEWEST_ROWS - 1


def test_lines_that_are_no_ascii_are_proven_where_they_are_utf8():
    foreign = [GOOD.replace(b"u-1", text) for text in ("für Käufer 東京".encode(), b"f\xfcr")]
    proven = proven_by_shapes([GOOD] * 200 + foreign + [GOOD] * 200, [GOOD])
    assert proven[200]
    assert not proven[201]


@pytest.mark.parametrize("text", ["\x7f", "\x80", "\u2028", "\ufeff"])
def test_characters_that_do_not_print_are_left(text):
    odd = GOOD.replace(b"u-1", text.encode())
    decoder = LineDecoder("app.log")
    for _ in range(2):
        proven = held_to_the_full_decoder(
            decoder, [GOOD] * FEWEST_ROWS + [odd] * 10 + [GOOD] * FEWEST_ROWS
        )
    assert proven.mean() > 0.99


VALUES = st.one_of(
    st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(), st.text(max_size=8),
    st.lists(st.integers(0, 9), max_size=3), st.dictionaries(st.text("ab", max_size=1), st.integers(0, 9), max_size=2),
)  # fmt: skip


@st.composite
def canonical_lines(draw: st.DrawFn) -> bytes:
    event = {
        "timestamp": draw(st.sampled_from(["2026-11-23T14:02:30.240Z", "2024-02-29T00:00:00Z"])),
        "level": draw(st.sampled_from(["warn", "info", "err"])),
        "source": draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)),
        "message": draw(st.text(max_size=100)),
    }
    if draw(st.booleans()):
        event["attributes"] = draw(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3))
    ascii_only, gap = draw(st.booleans()), draw(st.sampled_from([",", ", "]))
    text = json.dumps(event, ensure_ascii=ascii_only, separators=(gap, ":"))
    return text.encode("utf-8", "surrogatepass").replace(b"\n", b"")


@st.composite
def edited(draw: st.DrawFn, line: bytes) -> bytes:
    """A line with bytes taken out, put in or overwritten: what JSON is made of, or any."""
    place = draw(st.integers(0, len(line)))
    put = draw(
        st.one_of(
            st.sampled_from([b'"', b"\\", b",", b":", b"{", b"}", b"[", b"]", b"0", b"-", b".", b"e5", b"NaN",
                             b"null", b"\\ud800", b"\xed\xa0\x80", b',"level":"error"', b'"a":1,', b"\xff", b"\x00"]),
            st.binary(max_size=3),
        )
    )  # fmt: skip
    taken = draw(st.integers(0, 4))
    return (line[:place] + put + line[place + taken :]).replace(b"\n", b"")


@given(st.data())
def test_a_proven_line_is_one_that_the_full_decoder_reads_the_same(data):
    usual = data.draw(st.lists(canonical_lines(), min_size=1, max_size=3))
    changed = [data.draw(edited(line)) for line in [*usual, GOOD, OTHER] for _ in range(3)]
    lines = [*usual, GOOD, OTHER] * (FEWEST_ROWS // 2 // (len(usual) + 2) + 1)
    decoder = LineDecoder("app.log")
    decoder.scan_block(*block_of(lines * 2))  # learns the shapes
    held_to_the_full_decoder(decoder, [*lines, *changed, *lines])


@given(st.lists(st.text("0123456789-.eEtruefalsnN+ ", max_size=18), min_size=1, max_size=20))
def test_what_is_taken_as_a_scalar_is_one(texts):
    texts += ["true", "0", "-1.5", "null", "01"]
    raw = [text.encode()[:LONGEST_BYTES] for text in texts]
    table = np.array([list(text.ljust(LONGEST_BYTES, b"\0")) for text in raw], dtype=np.uint8)
    for text, scalar in zip(raw, are_scalars(table).tolist(), strict=True):
        if scalar:
            assert not isinstance(json.loads(text), str | list | dict)
            assert not text.startswith((b"N", b"-N"))
        else:
            assert text not in (b"true", b"0", b"-1.5", b"null")


@given(st.lists(st.text('ab"', max_size=150), min_size=1, max_size=20), st.integers(0, 150))
def test_the_next_quote_is_where_bytes_say(rows, offset):
    lines = [row.encode() for row in rows]
    block = PlainBlock(*block_of(lines))
    places = np.minimum(block.starts + offset, block.ends)
    for line, found, start, place in zip(
        lines, block.next_quotes(places, block.ends).tolist(), block.starts, places, strict=True
    ):
        there = line.find(b'"', place - start)
        assert found - start == (len(line) if there < 0 else there)


@given(st.lists(st.text("abcde", max_size=36), min_size=1, max_size=60))
def test_texts_are_told_apart_by_their_bytes(texts):
    known = KnownWords()
    block = PlainBlock(*block_of([text.encode() for text in texts] + [b"." * 40]))
    starts, lengths = block.starts[:-1], (block.ends - block.starts)[:-1]
    for _ in range(2):
        ids = known.ids(block, starts, lengths)
        for text, place in zip(texts, ids.tolist(), strict=True):
            kept = 0 < len(text) <= 32
            assert (known.texts[place] == text) if kept else place == UNKNOWN


def test_only_so_many_texts_are_remembered():
    known = KnownWords()
    for first in range(0, 3 * MOST_TEXTS, 500):
        block = PlainBlock(
            *block_of([b"s%d" % number for number in range(first, first + 500)] + [b"." * 40])
        )
        known.ids(block, block.starts[:-1], (block.ends - block.starts)[:-1])
    assert MOST_TEXTS <= len(known.texts) < 2 * MOST_TEXTS


def test_shapes_that_prove_too_little_are_not_tried_for_a_while():
    blocks = CanonicalBlocks(parse_level)
    blocks.read(*block_of([GOOD] * FEWEST_ROWS), 1 << 18)
    escaped = [GOOD.replace(b"u-1", b"\\n")] * FEWEST_ROWS
    for lines in (escaped, [GOOD] * FEWEST_ROWS, [OTHER] * FEWEST_ROWS):
        assert blocks.read(*block_of(lines), 1 << 18).proven.mean() > 0.99
