"""The switches that stay on until they are changed; a single answer's faults are in `faults`."""

from __future__ import annotations

from typing import Literal

import msgspec

from logmon.testing.fake_datadog.limits import AGGREGATE, SEARCH, RateLimit


class Behaviour(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a fake Datadog behaves. Every field may be changed while it runs."""

    style: Literal["new", "old"] = "new"
    """Answers of 2023 (elapsed, request id, status, a newline at the end) or of 2022 (none)."""
    last_page: Literal["natural", "empty", "with_data"] = "natural"
    """A cursor whenever a page is full; or whenever it holds anything, so that the last page is
    empty; or only when there is more, so that the last page with data has none."""
    bounds: Literal["[)", "[]", "()", "(]"] = "[)"
    """Whether the ends of a search belong to it: Datadog does not say."""
    search_rate: RateLimit = SEARCH
    aggregate_rate: RateLimit = AGGREGATE
    skew_s: float = 0.0
    """How far the `Date` header is ahead of the client's clock; answers go by the same time."""
    gzip: bool = True
    cursor_expires_s: float | None = None
    """Cursors are refused when they are older than this."""
    aggregate_allowed: bool = True
    """False answers 403 to aggregations: the permission is missing."""
    chances: dict[str, float] = {}
    """Faults by name, and how often each befalls a search or an aggregation."""
    site_url: str = "https://api.datadoghq.com"
    """What `links.next` begins with."""
