"""What a tracker is to the courier, and the HTTP that trackers share.

The contract:

* `deliver` returns when the other side has taken the entry in, or raises. It may be called again
  with the same entry after any failure, also one that came after the other side took it in: the
  entry's key makes the second time nothing.
* `preview` returns the request `deliver` would make first, secrets left out. It sends nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import httpx2
import msgspec

from logmon.addresses import stays_here
from logmon.errors import LogmonError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.journal import OutboxEntry

WHOLE_S = 15.0
"""How long one request may take, from the first byte sent to the last one received."""
MOST_BYTES = 4 << 20
"""Answers longer than this are cut off: an error, tried again later."""


class DeliveryError(LogmonError):
    """A entry was not taken in, as far as is known.

    `retry_after_s` is the other side's own advice. `for_good` says that the same request will be
    refused again: a person has to change something.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, for_good: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.for_good = for_good


class Tracker(Protocol):
    """Somewhere people look at their work."""

    tells_all: bool
    """Whether each change is a message of its own, also of an item that a digest told of."""

    async def deliver(self, entry: OutboxEntry, ref: str) -> str:
        """Send a entry, and return what the other side calls the item; `ref` is its name so far.

        Raises:
            DeliveryError: it was not taken in, or nobody knows.
        """
        ...

    def preview(self, entry: OutboxEntry, ref: str) -> str:
        """Return the request as text, with secrets left out."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, or None where it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


def client(url: str) -> httpx2.AsyncClient:
    """Return a client that verifies certificates, follows nothing and sends no cookies back."""
    from logmon import __version__

    return httpx2.AsyncClient(
        # A proxy of the environment must not get to see what is meant for this machine.
        trust_env=not stays_here(url),
        follow_redirects=False,
        timeout=httpx2.Timeout(WHOLE_S),
        headers={"user-agent": f"logmon/{__version__}"},
        limits=httpx2.Limits(max_connections=2, keepalive_expiry=30.0),
    )


async def send(
    http: httpx2.AsyncClient,
    whole_s: float,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes = b"",
) -> Answer:
    """Send a request and return its answer, if that is a success; it may take `whole_s`.

    Raises:
        DeliveryError: there was no whole answer in time, or it is no success.
    """
    try:
        async with asyncio.timeout(whole_s):
            async with http.stream(method, url, content=body, headers=headers) as response:
                parts = []
                async for part in response.aiter_bytes():
                    parts.append(part)
                    if sum(map(len, parts)) > MOST_BYTES:
                        raise DeliveryError("an answer that is too long")
        found = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, found, b"".join(parts))
    except (TimeoutError, httpx2.TimeoutException):
        raise DeliveryError("no answer in time") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise DeliveryError(f"no answer: {type(error).__name__}") from None
    if 200 <= answer.status < 300:
        return answer
    raise _refused(answer)


def _refused(answer: Answer) -> DeliveryError:
    """Return the error an answer means: 408, 425, 429, 5xx and rate limits pass, others stay."""
    retry_s = retry_after_s(answer.headers)
    limited = answer.status == 403 and (
        retry_s is not None or answer.headers.get("x-ratelimit-remaining") == "0"
    )
    passing = answer.status in (408, 425, 429) or answer.status >= 500 or limited
    return DeliveryError(f"answered {answer.status}", retry_after_s=retry_s, for_good=not passing)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how long the other side asks to wait: `Retry-After` in seconds."""
    text = headers.get("retry-after", "")
    return min(float(text), 86_400.0) if text.isdecimal() else None


def shown_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return a request as text; headers that are secrets are left out."""
    secret = ("authorization", "x-logmon-signature")
    lines = [f"{method} {url}"]
    for name, value in headers.items():
        lines.append(f"{name}: {'…' if name.lower() in secret else value}")
    return "\n".join([*lines, "", body.decode("utf-8", "replace")])
