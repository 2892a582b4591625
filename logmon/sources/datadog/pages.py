"""Answers as Datadog sends them: an envelope first, then one event at a time.

An event that cannot be read never costs its neighbours: where an event is not even JSON, the page
is cut into its elements by hand. What is no whole page at all is `Unreadable`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from logmon.event import EPOCH
from logmon.sources.datadog.api import Page, Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_BY_HAND_BYTES = 16 << 20
"""A broken page that is larger is asked for in smaller ones."""
_MILLISECOND = timedelta(milliseconds=1)
_DATA = re.compile(rb'"data"\s*:\s*\[')
_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[[ord("{"), ord("[")]] = 1
_STEPS[[ord("}"), ord("]")]] = -1


class Unreadable(ValueError):
    """The body of an answer is not what it should be: cut, a web page, something else."""


class _Next(msgspec.Struct):
    after: str | None = None


class _Warning(msgspec.Struct):
    code: str | None = None
    title: str | None = None
    detail: str | None = None


class _Meta(msgspec.Struct):
    page: _Next | None = None
    status: str | None = None
    warnings: list[_Warning] | None = None


class _Envelope(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    meta: _Meta | None = None


class _Point(msgspec.Struct):
    time: str
    value: float


class _Bucket(msgspec.Struct):
    computes: dict[str, list[_Point]] = {}


class _Buckets(msgspec.Struct):
    buckets: list[_Bucket] = []


class _Counted(msgspec.Struct):
    data: _Buckets | None = None
    meta: _Meta | None = None


class _Moment(msgspec.Struct):
    timestamp: str = ""


class _Head(msgspec.Struct):
    id: str = ""
    attributes: _Moment | None = None


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_counted = msgspec.json.Decoder(_Counted).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)


def decode_page(body: bytes, fallback_ms: int) -> Page:
    """Return the page of a search's answer.

    `fallback_ms` is the time of a first event that has none. About 3 µs an event.

    Raises:
        Unreadable: it is no page, or not all of one.
    """
    try:
        envelope = _decode_envelope(body)
        raws = [bytes(raw) for raw in envelope.data or ()]
    except _BROKEN as error:
        envelope, raws = _by_hand(body, error)
    records: list[Record] = []
    time_ms = fallback_ms
    for raw in raws:
        records.append(record_of(raw, time_ms))
        time_ms = records[-1].time_ms
    meta = envelope.meta or _Meta()
    return Page(records, meta.page.after if meta.page else None, _partial(meta))


def record_of(raw: bytes, fallback_ms: int) -> Record:
    """Return an event as a record; `fallback_ms` is its time when it has none that can be read."""
    name, told_ms = _head(raw)
    return Record(name or _hash(raw), fallback_ms if told_ms is None else told_ms, raw)


def decode_counts(body: bytes) -> tuple[dict[int, int], str]:
    """Return how many events each bucket holds by its start in ms, and why not all were counted.

    Raises:
        Unreadable: it is no such answer.
    """
    try:
        counted = _decode_counted(body)
        points = [
            point
            for bucket in (counted.data or _Buckets()).buckets
            for series in bucket.computes.values()
            for point in series
        ]
        counts = {_milliseconds(point.time): int(point.value) for point in points}
    except _BROKEN as error:
        raise Unreadable(f"no counts: {error}"[:200]) from None
    return counts, _partial(counted.meta or _Meta())


def error_texts(body: bytes) -> list[str]:
    """Return what an error's body says; items are texts, or objects with title and detail."""
    try:
        document: Any = msgspec.json.decode(body)
    except _BROKEN:
        return []
    found = document.get("errors") if isinstance(document, dict) else None
    texts: list[str] = []
    for item in found if isinstance(found, list) else []:
        if isinstance(item, dict):
            item = ": ".join(str(item[key]) for key in ("title", "detail") if item.get(key))
        texts.append(" ".join(str(item).split())[:300])
    return [text for text in texts if text]


def is_json(body: bytes) -> bool:
    """Whether a body is a JSON object, as Datadog's own errors are; proxies answer with pages."""
    return body.lstrip()[:1] == b"{"


def _head(raw: bytes) -> tuple[str, int | None]:
    """Return an event's id and its time in ms, as far as they can be read."""
    try:
        head = _decode_head(raw)
        name, told = head.id, head.attributes.timestamp if head.attributes else ""
    except _BROKEN:
        name, told = _loose_head(raw)
    try:
        return name, _milliseconds(told) if told else None
    except (ValueError, OverflowError):
        return name, None


def _loose_head(raw: bytes) -> tuple[str, str]:
    """Return what can be read of an event whose fields are not of the usual kind."""
    try:
        document: Any = msgspec.json.decode(raw)
    except _BROKEN:
        return "", ""
    if not isinstance(document, dict):
        return "", ""
    attributes = document.get("attributes")
    told = attributes.get("timestamp") if isinstance(attributes, dict) else None
    name = document.get("id")
    return (name if isinstance(name, str) else ""), (told if isinstance(told, str) else "")


def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // _MILLISECOND


def _hash(raw: bytes) -> str:
    """Name an event that has no id: the same bytes have the same name."""
    return blake2b(raw, digest_size=12, key=b"logmon").hexdigest()


def _partial(meta: _Meta) -> str:
    """Say why an answer may lack events; empty when it is whole."""
    if meta.status not in (None, "done"):
        return f"status {meta.status}"[:100]
    for warning in meta.warnings or ():
        return (warning.detail or warning.title or warning.code or "a warning")[:200]
    return ""


def _by_hand(body: bytes, error: Exception) -> tuple[_Envelope, list[bytes]]:
    """Cut a page into its events by its brackets, so that one that is no JSON stands alone."""
    codes = np.frombuffer(body, dtype=np.uint8)
    depth = _depth(codes) if len(body) <= MOST_BY_HAND_BYTES else np.zeros(1, dtype=np.int32)
    found = (match.end() for match in _DATA.finditer(body))
    opens = next((end for end in found if end <= len(depth) and depth[end - 1] == 2), 0)
    inside = depth[opens:]
    closes = np.flatnonzero(inside < 2)
    if not opens or not len(closes) or depth[-1] != 0:
        raise Unreadable(f"no whole page: {error}"[:200]) from None
    end = opens + int(closes[0])
    marks = (codes[opens:end] == ord(",")) & (inside[: end - opens] == 2)
    commas = (np.flatnonzero(marks) + opens).tolist()
    places = zip([opens, *[comma + 1 for comma in commas]], [*commas, end], strict=True)
    raws = [body[start:stop].strip() for start, stop in places]
    try:
        rest = _decode_envelope(body[:opens] + body[end:])
    except _BROKEN as broken:
        raise Unreadable(f"no whole page: {broken}"[:200]) from None
    return rest, [raw for raw in raws if raw]


def _depth(codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return how many brackets are open behind each byte; those in texts do not count."""
    places = np.arange(len(codes), dtype=np.int32)
    unescaping = np.maximum.accumulate(np.where(codes != ord("\\"), places, -1))
    backslashes = places - 1 - np.concatenate(([-1], unescaping[:-1]))
    quotes = (codes == ord('"')) & (backslashes % 2 == 0)
    in_text = np.cumsum(quotes, dtype=np.int32) % 2 == 1
    return np.cumsum(np.where(in_text, 0, _STEPS[codes]), dtype=np.int32)
