"""CLEF, Serilog's compact format: `@t @l @m @mt @x @r @tr @sp`, everything else a property.

Source: https://clef-json.org, read 2026-11.
"""

from __future__ import annotations

import re
from typing import Any

from logmon.formats.fields import json_text

_HOLE = re.compile(
    r"\{\{|\}\}|\{[@$]?(?P<name>\w{1,200})(?:,-?\d{1,4})?(?::(?P<format>[^{}]{0,200}))?\}"
)


def clef(document: dict[str, Any]) -> dict[str, Any]:
    """Rewrite a CLEF event into the plain form; properties stay apart from its own keys."""
    template = document.pop("@mt", None)
    message = document.pop("@m", None)
    renderings = document.pop("@r", None)
    plain: dict[str, Any] = {
        "timestamp": document.pop("@t", None),
        "level": document.pop("@l", None) or "info",
        "trace_id": document.pop("@tr", None),
        "span_id": document.pop("@sp", None),
    }
    properties = {
        key.replace("@@", "@", 1) if key.startswith("@@") else key: value
        for key, value in document.items()
    }
    if isinstance(template, str):
        plain["message_template"] = template
        if message is None:
            message = fill(template, properties, renderings)
    plain["message"] = message
    plain["source"] = properties.pop("SourceContext", None)
    exception = properties.pop("@x", None)
    if exception is not None:
        properties["exception"] = exception
    named = {key: value for key, value in plain.items() if value is not None}
    return named | {"attributes": properties}


def fill(template: str, properties: dict[str, Any], renderings: Any = None) -> str:
    """Put values into a template's holes; a hole without a value stays as it is written.

    `renderings` are the texts of the holes that have a format, in their order.
    """
    ready = iter(renderings if isinstance(renderings, list) else ())

    def value_of(hole: re.Match[str]) -> str:
        if hole[0] in ("{{", "}}"):
            return hole[0][0]
        if hole["format"] is not None:
            rendered = next(ready, None)
            if isinstance(rendered, str):
                return rendered
        if hole["name"] not in properties:
            return hole[0]
        value = properties[hole["name"]]
        return value if isinstance(value, str) else json_text(value)

    return _HOLE.sub(value_of, template)
