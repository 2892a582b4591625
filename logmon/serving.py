"""Whether and how a run serves: `[api]` and its tokens become an open door, closed at the end."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from logmon.config import ApiSettings
from logmon.errors import ConfigError
from logmon.level import Level
from logmon.source import Notice
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from logmon.api.server import ApiServer
    from logmon.runtime import LogMonitorService

SHORT_TOKEN = 16


class ApiRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is served."""

    settings: ApiSettings
    env_token: str = ""
    """`$LOGMON_API_TOKEN`."""
    required: bool
    """Whether a door that cannot be opened ends the run, as it does for `logmon serve`."""


@asynccontextmanager
async def served(
    run: ApiRun | None, service: LogMonitorService, *, on_screen: bool = False
) -> AsyncIterator[None]:
    """Serve while the block runs; nothing is imported or opened when `run` is None.

    What there is to say meanwhile goes to stderr, or as a row into the log with `on_screen`.

    Raises:
        ConfigError: the door is required and cannot be opened.
    """
    if run is None:
        yield
        return

    def announce(text: str) -> None:
        service.hub.announce(Notice(text=text, level=Level.WARN), source="api")

    say = announce if on_screen else _narrate
    try:
        server, made = await _open(run, service, say)
    except ConfigError as error:
        if run.required:
            raise
        say(f"not serving: {error}")
        yield
        return
    if made or run.required or not run.settings.port:
        _narrate(f"serving on {server.url}" + (f" · token for this run: {made}" if made else ""))
    try:
        yield
    finally:
        await server.stop()


async def _open(
    run: ApiRun, service: LogMonitorService, say: Callable[[str], None]
) -> tuple[ApiServer, str]:
    """Open the door; return it, and the token that was made for this run where there was none."""
    from logmon.api.server import ApiServer
    from logmon.api.tokens import Tokens, new_token, read_tokens, token_path

    path = token_path()
    kept = read_tokens(path)
    made = "" if kept or run.env_token else new_token()
    fixed = {"run": made} if made else {"env": run.env_token} if run.env_token else {}
    if 0 < len(run.env_token) < SHORT_TOKEN:
        say(f"$LOGMON_API_TOKEN is shorter than {SHORT_TOKEN} characters: it can be guessed")
    server = ApiServer(service, run.settings, tokens=Tokens(path, fixed=fixed), say=say)
    await server.start()
    return server, made


def _narrate(text: str) -> None:
    sys.stderr.write(f"logmon: {visible(text)}\n")
    sys.stderr.flush()
