"""How a screen was started, from its flags: what "copy as command" says again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logmon.tui.copy_forms import Started

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.config import Config

FLAGS = (
    ("config", "-c"), ("from_url", "--from"), ("since", "-S"), ("until", "-U"), ("grep", "-g"),
    ("exclude", "-e"), ("lines", "-n"), ("timezone", "-z"), ("input_format", "--input-format"),
    ("speed", "--speed"), ("max_gap", "--max-gap"), ("rules", "--rules"),
)  # fmt: skip
"""Flags with a value that a view depends on and its filter does not say."""
SWITCHES = (("follow", "-f"), ("no_follow", "--no-follow"), ("redact", "--redact"))
DEFAULTS = {"input_format": "auto", "speed": "max", "max_gap": "5s"}


def started_as(command: str, given: Mapping[str, Any], config: Config) -> Started:
    """Return what opens the same view again; level, source and query come from the filter."""
    flags: list[str] = []
    for name, flag in FLAGS:
        value = given.get(name)
        values = value if isinstance(value, list | tuple) else [value]
        for one in values:
            if one is not None and one != DEFAULTS.get(name):
                flags += [flag, str(one)]
    flags += [flag for name, flag in SWITCHES if given.get(name)]
    host = config.api.host
    address = f"[{host}]" if ":" in host else host
    return Started(
        command=command,
        files=tuple(map(str, given.get("files") or ())),
        flags=tuple(flags),
        api=f"http://{address}:{config.api.port}",
    )
