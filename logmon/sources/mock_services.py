"""What the mock's six services say: templates with the values that fill them, and incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from logmon.level import Level

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

Values = dict[str, Any]


class Line(NamedTuple):
    """One kind of message of one service."""

    weight: int
    source: str
    level: Level
    template: str
    values: Callable[[Random], Values]


def _http(rng: Random, status: int) -> Values:
    path = rng.choice(("/orders", "/cart", "/products", "/checkout", "/search"))
    number = rng.randrange(100, 9_999)
    return {
        "method": rng.choice(("GET", "GET", "GET", "POST")),
        "path": f"{path}/{number}",
        "status": status,
        "ms": round(rng.lognormvariate(3.2, 0.7)),
        "http": {"status": status, "bytes": rng.randrange(200, 90_000)},
    }


SKUS = ("77-A", "12-C", "40-F", "81-B", "09-Z")
REGIONS = ("eu-west-2", "us-east-1", "ap-south-1")

LINES: tuple[Line, ...] = (
    Line(30, "gateway", Level.INFO, "{method} {path} → {status} in {ms} ms",
         lambda rng: _http(rng, rng.choice((200, 200, 200, 201, 204, 304)))),
    Line(5, "gateway", Level.NOTICE, "{method} {path} → {status} in {ms} ms",
         lambda rng: _http(rng, rng.choice((401, 404, 429)))),
    Line(8, "auth", Level.INFO, "user {user} signed in from {region}",
         lambda rng: {"user": f"u-{rng.randrange(1_000, 9_999)}", "region": rng.choice(REGIONS)}),
    Line(2, "auth", Level.WARN, "Login throttled for {user} after {attempts} attempts",
         lambda rng: {"user": f"u-{rng.randrange(1_000, 9_999)}", "attempts": rng.randrange(5, 9)}),
    Line(9, "payments", Level.INFO, "Payment {payment} captured: {amount} EUR",
         lambda rng: {"payment": rng.randrange(5_000, 9_999), "amount": rng.randrange(500, 30_000) / 100}),
    Line(3, "payments", Level.INFO, "Refund {refund} settled in {ms} ms",
         lambda rng: {"refund": rng.randrange(5_000, 9_999), "ms": rng.randrange(90, 400)}),
    Line(2, "payments", Level.ERROR, "Card declined for order {order} (issuer: {reason})",
         lambda rng: {"order": rng.randrange(100, 999), "http": {"status": 402},
                      "reason": rng.choice(("do not honor", "insufficient funds"))}),
    Line(9, "inventory", Level.INFO, "reserved {count} × sku {sku} for order {order}",
         lambda rng: {"count": rng.randrange(1, 5), "sku": rng.choice(SKUS), "order": rng.randrange(100, 999)}),
    Line(2, "inventory", Level.WARN, "Stock for sku {sku} below threshold ({left} left)",
         lambda rng: {"sku": rng.choice(SKUS), "left": rng.randrange(1, 5)}),
    Line(10, "search", Level.DEBUG, "query plan reused for q={query} (cache age {age} s)",
         lambda rng: {"query": rng.choice(("lamp", "desk", "chair", "rug")), "age": rng.randrange(1, 90)}),
    Line(6, "search", Level.INFO, "indexed {documents} documents in {ms} ms",
         lambda rng: {"documents": rng.randrange(10, 4_000), "ms": rng.randrange(20, 300)}),
    Line(5, "ledger", Level.INFO, "batch {batch} posted: {entries} entries",
         lambda rng: {"batch": f"{rng.randrange(16**4):04x}", "entries": rng.randrange(10, 500)}),
    Line(3, "ledger", Level.TRACE, "lock on account {account} held {ms} ms",
         lambda rng: {"account": rng.randrange(10_000, 99_999), "ms": rng.randrange(1, 30)}),
)  # fmt: skip


class Incident(NamedTuple):
    """A cause, the errors it brings about, and the sign that it is over."""

    cause: Line
    symptoms: tuple[Line, ...]
    recovery: Line


INCIDENTS: tuple[Incident, ...] = (
    Incident(
        Line(1, "ledger", Level.CRITICAL, "Double entry mismatch: debit {debit} ≠ credit {credit} (batch {batch})",
             lambda rng: {"debit": 120.0, "credit": 119.99, "batch": f"{rng.randrange(16**4):04x}"}),
        (
            Line(3, "payments", Level.ERROR, "Capture of payment {payment} rejected by ledger",
                 lambda rng: {"payment": rng.randrange(5_000, 9_999)}),
            Line(2, "gateway", Level.ERROR, "{method} {path} → {status} in {ms} ms", lambda rng: _http(rng, 503)),
        ),
        Line(1, "ledger", Level.NOTICE, "ledger consistent again after {entries} corrections",
             lambda rng: {"entries": rng.randrange(1, 9)}),
    ),
    Incident(
        Line(1, "inventory", Level.ALERT, "database primary {node} lost, {replicas} replicas left",
             lambda rng: {"node": f"db-{rng.randrange(1, 4)}", "replicas": rng.randrange(1, 3)}),
        (
            Line(3, "inventory", Level.ERROR, "connection pool exhausted after {ms} ms",
                 lambda rng: {"ms": rng.randrange(5_000, 9_000)}),
            Line(2, "search", Level.WARN, "stock facet is {age} s old",
                 lambda rng: {"age": rng.randrange(60, 400)}),
            Line(2, "gateway", Level.ERROR, "{method} {path} → {status} in {ms} ms", lambda rng: _http(rng, 504)),
        ),
        Line(1, "inventory", Level.NOTICE, "new primary {node} elected",
             lambda rng: {"node": f"db-{rng.randrange(1, 4)}"}),
    ),
)  # fmt: skip
