"""The mock's story: a shop of six services, the requests that run through them, its incidents.

What is told next depends on the seed and on story time alone, never on a clock. Of `Random` only
`random()` is used: its sequence for a seed is the same in every Python version (random module,
"Notes on Reproducibility").
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from logmon.event import LogEvent
from logmon.level import Level

Values = dict[str, Any]
Chance = Callable[[], float]
"""A number from 0 up to 1."""

AT_ONCE = 3
"""Requests that are under way at the same time, their rows interleaved."""
FIRST_INCIDENT_S = 2.0
INCIDENT_EVERY_S = 25.0
INCIDENT_LASTS_S = 5.0
INCIDENT_EVERY_ROWS = 250
INCIDENT_LASTS_ROWS = 40
"""An incident's length and distance in rows, at rates that bring fewer in those seconds."""
FAILING = 0.6
"""Share of the requests that fail while an incident is on."""

_SPREAD = 0x9E37_79B1  # about 2**32 over the golden ratio, odd: times 1, 2, 3 … never repeats
_MASK = (1 << 32) - 1


class Line(NamedTuple):
    """One kind of message of one service."""

    source: str
    level: Level
    template: str
    tags: tuple[str, ...]
    hosts: tuple[str, ...]
    filling: str
    """The template as a `%` format: a third faster than `str.format_map` (Python 3.11)."""


def _line(source: str, level: Level, template: str) -> Line:
    place = SERVICES.index(source)
    hosts = tuple(f"i-0{place + 10:x}{number}" for number in ("1c", "7e", "b4"))
    filling = template.replace("{", "%(").replace("}", ")s")
    return Line(source, level, template, ("env:prod", f"team:{source}"), hosts, filling)


SERVICES = ("gateway", "auth", "payments", "inventory", "search", "ledger")

ANSWERED = _line("gateway", Level.INFO, "{method} {path} → {status} in {ms} ms")
REFUSED = _line("gateway", Level.NOTICE, "{method} {path} → {status} in {ms} ms")
FAILED = _line("gateway", Level.ERROR, "{method} {path} → {status} in {ms} ms")
PAYLOAD = _line("gateway", Level.DEBUG, "payload {payload} shown, never sent")
SIGNED_IN = _line("auth", Level.NOTICE, "user {user} signed in from {region}")
RENEWED = _line("auth", Level.INFO, "token of {user} renewed for {minutes} min")
THROTTLED = _line("auth", Level.WARN, "Login throttled for {user} after {attempts} attempts")
CAPTURED = _line("payments", Level.INFO, "Payment {payment} captured: {amount} EUR")
REFUNDED = _line("payments", Level.INFO, "Refund {refund} settled in {ms} ms")
DECLINED = _line("payments", Level.ERROR, "Card declined for order {order} (issuer: {reason})")
RESERVED = _line("inventory", Level.INFO, "reserved {count} × sku {sku} for order {order}")
LOW_STOCK = _line("inventory", Level.WARN, "Stock for sku {sku} below threshold ({left} left)")
PLANNED = _line("search", Level.DEBUG, 'query plan reused for q="{query}" (cache age {age} s)')
INDEXED = _line("search", Level.INFO, "indexed {documents} documents in {ms} ms")
LOCKED = _line("ledger", Level.TRACE, "lock on account {account} held {ms} ms")
POSTED = _line("ledger", Level.INFO, "batch {batch} posted: {entries} entries")

