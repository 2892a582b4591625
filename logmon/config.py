"""The configuration: frozen models, defaults, a file, the environment; each error with its place.

Order: built-in defaults (the mock source), then the file (`--config`, else `$LOGMON_CONFIG`, else
the user's config folder), then `LOGMON_<TABLE>__<KEY>`. Nothing is read from the working folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, PrivateAttr

from logmon.config_errors import Model, Places, check
from logmon.config_file import SECRET_KEY, Path_, open_secrets, read_toml
from logmon.config_sentinel import SentinelSettings
from logmon.config_types import Duration, LevelName, Size, Table, ZoneName
from logmon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

ModelClass = type[Model]
_NOT_SETTINGS = frozenset({"LOGMON_CONFIG", "LOGMON_API_TOKEN", "LOGMON_TEST_DATA", "LOGMON_DEBUG"})


class TailSettings(Table):
    """`[tail]`: the live tail."""

    history: int = Field(default=100_000, ge=1_000, le=10_000_000)
    """How many rows are held to scroll back to."""

    redraw_hz: float = Field(default=30.0, gt=0, le=120)
    """Most redraws per second; rows that come faster share a redraw."""

    timezone: ZoneName = "UTC"
    """Zone for showing times: UTC, local, Europe/Berlin, +02:00. What is stored is UTC."""

    theme: str = ""
    """dark, light, contrast, mono, terminal (its own colours), or one of Textual; empty: dark."""

    columns: list[str] = ["time", "level", "source", "message"]
    """Columns of the screen, left to right: also host, trace_id, tags, template, @attribute."""

    keys: dict[str, list[str]] = {}
    """Other keys for actions, by action name: follow = ["F", "end"]."""


class SourceTable(Table):
    """`[sources.NAME]`: the keys every source has; each type checks the others itself."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    type: str
    """mock, file or datadog, or a type that another package brings."""

    enabled: bool = True
    """Whether it is started."""

    minimum_level: LevelName | None = None
    """Milder events are counted as filtered."""

    only: list[str] = []
    """Emitter names to keep, as globs; !name excludes."""

    tags: list[str] = []
    """Only events that carry all of these."""

    add_tags: list[str] = []
    """Tags that are put on every event."""

    throttle_per_second: float | None = Field(default=None, gt=0)
    """Most events per second; the excess is counted as dropped."""

    _name: str = PrivateAttr(default="")
    _places: Places = PrivateAttr(default=None)  # type: ignore[assignment]

    def where(self, key: str) -> str:
        """Return the place of one of its keys, as errors name it."""
        return self._places.where(("sources", self._name, key))

    def settings(self, model: ModelClass[Model]) -> Model:
        """Check the keys that are this type's own; unknown ones are wrong, whatever the model says.

        Raises:
            ConfigError: with the file, line and key.
        """
        own = dict(self.__pydantic_extra__ or {})
        common = tuple(SourceTable.model_fields)
        return check(model, own, self._places, ("sources", self._name), common, extra="forbid")


class StoreSettings(Table):
    """`[store]`: what is kept on disk, when a source asks for it or `enabled` does."""

    enabled: bool = False
    """Keep what every source brings. Sources that read over a network switch it on themselves."""

    path: str = ""
    """The SQLite file; empty for logmon.db in the user's state folder."""

    keep: Duration = 24 * 3600.0
    """Rows written longer ago are removed."""

    max_bytes: Size = 2 << 30
    """The oldest rows are removed when the file is larger than this."""


class ApiSettings(Table):
    """`[api]`: HTTP and SSE for browsers and programs; nothing listens unless it is enabled."""

    enabled: bool = False
    """Whether `logmon tail` serves too; `logmon serve` always does."""

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback only with TLS, or with `insecure`."""

    port: int = Field(default=8787, ge=0, le=65_535)
    """0 takes any free one and says which."""

    tls_cert: str = ""
    """PEM file with the certificate (chain)."""

    tls_key: str = ""
    """PEM file with its key."""

    insecure: bool = False
    """Listen beyond loopback without TLS: tokens and events can be read on the way."""

    allowed_hosts: list[str] = []
    """More names this server is called by, without port; loopback names always are."""

    allowed_origins: list[str] = []
    """Web pages of other origins that may read it: https://logs.example.com."""

    max_streams: int = Field(default=256, ge=1, le=10_000)
    """Open SSE streams in all …"""

    max_streams_per_token: int = Field(default=128, ge=1, le=10_000)
    """… and for each token."""

    max_connections: int = Field(default=1_000, ge=10, le=100_000)
    """Open connections; when there are more, the one that waits longest to ask is closed."""

    requests_per_second: float = Field(default=200.0, gt=0)
    """Most requests with one token, before 429."""

    refusals_per_second: float = Field(default=50.0, gt=0)
    """Most requests without a valid token from one address, before 429."""

    send_timeout: Duration = 15.0
    """A stream that takes nothing for so long is closed."""

    header_timeout: Duration = 5.0
    """A connection that has not sent a whole request head after so long is closed."""


