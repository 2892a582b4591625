"""From Python's log records to events: template, arguments, extras, exception, place are kept."""

from __future__ import annotations

import logging
import os
import re
import traceback
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from logmon.event import LogEvent
from logmon.level import Level

if TYPE_CHECKING:
    from types import TracebackType

    Exception_ = tuple[type[BaseException], BaseException, TracebackType | None]

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Fields that every record has; others came with `extra=`."""
_HOLE = re.compile(
    r"%(?:\((?P<name>[^)]*)\))?[-#0 +]*(?:\d+|\*)?(?:\.(?:\d+|\*))?[hlL]?(?P<kind>[a-zA-Z%])"
)
_LEVELS = (
    (60, Level.EMERGENCY), (55, Level.ALERT), (50, Level.CRITICAL), (40, Level.ERROR),
    (30, Level.WARN), (25, Level.NOTICE), (20, Level.INFO), (10, Level.DEBUG),
)  # fmt: skip
DEEPEST = 8
MOST_ITEMS = 200
"""How much of a nested value is kept."""


class Names:
    """Gives each event of this process an id of its own."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._prefix = os.urandom(8).hex()
        self._count = count()

    def next(self) -> str:
        """Return the next id; a child process begins anew."""
        if os.getpid() != self._pid:
            self._begin()
        return f"{self._prefix}-{next(self._count)}"


_names = Names()


def event_of(record: logging.LogRecord, service: str = "") -> LogEvent:
    """Return the event of a log record.

    `%s` becomes `{arg0}` in the template and `arg0` among the attributes; `%(name)s` becomes
    `{name}` and `name`. A message that cannot be put together is kept as it was written.
    """
    attributes: dict[str, Any] = {}
    template = None
    try:
        message = record.getMessage()
        if record.args and isinstance(record.msg, str):
            template, attributes = templated(record.msg, record.args)
    except Exception as error:  # noqa: BLE001 - whatever an argument's __str__ does
        message = str(plain(record.msg))
        attributes = {"logging.error": f"{type(error).__name__}: {plain(error)}"}
    attributes |= {key: plain(value) for key, value in vars(record).items() if key not in _OWN}
    if service:
        attributes.setdefault("logger", record.name)
    attributes |= _place(record)
    if record.exc_info and record.exc_info[0] is not None:
        attributes |= exception_of(record.exc_info)
    if record.stack_info:
        attributes["code.stacktrace"] = record.stack_info
    return LogEvent(
        timestamp=datetime.fromtimestamp(record.created, UTC),
        level=level_of(record.levelno),
        source=service or record.name,
        message=message,
        message_template=template,
        attributes=attributes,
        trace_id=_hex(record, "otelTraceID"),
        span_id=_hex(record, "otelSpanID"),
        id=next_id(),
    )


def next_id() -> str:
    """Return an id that no other event has."""
    return _names.next()


def level_of(number: int) -> Level:
    """Return the level of one of logging's numbers: 25 is notice, 55 alert, 60 emergency."""
    return next((level for least, level in _LEVELS if number >= least), Level.TRACE)


def templated(message: str, args: Any) -> tuple[str, dict[str, Any]]:
    """Return a %-format as a template with named holes, and what fills them."""
    values: dict[str, Any] = {}
    is_named = isinstance(args, dict)
    place = iter(range(len(args)))

    def hole(match: re.Match[str]) -> str:
        if match["kind"] == "%":
            return "%"
        name = match["name"] or f"arg{next(place)}"
        key = match["name"] if is_named else None
        values[name] = plain(args[key] if key is not None else args[int(name[3:])])
        return f"{{{name}}}"

    text = message.replace("{", "{{").replace("}", "}}")
    return _HOLE.sub(hole, text), values


def exception_of(info: Any) -> dict[str, Any]:
    """Return an exception as attributes, by OpenTelemetry's semantic conventions."""
    kind, error, trace = info
    return {
        "exception.type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."),
        "exception.message": plain(error),
        "exception.stacktrace": "".join(traceback.format_exception(kind, error, trace)),
    }


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON has it; other things as text, never raising."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    try:
        if depth < DEEPEST and isinstance(value, dict):
            items = list(value.items())[:MOST_ITEMS]
            return {str(key): plain(item, depth + 1) for key, item in items}
        if depth < DEEPEST and isinstance(value, list | tuple | set | frozenset):
            return [plain(item, depth + 1) for item in list(value)[:MOST_ITEMS]]
        return str(value)
    except Exception as error:  # noqa: BLE001 - whatever a value's __str__ does
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _place(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = {
        "code.file.path": record.pathname,
        "code.line.number": record.lineno,
    }
    if record.funcName:
        found["code.function.name"] = record.funcName
    if record.threadName and record.threadName != "MainThread":
        found["thread.name"] = record.threadName
    return found


def _hex(record: logging.LogRecord, name: str) -> str | None:
    """Return an id that OpenTelemetry's instrumentation put on the record."""
    value = getattr(record, name, None)
    return value if isinstance(value, str) and value.strip("0") else None
