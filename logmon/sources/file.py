"""`type = "file"`: files that are followed as they grow."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from logmon.config_types import ZoneName
from logmon.errors import ConfigError
from logmon.formats import LineDecoder
from logmon.moments import parse_zone
from logmon.source import LookBack
from logmon.sources.archives import packing
from logmon.sources.following import Following
from logmon.sources.inputs import is_regular, members
from logmon.sources.replay import ReplayOptions, ReplaySource, side_by_side

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from logmon.checkpoint import Checkpoint
    from logmon.level import Level
    from logmon.source import Arrival, LogStreamOptions


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


class FileSource(ReplaySource):
    """Follows files. With a store it goes on after a restart where it was, rotated or not.

    A file that is not there yet is waited for.
    """

    _cursor: str | None = None
    tells_caught_up = True

    def resume(self, checkpoint: Checkpoint | None) -> None:
        """Begin where the last checkpoint says."""
        self._cursor = None if checkpoint is None else checkpoint.cursor

    async def observe(self) -> AsyncGenerator[Arrival, None]:
        """Yield the last lines of the files, or what came since the checkpoint, then what comes.

        Raises:
            PermanentSourceError: a FIFO or an archive among the inputs cannot be read.
        """
        found = [path for name in self._inputs for path in members(name)]
        others = [path for path in found if not is_regular(path)]
        files = [name for name in self._inputs if name not in others]
        if self.options.history_only:  # what has no end has no history
            others = [path for path in others if packing(path)]
        following = Following(
            files,
            self._reader,
            name=self.name,
            sleep=self._sleep,
            clock_ns=self._clock_ns,
            opened=self._open,
            look_back=self.options.look_back or self._reading.look_back,
            ends=self.options.history_only,
            must_exist=False,
            keeps_places=True,
        )
        readings = [following.arrivals(self._cursor), *map(self._input, others)]
        async with aclosing(side_by_side(readings)) as arrivals:
            async for arrival in arrivals:
                yield arrival


def follow_files(
    name: str, settings: FileSettings, options: LogStreamOptions, levels: Mapping[str, Level]
) -> FileSource:
    """Build the source. Settings that were checked can be built; a missing file is waited for."""
    reading = ReplayOptions(
        input_format=settings.format,
        zone=parse_zone(settings.timezone),
        levels=dict(levels),
        follow=True,
        look_back=LookBack(rows=settings.lines, each=True),
    )
    return FileSource(settings.paths, name=name, reading=reading, options=options)
