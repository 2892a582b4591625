"""The keys of a `[sources.NAME]` table with `type = "datadog"`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from logmon.config_types import Duration
from logmon.sources.datadog.rhythm import LONGEST_OVERLAP_MS
from logmon.sources.datadog.site import parse_site
from logmon.sources.datadog.tail_state import TailOptions


def _known_site(value: str) -> str:
    if value:
        parse_site(value)
    return value


class DatadogSettings(BaseModel):
    """`[sources.NAME]` with `type = "datadog"`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    site: Annotated[str, AfterValidator(_known_site)] = ""
    """A Datadog site, or the URL of a stand-in; empty takes DD_SITE, else datadoghq.com."""

    query: str = Field(default="*", max_length=8_192)
    """What to read, in Datadog's search syntax."""

    indexes: list[str] = Field(default=["*"], min_length=1)
    """Names of the indexes to search."""

    storage_tier: Literal["indexes", "online-archives", "flex"] = "indexes"
    """Which storage to search."""

    api_key: SecretStr = SecretStr("")
    """Better in DD_API_KEY, or in a file."""

    app_key: SecretStr = SecretStr("")
    """Better in DD_APP_KEY, or in a file."""

    token: SecretStr = SecretStr("")
    """A personal or service access token, in place of both keys."""

    api_key_file: str = ""
    """A file with the API key; several, one a line, are tried in order. Read again on change."""

    app_key_file: str = ""
    """The same for the application key."""

    token_file: str = ""
    """The same for the token."""

    ca_file: str = ""
    """Certificates to trust instead of the system's, as PEM."""

    share: float = Field(default=0.5, gt=0, le=1)
    """Part of the organisation's rate limit that may be used."""

    lookback: Annotated[Duration, Field(ge=1, le=18 * 3600)] = 900.0
    """How far back reading begins at the very first start."""

    overlap: Annotated[Duration, Field(ge=0, le=LONGEST_OVERLAP_MS / 1000)] = 30.0
    """How far each poll reaches back behind the last one."""

    max_catch_up: Annotated[Duration, Field(ge=60)] = 24 * 3600.0
    """A longer absence is not made up for: what lies before is skipped, and a row says so."""

    reconcile: bool = True
    """Compare counts with Datadog's, to find what came later than the overlap."""

    @model_validator(mode="after")
    def _one_way_in(self) -> DatadogSettings:
        for key in ("api_key", "app_key", "token"):
            if getattr(self, key).get_secret_value() and getattr(self, f"{key}_file"):
                raise ValueError(f"{key} and {key}_file are both set; keep one")
        return self

    def tailing(self, *, ends: bool) -> TailOptions:
        """Return how to tail."""
        return TailOptions(
            overlap_s=self.overlap,
            lookback_s=self.lookback,
            max_catch_up_s=self.max_catch_up,
            reconcile=self.reconcile,
            ends=ends,
        )
