"""The registry: which class reads a source of a given `type`, built in or from another package.

Other packages plug in through the entry point group `logmon.sources`: a callable that takes
`(name, table, options)` and returns a `LogEventSource`; `table.settings(Model)` checks its keys.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from logmon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from pydantic import BaseModel

    from logmon.level import Level
    from logmon.source import LogEventSource, LogStreamOptions

    Model = TypeVar("Model", bound=BaseModel)
    ModelClass = type[Model]

    class Table(Protocol):
        """What a source is built from: its type, and its own keys once they are checked."""

        @property
        def type(self) -> str:
            """The source's type."""
            ...

        def settings(self, model: ModelClass[Model]) -> Model:
            """Check the keys that are the type's own."""
            ...

    Factory = Callable[[str, Table, LogStreamOptions], LogEventSource]

GROUP = "logmon.sources"


def _mock(name: str, table: Table, options: LogStreamOptions) -> LogEventSource:
    from logmon.sources.mock import MockSettings, MockSource

    return MockSource(name, settings=table.settings(MockSettings), options=options)


def _file(
    name: str, table: Table, options: LogStreamOptions, levels: Mapping[str, Level]
) -> LogEventSource:
    from logmon.sources.file import FileSettings, follow_files

    return follow_files(name, table.settings(FileSettings), options, levels)


def build_source(
    name: str,
    table: Table,
    options: LogStreamOptions,
    *,
    levels: Mapping[str, Level] | None = None,
) -> LogEventSource:
    """Build the source that a table describes.

    Raises:
        ConfigError: no such type (the nearest name is given), or its keys are wrong.
    """
    if table.type == "mock":
        return _mock(name, table, options)
    if table.type == "file":
        return _file(name, table, options, levels or {})
    return _outside(name, table.type)(name, table, options)


def _outside(name: str, wanted: str) -> Factory:
    from importlib.metadata import entry_points

    points = {point.name: point for point in entry_points(group=GROUP)}
    point = points.get(wanted)
    if point is None:
        known = sorted({"mock", "file", *points})
        near = get_close_matches(wanted, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"types are {', '.join(known)}"
        raise ConfigError(
            f"unknown source type {wanted!r}", where=f"sources.{name}.type", hint=hint
        )
    try:
        factory: Factory = point.load()
    except Exception as error:  # the package is not ours: whatever it does wrong is its own
        package = point.dist.name if point.dist else point.value
        raise ConfigError(
            f"the package {package!r} that brings type {wanted!r} does not load: {error}",
            where=f"sources.{name}.type",
        ) from error
    return factory
