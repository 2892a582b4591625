"""Each error of the configuration with its place: the file, line and key, or the variable.

The same file always gets the same error; what is no known key gets the nearest one as a hint.
"""

from __future__ import annotations

from difflib import get_close_matches
from json import dumps
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from logmon.config_file import Path_, key_columns
from logmon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Model = TypeVar("Model", bound=BaseModel)


class PointedError(ConfigError):
    """A value that is wrong, with its line of the file."""

    def __init__(self, message: str, where: str, hint: str, text: str, column: int) -> None:
        super().__init__(message, where=where, hint=hint)
        self.text = text
        self.column = column

    def caret(self) -> tuple[str, str]:
        """Return the line, and one with a caret below the column."""
        return self.text, " " * (self.column - 1) + "^"


class Places:
    """Where each value came from: a line of the file, or a variable."""

    def __init__(self, path: Path | None, lines: Mapping[Path_, int]) -> None:
        self._path = path
        self._lines = lines
        self.variables: dict[Path_, str] = {}

    def names(self, *table: str) -> bool:
        """Whether a variable sets something in a table."""
        return any(place[: len(table)] == table for place in self.variables)

    def is_variable(self, place: Path_) -> bool:
        """Whether a variable sets the value at a place, or one that it is part of."""
        return any(place[:length] in self.variables for length in range(1, len(place) + 1))

    def where(self, place: Path_) -> str:
        """Return the place of a value as errors name it: its variable, line or key."""
        for length in range(len(place), 0, -1):
            if variable := self.variables.get(place[:length]):
                return f"${variable}"
        dotted = ".".join(str(part) for part in place if isinstance(part, str))
        for length in range(len(place), 0, -1):
            if line := self._lines.get(place[:length]):
                return f"{self._path}:{line}: {dotted}"
        if line := next((n for at, n in self._lines.items() if at[: len(place)] == place), 0):
            return f"{self._path}:{line}: {dotted}"
        return f"{self._path}: {dotted}" if self._path else dotted

    def pointed(self, error: Any, place: Path_, message: str, hint: str) -> ConfigError:
        """Return the error with the column it is at, and the file's line with a caret under it."""
        number = self._lines.get(place, 0)
        where = self.where(place)
        if self._path is None or not number or place in self.variables:
            return ConfigError(message, where=where, hint=hint)
        text = self._path.read_text("utf-8-sig").splitlines()[number - 1]
        key, value = key_columns(text)
        inside = getattr(error.get("ctx", {}).get("error"), "column", 0)
        column = key if error["type"] == "extra_forbidden" else value + inside
        return PointedError(f"{message} (column {column})", where, hint, text, column)

    def origin(self, place: Path_) -> str:
        """Return the variable or the line a value was set in; empty for a default."""
        if variable := self.variables.get(place):
            return f"${variable}"
        line = self._lines.get(place)
        return f"{self._path}:{line}" if line else ""


def check(
    model: type[Model],
    values: dict[str, Any],
    places: Places,
    prefix: Path_ = (),
    more_keys: tuple[str, ...] = (),
    *,
    extra: Literal["forbid"] | None = None,
) -> Model:
    """Return the values as a model; they stand in the file below `prefix`.

    `more_keys` are offered as hints too, where a key is unknown.

    Raises:
        ConfigError: the first thing that is wrong, with its place.
    """
    try:
        found = model.model_validate(values, extra=extra)
        errors = _wrong_types(model, values, places, prefix, extra)
        if not errors:
            return found
    except ValidationError as failure:
        errors = failure.errors(include_input=False, include_url=False)
    error = min(errors, key=_first)
    location: Path_ = (*prefix, *error["loc"])
    message, hint = _explain(model, error, more_keys)
    if location[:2] == ("sentinel", "rules"):
        raise places.pointed(error, location, message, hint)
    raise ConfigError(message, where=places.where(location), hint=hint)


def _wrong_types(
    model: type[BaseModel],
    values: dict[str, Any],
    places: Places,
    prefix: Path_,
    extra: Literal["forbid"] | None,
) -> list[Any]:
    """Return an error for each value of another type than its key's: `enabled = "yes"`.

    A variable is a text, whatever is meant: `LOGMON_API__ENABLED=yes` is right.
    """
    try:  # as JSON: there a list may be read as a tuple, a text as a path, and no text as a number
        model.model_validate_json(dumps(values, default=str), strict=True, extra=extra)
    except ValidationError as failure:
        errors = failure.errors(include_input=False, include_url=False)
        return [error for error in errors if not places.is_variable((*prefix, *error["loc"]))]
    return []


def _first(error: Any) -> tuple[bool, str]:
    """Order errors so that the same file always gets the same one, unknown keys before the rest."""
    return (error["type"] != "extra_forbidden", str(error["loc"]))


def _explain(model: type[BaseModel], error: Any, more_keys: tuple[str, ...]) -> tuple[str, str]:
    kind = error["type"]
    if kind == "extra_forbidden":
        known = [*_keys_at(model, error["loc"][:-1]), *more_keys]
        near = get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"keys here are {', '.join(sorted(known))}"
        return "unknown key", hint
    if kind == "missing":
        return "is missing", ""
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:], ""


def _keys_at(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that are known at a place inside a model."""
    current: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(part)
            current = None if field is None else field.annotation
            inner = [
                arg
                for arg in getattr(current, "__args__", ())
                if isinstance(arg, type) and issubclass(arg, BaseModel)
            ]
            current = inner[0] if inner else current
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []
