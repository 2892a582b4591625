"""A webhook: one signed POST for each thing that happens to a work item.

The body is `{"event": "opened", "key": …, "item": {…}}`. `X-Logmon-Signature` is `sha256=` and the
hexadecimal HMAC-SHA256 of `X-Logmon-Timestamp`, a full stop, and the body. A entry that is sent
again has the same `Idempotency-Key`, so that the receiver can leave it out.
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from logmon.trackers.tracker import WHOLE_S, client, send, shown_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.journal import OutboxEntry


class Webhook:
    """A tracker that takes POSTs."""

    tells_all = True

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        whole_s: float = WHOLE_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._whole_s = whole_s
        self._url = url
        self._secret = secret.encode()
        self._now = now
        self._http = client(url)

    async def deliver(self, entry: OutboxEntry, ref: str) -> str:
        """Post a entry (see `Tracker`)."""
        headers, body = self._request(entry)
        await send(self._http, self._whole_s, "POST", self._url, headers, body)
        return ref or entry.key

    def preview(self, entry: OutboxEntry, ref: str) -> str:
        """Return the POST as text."""
        return shown_request("POST", self._url, *self._request(entry))

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    def _request(self, entry: OutboxEntry) -> tuple[dict[str, str], bytes]:
        body = b'{"event":"%s","key":"%s","item":%s}' % (
            entry.kind.encode(), entry.key.encode(), entry.document,
        )  # fmt: skip
        stamp = f"{self._now():.0f}"
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": entry.key,
            "X-Logmon-Event": entry.kind,
            "X-Logmon-Timestamp": stamp,
        }
        if self._secret:
            headers["X-Logmon-Signature"] = signature(self._secret, stamp, body)
        return headers, body


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """Return what `X-Logmon-Signature` must be."""
    digest = hmac.new(secret, stamp.encode() + b"." + body, sha256)
    return f"sha256={digest.hexdigest()}"
