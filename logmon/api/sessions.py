"""What a browser page gets for a token: a random cookie that can read, and only with GET.

Sessions live in memory, end with their token or after twelve hours, and are bounded in number.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.api.tokens import Token, Tokens

SESSION_S = 12 * 3600
MOST_SESSIONS = 1_000


class Sessions:
    """The sessions that were opened, by the digest of their cookie."""

    def __init__(self, tokens: Tokens, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._tokens = tokens
        self._monotonic = monotonic
        self._sessions: dict[bytes, tuple[Token, float]] = {}

    def open(self, token: Token) -> str:
        """Return a new cookie for a token."""
        while len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        cookie = secrets.token_urlsafe(32)
        self._sessions[_digest(cookie)] = (token, self._monotonic() + SESSION_S)
        return cookie

    def find(self, cookie: str) -> Token | None:
        """Return the token a cookie stands for, while both are valid."""
        name = _digest(cookie)
        token, until = self._sessions.get(name, (None, 0.0))
        if token is None:
            return None
        if self._monotonic() >= until or not self._tokens.is_valid(token.id):
            del self._sessions[name]
            return None
        return token


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).digest()
