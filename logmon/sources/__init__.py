"""The registry: which class reads a source of a given `type`, built in or from another package.

Importing it imports no source: each is loaded when one of its type is built. Other packages plug
in through the entry point group `logmon.sources`: a callable that takes `(name, table, options)`
and returns a `LogEventSource`; `table.settings(Model)` checks its keys. They cannot take the
place of a built-in type, and whatever they do wrong while loading is a `ConfigError`.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from logmon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.metadata import EntryPoint
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


def _mock(
    name: str, table: Table, options: LogStreamOptions, _levels: Mapping[str, Level]
) -> LogEventSource:
    from logmon.sources.mock import MockSettings, MockSource

    return MockSource(name, settings=table.settings(MockSettings), options=options)


def _file(
    name: str, table: Table, options: LogStreamOptions, levels: Mapping[str, Level]
) -> LogEventSource:
    from logmon.sources.file import FileSettings, follow_files

    return follow_files(name, table.settings(FileSettings), options, levels)


def _datadog(
    name: str, table: Table, options: LogStreamOptions, levels: Mapping[str, Level]
) -> LogEventSource:
    import os

    from logmon.sources.datadog.settings import DatadogSettings
    from logmon.sources.datadog.source import DatadogSource

    return DatadogSource(name, table.settings(DatadogSettings), options, levels, environ=os.environ)


def _remote(
    name: str, table: Table, options: LogStreamOptions, _levels: Mapping[str, Level]
) -> LogEventSource:
    import os

    from logmon.sources.remote import RemoteSettings, RemoteSource

    settings = table.settings(RemoteSettings)
    return RemoteSource(name, settings, options, environ=os.environ)


def _otlp(
    name: str, table: Table, options: LogStreamOptions, levels: Mapping[str, Level]
) -> LogEventSource:
    from logmon.sources.otlp import OtlpSettings, OtlpSource

    table.settings(OtlpSettings)
    return OtlpSource(name, options, levels)


_BUILT_IN = {
    "mock": _mock,
    "file": _file,
    "datadog": _datadog,
    "otlp": _otlp,
    "logmon": _remote,
}

SETTINGS = {
    "mock": "logmon.sources.mock:MockSettings",
    "file": "logmon.sources.file:FileSettings",
    "datadog": "logmon.sources.datadog.settings:DatadogSettings",
    "otlp": "logmon.sources.otlp:OtlpSettings",
    "logmon": "logmon.sources.remote:RemoteSettings",
}
"""Where the model of each built-in type's own keys stands: `config show` and `schema` tell them."""


def settings_model(kind: str) -> type[BaseModel] | None:
    """Return the model of a built-in type's own keys; None for a type that a package brings."""
    place = SETTINGS.get(kind)
    if place is None:
        return None
    module, name = place.split(":")
    model: type[BaseModel] = getattr(import_module(module), name)
    return model


def build_source(
    name: str,
    table: Table,
    options: LogStreamOptions,
    *,
    levels: Mapping[str, Level] | None = None,
) -> LogEventSource:
    """Build the source that a table describes. `levels` are extra spellings of levels.

    Raises:
        ConfigError: no such type (the nearest name is given), its keys are wrong, or the package
            that brings the type is broken (it is named).
    """
    built_in = _BUILT_IN.get(table.type)
    if built_in is not None:
        return built_in(name, table, options, levels or {})
    point = _entry_point(name, table.type)
    try:
        factory: Factory = point.load()
        return _checked(factory(name, table, options), name)
    except ConfigError:
        raise
    except Exception as error:  # the package is not ours: whatever it does wrong is its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(
            f"type {table.type!r} cannot be built: {reason}",
            where=f"sources.{name}.type",
            hint=f"it comes from the package {_package(point)!r}",
        ) from error


def _entry_point(name: str, wanted: str) -> EntryPoint:
    from importlib.metadata import entry_points

    points = entry_points(group=GROUP)
    where = f"sources.{name}.type"
    found = [point for point in points if point.name == wanted]
    if len(found) > 1:
        packages = ", ".join(sorted(_package(point) for point in found))
        raise ConfigError(
            f"several packages bring type {wanted!r}: {packages}",
            where=where,
            hint="uninstall all but one",
        )
    if found:
        return found[0]
    known = sorted({*_BUILT_IN, *points.names})
    near = get_close_matches(wanted, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"types are {', '.join(known)}"
    raise ConfigError(f"unknown source type {wanted!r}", where=where, hint=hint)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _checked(source: LogEventSource, name: str) -> LogEventSource:
    """Refuse what is no source, or goes by another name than it was given."""
    if not callable(getattr(source, "observe", None)) or not hasattr(source, "options"):
        raise TypeError(f"a {type(source).__name__} is no LogEventSource")
    if source.name != name:
        raise ValueError(f"the source calls itself {source.name!r}, not {name!r}")
    return source
