"""What was asked of the fake, in order, and the questions tests have about it.

A credential is kept by its last 4 characters; whole it is only compared, never shown.
"""

from __future__ import annotations

import base64
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from logmon.testing.fake_datadog.moments import is_absolute
from logmon.testing.fake_datadog.search import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECRET_HEADERS = ("dd-api-key", "dd-application-key", "authorization")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request and how it was answered."""

    number: int
    """1 for the first request to this endpoint."""
    endpoint: str
    """`search`, `aggregate`, `validate`, `validate_keys`, or the path of anything else."""
    method: str
    at_s: float
    """When, in seconds since 1970 by the fake's clock."""
    credential: str = ""
    """The last 4 characters."""
    filter: Filter | None = None
    sort: str = ""
    limit: int = 0
    cursor: str | None = None
    fault: str = ""
    status: int = 0
    rows: int = 0
    next_cursor: str | None = None
    reset_s: float = 0.0
    """Seconds to the reset that the answer named; 0 where it named none."""


class RequestJournal:
    """Every request since the fake began, the oldest first."""

    def __init__(self) -> None:
        self._asked: list[Asked] = []
        self._secrets: set[str] = set()

    def add(self, asked: Asked, headers: Mapping[str, str]) -> None:
        """Note a request."""
        self._asked.append(asked)
        for name in SECRET_HEADERS:
            secret = headers.get(name, "").removeprefix("Bearer ").strip()
            if secret:
                self._secrets.add(secret)

    def __len__(self) -> int:
        return len(self._asked)

    def __iter__(self) -> Iterator[Asked]:
        return iter(self._asked)

    def of(self, endpoint: str) -> list[Asked]:
        """Return the requests to one endpoint."""
        return [asked for asked in self._asked if asked.endpoint == endpoint]

    def most_in_a_period(self, period_s: float, endpoint: str = "search") -> int:
        """Return how many requests came in the busiest calendar-aligned period."""
        periods = Counter(asked.at_s // period_s for asked in self.of(endpoint))
        return max(periods.values(), default=0)

    def most_within(self, seconds: float, endpoint: str = "search") -> int:
        """Return how many requests came in the busiest span of so many seconds."""
        times = [asked.at_s for asked in self.of(endpoint)]
        most = first = 0
        for last, at_s in enumerate(times):
            while times[first] <= at_s - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def before_reset(self, endpoint: str = "search") -> list[Asked]:
        """Return the requests that came after a 429 and before the reset it named."""
        early: list[Asked] = []
        wait_until_s = 0.0
        for asked in self.of(endpoint):
            if asked.at_s < wait_until_s:
                early.append(asked)
            if asked.status == 429 and asked.reset_s:
                wait_until_s = asked.at_s + asked.reset_s
        return early

    def strayed(self) -> list[Asked]:
        """Return the requests whose filter or sort is not that of the page their cursor is from."""
        from_page: dict[str, tuple[Filter | None, str]] = {}
        found: list[Asked] = []
        for asked in self.of("search"):
            asks = (asked.filter, asked.sort)
            if asked.cursor is not None and from_page.get(asked.cursor, asks) != asks:
                found.append(asked)
            if asked.next_cursor is not None:
                from_page[asked.next_cursor] = asks
        return found

    def relative(self) -> list[Asked]:
        """Return the requests of a window with pages whose times move while it is read."""
        return [
            asked
            for asked in self.of("search")
            if asked.cursor is not None
            and asked.filter is not None
            and not (is_absolute(asked.filter.from_) and is_absolute(asked.filter.to))
        ]

    def secrets_in(self, text: str | bytes) -> list[str]:
        """Return the last 4 characters of each credential that stands in a text in any form.

        Forms are the text itself, base64, escaped for an address, escaped for JSON.
        """
        data = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text
        return sorted(
            {secret[-4:] for secret in self._secrets if any(f in data for f in _forms(secret))}
        )


def _forms(secret: str) -> set[bytes]:
    raw = secret.encode()
    encoded = {base64.b64encode(b"\0" * pad + raw)[(8 * pad + 5) // 6 :] for pad in range(3)}
    whole = {form.rstrip(b"=")[:-1] for form in encoded}
    escaped = "".join(f"\\u{ord(character):04x}" for character in secret).encode()
    return {
        raw,
        quote(secret, safe="").encode(),
        msgspec.json.encode(secret)[1:-1],
        escaped,
    } | whole
