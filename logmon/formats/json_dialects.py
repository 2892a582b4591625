"""The dialects of JSON logs, one row each, and by which keys a line is known to be of which.

A dialect that names things its own way has a `prepare` function, which rewrites the object into
the plain form: `timestamp level source message …` on top, everything else under `attributes`.
Formats as their own documentation describes them, read in 2026-11.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from logmon.errors import MalformedEvent
from logmon.event import LogEvent, to_ns
from logmon.formats.clef import clef
from logmon.formats.envelopes import is_docker, open_docker
from logmon.formats.fields import Fields, Keys, tens
from logmon.formats.json_lines import read_object
from logmon.formats.line import Kind, Line
from logmon.formats.otlp import read_otlp
from logmon.formats.syslog import SEVERITIES
from logmon.formats.times import read_time
from logmon.level import Level, parse_level

if TYPE_CHECKING:
    from collections.abc import Callable

Document = dict[str, Any]


class JsonDialect(Kind, frozen=True, kw_only=True):
    """One way to write a log event as a JSON object."""

    marks: Callable[[Document], bool]
    prepare: Callable[[Document], Document] | None = None
    """Rewrites the object into the plain form; may raise `MalformedEvent`."""
    keys: Keys = Keys()
    reader: Callable[[Document, Line], LogEvent | Line] | None = None
    """Reads what is more than one object with keys, or opens an envelope."""

    def read(self, document: Document, line: Line) -> LogEvent | Line:
        """Make the event, or return what an envelope holds; the document is used up.

        Raises:
            MalformedEvent: the time or the level cannot be read.
        """
        if self.reader is not None:
            return self.reader(document, line)
        if self.prepare is not None:
            document = self.prepare(document)
        return Fields(document, line, self.keys).event()


def _has(*names: str) -> Callable[[Document], bool]:
    wanted = frozenset(names)
    return lambda document: wanted <= document.keys()


def _has_any(*names: str) -> Callable[[Document], bool]:
    wanted = frozenset(names)
    return lambda document: not wanted.isdisjoint(document)


def _is(document: Document, name: str, kind: type | tuple[type, ...]) -> bool:
    value = document.get(name)
    return isinstance(value, kind) and not isinstance(value, bool)


# canonical and Ergonaut. .NET counts levels 0 to 5; 6 is `None`, a word for filters alone.

_DOTNET = ("trace", "debug", "info", "warn", "error", "critical")


def _is_canonical(document: Document) -> bool:
    named = _is(document, "timestamp", str) and _is(document, "source", str)
    return named and (_is(document, "level", str) or _is(document, "message", str))


_ERGONAUT_KEYS = ("metadata", "messageTemplate", "resourceAttributes", "logLevel")


def _is_ergonaut(document: Document) -> bool:
    named = _is(document, "source", str) and "timestamp" in document
    return named and any(name in document for name in _ERGONAUT_KEYS)


def _ergonaut(document: Document) -> Document:
    """Lay the bags of values open among the attributes, where their names do not clash."""
    level = document.pop("logLevel", document.get("level"))
    document["level"] = level
    if isinstance(level, int) and not isinstance(level, bool):
        if not 0 <= level < len(_DOTNET):
            raise MalformedEvent("unknown_level", f".NET level {level}")
        document["level"] = _DOTNET[level]
    inner = document.get("attributes")
    attributes: Document = inner if isinstance(inner, dict) else {}
    for name in ("metadata", "resourceAttributes", "scopeAttributes"):
        bag = document.pop(name, None)
        if isinstance(bag, dict) and attributes.keys().isdisjoint(bag):
            attributes = {**attributes, **bag}
        elif bag is not None:
            attributes = {**attributes, name: bag}
    return document | {"attributes": attributes}


# Datadog: an event as its API returns it, or what agents send. Its own rules for statuses:
# "Status remapper", read 2026-11.

_DATADOG_PREFIXES = (
    ("emerg", Level.EMERGENCY), ("f", Level.EMERGENCY), ("a", Level.ALERT), ("c", Level.CRITICAL),
    ("e", Level.ERROR), ("w", Level.WARN), ("n", Level.NOTICE), ("i", Level.INFO),
    ("d", Level.DEBUG), ("t", Level.TRACE), ("v", Level.TRACE), ("o", Level.INFO),
    ("s", Level.INFO),
)  # fmt: skip


def _is_datadog(document: Document) -> bool:
    if _is(document, "attributes", dict) and (document.get("type") == "log"):
        return True
    return "ddsource" in document or "ddtags" in document


def _datadog(document: Document) -> Document:
    inner = document.get("attributes")
    if isinstance(inner, dict) and document.keys().isdisjoint(("ddsource", "ddtags")):
        document = {**inner, "id": document.get("id")}
        # Of the inner object's own attributes none may pass for a time or a level.
        document["attributes"] = inner.get("attributes") or {}
        _name_trace(document, document["attributes"])
    status = document.get("status")
    if isinstance(status, str) and status and parse_level(status) is None:
        word = status.lower()
        found = next((level for start, level in _DATADOG_PREFIXES if word.startswith(start)), None)
        if found is None:
            raise MalformedEvent("unknown_level", status[:100])
        document["status"] = found.label
    return document


_TRACES = (
    ("trace_id", "span_id"),
    ("otel.trace_id", "otel.span_id"),
    ("dd.trace_id", "dd.span_id"),
)
"""Where Datadog's tracers put what a log belongs to; it stays an attribute, too."""


