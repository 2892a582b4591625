"""`type = "file"`: files that are followed as they grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from logmon.config import ZoneName
from logmon.errors import ConfigError
from logmon.formats import LineDecoder
from logmon.moments import parse_zone
from logmon.sources.replay import ReplayOptions, ReplaySource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.level import Level
    from logmon.source import LogStreamOptions


def _known_format(value: str) -> str:
    try:
        LineDecoder("", input_format=value, where="")
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return value


class FileSettings(BaseModel):
    """`[sources.NAME]` with `type = "file"`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    paths: list[str] = Field(min_length=1)
    """Files, folders or globs."""

    format: Annotated[str, AfterValidator(_known_format)] = "auto"
    """Input format; auto decides line by line."""

    timezone: ZoneName = "UTC"
    """Zone of times that name none."""

    lines: int = Field(default=1_000, ge=0)
    """How many lines of each file are read as history."""


def follow_files(
    name: str, settings: FileSettings, options: LogStreamOptions, levels: Mapping[str, Level]
) -> ReplaySource:
    """Build the source. Settings that were checked can be built; a missing file shows later."""
    reading = ReplayOptions(
        input_format=settings.format,
        zone=parse_zone(settings.timezone),
        levels=dict(levels),
        follow=True,
        lines=settings.lines,
    )
    return ReplaySource(settings.paths, name=name, reading=reading, options=options)
