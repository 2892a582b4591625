"""Compressed inputs by any name and from a pipe: what they hold, a piece at a time."""

import asyncio
import bz2
import gzip
import lzma
import os
import sys
import threading
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import events_of
from logmon.errors import PermanentSourceError
from logmon.sources.archives import PIECE_BYTES, Unpacked, packing_of
from logmon.sources.replay import ReplayOptions, ReplaySource
from tests.sources.test_replay import messages

PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": partial(lzma.compress, preset=0)}
EACH = pytest.mark.parametrize("pack", PACK.values(), ids=PACK)


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


async def read(path: str, data: bytes, rows: list[str]) -> None:
    """Read a file, or with `-` a pipe, and keep the rows even where it fails."""
    fd = piped(data) if path == "-" else -1
    if path != "-":
        Path(path).write_bytes(data)  # noqa: ASYNC240
    try:
        async for arrival in ReplaySource([path], stdin_fd=fd).observe():
            rows.extend(event.message for event in events_of(arrival.batch))
    finally:
        if fd >= 0:
            os.close(fd)


EITHER = pytest.mark.parametrize("name", ["-", "x.log", "x.gz"])


@pytest.mark.parametrize(
    ("pack", "name"),
    [(pack, name) for kind, pack in PACK.items() for name in ("-", "x.log", f"x.{kind}")],
)
async def test_an_archive_that_ends_too_early_gives_its_rows_and_an_error(tmp_path, pack, name):
    lines = [f"line {number} {os.urandom(50).hex()}" for number in range(12_000)]
    packed = pack("\n".join([*lines, ""]).encode())
    path = name if name == "-" else str(tmp_path / name)
    rows: list[str] = []
    called = "stdin" if name == "-" else name
    with pytest.raises(PermanentSourceError, match=f"{called}: the compressed stream ends"):
        await read(path, packed[: len(packed) * 3 // 4], rows)
    assert len(rows) > (7_000 if pack is bz2.compress else 8_500)
    assert rows[:-1] == lines[: len(rows) - 1]


@EITHER
async def test_a_damaged_archive_gives_every_row_before_the_damage(tmp_path, name):
    lines = [f"line {number}" for number in range(1_000)]
    packed = gzip.compress("\n".join([*lines, ""]).encode()) + b"no archive"
    path = name if name == "-" else str(tmp_path / name)
    rows: list[str] = []
    with pytest.raises(PermanentSourceError, match="stdin: " if name == "-" else name):
        await read(path, packed, rows)
    assert rows == lines


async def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path):
    with pytest.raises(PermanentSourceError, match=r"x\.gz: it is no \.gz archive"):
        await read(str(tmp_path / "x.gz"), b"plain text\n", [])


@pytest.mark.parametrize("text", [b"B", b"BZh", b"\x1f\x8b", b"BZh9 is text"])
async def test_a_pipe_that_ends_where_an_archive_might_begin_is_text(text):
    rows: list[str] = []
    await read("-", text, rows)
    assert len(rows) == 1


async def test_an_archive_in_a_folder_that_is_followed_is_read_once_and_only_as_what_it_holds(
    tmp_path,
):
    for name in ("app.log.1", "app.log.2.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"".join(b"%d\n" % n for n in range(50))))
    (tmp_path / "app.log").write_bytes(b"".join(b"%d\n" % n for n in range(50, 60)))
    rows: list[str] = []
    source = ReplaySource([str(tmp_path)], reading=ReplayOptions(follow=True))
    async with asyncio.timeout(20), aclosing(source.observe()) as arrivals:
        async for arrival in arrivals:
            if arrival.batch is not None:
                rows += [event.message for event in events_of(arrival.batch)]
            if len(rows) >= 110:
                break
    assert sorted(rows, key=int) == sorted([*map(str, range(60)), *map(str, range(50))], key=int)


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
    st.integers(1, 500),
)
def test_however_a_stream_is_cut_it_holds_what_was_packed(parts, pack, step):
    packed = b"".join(map(pack, parts))
    stream = Unpacked()
    found = b"".join(
        piece
        for place in range(0, len(packed), step)
        for piece in stream.feed(packed[place : place + step])
    )
    assert not stream.end()
    assert stream.broken is None
    assert found == b"".join(parts)


@EACH
def test_a_stream_is_unpacked_a_piece_at_a_time(pack):
    stream = Unpacked()
    pieces = list(stream.feed(pack(b"\0" * (40 << 20))))
    stream.end()
    assert sum(map(len, pieces)) == 40 << 20
    assert max(map(len, pieces)) <= PIECE_BYTES


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gz", "xz"])
def test_what_fills_a_tape_up_is_no_archive(pack, step):
    data = pack(b"text") + b"\0" * 512 + pack(b"more") + b"\0" * 4
    stream = Unpacked()
    pieces = [p for at in range(0, len(data), step) for p in stream.feed(data[at : at + step])]
    assert b"".join((*pieces, stream.end())) == b"textmore"
    assert stream.broken is None
