"""The page at `/`: one static file that holds no data, and the exchange of a token for a cookie."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response

from logmon.api.door import token_of
from logmon.api.parameters import Parameters
from logmon.api.sessions import SESSION_S

if TYPE_CHECKING:
    from starlette.requests import Request

    from logmon.api.door import Api

ROOT = "/api/log-monitor"


@lru_cache(maxsize=1)
def _page() -> tuple[bytes, str]:
    """Return the file, and a policy that lets its own script and style run and nothing else."""
    text = files("logmon.api").joinpath("page.html").read_text("utf-8")
    script, style = (_hash(text, tag) for tag in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src data:; "
        "connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return text.encode(), policy


def _hash(text: str, tag: str) -> str:
    inside = re.search(rf"<{tag}>(.*)</{tag}>", text, re.DOTALL)
    assert inside is not None  # noqa: S101 - the file is ours
    digest = hashlib.sha256(inside[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


async def page(_api: Api, request: Request) -> Response:
    """Answer with the page."""
    Parameters(request)
    body, policy = _page()
    return Response(body, 200, {"Content-Security-Policy": policy}, "text/html; charset=utf-8")


async def session(api: Api, request: Request) -> Response:
    """Give a cookie for the token this request was made with; it can read, and only with GET."""
    Parameters(request)
    cookie = api.sessions.open(token_of(request.scope))
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    value = (
        f"{api.cookie}={cookie}; Path={ROOT}; Max-Age={SESSION_S}; "
        f"HttpOnly; SameSite=Strict{secure}"
    )
    return Response(None, 204, {"Set-Cookie": value})


async def openapi(_api: Api, request: Request) -> Response:
    """Answer with the description of everything here, for tools."""
    Parameters(request)
    return Response(json.dumps(_description()), 200, None, "application/json")


@lru_cache(maxsize=1)
def _description() -> object:
    return json.loads(files("logmon.api").joinpath("openapi.json").read_text("utf-8"))