MISMATCH = _line(
    "ledger",
    Level.CRITICAL,
    "Double entry mismatch: debit {debit} ≠ credit {credit} (batch {batch})",
)
REJECTED = _line("payments", Level.ERROR, "Capture of payment {payment} rejected by ledger")
BALANCED = _line("ledger", Level.NOTICE, "ledger consistent again after {entries} corrections")
NODE_LOST = _line(
    "inventory", Level.ALERT, "database primary {node} lost, {replicas} replicas left"
)
EXHAUSTED = _line("inventory", Level.ERROR, "connection pool exhausted after {ms} ms")
STALE = _line("search", Level.WARN, "stock facet is {age} s old")
ELECTED = _line("inventory", Level.NOTICE, "new primary {node} elected")
KEY_EXPIRED = _line("auth", Level.CRITICAL, "signing key {key} expired {minutes} min ago")
UNTRUSTED = _line("auth", Level.ERROR, "token of {user} refused: signed with {key}")
KEY_ROTATED = _line("auth", Level.NOTICE, "signing key rotated to {key}")

Step = tuple[Line, Values]
Steps = list[Step]
Flow = Callable[[Chance], Steps]
"""What one request makes the services say, in order."""

QUERIES = ("lamp", "desk", "chair", "rug", "shelf")
REGIONS = ("eu-west-2", "us-east-1", "ap-south-1")
SKUS = ("77-A", "12-C", "40-F", "81-B", "09-Z")
# What an attacker would write into a log: a terminal's clipboard command, markup, a link.
PAYLOADS = (
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "[/bold] is text",
    "\x1b[2J\u202egnp.exe",
    "[@click=quit]",
)


def _number(chance: Chance, low: int, high: int) -> int:
    return low + int(chance() * (high - low))


def _one_of(chance: Chance, choices: tuple[str, ...]) -> str:
    return choices[int(chance() * len(choices))]


def _user(chance: Chance) -> str:
    return f"u-{_number(chance, 1_000, 9_999)}"


def _answer(chance: Chance, method: str, path: str, status: int, *, slow_ms: int = 0) -> Values:
    return {
        "method": method,
        "path": path,
        "status": status,
        "ms": slow_ms + 4 + int(400 * chance() ** 6),
        "http": {"method": method, "status": status, "bytes": _number(chance, 200, 90_000)},
    }


def _posted(chance: Chance) -> Step:
    return POSTED, {"batch": f"{_number(chance, 0, 65_536):04x}", "entries": _number(chance, 2, 60)}


def _browse(chance: Chance) -> Steps:
    path = f"/api/products/{_number(chance, 100, 999)}"
    return [(ANSWERED, _answer(chance, "GET", path, 200 if chance() < 0.9 else 304))]


def _search(chance: Chance) -> Steps:
    query = _one_of(chance, QUERIES)
    return [
        (PLANNED, {"query": query, "age": _number(chance, 1, 90)}),
        (ANSWERED, _answer(chance, "GET", f"/api/search?q={query}", 200)),
    ]


def _missing(chance: Chance) -> Steps:
    return [(REFUSED, _answer(chance, "GET", f"/api/cart/{_number(chance, 10, 99)}", 404))]


def _probe(chance: Chance) -> Steps:
    return [
        (PAYLOAD, {"payload": _one_of(chance, PAYLOADS)}),
        (REFUSED, _answer(chance, "POST", "/api/feedback", 400)),
    ]


def _sign_in(chance: Chance) -> Steps:
    return [
        (SIGNED_IN, {"user": _user(chance), "region": _one_of(chance, REGIONS)}),
        (ANSWERED, _answer(chance, "POST", "/api/session", 201)),
    ]


def _renew(chance: Chance) -> Steps:
    return [
        (RENEWED, {"user": _user(chance), "minutes": 15 * _number(chance, 1, 5)}),
        (ANSWERED, _answer(chance, "PUT", "/api/session", 204)),
    ]


def _guess_password(chance: Chance) -> Steps:
    return [
        (THROTTLED, {"user": _user(chance), "attempts": _number(chance, 5, 9)}),
        (REFUSED, _answer(chance, "POST", "/api/session", 429)),
    ]


def _reserved(chance: Chance, order: int) -> Step:
    count, sku = _number(chance, 1, 5), _one_of(chance, SKUS)
    return RESERVED, {"count": count, "sku": sku, "order": order}


