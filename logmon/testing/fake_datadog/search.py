"""Searches over the fake's events: what may be asked, and a page of the answer.

Paging is by key (time, id): a page scans so many events, returns those that are not hidden, and
its cursor names the last one scanned. A cursor holds no filter and is valid with any.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from zlib import crc32

import msgspec

from logmon.event import LogEvent, from_ns
from logmon.level import Level, parse_level
from logmon.query import QueryError, parse_query
from logmon.testing.fake_datadog.events import FakeEvent, rfc3339_ms
from logmon.testing.fake_datadog.faults import invalid_cursor
from logmon.testing.fake_datadog.moments import BadTime, milliseconds
from logmon.testing.fake_datadog.reply import Refused, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from logmon.testing.fake_datadog.behaviour import Behaviour
    from logmon.testing.fake_datadog.events import EventStore

DEFAULT_LIMIT = 10
MOST_IN_A_PAGE = 1_000


class BadRequest(Refused):
    """A search that cannot be answered."""

    def __init__(self, text: str) -> None:
        super().__init__(refusal(400, text))


class BadCursor(Refused):
    """A cursor that is none, or is none any more."""

    def __init__(self) -> None:
        super().__init__(invalid_cursor())


class Filter(msgspec.Struct, frozen=True):
    """What a search asks for, as it was sent: cursors belong to one of these."""

    query: str = "*"
    from_: str = "now-15m"
    to: str = "now"
    indexes: tuple[str, ...] = ("*",)
    storage_tier: str = "indexes"


class Ask(msgspec.Struct, frozen=True):
    """One search."""

    filter: Filter = Filter()
    sort: str = "-timestamp"
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    given: dict[str, str] = {}
    """The parameters that were sent, as `links.next` repeats them."""


def parse_post(body: bytes) -> Ask:
    """Read a search from the body of a POST.

    Raises:
        BadRequest: it is none.
    """
    try:
        sent: Any = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("Invalid JSON structure") from None
    if not isinstance(sent, dict):
        raise BadRequest("Invalid JSON structure")
    flat: dict[str, str] = {}
    for group in ("filter", "page"):
        table = sent.get(group) or {}
        if not isinstance(table, dict):
            raise BadRequest(f"input_validation_error(Field '{group}' is invalid)")
        for key, value in table.items():
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            flat[f"{group}[{key}]"] = text
    if sent.get("sort") is not None:
        flat["sort"] = str(sent["sort"])
    return _ask(flat)


def parse_get(query_string: bytes) -> Ask:
    """Read a search from the parameters of a GET.

    Raises:
        BadRequest: it is none.
    """
    return _ask(dict(parse_qsl(query_string.decode("ascii", "replace"))))


def _ask(flat: dict[str, str]) -> Ask:
    sort = flat.get("sort", "-timestamp")
    if sort not in ("timestamp", "-timestamp"):
        raise BadRequest("input_validation_error(Field 'sort' is invalid)")
    limit = flat.get("page[limit]", str(DEFAULT_LIMIT))
    if not limit.isdecimal() or not 1 <= int(limit) <= MOST_IN_A_PAGE:
        raise BadRequest("input_validation_error(Field 'page.limit' is invalid: 1 to 1000)")
    found = Filter(
        query=flat.get("filter[query]", "*"),
        from_=flat.get("filter[from]", "now-15m"),
        to=flat.get("filter[to]", "now"),
        indexes=tuple(flat.get("filter[indexes]", "*").split(",")),
        storage_tier=flat.get("filter[storage_tier]", "indexes"),
    )
    return Ask(found, sort, int(limit), flat.get("page[cursor]"), flat)


def span(asked: Filter, now_ms: int, bounds: str) -> tuple[int, int]:
    """Return the half-open span of time a filter means; `bounds` says which ends belong to it.

    Raises:
        BadRequest: a text is no time.
    """
    try:
        begin, end = milliseconds(asked.from_, now_ms), milliseconds(asked.to, now_ms)
    except BadTime as error:
        raise BadRequest(f"input_validation_error(Field 'filter' is invalid: {error})") from None
    return begin + (bounds[0] == "("), end + (bounds[1] == "]")


def seen(
    store: EventStore, asked: Filter, now_ms: int, bounds: str, **order: Any
) -> Iterator[FakeEvent]:
    """Yield the events that a filter lets through and that searches can see by now.

    Raises:
        BadRequest: a time or the query cannot be read.
    """
    begin, end = span(asked, now_ms, bounds)
    matches = _matcher(asked.query)
    for event in store.between(begin, end, **order):
        if event.visible_ms <= now_ms and (matches is None or matches(_log_event(event))):
            yield event


@lru_cache(maxsize=64)
def _matcher(query: str) -> Any:
    if query.strip() in ("", "*", "*:*"):
        return None
    try:
        clause = parse_query(query)
    except QueryError as error:
        message = f"input_validation_error(Field 'filter.query' is invalid: {error})"
        raise BadRequest(message) from None
    return None if clause is None else clause.matches


def _log_event(event: FakeEvent) -> LogEvent:
    """Return an event as queries look at it; what is malformed in it counts as absent."""
    try:
        said = msgspec.json.decode(event.body)["attributes"]
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
        said = {}
    said = said if isinstance(said, dict) else {}
    tags = said.get("tags") if isinstance(said.get("tags"), list) else []
    level = parse_level(str(said.get("status", "")))
    return LogEvent(
        timestamp=from_ns(event.time_ms * 1_000_000),
        level=level or Level.INFO,
        has_level="status" in said,
        source=str(said.get("service", "")),
        message=str(said.get("message", "")),
        host=str(said["host"]) if said.get("host") else None,
        attributes=said["attributes"] if isinstance(said.get("attributes"), dict) else {},
        tags=tuple(str(tag) for tag in tags or ()),
        id=event.id,
    )


class Page(msgspec.Struct, frozen=True):
    """A page: the events to return and the cursor to the next one."""

    events: tuple[FakeEvent, ...]
    cursor: str | None


def page(store: EventStore, ask: Ask, now_ms: int, behaviour: Behaviour, limit: int) -> Page:
    """Return a page of at most `limit` events.

    Raises:
        BadRequest: the search cannot be answered.
    """
    after = None if ask.cursor is None else _place(store, ask.cursor)
    found = seen(
        store, ask.filter, now_ms, behaviour.bounds,
        after=after, descending=ask.sort == "-timestamp",
    )  # fmt: skip
    scanned = list(islice(found, limit + 1))
    more, scanned = len(scanned) > limit, scanned[:limit]
    goes_on = {
        "natural": len(scanned) == limit,
        "empty": bool(scanned),
        "with_data": more,
    }[behaviour.last_page]
    cursor = make_cursor(scanned[-1], behaviour.style) if goes_on else None
    return Page(tuple(event for event in scanned if not event.hidden), cursor)


def make_cursor(event: FakeEvent, style: str) -> str:
    """Return the cursor that names an event, as it looked in 2022 (`old`) or 2023 (`new`)."""
    said: dict[str, Any] = {"after": event.id}
    if style == "new":
        number = crc32(event.id.encode()) - 2**31
        said["values"] = [rfc3339_ms(event.time_ms), number]
    return base64.urlsafe_b64encode(msgspec.json.encode(said)).decode().rstrip("=")


def _place(store: EventStore, cursor: str) -> tuple[int, str]:
    """Return the key a cursor names.

    Raises:
        BadCursor: it names none.
    """
    try:
        said = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        after = said["after"]
        time_ms = milliseconds(said["values"][0], 0) if "values" in said else store.time_of(after)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
        raise BadCursor from None
    except BadTime:
        raise BadCursor from None
    if time_ms is None or not isinstance(after, str):
        raise BadCursor
    return time_ms, after


def next_link(site_url: str, ask: Ask, cursor: str, rng: Random) -> str:
    """Return the address of the next page as a GET; its parameters are in no stable order."""
    given = list((ask.given | {"page[cursor]": cursor}).items())
    rng.shuffle(given)
    return f"{site_url}/api/v2/logs/events?{urlencode(given)}"