def _name_trace(document: Document, attributes: Any) -> None:
    if not isinstance(attributes, dict) or document.get("trace_id"):
        return
    for trace, span in _TRACES:
        if found := _at(attributes, trace):
            document["trace_id"] = found
            if found := document.get("span_id") or _at(attributes, span):
                document["span_id"] = found
            return


def _at(attributes: Document, dotted: str) -> str | None:
    """Return a value under a dotted name, or one level down; numbers as text."""
    value = attributes.get(dotted)
    root, dot, name = dotted.partition(".")
    if value is None and dot and isinstance(attributes.get(root), dict):
        value = attributes[root].get(name)
    return str(value) if isinstance(value, str | int) and value and value is not True else None


# journald: one object of `journalctl -o json`; MESSAGE is a list of bytes when it is no UTF-8.


def _is_journald(document: Document) -> bool:
    if "__CURSOR" in document or "__REALTIME_TIMESTAMP" in document:
        return True
    return "MESSAGE" in document and ("PRIORITY" in document or "SYSLOG_IDENTIFIER" in document)


def _journald(document: Document, line: Line) -> LogEvent | Line:
    """Read a journal entry; a message that is itself a JSON object is read as what it is."""

    def take(*names: str) -> Any:
        return next((value for name in names if (value := document.pop(name, None))), None)

    moment, message = take("__REALTIME_TIMESTAMP"), take("MESSAGE")
    source = take("SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT", "_SYSTEMD_USER_UNIT", "UNIT")
    host, priority = take("_HOSTNAME"), document.pop("PRIORITY", None)
    level = None if priority is None else _syslog_level(priority)
    timestamp = None if moment is None else read_time(moment, line)
    if isinstance(message, list):
        message = _bytes_text(message)
    text = "" if message is None else str(message)
    inner = line.within(
        text.encode(),
        line.fallback_ns if timestamp is None else to_ns(timestamp),
        source=source if isinstance(source, str) else None,
        level=level,
        host=host if isinstance(host, str) else None,
        extra=document,
    )
    if text.startswith("{"):
        with suppress(MalformedEvent):
            read_object(inner.raw)
            return inner
    return inner.event(text)


def _bytes_text(values: list[Any]) -> str:
    try:
        return bytes(values).decode("utf-8", "backslashreplace")
    except (TypeError, ValueError):
        return " ".join(map(str, values))


def _syslog_level(severity: Any) -> Level:
    if str(severity) not in tuple("01234567"):
        raise MalformedEvent("unknown_level", str(severity)[:100])
    return SEVERITIES[int(severity)]


# GELF 1.1: additional fields begin with an underscore.


def _gelf(document: Document) -> Document:
    level = document.pop("level", None)
    if level is not None:
        document["level"] = _syslog_level(level).label
    return {key.removeprefix("_"): value for key, value in document.items()}


# loguru's `serialize=True`.


def _is_loguru(document: Document) -> bool:
    return _is(document, "record", dict) and "text" in document


def _loguru(document: Document) -> Document:
    record = document.get("record")
    if not isinstance(record, dict):
        return document
    level, time = record.pop("level", None), record.pop("time", None)
    extra = record.pop("extra", None)
    plain: Document = {
        "timestamp": time.get("timestamp") if isinstance(time, dict) else time,
        "level": (level.get("name") if isinstance(level, dict) else level) or "info",
        "source": record.pop("name", None),
        "message": record.pop("message", None) or document.get("text"),
    }
    bag = {key: value for key, value in record.items() if value is not None}
    return plain | {"attributes": {**(extra if isinstance(extra, dict) else {}), **bag}}


