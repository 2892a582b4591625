"""Who may read: key pairs and bearer tokens that are made, take a moment to spread, are revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from logmon.testing.fake_datadog.reply import Refused, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = Literal["401", "403", "scope"]


_ANSWERS = {
    "401": refusal(401, "Unauthorized"),
    "403": refusal(403, "Forbidden"),
    "scope": refusal(403, "Forbidden", "Failed permission authorization checks"),
}


class _Known(msgspec.Struct):
    """One credential. A pair is `API:APP`; a token stands for itself."""

    valid_from_s: float = 0.0
    refused: Answer | None = None


class Access:
    """The credentials that are known. As long as there are none, any pair or token will do."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def add_pair(self, api_key: str, app_key: str, *, valid_from_s: float = 0.0) -> None:
        """Make a key pair; requests before `valid_from_s` (since 1970) are refused: it spreads."""
        self._known[f"{api_key}:{app_key}"] = _Known(valid_from_s)

    def add_token(self, token: str, *, valid_from_s: float = 0.0) -> None:
        """Make a bearer token, `ddpat_…` or `ddsat_…`."""
        self._known[token] = _Known(valid_from_s)

    def revoke(self, credential: str, answer: Answer = "403") -> None:
        """Refuse a pair (`API:APP`) or token from now on; `scope` says it lacks the permission."""
        self._known.setdefault(credential, _Known()).refused = answer

    def check(self, headers: Mapping[str, str], now_s: float) -> None:
        """Let a request pass that may read.

        Raises:
            Refused: it may not; the answer says so as Datadog does.
        """
        credential = credential_of(headers)
        if credential is None:
            raise Refused(refusal(403, "API key required"))
        if not self._known:
            return
        known = self._known.get(credential)
        if known is None or now_s < known.valid_from_s:
            raise Refused(refusal(403, "Forbidden"))
        if known.refused is not None:
            raise Refused(_ANSWERS[known.refused])

    def knows_api_key(self, headers: Mapping[str, str]) -> bool:
        """Whether the API key alone is good, as `GET /api/v1/validate` asks."""
        api_key = headers.get("dd-api-key", "")
        if not self._known:
            return bool(api_key)
        pairs = (name for name, known in self._known.items() if known.refused is None)
        return bool(api_key) and any(name.startswith(f"{api_key}:") for name in pairs)


def credential_of(headers: Mapping[str, str]) -> str | None:
    """Return the pair or the token a request shows, or None when it shows none.

    A token may also stand in the header of the application key: the API key is then not looked at.
    """
    bearer = headers.get("authorization", "")
    if bearer.lower().startswith("bearer "):
        return bearer[7:].strip() or None
    api_key, app_key = headers.get("dd-api-key", ""), headers.get("dd-application-key", "")
    if app_key.startswith(("ddpat_", "ddsat_")):
        return app_key
    return f"{api_key}:{app_key}" if api_key and app_key else None


def last_4(headers: Mapping[str, str]) -> str:
    """Return what may be kept of a request's credential."""
    return (credential_of(headers) or "")[-4:]
