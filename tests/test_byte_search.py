"""What is found in a block of bytes is what a walk over every place finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.byte_search import ByteSearch
from logmon.file_batch import BACKSLASH

BLOCKS = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.lists(st.sampled_from(b'aAbB7-"\\'), max_size=300).map(bytes),
        st.sampled_from([b"needle", b"NEEDLE-7", b"x" * 5_000]),
    ),
    max_size=6,
).map(b"".join)


def searched(*blocks: bytes) -> ByteSearch:
    """Read one block after the other into the same memory."""
    search = ByteSearch()
    for block in blocks:

        def read(memory: memoryview, block: bytes = block) -> int:
            memory[: len(block)] = block
            return len(block)

        search.load(len(block), read)
    return search


@settings(max_examples=300)
@given(BLOCKS, BLOCKS, st.sampled_from([b"a", b"ab", b"aab7", b"needle", b"Needle-7", b"--"]))
def test_a_text_is_found_in_any_case_wherever_it_begins(before, block, text):
    folded = bytes(byte | 0x20 for byte in block)
    wanted = bytes(byte | 0x20 for byte in text)
    places = [at for at in range(len(block)) if folded[at : at + len(text)] == wanted]
    assert searched(before, block).any_case(text).tolist() == places


@given(BLOCKS, BLOCKS)
def test_bytes_and_pairs_of_bytes_are_found_wherever_they_stand(before, block):
    search = searched(before, block)
    assert search.byte(BACKSLASH).tolist() == [
        at for at, byte in enumerate(block) if byte == BACKSLASH
    ]
    wanted = np.zeros(1 << 16, dtype=bool)
    wanted[[0x6141, 0x7F80, 0xC39F]] = True
    assert search.pairs(wanted, 0x61).tolist() == [
        at
        for at in range(len(block) - 1)
        if block[at : at + 2] in (b"aA", b"\x7f\x80", b"\xc3\x9f")
    ]


def test_a_file_that_became_shorter_is_searched_as_far_as_it_goes():
    search = ByteSearch()
    search.load(100, lambda memory: 0)
    assert not len(search.any_case(b"ab"))
    assert not len(search.byte(0))
    assert not len(search.pairs(np.ones(1 << 16, dtype=bool), 0))
