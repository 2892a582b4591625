"""`[sentinel]`: rules and trackers, each key with what it means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from logmon.addresses import check_url
from logmon.config_types import Duration, LevelName, Table
from logmon.level import Level

if TYPE_CHECKING:
    from logmon.query import QueryError


def _when(value: str) -> str:
    from logmon.query import QueryError
    from logmon.query.parts import rule_parts

    try:
        rule_parts(value)
    except QueryError as error:
        raise _BadQuery(error) from None
    return value


class _BadQuery(ValueError):
    """A query that cannot be read, on its way through pydantic."""

    def __init__(self, error: QueryError) -> None:
        super().__init__(f"{error.what}; {error.hint}" if error.hint else error.what)
        self.column = error.column


Query = Annotated[str, AfterValidator(_when)]


class RuleTable(Table):
    """`[[sentinel.rules]]`: when an event is worth a work item."""

    name: str = Field(min_length=1, max_length=100)
    """Shown on its work items; unique."""

    enabled: bool = True
    """Whether it is applied; off, it keeps its items and counts."""

    when: Query = ""
    """What must hold besides, in the query language; its time is the events' own: it has no now."""

    minimum_level: LevelName = Level.WARN
    """The mildest level it looks at."""

    sources: list[str] = ["*"]
    """Emitters it looks at, as globs; !name excludes."""

    group_by: list[str] = []
    """Attributes whose values tell items apart."""

    threshold: int = Field(default=1, ge=1, le=1_000_000)
    """Matches within the window before an item is opened."""

    window: Duration = 600.0
    """How long matches are counted together."""

    cooldown: Duration = 0.0
    """Least time between two items of one cause."""

    priority: Literal["", "high", "medium", "low"] = ""
    """Empty takes it from the level."""

    title: str = ""
    """Empty takes the template."""


class TrackerTable(Table):
    """`[sentinel.trackers.NAME]`: where work items are sent; nothing is unless `enabled`."""

    type: Literal["webhook", "github"]
    """webhook: a signed POST for each change; github: an issue for each item."""

    enabled: bool = False
    """Send. Without it a row of the log says what would be sent."""

    rules: list[str] = ["*"]
    """Rules whose items it is told of, as globs."""

    minimum_priority: Literal["low", "medium", "high"] = "low"
    """The mildest priority it is told of."""

    per_hour: int = Field(default=10, ge=1, le=10_000)
    """Most new items of one rule in an hour; the rest waits."""

    storm: int = Field(default=20, ge=2, le=10_000)
    """When more new items of one rule than this wait, they are told in one."""

    url: str = ""
    """webhook: where to, https, or http to this machine."""

    secret: SecretStr = SecretStr("")
    """webhook: the key of the signature; better in `secret_file` or the environment."""

    secret_file: str = ""
    """webhook: a file that holds the key of the signature."""

    repository: str = ""
    """github: owner/name."""

    token: SecretStr = SecretStr("")
    """github: a token that may write issues; better in `token_file` or the environment."""

    token_file: str = ""
    """github: a file that holds the token."""

    labels: list[str] = ["logmon"]
    """github: labels of new issues."""

    api_url: str = "https://api.github.com"
    """github: its API, for GitHub Enterprise."""

    @field_validator("url", "api_url")
    @classmethod
    def _url(cls, url: str) -> str:
        return check_url(url) if url else url

    @field_validator("repository")
    @classmethod
    def _repository(cls, name: str) -> str:
        if name and not re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", name):
            raise ValueError("is no repository; write owner/name")
        return name

    @model_validator(mode="after")
    def _complete(self) -> TrackerTable:
        needed = {"webhook": "url", "github": "repository"}[self.type]
        if not getattr(self, needed):
            raise ValueError(f"a {self.type} needs {needed}")
        return self


class SentinelSettings(Table):
    """`[sentinel]`: the automation that turns events into work items."""

    enabled: bool = True
    """Whether it runs."""

    minimum_level: LevelName = Level.WARN
    """The mildest level the built-in rule looks at."""

    sources: list[str] = ["*"]
    """Emitters the built-in rule looks at, as globs; !name excludes."""

    rules: list[RuleTable] = []
    """Rules that take the built-in one's place."""

    trackers: dict[str, TrackerTable] = {}
    """`[sentinel.trackers.NAME]`: where work items are sent."""

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, rules: list[RuleTable]) -> list[RuleTable]:
        names = [rule.name for rule in rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"there are two rules {name!r}; their items would mix")
        return rules
