"""The application: the gate, behind it the doors. `build_app` is all that others call."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route, Router

from logmon.api.door import Api, Door
from logmon.api.doors import doors
from logmon.api.frames import Frames
from logmon.api.gate import BoundedBody, Gate, admit
from logmon.api.limits import Rate
from logmon.api.refused import Refused
from logmon.api.sessions import Sessions
from logmon.api.streams import StreamLimits, Streams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.types import Receive, Scope, Send

    from logmon.api.tokens import Tokens
    from logmon.config import ApiSettings
    from logmon.runtime import LogMonitorService


def build_app(
    service: LogMonitorService,
    settings: ApiSettings,
    *,
    tokens: Tokens,
    say: Callable[[str], None] = lambda _: None,
    port: int | None = None,
    more: Iterable[Door] = (),
    monotonic: Callable[[], float] = time.monotonic,
) -> Gate:
    """Return the application that serves a service.

    The service's redactor takes secrets out of all that leaves. `say` gets one line about each
    thing a person should know; `port` is the one it listens on, where it is not configured.
    """
    hub = service.hub
    epoch = secrets.token_hex(4) if hub.history is None else hub.history.epoch
    frames = Frames(epoch, service.redactor)
    limits = StreamLimits(
        total=settings.max_streams,
        per_token=settings.max_streams_per_token,
        send_timeout_s=settings.send_timeout,
    )
    api = Api(
        service,
        settings,
        tokens=tokens,
        sessions=Sessions(tokens, monotonic=monotonic),
        frames=frames,
        streams=Streams(hub, frames, tokens, limits, say),
        by_token=Rate(settings.requests_per_second, "requests", monotonic=monotonic),
        by_address=Rate(
            settings.refusals_per_second, "requests without a token", monotonic=monotonic
        ),
        say=say,
        port=settings.port if port is None else port,
    )
    return Gate(_router(api, more), api)


def _router(api: Api, more: Iterable[Door]) -> Router:
    table: dict[str, dict[str, Door]] = {}
    for door in (*doors(), *more):
        table.setdefault(door.path, {})[door.method] = door
    routes = [Route(path, _Behind(api, methods)) for path, methods in table.items()]
    return Router(routes, redirect_slashes=False, default=_nowhere)


class _Behind:
    """What is behind the doors of one path: let in, read, answer."""

    def __init__(self, api: Api, doors_here: Mapping[str, Door]) -> None:
        self._api = api
        self._doors = doors_here

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})
        request = Request(scope)
        door = self._doors.get(request.method)
        if door is None:
            allowed = ", ".join(sorted(self._doors))
            raise Refused(405, f"only {allowed} is answered here", headers={"Allow": allowed})
        await admit(self._api, door, request)
        limited = BoundedBody(receive, door.body_bytes, request.headers)
        response = await door.endpoint(self._api, Request(scope, limited))
        await response(scope, receive, send)


async def _nowhere(_scope: Scope, _receive: Receive, _send: Send) -> Any:
    raise Refused(404, "there is nothing here")