def _buy(chance: Chance) -> Steps:
    order = _number(chance, 100, 999)
    payment = _number(chance, 5_000, 9_999)
    steps: Steps = [_reserved(chance, order)]
    if chance() < 0.1:
        steps.append((LOW_STOCK, {"sku": _one_of(chance, SKUS), "left": _number(chance, 1, 5)}))
    if chance() < 0.4:
        account = _number(chance, 10_000, 99_999)
        steps.append((LOCKED, {"account": account, "ms": _number(chance, 1, 30)}))
    return [
        *steps,
        (
            CAPTURED,
            {"payment": payment, "order": order, "amount": _number(chance, 500, 30_000) / 100},
        ),
        _posted(chance),
        (ANSWERED, _answer(chance, "POST", f"/api/orders/{order}", 201)),
    ]


def _buy_in_vain(chance: Chance) -> Steps:
    order = _number(chance, 100, 999)
    return [
        _reserved(chance, order),
        _declined(chance, order),
        (REFUSED, _answer(chance, "POST", f"/api/orders/{order}", 402)),
    ]


def _declined(chance: Chance, order: int) -> Step:
    reason = _one_of(chance, ("do not honor", "insufficient funds"))
    return DECLINED, {"order": order, "reason": reason, "http": {"status": 402}}


def _refund(chance: Chance) -> Steps:
    refund = _number(chance, 5_000, 9_999)
    return [(REFUNDED, {"refund": refund, "ms": _number(chance, 90, 400)}), _posted(chance)]


def _index(chance: Chance) -> Steps:
    documents = _number(chance, 10, 4_000)
    return [(INDEXED, {"documents": documents, "ms": _number(chance, 20, 300)})]


EVERYDAY: tuple[Flow, ...] = (
    *[_browse] * 36, *[_search] * 14, *[_buy] * 20, *[_index] * 8, *[_renew] * 7, *[_sign_in] * 5,
    *[_refund] * 4, *[_missing] * 2, *[_buy_in_vain] * 2, _guess_password, _probe,
)  # fmt: skip
"""Requests on an ordinary day, as often as they stand here."""


class Incident(NamedTuple):
    """A cause, how requests fail because of it, and the sign that it is over."""

    cause: Callable[[Chance], Step]
    failing: tuple[Flow, ...]
    recovery: Callable[[Chance], Step]


def _mismatch(chance: Chance) -> Step:
    debit = _number(chance, 50, 900)
    batch = f"{_number(chance, 0, 65_536):04x}"
    return MISMATCH, {"debit": f"{debit}.00", "credit": f"{debit - 1}.99", "batch": batch}


def _rejected(chance: Chance) -> Steps:
    order = _number(chance, 100, 999)
    error = {"kind": "LedgerFrozen", "message": "ledger takes no entries"}
    return [
        _reserved(chance, order),
        (REJECTED, {"payment": _number(chance, 5_000, 9_999), "order": order, "error": error}),
        (FAILED, _answer(chance, "POST", f"/api/orders/{order}", 503)),
    ]


def _exhausted(chance: Chance) -> Steps:
    waited_ms = _number(chance, 5_000, 9_000)
    error = {"kind": "PoolTimeout", "message": "no connection free"}
    path = f"/api/products/{_number(chance, 100, 999)}"
    return [
        (EXHAUSTED, {"ms": waited_ms, "error": error}),
        (FAILED, _answer(chance, "GET", path, 504, slow_ms=waited_ms)),
    ]


def _stale(chance: Chance) -> Steps:
    return [(STALE, {"age": _number(chance, 60, 400)}), *_search(chance)]


def _untrusted(chance: Chance) -> Steps:
    return [
        (UNTRUSTED, {"user": _user(chance), "key": "k-41", "http": {"status": 401}}),
        (REFUSED, _answer(chance, "PUT", "/api/session", 401)),
    ]


