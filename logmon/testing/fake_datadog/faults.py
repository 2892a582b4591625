"""What can go wrong with one answer, by name: what `FakeDatadog.on` and `chances` take.

| name | the answer |
|---|---|
| `500` `502` `503` `504` `408` | an error of JSON; with `:html` or `:empty` another body |
| `429` | refused, with a text; `:empty` no body, `:bare` no headers, `:reset-0`, `:reset-text` |
| `401` `403` | refused; `403:scope` two texts, `403:object` an object, `403:html` a proxy's page |
| `400` | a query that cannot be read |
| `invalid-cursor` | 400 to a request with a cursor; others are answered |
| `reset` `reset-after-headers` `cut-body` | it ends before or after the headers, in the body |
| `cut-json` `html` `bad-gzip` | 200 with half a document, a page, a body that is no gzip |
| `slow` `drip` `hang` | first byte after 2 s, body over 2 s, nothing for an hour |
| `redirect` | 307 to another host |
| `timeout` `warnings` | 200 with half of the page, `status: timeout` or a warning |
| `empty` | 200 and no events, though there are some |
| `short` | half of the page, and a cursor to the rest |
| `twice` `again` | an event two times in the page; an event of the page before once more |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from logmon.testing.fake_datadog.reply import HTML, JSON, Refused, Reply, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.testing.fake_datadog.limits import Bucket

PAGE_FAULTS = frozenset({"timeout", "warnings", "empty", "short", "twice", "again"})
"""Faults that change what a page says; the rest change how an answer comes."""
HANG_S = 3600.0
SLOW_S = 2.0
_ERRORS = {
    "408": "Request Timeout",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Unavailable",
    "504": "Gateway Timeout",
}
_INVALID_CURSOR = "input_validation_error(Field 'page' is invalid: invalid cursor)"


def invalid_cursor() -> Reply:
    """Return the recorded answer to a cursor that is none."""
    return refusal(400, str({"errors": [_INVALID_CURSOR]}).replace('["', '[u"'))


def too_many(bucket: Bucket, kind: str, now_s: float) -> Reply:
    """Return a 429 of one of the kinds that were seen."""
    rate = bucket.rate
    text = f"Rate limit of {rate.limit} requests in {rate.period_s} seconds reached."
    reply = refusal(429, f"{text} Please try again later.")
    headers = JSON | bucket.headers(now_s) | {"x-ratelimit-remaining": "0"}
    if kind == "empty":
        reply = Reply(status=429)
    elif kind == "bare":
        headers = dict(JSON)
    elif kind in ("reset-0", "reset-text"):
        headers["x-ratelimit-reset"] = "0" if kind == "reset-0" else "soon"
    return msgspec.structs.replace(reply, headers=headers)


def _error(name: str) -> Reply:
    code, _, kind = name.partition(":")
    text = _ERRORS[code]
    if kind == "html":
        page = f"<html><head><title>{code} {text}</title></head></html>".encode()
        return Reply(status=int(code), headers=dict(HTML), body=page)
    if kind == "empty":
        return Reply(status=int(code))
    return refusal(int(code), text)


_REFUSALS: dict[str, Reply] = {
    "400": refusal(400, "input_validation_error(Field 'filter.query' is invalid)"),
    "401": refusal(401, "Unauthorized"),
    "403": refusal(403, "Forbidden"),
    "403:scope": refusal(403, "Forbidden", "Failed permission authorization checks"),
    "403:object": refusal(403, {"status": "403", "title": "Forbidden", "detail": "no access"}),
    "403:html": Reply(status=403, headers=dict(HTML), body=b"<html>403 Forbidden</html>"),
}


def _changed(**changes: object) -> Callable[[Reply], Reply]:
    return lambda reply: msgspec.structs.replace(reply, **changes)


def _half(reply: Reply) -> Reply:
    return msgspec.structs.replace(reply, body=reply.body[: len(reply.body) // 2])


def _bad_gzip(reply: Reply) -> Reply:
    headers = reply.headers | {"content-encoding": "gzip"}
    return msgspec.structs.replace(reply, headers=headers, body=b"\x1f\x8b\x08 no gzip" * 9)


def _redirect(reply: Reply) -> Reply:
    headers = reply.headers | {"location": "https://elsewhere.invalid/api/v2/logs/events/search"}
    return msgspec.structs.replace(reply, status=307, headers=headers, body=b"")


def _html(reply: Reply) -> Reply:
    headers = reply.headers | HTML
    return msgspec.structs.replace(reply, headers=headers, body=b"<html>Please sign in</html>")


_ON_THE_WAY: dict[str, Callable[[Reply], Reply]] = {
    "reset": _changed(ending="reset"),
    "reset-after-headers": _changed(ending="reset_after_headers"),
    "cut-body": _changed(ending="cut"),
    "cut-json": _half,
    "html": _html,
    "bad-gzip": _bad_gzip,
    "slow": _changed(wait_s=SLOW_S),
    "drip": _changed(drip_s=SLOW_S / 10),
    "hang": _changed(wait_s=HANG_S),
    "redirect": _redirect,
}
_WITH_KIND = [f"{code}:{kind}" for code in _ERRORS for kind in ("html", "empty")]
_LIMITS = [f"429:{kind}" for kind in ("empty", "bare", "reset-0", "reset-text")]
FAULTS = frozenset(
    {*_ERRORS, *_WITH_KIND, *_REFUSALS, *_ON_THE_WAY, *PAGE_FAULTS, "429", *_LIMITS}
    | {"invalid-cursor"}
)
"""Every name."""


def known(name: str) -> str:
    """Return the name of a fault.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in FAULTS:
        raise ValueError(f"{name!r} is no fault; faults are {', '.join(sorted(FAULTS))}")
    return name


def refuse(name: str, *, bucket: Bucket, now_s: float, has_cursor: bool) -> None:
    """Let the request pass, unless the fault is an answer in place of the true one.

    Raises:
        Refused: it is.
    """
    code, _, kind = name.partition(":")
    if code == "429":
        raise Refused(too_many(bucket, kind, now_s))
    if name == "invalid-cursor" and has_cursor:
        raise Refused(invalid_cursor())
    if code in _ERRORS:
        raise Refused(_error(name))
    if name in _REFUSALS:
        raise Refused(_REFUSALS[name])


def on_the_way(name: str, reply: Reply) -> Reply:
    """Return what a fault makes of the true answer."""
    change = _ON_THE_WAY.get(name)
    return reply if change is None else change(reply)
