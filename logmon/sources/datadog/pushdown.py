"""What Datadog can leave out itself: a source's own options as part of the search.

It may never leave out more than the options do: what cannot be said there is filtered here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logmon.level import Level

if TYPE_CHECKING:
    from logmon.source import LogStreamOptions

_STATUSES: dict[Level, tuple[str, ...]] = {
    Level.TRACE: ("trace",),
    Level.DEBUG: ("debug",),
    Level.INFO: ("info", "ok"),
    Level.NOTICE: ("notice",),
    Level.WARN: ("warn", "warning"),
    Level.ERROR: ("error",),
    Level.CRITICAL: ("critical",),
    Level.ALERT: ("alert",),
}
_SPECIAL = re.compile(r'([-!&|><(){}\[\]"*?:\\#=+^~\s/@,;])')
_GLOB = re.compile(r"[^*?]+")


def search_text(query: str, options: LogStreamOptions, own_name: str) -> str:
    """Return the search for a query narrowed by options.

    `own_name` is the source's: events that name no service bear it, and no search finds them.
    """
    parts = [] if query.strip() in ("", "*") else [query.strip()]
    parts += _level(options.minimum_level)
    parts += _services(options.sources, own_name)
    parts += [_tag(tag) for tag in options.tags]
    if len(parts) > 1 and parts[0] == query.strip():
        parts[0] = f"({parts[0]})"
    return " ".join(parts) or "*"


def _level(minimum: Level | None) -> list[str]:
    """Exclude what is milder: statuses that nobody knows are let in, and judged here."""
    milder = [
        status
        for level, statuses in _STATUSES.items()
        if minimum is not None and level < minimum
        for status in statuses
    ]
    return [f"-status:({' OR '.join(milder)})"] if milder else []


def _services(globs: tuple[str, ...], own_name: str) -> list[str]:
    from fnmatch import fnmatchcase

    if any("[" in glob for glob in globs):
        return []
    wanted = [glob for glob in globs if not glob.startswith("!")]
    excluded = [glob[1:] for glob in globs if glob.startswith("!")]
    parts = [f"-service:{_pattern(glob)}" for glob in excluded]
    if wanted and not any(fnmatchcase(own_name, glob) for glob in wanted):
        parts.append(f"service:({' OR '.join(map(_pattern, wanted))})")
    return parts


def _pattern(glob: str) -> str:
    """Escape a glob but for its own signs, which mean the same there."""
    return _GLOB.sub(lambda text: _escaped(text[0]), glob)


def _tag(tag: str) -> str:
    key, colon, value = tag.partition(":")
    if not colon:
        return f"tags:{_escaped(tag)}"
    return f"{_escaped(key)}:{_escaped(value)}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
