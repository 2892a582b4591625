"""The configuration as text: what is in force and where it was set, a first file, a JSON schema.

No secret is ever in it: a value whose key names a secret is shown as `…`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logmon.config import Config, SourceTable
from logmon.config_file import SECRET_KEY
from logmon.errors import ConfigError
from logmon.sources import SETTINGS, settings_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.config_file import Path_

EXAMPLE = "config.example.toml"


def shown(config: Config) -> Iterator[str]:
    """Yield the configuration in force as TOML; what is no default names where it was set."""
    yield f"# {config.path or 'no file: built-in defaults'}; what has no remark is a default"
    values = config.model_dump(mode="json")
    values["sources"] = {
        name: table.model_dump(mode="json", exclude_none=True) | _own_keys(table)
        for name, table in config.sources.items()
    }
    yield from _table(config, values, ())


def _own_keys(table: SourceTable) -> dict[str, Any]:
    """Return the keys that are a source's own, defaults included."""
    model = settings_model(table.type)
    if model is None:
        return dict(table.__pydantic_extra__ or {})
    return table.settings(model).model_dump(mode="json", exclude_none=True)


def _table(config: Config, values: dict[str, Any], place: Path_) -> Iterator[str]:
    """Yield a table: its own values first, then the tables in it."""
    inner = {key: value for key, value in values.items() if _is_table(value)}
    for key, value in values.items():
        if key in inner:
            continue
        origin = config.origin((*place, key))
        hidden = SECRET_KEY.search(key) and value and isinstance(value, str)
        text = '"…"' if hidden else _value(value)
        yield f"{_key(key)} = {text}" + (f"  # {origin}" if origin else "")
    for key, value in inner.items():
        path = (*place, key)
        for number, table in enumerate(value) if isinstance(value, list) else [(None, value)]:
            dotted = ".".join(_key(str(part)) for part in path if isinstance(part, str))
            yield ""
            yield f"[{dotted}]" if number is None else f"[[{dotted}]]"
            yield from _table(config, table, path if number is None else (*path, number))


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )


def _key(key: str) -> str:
    bare = key and key.isascii() and key.replace("-", "_").replace("_", "a").isalnum()
    return key if bare else _value(key)


def _value(value: Any) -> str:
    """Write a text, number, truth value or list as TOML: JSON's form of them is TOML's too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_first(path: Path) -> str:
    """Write a file in which every key stands with its default, commented out.

    Returns a line that says so.

    Raises:
        ConfigError: there is a file already, or it cannot be written.
    """
    lines = example().splitlines()
    text = "".join(
        f"{line}\n" if not line or line.startswith("#") else f"# {line}\n" for line in lines
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise ConfigError("is there already", where=str(path), hint="it is left as it is") from None
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=str(path)) from None
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(text)
    return f"{path}: written; take the # off what you change, then: logmon config check"


def example() -> str:
    """Return config.example.toml: beside this file when installed, else in the checkout."""
    here = Path(__file__)
    for place in (here.with_name(EXAMPLE), here.parent.parent / EXAMPLE):
        if place.is_file():
            return place.read_text("utf-8")
    raise ConfigError(f"{EXAMPLE} is not installed", hint="install logmon again")


def schema() -> dict[str, Any]:
    """Return a JSON schema of the file, for editors: one shape for each type of source."""
    document = Config.model_json_schema()
    definitions = document["$defs"]
    common = definitions["SourceTable"]
    common["additionalProperties"] = True  # other packages bring types of their own
    common["properties"]["type"]["examples"] = sorted(SETTINGS)
    common["allOf"] = [_when_of_type(kind, common, definitions) for kind in sorted(SETTINGS)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "logmon's configuration",
        **{key: value for key, value in document.items() if key != "title"},
    }


def _when_of_type(kind: str, common: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    model = settings_model(kind)
    assert model is not None  # noqa: S101 - every type in SETTINGS has one
    own = model.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(own.pop("$defs", {}))
    keys: dict[str, Any] = {key: {} for key in common["properties"]}
    return {
        "if": {"properties": {"type": {"const": kind}}},
        "then": {
            "properties": {**keys, **own["properties"]},
            "required": own.get("required", []),
            "additionalProperties": False,
        },
    }
