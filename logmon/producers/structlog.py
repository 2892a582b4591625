"""`LogmonProcessor`: what structlog says, sent to a logmon on its way to where it goes anyway."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from logmon.event import LogEvent
from logmon.level import Level, parse_level
from logmon.producers.producer import CAPACITY, Producer, open_producer
from logmon.producers.records import exception_of, next_id, plain

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from logmon.hub import LogEventHub

_READ = ("event", "level", "timestamp", "logger", "exc_info", "trace_id", "span_id")


class LogmonProcessor:
    """A structlog processor: sends each event and hands it on unchanged.

    Put it before the renderer: `processors=[add_log_level, LogmonProcessor(url), JSONRenderer()]`.
    `event` is the template. See `open_producer` for the arguments.
    """

    def __init__(
        self,
        to: str | LogEventHub | Producer,
        *,
        token: str | None = None,
        service: str = "",
        capacity: int = CAPACITY,
    ) -> None:
        self._service = service
        self.producer: Producer = open_producer(to, token=token, service=service, capacity=capacity)

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Send an event; returns the same mapping."""
        self.producer.put(self._event(logger, method_name, event_dict))
        return event_dict

    def _event(self, logger: Any, method: str, found: MutableMapping[str, Any]) -> LogEvent:
        attributes = {str(key): plain(value) for key, value in found.items() if key not in _READ}
        name = found.get("logger") or getattr(logger, "name", "") or ""
        if self._service and name:
            attributes["logger"] = str(name)
        if info := _exception(found.get("exc_info")):
            attributes |= exception_of(info)
        message = str(plain(found.get("event", "")))
        return LogEvent(
            timestamp=_moment(found.get("timestamp")),
            level=parse_level(str(found.get("level", method))) or Level.INFO,
            source=self._service or str(name) or "python",
            message=message,
            message_template=message or None,
            attributes=attributes,
            trace_id=_text(found.get("trace_id")),
            span_id=_text(found.get("span_id")),
            id=next_id(),
        )


def _exception(given: Any) -> Any:
    """Return what structlog means by `exc_info`: an exception, a triple, or the current one."""
    if isinstance(given, BaseException):
        return (type(given), given, given.__traceback__)
    if isinstance(given, tuple):
        return given if given[0] is not None else None
    current = sys.exc_info() if given else (None, None, None)
    return current if current[0] is not None else None


def _moment(given: Any) -> datetime:
    """Read what TimeStamper made (ISO 8601, or seconds since 1970); else it is now."""
    try:
        if isinstance(given, str):
            moment = datetime.fromisoformat(given)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(given, int | float):
            return datetime.fromtimestamp(given, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return datetime.now(UTC)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
