"""An answer as it goes out: what it says, and what becomes of it on the way."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Ending = Literal["whole", "reset", "reset_after_headers", "cut"]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `ending` other than `whole` breaks the connection where it says."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""
    wait_s: float = 0.0
    """How long the first byte is held back."""
    drip_s: float = 0.0
    """The body comes in ten pieces with this pause before each."""
    ending: Ending = "whole"

    def pieces(self) -> list[bytes]:
        """Return the body as it is sent: whole, dripping, or half of it."""
        if self.ending in ("reset", "reset_after_headers"):
            return []
        if self.ending == "cut":
            return [self.body[: len(self.body) // 2]]
        if not self.drip_s:
            return [self.body]
        step = max(1, len(self.body) // 10)
        return [self.body[start : start + step] for start in range(0, len(self.body), step)]


JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=utf-8"}


def json_reply(document: Any, status: int = 200, *, newline: bool = True) -> Reply:
    """Return a document as the body; new answers end with a newline, old ones do not."""
    body = msgspec.json.encode(document) + (b"\n" if newline else b"")
    return Reply(status=status, headers=dict(JSON), body=body)


def refusal(status: int, *errors: object) -> Reply:
    """Return an error: `errors` are texts, or objects as newer endpoints send them."""
    return json_reply({"errors": list(errors)}, status)


class Refused(Exception):
    """A request gets this answer in place of the one it asked for."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply
