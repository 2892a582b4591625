"""URLs that secrets or events may be sent to, and which hosts are this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def check_url(url: str) -> str:
    """Return a URL that items may be sent to: https, or http to this machine.

    Raises:
        ValueError: it is neither, or holds a password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError("is no URL; write https://host/path")
    if parts.username or parts.password:
        raise ValueError("must not hold a password; secrets have settings of their own")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("would send items unencrypted; write https://")
    return url


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its own word."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def stays_here(url: str) -> bool:
    """Whether what is sent to a URL stays on this machine."""
    return is_loopback(urlsplit(url).hostname or "")
