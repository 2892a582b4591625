"""Where to ask: one of Datadog's sites, or a stand-in for it under a URL.

Credentials of the environment are Datadog's: they go to its own sites, or stay on this machine.
"""

from __future__ import annotations

from difflib import get_close_matches
from urllib.parse import urlsplit

import msgspec

from logmon.addresses import is_loopback

SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)
"""As the generated clients and the documentation list them, read 2026-11."""


class Site(msgspec.Struct, frozen=True):
    """An address to ask, and what may be told there."""

    name: str
    """`datadoghq.eu`, or the stand-in's host and port."""
    url: str
    """What paths are appended to, without a slash at the end."""
    is_datadog: bool = True
    is_loopback: bool = False

    @property
    def takes_environment(self) -> bool:
        """Whether the environment's credentials may be sent there."""
        return self.is_datadog or self.is_loopback


def parse_site(text: str) -> Site:
    """Return the site that a setting names: `datadoghq.eu`, `https://app.datadoghq.eu/`, a URL.

    Raises:
        ValueError: it is no site, or a URL that keys must not be sent to.
    """
    named = text.strip()
    bare = named.lower().removeprefix("https://").strip("/")
    for prefix in ("app.", "api."):
        bare = bare.removeprefix(prefix)
    if bare in SITES:
        return Site(bare, f"https://api.{bare}")
    if "://" in named:
        return _stand_in(named)
    near = get_close_matches(bare, SITES, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"sites are {', '.join(SITES)}"
    raise ValueError(f"{text!r} is no Datadog site; {hint}")


def _stand_in(text: str) -> Site:
    parts = urlsplit(text)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError("is no URL; write a Datadog site, or https://host")
    if parts.username or parts.password:
        raise ValueError("must not hold a password; keys have settings of their own")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be a host alone, without a path")
    loopback = is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise ValueError("would send keys unencrypted; write https://")
    shown = f"[{host}]" if ":" in host else host
    name = shown if port is None else f"{shown}:{port}"
    return Site(name, f"{parts.scheme}://{name}", is_datadog=False, is_loopback=loopback)
