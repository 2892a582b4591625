"""Listens, serves and stops: no signal handlers, no access log, and half a second to end."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.server import ServerState

from logmon.addresses import is_loopback
from logmon.api.app import build_app
from logmon.api.connection import MOST_INCOMPLETE_BYTES, Connection, Connections
from logmon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.api.gate import Gate
    from logmon.api.tokens import Tokens
    from logmon.config import ApiSettings
    from logmon.runtime import LogMonitorService

END_WITHIN_S = 0.5
TLS_HANDSHAKE_WITHIN_S = 5.0


class ApiServer:
    """One listening socket and what is served on it."""

    def __init__(
        self,
        service: LogMonitorService,
        settings: ApiSettings,
        *,
        tokens: Tokens,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._service = service
        self._settings = settings
        self._tokens = tokens
        self._say = say
        self._state = ServerState()
        self.connections = Connections(settings.max_connections, settings.header_timeout)
        self._server: asyncio.Server | None = None
        self.app: Gate | None = None
        self.url = ""
        """Where it listens, once it does."""

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            ConfigError: the address is taken or not ours, beyond loopback without leave, or the
                certificate cannot be used.
        """
        settings = self._settings
        check_exposure(settings)
        listening = _listen(settings.host, settings.port)
        host, port = listening.getsockname()[:2]
        self.app = build_app(
            self._service,
            settings,
            tokens=self._tokens,
            say=self._say,
            port=port,
        )
        try:
            config = self._config(self.app)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            listening.close()
            files = f"{settings.tls_cert} and {settings.tls_key}"
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"{files} cannot be used: {reason}", where="api.tls_cert") from None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(
                connections=self.connections,
                config=config,
                server_state=self._state,
                app_state={},
            ),
            sock=listening,
            ssl=config.ssl,
            ssl_handshake_timeout=TLS_HANDSHAKE_WITHIN_S if config.ssl else None,
        )
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if config.ssl else 'http'}://{shown}:{port}"

    def _config(self, app: Any) -> uvicorn.Config:
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=MOST_INCOMPLETE_BYTES,
            timeout_keep_alive=round(self._settings.header_timeout) or 1,
            ssl_certfile=self._settings.tls_cert or None,
            ssl_keyfile=self._settings.tls_key or None,
        )
        config.load()
        return config

    async def stop(self) -> None:
        """End every stream with a word, let short answers finish, close what is left."""
        if self._server is None:
            return
        self._server.close()
        if self.app is not None:
            self.app.api.streams.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=END_WITHIN_S)
        for task in list(self._state.tasks):
            task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def check_exposure(settings: ApiSettings) -> None:
    """Make sure that nobody beyond this machine is let in by accident.

    Raises:
        ConfigError: a host beyond loopback without TLS or `insecure`, or half a key pair.
    """
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise ConfigError("needs both a certificate and its key", where="api.tls_cert")
    if settings.tls_cert or settings.insecure or is_loopback(settings.host):
        return
    raise ConfigError(
        f"{settings.host!r} is beyond loopback, where tokens and events could be read on the way",
        where="api.host",
        hint="give --tls-cert and --tls-key, or --insecure if you mean it",
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"{host!r}: {error.strerror or error}", where="api.host") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        where = "api.port" if error.errno == 98 else "api.host"
        raise ConfigError(f"{host}:{port}: {error.strerror}", where=where) from None
    return listening
