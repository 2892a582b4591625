"""One way in: method, path, who may, and the function that answers. `doors.py` lists them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from logmon.api.tokens import Scope

if TYPE_CHECKING:
    from starlette.types import Scope as Scope_

    from logmon.api.frames import Frames
    from logmon.api.limits import Rate
    from logmon.api.sessions import Sessions
    from logmon.api.streams import Streams
    from logmon.api.tokens import Tokens
    from logmon.config import ApiSettings
    from logmon.runtime import LogMonitorService


class Api:
    """What endpoints work with; one for each server."""

    def __init__(
        self,
        service: LogMonitorService,
        settings: ApiSettings,
        *,
        tokens: Tokens,
        sessions: Sessions,
        frames: Frames,
        streams: Streams,
        by_token: Rate,
        by_address: Rate,
        say: Callable[[str], None],
        port: int,
    ) -> None:
        self.service = service
        self.settings = settings
        self.tokens = tokens
        self.sessions = sessions
        self.frames = frames
        self.streams = streams
        self.by_token = by_token
        self.by_address = by_address
        self.redactor = service.redactor
        self.say = say
        self.cookie = f"logmon_{port}"
        """Cookies are shared by all ports of a host: each server has a name of its own."""


Endpoint = Callable[[Api, Request], Awaitable[Response]]


class Door(msgspec.Struct, frozen=True):
    """A method and a path (starlette's `{name}` syntax), and what answers there.

    `needs` is the scope a token must have; None lets anyone in, and is for what carries no data.
    """

    method: str
    path: str
    endpoint: Endpoint
    needs: Scope | None
    body_bytes: int = 0
    """The largest body it takes, in bytes."""


def token_of(scope: Scope_) -> Any:
    """Return the `Token` the gate found, None at a door that needs none."""
    return scope["state"].get("token")