INCIDENTS: tuple[Incident, ...] = (
    Incident(
        _mismatch,
        (_rejected,),
        lambda chance: (BALANCED, {"entries": _number(chance, 1, 9)}),
    ),
    Incident(
        lambda chance: (NODE_LOST, {"node": "db-1", "replicas": _number(chance, 1, 3)}),
        (_exhausted, _exhausted, _stale),
        lambda chance: (ELECTED, {"node": f"db-{_number(chance, 2, 4)}"}),
    ),
    Incident(
        lambda chance: (KEY_EXPIRED, {"key": "k-41", "minutes": _number(chance, 1, 9)}),
        (_untrusted,),
        lambda _: (KEY_ROTATED, {"key": "k-42"}),
    ),
)


_Request = tuple[str, Steps]
"""A trace id, and what is still to be said, last first."""


class Story:
    """Tells one event after another; the same seed, zero and rate tell the same ones.

    `zero` is the moment of story time 0; incidents begin after it. `run` (16 bytes) goes into
    every id, so that two runs never share one.
    """

    def __init__(self, seed: int, *, zero: datetime, rate_per_second: float, run: bytes) -> None:
        self._chance = Random(seed).random  # noqa: S311 - a story, not a secret
        self._zero = zero
        self._id = f"mock-{run[:6].hex()}"
        self._span = run[6:10].hex()
        self._trace = run[:12].hex()
        self._every_us = _us(max(INCIDENT_EVERY_S, INCIDENT_EVERY_ROWS / rate_per_second))
        self._lasts_us = _us(max(INCIDENT_LASTS_S, INCIDENT_LASTS_ROWS / rate_per_second))
        self._turn_us = _us(FIRST_INCIDENT_S)
        self._incidents = 0
        self._incident: Incident | None = None
        self._told = self._begun = 0
        self._open: list[_Request] = [("", [])] * AT_ONCE
        self._urgent: Steps = []

    def tell(self, time_us: int) -> LogEvent:
        """Return the next event, at `time_us` of story time, which must not run backwards."""
        if time_us >= self._turn_us:
            self._turn(time_us)
        trace_id, (line, values) = self._next_step()
        source, level, template, tags, hosts, filling = line
        self._told = told = self._told + 1
        return LogEvent(
            timestamp=self._zero + timedelta(0, 0, time_us),
            level=level,
            source=source,
            host=hosts[told % 3],
            message=filling % values,
            message_template=template,
            attributes=values,
            tags=tags,
            trace_id=trace_id,
            span_id=f"{self._span}{told * _SPREAD & _MASK:08x}",
            id=f"{self._id}-{told:08x}",
        )

    def decline_a_card(self) -> None:
        """Make the next event an error."""
        self._urgent.append(_declined(self._chance, _number(self._chance, 100, 999)))

    def _next_step(self) -> tuple[str, Step]:
        if self._urgent:
            return self._trace_id(), self._urgent.pop()
        place = int(self._chance() * AT_ONCE)
        trace_id, steps = self._open[place]
        if not steps:
            trace_id = self._trace_id()
            steps = self._flow()(self._chance)
            steps.reverse()
            self._open[place] = trace_id, steps
        return trace_id, steps.pop()

    def _flow(self) -> Flow:
        flows = EVERYDAY
        if self._incident is not None and self._chance() < FAILING:
            flows = self._incident.failing
        return flows[int(self._chance() * len(flows))]

    def _trace_id(self) -> str:
        self._begun += 1
        return f"{self._trace}{self._begun * _SPREAD & _MASK:08x}"

    def _turn(self, time_us: int) -> None:
        """Let an incident break out, or end the one that is on."""
        if self._incident is None:
            self._incident = INCIDENTS[self._incidents % len(INCIDENTS)]
            self._incidents += 1
            self._urgent.append(self._incident.cause(self._chance))
            self._turn_us = time_us + self._lasts_us
        else:
            self._urgent.append(self._incident.recovery(self._chance))
            self._incident = None
            self._turn_us = time_us + self._every_us


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
