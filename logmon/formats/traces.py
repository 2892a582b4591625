"""Which lines go on with the event before them: stack traces, and lines a runtime cut in parts.

Indented lines, the known openings of a trace, and inside a trace what belongs to it: blank lines,
the line that names the error, chained traces. Only text has traces; a machine's line is whole.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from logmon.formats.envelopes import Part, peek

if TYPE_CHECKING:
    from collections.abc import Callable

_ENVELOPES = frozenset(bytes([byte]) for byte in b"{0123456789")
"""What a line in an envelope begins with."""
LONGEST_BYTES = 256 * 1_024
"""A trace is cut where it gets longer than this."""
LONGEST_IN_PARTS_BYTES = 1 << 20
"""A line in parts is put together up to this length."""

_OPENS = re.compile(
    rb"[ \t]+\S|Caused by: |Suppressed: |\.\.\. \d{1,6} (?:common frames|more)|stack backtrace:"
    rb"|(?:[A-Za-z_$][\w$]{0,80}\.){1,12}[A-Za-z_$][\w$]{0,80}(?:Exception|Error)(?::|\s*$)"
)
_MAY_BE_TRACE = re.compile(
    rb"[ \t.]|Traceback|Caused|Suppressed|stack|goroutine"
    rb"|(?:[\w$]{1,80}\.){1,12}[\w$]{1,80}\s*(?::|$)"
)
"""What opens a trace fits this, too: one look in place of three."""
_PYTHON = re.compile(rb"Traceback \(most recent call last\):|  \+ Exception Group Traceback")
_GO = re.compile(rb"goroutine \d{1,10} \[")
_GO_ON = re.compile(
    rb"During handling of the above|The above exception was the direct cause|--- End of|---> "
    rb"|[A-Za-z_][\w.]{0,200}(?:Error|Exception|Warning|Interrupt|Exit)\b"
)
_GO_FRAME = re.compile(
    rb"[\w./$*()-]{1,400}\(.{0,400}\)\s*$|created by |exit status \d|goroutine \d"
)
_WORD = re.compile(rb"[A-Za-z_]")
_BLANK = re.compile(rb"\s*$")


_ORDINARY = re.compile(
    rb"(?!%s)"
    % rb"|".join(pattern.pattern for pattern in (_OPENS, _PYTHON, _GO, _GO_ON, _GO_FRAME, _BLANK))
)
"""What none of the above fits: such a line goes on with frames of Python's at most."""


class _State(Enum):
    OUTSIDE = 0
    TRACE = 1
    PYTHON = 2
    FRAMES = 3
    GO = 4


class Joiner:
    """Is shown every line in order; says of each whether it goes on with the record before it.

    `is_text` tells of a record's first line whether a trace may follow it, `is_plain` of a line
    whether it has no beginning of its own that is known.
    """

    def __init__(self, is_text: Callable[[bytes], bool], is_plain: Callable[[bytes], bool]) -> None:
        self._is_text = is_text
        self._is_plain = is_plain
        self._head: bytes | None = None
        self._head_is_text: bool | None = None
        self._part: Part | None = None
        self._state = _State.OUTSIDE

    def goes_on(self, line: bytes, so_far: int) -> bool:
        """Whether a line belongs to the record, of which `so_far` bytes are known."""
        part = peek(line) if line[:1] in _ENVELOPES else None
        if part is None and self._part is None and self._is_beginning(line):
            self._head, self._head_is_text = line, None
            return False
        inner = line if part is None else part.inner
        joined = self._head is not None and self._joins(line, part, so_far)
        if not joined:
            self._head = line
            self._head_is_text = None
            self._state = _opened(inner)
        self._part = part
        return joined

    def _is_beginning(self, line: bytes) -> bool:
        """Whether a line surely begins a record and no trace, by a quick look."""
        return self._state is _State.OUTSIDE and _MAY_BE_TRACE.match(line) is None

    def _joins(self, line: bytes, part: Part | None, so_far: int) -> bool:
        before = self._part
        if before is not None or part is not None:
            if before is None or part is None:
                return False
            if (before.kind, before.stream) != (part.kind, part.stream):
                return False
            if before.is_partial:
                return so_far + len(line) <= LONGEST_IN_PARTS_BYTES
        if so_far + len(line) > LONGEST_BYTES:
            return False
        if not self._is_trace(line if part is None else part.inner):
            return False
        if self._head_is_text is None:
            self._head_is_text = self._is_text(self._head or b"")
        return self._head_is_text

    def _is_trace(self, line: bytes) -> bool:
        """Whether a line is a trace's; remembers what may come after it."""
        opened = _opened(line)
        if opened in (_State.PYTHON, _State.GO):
            self._state = opened
            return True
        if _OPENS.match(line):
            known = self._state
            self._state = {
                _State.OUTSIDE: _State.TRACE, _State.PYTHON: _State.FRAMES
            }.get(known, known)  # fmt: skip
            return True
        if self._state is _State.OUTSIDE:
            return False
        return _BLANK.match(line) is not None or self._goes_on_inside(line)

    def _goes_on_inside(self, line: bytes) -> bool:
        if self._state is _State.FRAMES and _WORD.match(line) and self._is_plain(line):
            # The line behind the frames names the error, whatever that is called.
            self._state = _State.TRACE
            return True
        if self._state is _State.GO:
            return _GO_FRAME.match(line) is not None
        return _GO_ON.match(line) is not None


def surely_begins(before: bytes, line: bytes) -> bool:
    """Whether a line begins a record, whatever stands before the line `before` it.

    Only behind frames of Python's an ordinary line goes on; a second one does not.
    """
    part_before, part = (peek(raw) if raw[:1] in _ENVELOPES else None for raw in (before, line))
    inner = line if part is None else part.inner
    if _ORDINARY.match(inner) is None:
        return False
    if part_before is None or part is None:
        if part_before is not part:
            return True
        return _ORDINARY.match(before) is not None
    if (part_before.kind, part_before.stream) != (part.kind, part.stream):
        return True
    return not part_before.is_partial and _ORDINARY.match(part_before.inner) is not None


def _opened(line: bytes) -> _State:
    if _PYTHON.match(line):
        return _State.PYTHON
    return _State.GO if _GO.match(line) else _State.OUTSIDE
