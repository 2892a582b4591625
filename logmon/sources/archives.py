"""Compressed inputs, known by their names or their first bytes, unpacked a piece at a time."""

from __future__ import annotations

import bz2
import importlib
import lzma
import stat
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
BROKEN = (OSError, EOFError, lzma.LZMAError, zlib.error)
"""What reading a file or an archive raises."""
PIECE_BYTES = 128 * 1_024
_STEP_BYTES = 4_096
"""So much is unpacked in one go: of a damaged archive no more is lost before the damage."""
_BEGINNINGS = {
    b"\x1f\x8b\x08": ".gz",
    **{
        b"BZh%d%s" % (n, then): ".bz2"
        for n in range(1, 10)
        for then in (b"1AY&SY", b"\x17rE8P\x90")
    },
    b"\xfd7zXZ\0": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
}
"""RFC 1952, bzip2 1.0.8 (with and without a block), xz-file-format 1.2.1, RFC 8878."""
_HEAD_BYTES = max(map(len, _BEGINNINGS))


def packing_of(head: bytes) -> str:
    """Return how bytes that begin so are packed, as a file's suffix, or nothing."""
    return next((suffix for first, suffix in _BEGINNINGS.items() if head.startswith(first)), "")


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
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        piece = self._stream.decompress(self._stream.unconsumed_tail + data, max_length)
        self.needs_input = not self._stream.unconsumed_tail and len(piece) < max_length
        return piece


def _zstandard() -> _Unpacking:
    try:
        return cast("_Unpacking", importlib.import_module("compression.zstd").ZstdDecompressor())
    except ImportError:
        raise OSError(".zst needs Python 3.14 or newer") from None


_UNPACKING: dict[str, Callable[[], _Unpacking]] = {
    ".gz": _Gzip,
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lzma.LZMADecompressor,
    ".zst": _zstandard,
}


class Unpacked:
    """A stream as what it holds: itself, or what one archive or several in a row hold."""

    def __init__(self, suffix: str = "") -> None:
        """Begin a stream; with a `suffix` it must be such an archive."""
        self._suffix = suffix
        self._head: bytes | None = b""
        """What came while the first bytes did not tell yet; None since they did."""
        self._make: Callable[[], _Unpacking] | None = None
        self._archive: _Unpacking | None = None
        self.broken: Exception | None = None
        """Why nothing more can be read: one of `BROKEN`."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes hold, at most `PIECE_BYTES` of an archive at a time."""
        pieces: list[bytes] = []
        try:
            for piece in self._held_in(data):
                if pieces and sum(map(len, pieces)) + len(piece) > PIECE_BYTES:
                    yield b"".join(pieces)
                    pieces.clear()
                pieces.append(piece)
        except BROKEN as error:
            self.broken = error
        if pieces:
            yield b"".join(pieces)

    def _held_in(self, data: bytes) -> Iterator[bytes]:
        if self._head is not None:
            data = self._head + data
            if any(first.startswith(data) for first in _BEGINNINGS):
                self._head = data
                return
            self._begin(data)
        if self._make is None:
            yield data
            return
        for place in range(0, len(data), _STEP_BYTES):
            yield from self._unpack(self._make, data[place : place + _STEP_BYTES])

    def _begin(self, head: bytes) -> None:
        self._head = None
        found = packing_of(head)
        if self._suffix and found != self._suffix:
            raise OSError(f"it is no {self._suffix} archive")
        self._make = _UNPACKING.get(found)

    def _unpack(self, make: Callable[[], _Unpacking], data: bytes) -> Iterator[bytes]:
        while True:
            if self._archive is None:
                data = data.lstrip(b"\0")  # what fills tapes and blocks up, and pads xz
                if not data:
                    return
                self._archive = make()
            piece = self._archive.decompress(data, PIECE_BYTES)
            if piece:
                yield piece
            data = b""
            if self._archive.eof:
                data, self._archive = self._archive.unused_data, None
            elif self._archive.needs_input:
                return

    def end(self) -> bytes:
        """Take it that no more bytes come; return what was held back to see what it is."""
        head, is_cut = self._head or b"", self._archive is not None
        if head:
            try:
                self._begin(head)
            except OSError as error:
                self.broken = error
                return b""
            is_cut = self._make is not None
        if is_cut and self.broken is None:
            self.broken = EOFError("the compressed stream ends before its end")
        return b"" if is_cut else head
