"""Compressed inputs, known by their names or their first bytes, unpacked a piece at a time."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import os
import re
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from logmon.errors import PermanentSourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
BROKEN = (OSError, EOFError, lzma.LZMAError, zlib.error)
"""What reading a file or an archive raises."""
PIECE_BYTES = 128 * 1_024
_HEAD_BYTES = 10
_BEGINNINGS = re.compile(
    rb"(?P<gz>\x1f\x8b\x08)|(?P<bz2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))|(?P<xz>\xfd7zXZ\0)"
    rb"|(?P<zst>\x28\xb5\x2f\xfd)"
)
"""RFC 1952, bzip2 1.0.8, xz-file-format 1.2.1 and RFC 8878."""


def packing_of(head: bytes) -> str:
    """Return how bytes that begin so are packed, as a file's suffix, or nothing."""
    found = _BEGINNINGS.match(head)
    return f".{found.lastgroup}" if found else ""


def packing(path: str) -> str:
    """Return how a file is packed, by its name, else by its first bytes; nothing when it is not."""
    for suffix in COMPRESSED:
        if path.endswith(suffix):
            return suffix
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return ""
        with Path(path).open("rb") as file:
            return packing_of(file.read(_HEAD_BYTES))
    except OSError:  # whoever reads it says so
        return ""


def open_archive(path: str) -> BinaryIO:
    """Open an archive of one file as the bytes that it holds.

    Raises:
        OSError: it cannot be read.
        PermanentSourceError: this Python does not know the compression.
    """
    openers: dict[str, Callable[[str], object]] = {
        ".gz": gzip.open,
        ".bz2": bz2.open,
        ".xz": lzma.open,
        ".zst": lambda path: _zstd(path).open(path),
    }
    return cast("BinaryIO", openers[packing(path)](path))


def _zstd(name: str) -> _Zstd:
    try:
        return cast("_Zstd", importlib.import_module("compression.zstd"))
    except ImportError:
        shown = os.fsencode(name).decode("utf-8", "backslashreplace")
        raise PermanentSourceError(f"{shown}: .zst needs Python 3.14 or newer") from None


class _Zstd(Protocol):
    def open(self, path: str) -> object: ...

    def ZstdDecompressor(self) -> _Unpacking: ...  # noqa: N802


class _Unpacking(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib's decompressor, as the others are: it keeps what it has not consumed."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data.lstrip(b"\0")  # tapes and blocks are filled up with it

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        piece = self._stream.decompress(self._stream.unconsumed_tail + data, max_length)
        self.needs_input = not self._stream.unconsumed_tail and len(piece) < max_length
        return piece


def _unpacking(suffix: str, name: str) -> Callable[[], _Unpacking]:
    makers: dict[str, Callable[[], _Unpacking]] = {
        ".gz": _Gzip,
        ".bz2": bz2.BZ2Decompressor,
        ".xz": lzma.LZMADecompressor,
    }
    return makers[suffix] if suffix in makers else _zstd(name).ZstdDecompressor


class Unpacked:
    """A stream as what it holds: itself, or what one archive or several in a row hold."""

    def __init__(self, name: str) -> None:
        """Begin a stream; `name` is what an error calls it."""
        self._name = name
        self._began = False
        self._make: Callable[[], _Unpacking] | None = None
        self._archive: _Unpacking | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes hold, at most `PIECE_BYTES` of an archive at a time.

        Raises:
            OSError, zlib.error, lzma.LZMAError: it is damaged.
            PermanentSourceError: this Python does not know the compression.
        """
        if not self._began:
            self._began = True
            if suffix := packing_of(data):
                self._make = _unpacking(suffix, self._name)
        if self._make is None:
            yield data
            return
        while data or self._archive is not None:
            self._archive = self._archive or self._make()
            piece = self._archive.decompress(data, PIECE_BYTES)
            if piece:
                yield piece
            data = b""
            if self._archive.eof:
                data, self._archive = self._archive.unused_data, None
            elif self._archive.needs_input:
                return

    def end(self) -> None:
        """Say that no more bytes come.

        Raises:
            EOFError: an archive has not ended.
        """
        if self._archive is not None:
            raise EOFError("the compressed stream ends before its end")
