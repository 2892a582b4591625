"""Every request passes here, and only here is decided who may: sizes, Host, Origin, token, rate.

Whatever goes wrong behind it becomes a JSON answer without a trace, and every answer leaves with
headers that keep it out of caches, frames and other sites' hands.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from logmon.api.refused import Refused
from logmon.errors import LogmonError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from logmon.api.door import Api, Door
    from logmon.api.tokens import Token

URL_BYTES = 8_192
HEADER_BYTES = 16_384
BODY_WITHIN_S = 10.0
"""A request body must be there after so long."""

SAFE_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?")
_ORIGIN = re.compile(r"(https?)://(.+)")


class Gate:
    """The outermost application: checks the request, runs what is behind, repairs the answer."""

    def __init__(self, app: ASGIApp, api: Api) -> None:
        self._app = app
        self.api = api
        self._hosts = _LOOPBACK | _names(api.settings.host, *api.settings.allowed_hosts)
        self._origins = frozenset(origin.lower() for origin in api.settings.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = _Answer(send, self._cross_origin(scope))
        try:
            self._check(scope)
            if self._is_preflight(scope):
                await Response(None, 204, PREFLIGHT)(scope, receive, answer)
            else:
                await self._app(scope, receive, answer)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, no trace leaves the process
            if answer.started:  # nothing can be said any more: the connection is closed
                self.api.say(f"a request failed: {type(error).__name__}: {error}")
                return
            await self._refusal(error)(scope, receive, answer)

    def _refusal(self, error: Exception) -> Response:
        if isinstance(error, Refused):
            body = {"error": error.reason, **error.details}
            return JSONResponse(body, error.status, error.headers)
        if isinstance(error, HTTPException):
            headers = dict(error.headers or {})
            return JSONResponse({"error": error.detail}, error.status_code, headers)
        self.api.say(f"a request failed: {type(error).__name__}: {error}")
        if isinstance(error, LogmonError):
            return JSONResponse({"error": str(error)}, 503, {"Retry-After": "5"})
        return JSONResponse({"error": "internal error"}, 500)

    def _check(self, scope: Scope) -> None:
        """Refuse what no honest client of ours sends, before anyone looks at it."""
        raw_path = scope.get("raw_path", b"")
        if len(raw_path) + len(scope["query_string"]) > URL_BYTES:
            raise Refused(414, f"the URL is longer than {URL_BYTES} bytes")
        if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > HEADER_BYTES:
            raise Refused(431, f"the headers are longer than {HEADER_BYTES} bytes")
        if not raw_path.startswith(b"/") or scope["http_version"] not in ("1.0", "1.1"):
            raise Refused(400, "the request is no HTTP/1.1 for a path")
        host = _single(scope, b"host")
        found = _HOST.fullmatch(host.lower())
        # The address the client connected to needs no list: only names can be rebound.
        if found is None or (found[1] not in self._hosts and found[1] not in _address(scope)):
            raise Refused(400, "this server does not go by that Host", host=host[:100])
        origin = _single(scope, b"origin")
        if origin and not self._knows(origin.lower(), host.lower(), scope):
            raise Refused(403, "pages of that Origin may not ask", origin=origin[:100])

    def _knows(self, origin: str, host: str, scope: Scope) -> bool:
        """Whether a page comes from this server itself, or from an origin that is configured."""
        if origin in self._origins:
            return True
        found = _ORIGIN.fullmatch(origin)
        return found is not None and found[1] == scope["scheme"] and found[2] == host

    def _is_preflight(self, scope: Scope) -> bool:
        """Whether a browser asks, for a page of a configured origin, what it may send."""
        names = {name for name, _ in scope["headers"]}
        asks = scope["method"] == "OPTIONS" and b"access-control-request-method" in names
        return asks and _single(scope, b"origin").lower() in self._origins

    def _cross_origin(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Return the headers that let a configured origin's page read the answer."""
        origins = [v for k, v in scope["headers"] if k == b"origin"]
        if len(origins) != 1 or origins[0].decode("latin-1").lower() not in self._origins:
            return []
        return [
            (b"access-control-allow-origin", origins[0]),
            (b"access-control-expose-headers", b"Logmon-Last-Event-ID, Logmon-Gap, Retry-After"),
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"vary", b"Origin"),
        ]


