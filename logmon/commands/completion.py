"""What the shell offers for a flag's value; a faulty configuration offers less and says nothing."""

from __future__ import annotations

import os

from logmon.errors import LogmonError


def levels(incomplete: str) -> list[str]:
    """Return the levels that go on from what is typed, also after a comma or `!`."""
    from logmon.level import LABELS

    head, word = _last(incomplete, ",")
    mark = "!" if word.startswith("!") else ""
    return [head + mark + label for label in LABELS if (mark + label).startswith(word)]


def sources(incomplete: str) -> list[str]:
    """Return the configured sources' names, the mock's emitters, and `sentinel`."""
    from logmon.config import load_config

    mark = "!" if incomplete.startswith("!") else ""
    names = {"sentinel"}
    try:
        config = load_config(None, os.environ)
    except LogmonError:
        config = None
    for name, table in config.sources.items() if config else ():
        names.add(name)
        if table.type == "mock" and table.enabled:
            from logmon.sources.mock_services import SERVICES

            names.update(SERVICES)
    return [mark + name for name in sorted(names) if (mark + name).startswith(incomplete)]


def configured(incomplete: str) -> list[str]:
    """Return the configured sources' names."""
    from logmon.config import load_config

    try:
        config = load_config(None, os.environ)
    except LogmonError:
        return []
    return [name for name in sorted(config.sources) if name.startswith(incomplete)]


def input_formats(incomplete: str) -> list[str]:
    """Return the names that `--input-format` takes."""
    from logmon.formats import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


def outputs(incomplete: str) -> list[str]:
    """Return the forms of line output."""
    return [name for name in ("text", "json", "raw") if name.startswith(incomplete)]


def items(incomplete: str) -> list[tuple[str, str]]:
    """Return the ids of the store's work items with their titles."""
    from logmon.config import load_config
    from logmon.item_commands import items as of_store
    from logmon.visible import visible

    try:
        found = of_store(load_config(None, os.environ), every=True)
    except LogmonError:
        return []
    return [(item.id, visible(item.title)) for item in found if item.id.startswith(incomplete)]


def _last(text: str, mark: str) -> tuple[str, str]:
    head, found, word = text.rpartition(mark)
    return head + found, word
