"""Compressed inputs by any name and from a pipe: what they hold, a piece at a time."""

import bz2
import gzip
import lzma
import os
import sys
import threading
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import events_of
from logmon.errors import PermanentSourceError
from logmon.sources.archives import PIECE_BYTES, Unpacked, packing_of
from logmon.sources.replay import ReplaySource

PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
EACH = pytest.mark.parametrize("pack", PACK.values(), ids=PACK)


async def messages(source: ReplaySource) -> list[str]:
    return [
        event.message
        async for arrival in source.observe()
        if arrival.batch is not None
        for event in events_of(arrival.batch)
    ]


def piped(data: bytes) -> int:
    """Return the end of a pipe that the bytes come out of, a few at a time."""
    read_end, write_end = os.pipe()

    def write() -> None:
        with os.fdopen(write_end, "wb", buffering=0) as pipe:
            for place in range(0, len(data), 1_000):
                pipe.write(data[place : place + 1_000])

    threading.Thread(target=write).start()
    return read_end


@EACH
async def test_an_archive_is_known_by_its_first_bytes_whatever_its_name(tmp_path, pack):
    path = tmp_path / "app.log.1"
    path.write_bytes(pack(b"one\ntwo\n"))
    arrivals = [arrival async for arrival in ReplaySource([str(path)]).observe()]
    events = [event for arrival in arrivals for event in events_of(arrival.batch)]
    assert [(event.source, event.message) for event in events] == [
        ("app.log.1", "one"),
        ("app.log.1", "two"),
    ]


@EACH
async def test_a_pipe_may_be_packed_too_in_several_archives(pack):
    lines = [f"line {number} {os.urandom(9).hex()}" for number in range(3_000)]
    half = "\n".join([*lines[:1_500], ""]).encode(), "\n".join([*lines[1_500:], ""]).encode()
    fd = piped(b"".join(map(pack, half)))
    assert await messages(ReplaySource(["-"], stdin_fd=fd)) == lines
    os.close(fd)


@EACH
async def test_an_archive_that_ends_too_early_on_a_pipe_gives_its_rows_and_an_error(pack):
    lines = [f"line {number} {os.urandom(50).hex()}" for number in range(30_000)]
    packed = pack("\n".join([*lines, ""]).encode())
    fd = piped(packed[: len(packed) * 3 // 4])
    rows: list[str] = []

    async def read() -> None:
        async for arrival in ReplaySource(["-"], stdin_fd=fd).observe():
            rows.extend(event.message for event in events_of(arrival.batch))

    with pytest.raises(PermanentSourceError, match=r"stdin: the compressed stream ends before"):
        await read()
    os.close(fd)
    assert len(rows) > 9_000
    assert rows[:-1] == lines[: len(rows) - 1]


async def test_a_damaged_archive_on_a_pipe_is_said_to_be():
    good = gzip.compress(os.urandom(5_000))
    fd = piped(good[:100] + bytes(byte ^ 0x5A for byte in good[100:600]) + good[600:])
    with pytest.raises(PermanentSourceError, match="stdin: "):
        await messages(ReplaySource(["-"], stdin_fd=fd))
    os.close(fd)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python reads it")
async def test_zstandard_on_a_pipe_names_what_it_needs():
    fd = piped(b"\x28\xb5\x2f\xfd" + b"x" * 40)
    with pytest.raises(PermanentSourceError, match=r"stdin: \.zst needs Python 3\.14"):
        await messages(ReplaySource(["-"], stdin_fd=fd))
    os.close(fd)


@pytest.mark.parametrize("text", [b"BZh is no archive\n", b"BZh9 is none either\n", b"\x1f\x8b\n"])
async def test_text_that_begins_as_an_archive_might_is_text(tmp_path, text):
    assert packing_of(text) == ""
    (tmp_path / "x.log").write_bytes(text)
    assert len(await messages(ReplaySource([str(tmp_path / "x.log")]))) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=3_000), min_size=1, max_size=4),
    st.sampled_from(list(PACK.values())),
    st.integers(12, 500),
)
def test_however_a_stream_is_cut_it_holds_what_was_packed(parts, pack, step):
    packed = b"".join(map(pack, parts))
    stream = Unpacked("x")
    found = b"".join(
        piece
        for place in range(0, len(packed), step)
        for piece in stream.feed(packed[place : place + step])
    )
    stream.end()
    assert found == b"".join(parts)


@EACH
def test_a_stream_is_unpacked_a_piece_at_a_time(pack):
    stream = Unpacked("x")
    pieces = list(stream.feed(pack(b"\0" * (40 << 20))))
    stream.end()
    assert sum(map(len, pieces)) == 40 << 20
    assert max(map(len, pieces)) <= PIECE_BYTES


def test_what_fills_a_tape_up_is_no_archive():
    stream = Unpacked("x")
    assert b"".join(stream.feed(gzip.compress(b"text") + b"\0" * 512)) == b"text"
    stream.end()
    with pytest.raises(zlib.error):
        list(Unpacked("x").feed(gzip.compress(b"text") + b"no archive"))