class _Answer:
    """The way back: adds the safe headers once, and knows whether an answer has begun."""

    def __init__(self, send: Send, more: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._more = more
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = [*message.get("headers", []), *self._more]
            given = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in SAFE_HEADERS if name not in given]
            message = {**message, "headers": headers}
        await self._send(message)


async def admit(api: Api, door: Door, request: Request) -> None:
    """Let a request through a door, or refuse it: the only place that looks at tokens.

    Raises:
        Refused: 401 nobody we know, 403 may not, 429 too often.
    """
    address = request.client.host if request.client else ""
    if door.needs is None:
        api.by_address.spend(address)
        return
    _refuse_other_sites(request.headers)
    token = _bearer(api, request) or _session(api, door, request)
    if token is None:
        api.by_address.spend(address)
        challenge = {"WWW-Authenticate": 'Bearer realm="logmon"'}
        raise Refused(401, "a valid token is needed", headers=challenge)
    api.by_token.spend(token.id)
    if not token.allows(door.needs):
        raise Refused(403, f"this token may not: scope {door.needs!r} is needed")
    request.scope["state"]["token"] = token


def _refuse_other_sites(headers: Any) -> None:
    """Refuse what another site's page fetches; browsers say so themselves (Fetch Metadata).

    A request with an Origin is a configured page's, or was refused before it came here.
    """
    own = headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    if not own and "origin" not in headers:
        raise Refused(403, "pages of other sites may not ask")


def _bearer(api: Api, request: Request) -> Token | None:
    given = request.headers.getlist("authorization")
    if len(given) != 1:
        return None
    scheme, _, text = given[0].partition(" ")
    return api.tokens.find(text.strip()) if scheme.lower() == "bearer" and text.strip() else None


def _session(api: Api, door: Door, request: Request) -> Token | None:
    """Return the token behind a page's cookie: good for reading with GET, for nothing else."""
    if door.method != "GET" or door.needs != "read":
        return None
    try:
        cookies = SimpleCookie("; ".join(request.headers.getlist("cookie")))
    except CookieError:
        return None
    found = cookies.get(api.cookie)
    return api.sessions.find(found.value) if found else None


class BoundedBody:
    """A `receive` that refuses a body that is too large or takes too long.

    Raises:
        Refused: 413 or 408, when it is made or called.
    """

    def __init__(self, receive: Receive, most: int, headers: Any) -> None:
        self._receive = receive
        self._left = most
        self._too_long = Refused(413, f"the body is longer than {most} bytes")
        self._until = asyncio.get_running_loop().time() + BODY_WITHIN_S
        self._done = False
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > most:
            raise self._too_long

    async def __call__(self) -> Message:
        """Return the next part of the body, or that the client has gone."""
        if self._done:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            close = {"Connection": "close"}
            raise Refused(408, "the body took too long", headers=close) from None
        self._left -= len(message.get("body", b""))
        self._done = not message.get("more_body", False)
        if self._left < 0:
            raise self._too_long
        return message


def _single(scope: Scope, name: bytes) -> str:
    """Return a header's value; one that is there twice is as good as a wrong one."""
    values = [value for key, value in scope["headers"] if key == name]
    if len(values) > 1:
        raise Refused(400, f"more than one {name.decode()} header")
    return values[0].decode("latin-1") if values else ""


def _address(scope: Scope) -> frozenset[str]:
    return _names(scope["server"][0]) if scope.get("server") else frozenset()


def _names(*hosts: str) -> frozenset[str]:
    """Return hosts as a Host header writes them: lower case, IPv6 in brackets, no port."""
    names: set[str] = set()
    for host in hosts:
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            names.add(host.lower())
        else:
            names.add(f"[{address}]" if address.version == 6 else str(address))
    return frozenset(names)
