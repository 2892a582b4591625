"""What configuration values are made of: levels, durations, sizes, zones, and a table."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
)

from logmon.errors import ConfigError
from logmon.level import Level, parse_level
from logmon.moments import duration_text, parse_duration, parse_zone


def _level(value: object) -> object:
    if isinstance(value, Level):
        return value
    level = parse_level(value) if isinstance(value, str) else None
    if level is None:
        names = ", ".join(known.label for known in Level)
        raise ValueError(f"{value!r} is not a level; levels are {names}")
    return level


def _seconds(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ConfigError as error:
            raise ValueError(str(error)) from None
    raise ValueError('a duration is a text with a unit, such as "30s" or "10m"')


def _zone(value: str) -> str:
    try:
        parse_zone(value, where="")
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return value


LevelName = Annotated[
    Level,
    BeforeValidator(_level),
    PlainSerializer(lambda level: level.label, return_type=str),
    WithJsonSchema({"type": "string", "examples": [known.label for known in Level]}),
]
Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["30s", "10m", "24h"]}),
]
ZoneName = Annotated[str, AfterValidator(_zone)]


class Table(BaseModel):
    """What every table is: frozen, closed, documented where its keys are declared."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )


def _bytes(value: object) -> object:
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if found:
            return int(float(found[1]) * 1024 ** "BKMGT".index(found[2].upper() or "B"))
    raise ValueError('a size is a text with a unit, such as "500M" or "2G"')


def _size_text(nbytes: int) -> str:
    for power in range(4, 0, -1):
        if nbytes and nbytes % 1024**power == 0:
            return f"{nbytes // 1024**power}{'BKMGT'[power]}"
    return f"{nbytes}B"


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([BKMGT]?)(?:i?B)?", re.IGNORECASE)
Size = Annotated[
    int,
    BeforeValidator(_bytes),
    PlainSerializer(_size_text, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["500M", "2G"]}),
]
