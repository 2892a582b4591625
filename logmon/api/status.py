"""How logmon itself is: `/health` for whoever asks, `/stats` with every account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from logmon import __version__
from logmon.api.parameters import Parameters
from logmon.event import encode_json

if TYPE_CHECKING:
    from starlette.requests import Request

    from logmon.api.door import Api


def answer(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """Return a document as JSON."""
    return Response(encode_json(document), 200, headers, "application/json")


async def health(_api: Api, request: Request) -> Response:
    """Say that logmon runs; nothing about what it holds."""
    Parameters(request)
    return answer({"status": "ok", "version": __version__})


async def stats(api: Api, request: Request) -> Response:
    """Return every source's account, every reader's figures, and what was redacted."""
    Parameters(request)
    figures = api.service.hub.statistics()
    sources = {
        name: {
            key: value
            for key, value in msgspec.structs.asdict(account).items()
            if key not in ("detail", "caught_up")
        }
        for name, account in figures.sources.items()
    }
    readers = [msgspec.structs.asdict(reader) for reader in figures.readers]
    redactor = api.redactor
    redacted = {} if redactor is None else dict(redactor.counts)
    rules = {
        name: msgspec.structs.asdict(counts)
        for name, counts in api.service.rule_statistics().items()
    }
    return answer(
        {
            "sources": sources,
            "readers": readers,
            "redacted": redacted,
            "rules": rules,
            "trackers": api.service.tracker_statistics(),
        }
    )