class RedactionSettings(Table):
    """`[redaction]`: secrets are taken out of what is kept, served, sent or exported."""

    enabled: bool = True
    """Whether they are."""

    keys: list[str] = []
    """More names of fields whose value is a secret, in any case."""

    allow_keys: list[str] = []
    """Names of fields that are none, though they sound like it."""

    email: bool = False
    """Whether e-mail addresses are taken out too."""

    ip: bool = False
    """Whether IP addresses are taken out too."""


class Config(Table):
    """Everything that is configured."""

    tail: TailSettings = TailSettings()
    sources: dict[str, SourceTable] = {}
    sentinel: SentinelSettings = SentinelSettings()
    store: StoreSettings = StoreSettings()
    api: ApiSettings = ApiSettings()
    redaction: RedactionSettings = RedactionSettings()
    levels: dict[str, LevelName] = {}
    """`[levels]`: extra spellings of levels."""

    _path: Path | None = PrivateAttr(default=None)
    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _places: Places | None = PrivateAttr(default=None)

    def where_of_key(self, action: str) -> str:
        """Return the place of an action's line in `[tail.keys]`, as errors name it."""
        return self._places.where(("tail", "keys", action)) if self._places else action

    def where(self, *place: str) -> str:
        """Return the place of a value as errors name it: its variable, its line, or its key."""
        return self._places.where(place) if self._places else ".".join(place)

    @property
    def path(self) -> Path | None:
        """The file that was read."""
        return self._path

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not wrong but should be known."""
        return self._warnings

    def origin(self, place: Path_) -> str:
        """Return where a value was set, as errors name it; empty for a default."""
        return self._places.origin(place) if self._places else ""


def load_config(path: Path | None, env: Mapping[str, str]) -> Config:
    """Read the configuration.

    Raises:
        ConfigError: the file or a variable is wrong; the message says where and what to do.
    """
    found = find_config(path, env)
    values: dict[str, Any] = {}
    lines: dict[Path_, int] = {}
    warnings: list[str] = []
    if found is not None:
        values, lines = read_toml(found)
        warnings += open_secrets(values, found)
    places = Places(found, lines)
    if not isinstance(values.setdefault("sources", {}), dict):
        raise ConfigError("must be a table", where=places.where(("sources",)))
    bare = not values["sources"]
    if bare:
        values["sources"] = {"mock": {"type": "mock"}}
    warnings += _overlay(values, env, places)
    if bare and values["sources"].keys() - {"mock"} and not places.names("sources", "mock"):
        del values["sources"]["mock"]  # it stands in for what is configured, here by variables
    config = check(Config, values, places)
    for name, table in config.sources.items():
        if name in ("sentinel", "logmon"):
            raise ConfigError(
                "is a name logmon keeps for itself", where=places.where(("sources", name))
            )
        table._name, table._places = name, places
    _refuse_second_otlp(config, places)
    config._path, config._warnings, config._places = found, tuple(warnings), places
    return config


def _refuse_second_otlp(config: Config, places: Places) -> None:
    """Raise when two sources would get what the one door `POST /v1/logs` receives."""
    ready = [
        name for name, table in config.sources.items() if table.enabled and table.type == "otlp"
    ]
    if len(ready) > 1:
        raise ConfigError(
            f'sources.{ready[0]} is of type "otlp" already, and one gets all that is received',
            where=places.where(("sources", ready[1], "type")),
            hint="leave one enabled",
        )


def find_config(path: Path | None, env: Mapping[str, str]) -> Path | None:
    """Return the file that is read: the one named, else $LOGMON_CONFIG, else the user's if any."""
    if path is not None:
        return path
    if named := env.get("LOGMON_CONFIG"):
        return Path(named)
    from platformdirs import user_config_path

    default = user_config_path("logmon") / "config.toml"
    return default if default.exists() else None


def _overlay(values: dict[str, Any], env: Mapping[str, str], places: Places) -> list[str]:
    """Lay `LOGMON_<TABLE>__<KEY>` over the values; return warnings about other variables."""
    warnings: list[str] = []
    for variable, text in sorted(env.items()):
        if not variable.startswith("LOGMON_") or variable in _NOT_SETTINGS:
            continue
        place = tuple(part.lower() for part in variable.removeprefix("LOGMON_").split("__"))
        if len(place) < 2 or not all(place) or place[0] not in Config.model_fields:
            warnings.append(f"${variable} is no setting; settings are LOGMON_<TABLE>__<KEY>")
            continue
        table = values
        for part in place[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ConfigError("names a value, not a table", where=f"${variable}")
        # A key of digits and one `e` is no number.
        table[place[-1]] = text if SECRET_KEY.search(place[-1]) else _scalar(text)
        places.variables[place] = variable
    return warnings


def _scalar(text: str) -> Any:
    """Read a variable's value as TOML would, else as a text."""
    import tomllib

    try:
        return tomllib.loads(f"v = {text}")["v"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _common_keys() -> tuple[str, ...]:
    return tuple(SourceTable.model_fields)
