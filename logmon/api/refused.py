"""What an endpoint raises to refuse: a status, a reason for people, details for programs."""

from __future__ import annotations

from typing import Any

from logmon.errors import LogmonError


class Refused(LogmonError):
    """A request that is answered with 4xx or 503. `details` go into the JSON beside `error`."""

    def __init__(
        self,
        status: int,
        reason: str,
        *,
        headers: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers or {}
        self.details = details
        super().__init__(f"{status}: {reason}")


def try_later(status: int, reason: str, after_s: int = 1) -> Refused:
    """Return a refusal that says when to come back: 429 for too many, 503 for no room."""
    return Refused(status, reason, headers={"Retry-After": str(after_s)})


def bad_parameter(name: str, reason: str, **details: Any) -> Refused:
    """Return a 422 that names the parameter and says what is wrong with it."""
    return Refused(422, f"{name}: {reason}", parameter=name, **details)
