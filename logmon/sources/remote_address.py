"""Where another logmon serves: one root for any form of its address, and no token astray."""

from __future__ import annotations

from urllib.parse import urlsplit

from logmon.addresses import is_loopback
from logmon.errors import ConfigError

ROOT = "/api/log-monitor"


def base_url(text: str) -> str:
    """Return the root of another logmon's address.

    Raises:
        ConfigError: it is no URL, holds a password, or is http beyond this machine.
    """
    where = "url"
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"{text!r} is no URL", where=where) from None
    if parts.scheme not in ("http", "https") or not host:
        hint = "write http://127.0.0.1:8787, or https://…"
        raise ConfigError(f"{text!r} is no URL of a logmon", where=where, hint=hint)
    if parts.username or parts.password or parts.query:
        raise ConfigError("a URL holds no token", where=where, hint="use token_file")
    shown = f"[{host}]" if ":" in host else host
    url = f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
    if parts.scheme == "http" and not is_loopback(host):
        hint = "use https, or a tunnel to this machine"
        raise ConfigError(f"{url}: the token could be read on the way", where=where, hint=hint)
    path = parts.path.rstrip("/")
    for known in ("/events/stream", "/events/recent", ROOT):
        path = path.removesuffix(known)
    return url + path
