"""Writes the shown rows to a file: whole or not at all, for its owner alone, never over another.

What goes out is redacted, as all that leaves the screen for good.

Runs on any thread. The file appears under its name when everything is written; until then there
is only `.NAME.partial` beside it, which is removed when writing fails or is called off.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from logmon.errors import ExportError
from logmon.event import encode
from logmon.tui.copy_forms import Form, row_line
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo
    from pathlib import Path

    from logmon.event_log import Snapshot
    from logmon.filter import LogFilter
    from logmon.redaction import Redactor
    from logmon.segment import Segment

OWNER_ONLY = 0o600
EXCLUSIVE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
PAUSE_S = 0.0005
"""Pause after each slice, so that keys and frames of the same process come first."""
SLICE_ROWS = 256

_FORMS: dict[str, Form] = {".json": "json", ".jsonl": "json", ".ndjson": "json", ".txt": "text"}


class Progress(msgspec.Struct, frozen=True):
    """How far an export is."""

    looked_at: int
    held: int
    written: int
    nbytes: int


class Exporting:
    """One export; `run` it, `cancel` it from anywhere."""

    def __init__(
        self,
        path: Path,
        form: Form,
        *,
        overwrite: bool,
        zone: tzinfo,
        redactor: Redactor | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self.form: Form = form
        self._overwrite = overwrite
        self._zone = zone
        self._redactor = redactor
        self._sleep = sleep
        self._cancelled = False
        self.progress = Progress(0, 0, 0, 0)

    @property
    def redacts(self) -> bool:
        """Whether secrets are taken out of what is written."""
        return self._redactor is not None

    @property
    def shown(self) -> str:
        """The file's name as text that may be printed."""
        return _shown(self.path)

    def cancel(self) -> None:
        """Stop soon; nothing stays behind."""
        self._cancelled = True

    def check(self) -> None:
        """Refuse before anything is done.

        Raises:
            ExportError: the file is there already, or its folder is not.
        """
        if not self.path.parent.is_dir():
            raise ExportError(f"{_shown(self.path.parent)}: no such folder")
        if self.path.is_dir():
            raise ExportError(f"{_shown(self.path)} is a folder")
        if not self._overwrite and os.path.lexists(self.path):
            raise ExportError(f"{_shown(self.path)} is there already; :export! writes over it")

    def run(self, snapshot: Snapshot, log_filter: LogFilter) -> Progress:
        """Write every row of the snapshot that passes, oldest first.

        Raises:
            ExportError: it could not be written, or was called off; no file is left.
        """
        self.check()
        partial = self.path.with_name(f".{self.path.name}.partial")
        try:
            descriptor = os.open(partial, EXCLUSIVE, OWNER_ONLY)
        except OSError as error:
            raise ExportError(f"{_shown(partial)}: {error.strerror}") from None
        try:
            with os.fdopen(descriptor, "wb") as file:
                self._write(file, snapshot, log_filter)
                file.flush()
                os.fsync(file.fileno())
            self._publish(partial)
        except OSError as error:
            raise ExportError(f"{_shown(self.path)}: {error.strerror or error}") from None
        finally:
            with suppress(OSError):
                partial.unlink()
        return self.progress

    def _publish(self, partial: Path) -> None:
        """Give the file its name; making an empty one first fails where another has come."""
        if not self._overwrite:
            try:
                os.close(os.open(self.path, EXCLUSIVE, OWNER_ONLY))
            except FileExistsError:
                text = f"{_shown(self.path)} has come into being meanwhile; nothing was written"
                raise ExportError(text) from None
        partial.replace(self.path)

    def _write(self, file: BinaryIO, snapshot: Snapshot, log_filter: LogFilter) -> None:
        looked_at = written = nbytes = 0
        for segment, start, stop in _slices(snapshot):
            if self._cancelled:
                raise ExportError(f"{_shown(self.path)}: called off, nothing was written")
            mask = segment.evaluate(log_filter, start, stop)
            for row in mask.nonzero()[0].tolist():
                line = self._line(segment, start + row)
                if line is not None:
                    nbytes += file.write(line + b"\n")
                    written += 1
            looked_at += stop - start
            self.progress = Progress(looked_at, len(snapshot), written, nbytes)
            self._sleep(PAUSE_S)

    def _line(self, segment: Segment, row: int) -> bytes | None:
        """Return a row as it is written; of logmon's own rows no raw bytes ever came in."""
        delivery = segment.delivery(row)
        if self.form == "raw":
            if delivery.is_own:
                return None
            raw = segment.raw(row)
            return raw if self._redactor is None else self._redactor.raw(raw)
        if self._redactor is not None:
            event = self._redactor.event(delivery.event)
            delivery = msgspec.structs.replace(delivery, event=event)
        if self.form == "json":
            return encode(delivery.event, work_item=delivery.work_item)
        return row_line(delivery, b"", "text", self._zone).encode("utf-8", "replace")


def form_of(path: Path) -> Form:
    """Return the form that a file's name asks for: JSON lines, text, else raw."""
    return _FORMS.get(path.suffix.lower(), "raw")


def _slices(snapshot: Snapshot) -> Iterator[tuple[Segment, int, int]]:
    for segment, start, stop in snapshot.spans(snapshot.first_seq, snapshot.next_seq):
        for first in range(start, stop, SLICE_ROWS):
            yield segment, first, min(stop, first + SLICE_ROWS)


def _shown(path: Path) -> str:
    return visible(os.fsencode(path).decode("utf-8", "backslashreplace"))