def _is_ecs(document: Document) -> bool:
    named = not {"ecs.version", "ecs", "log.level"}.isdisjoint(document)
    return "@timestamp" in document and (named or _is(document, "log", dict))


# Google Cloud: a LogEntry, or the structured lines its agents read from stdout.

_GCP_KEYS = (
    "logName",
    "insertId",
    "textPayload",
    "jsonPayload",
    "protoPayload",
    "receiveTimestamp",
    "logging.googleapis.com/trace",
    "logging.googleapis.com/labels",
)


def _gcp(document: Document) -> Document:
    payload = document.pop("jsonPayload", None)
    if isinstance(payload, dict):
        clash = {key: document[key] for key in payload if key in document}
        document = {**payload, **document} | ({"jsonPayload": payload} if clash else {})
    severity = document.get("severity")
    if isinstance(severity, int) and severity % 100 == 0 and 0 <= severity <= 800:
        words = ("info", "debug", "info", "notice", "warn", "error", "critical", "alert", "emerg")
        document["severity"] = words[severity // 100]
    for theirs, ours in (("trace", "trace_id"), ("spanId", "span_id")):
        value = document.pop(theirs, None) or document.pop(f"logging.googleapis.com/{theirs}", None)
        if isinstance(value, str):
            document[ours] = value.rsplit("/", 1)[-1]
    return document


def _structlog(document: Document) -> Document:
    return {"message_template": document.get("event")} | document


_GCP = Keys(levels=("severity",), times=("timestamp", "time", "receiveTimestamp"))
_TENS = Keys(numbers=tens)
_OWN_IDS = Keys(ids=("id",))

JSON = JsonDialect(name="json", why="an object with keys of no special kind", marks=lambda _d: True)

CANONICAL = JsonDialect(
    name="canonical",
    why="timestamp and source, with level or message",
    marks=_is_canonical,
    keys=_OWN_IDS,
)
JSON_DIALECTS: tuple[JsonDialect, ...] = (
    JsonDialect(name="docker", why="log and stream", marks=is_docker, reader=open_docker),
    JsonDialect(
        name="ergonaut", why="camelCase with metadata or messageTemplate",
        marks=_is_ergonaut, prepare=_ergonaut, keys=_OWN_IDS,
    ),
    CANONICAL,
    JsonDialect(name="otlp", why="resourceLogs", marks=_has("resourceLogs"), reader=read_otlp),
    JsonDialect(name="clef", why="@t, and @m or @mt", marks=_has_any("@t", "@mt"), prepare=clef),
    JsonDialect(
        name="journald", why="__REALTIME_TIMESTAMP or MESSAGE", marks=_is_journald, reader=_journald
    ),
    JsonDialect(name="gelf", why="short_message", marks=_has("short_message"), prepare=_gelf),
    JsonDialect(name="loguru", why="text and record", marks=_is_loguru, prepare=_loguru),
    JsonDialect(
        name="datadog", why="type log with attributes, or ddsource, or ddtags",
        marks=_is_datadog, prepare=_datadog,
        keys=Keys(levels=("status", "severity", "level"), ids=("id",)),
    ),
    JsonDialect(
        name="ecs", why="@timestamp with ecs.version or log.level", marks=_is_ecs,
    ),
    JsonDialect(name="gcp", why="keys of a LogEntry", marks=_has_any(*_GCP_KEYS), prepare=_gcp,
                keys=_GCP),
    JsonDialect(
        name="bunyan", why="v, name, hostname, pid and a number as level",
        marks=lambda d: _is(d, "level", int) and {"v", "name", "hostname", "pid"} <= d.keys(),
        keys=_TENS,
    ),
    JsonDialect(
        name="pino", why="a number as level, and as time",
        marks=lambda d: _is(d, "level", int) and _is(d, "time", (int, float)), keys=_TENS,
    ),
    JsonDialect(name="zap", why="level, ts and msg", marks=_has("level", "ts", "msg")),
    JsonDialect(
        name="structlog", why="event as a text, and no message",
        marks=lambda d: _is(d, "event", str) and "message" not in d and "msg" not in d,
        prepare=_structlog,
    ),
    JsonDialect(
        name="zerolog", why="level, time and message", marks=_has("level", "time", "message")
    ),
    JsonDialect(name="winston", why="level and message", marks=_has("level", "message")),
    JSON,
)  # fmt: skip
"""In the order they are tried; the last takes every object."""


def dialect_of(document: Document) -> JsonDialect:
    """Return the first dialect whose marks an object bears."""
    return next(dialect for dialect in JSON_DIALECTS if dialect.marks(document))
