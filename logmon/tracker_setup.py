"""Trackers out of `[sentinel.trackers]`, each with its secret; one that lacks it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from logmon.courier import Addressee
from logmon.errors import ConfigError
from logmon.trackers.github import GitHubIssues
from logmon.trackers.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logmon.config_sentinel import SentinelSettings, TrackerTable
    from logmon.trackers.tracker import Tracker


def addressees(settings: SentinelSettings) -> Iterator[Addressee]:
    """Yield the configured trackers.

    Raises:
        ConfigError: a file with a secret cannot be read, or an enabled GitHub has no token.
    """
    for name, table in settings.trackers.items():
        yield Addressee(
            name=name,
            tracker=open_tracker(name, table),
            enabled=table.enabled,
            rules=tuple(table.rules),
            minimum_priority=table.minimum_priority,
            per_hour=table.per_hour,
            storm=table.storm,
        )


def open_tracker(name: str, table: TrackerTable) -> Tracker:
    """Return a tracker; nothing is sent yet.

    Raises:
        ConfigError: a file with a secret cannot be read, or an enabled GitHub has no token.
    """
    where = f"sentinel.trackers.{name}"
    if table.type == "webhook":
        secret = table.secret.get_secret_value() or _read(table.secret_file, f"{where}.secret_file")
        return Webhook(table.url, secret)
    token = table.token.get_secret_value() or _read(table.token_file, f"{where}.token_file")
    if table.enabled and not token:
        raise ConfigError("is missing", where=f"{where}.token_file", hint="GitHub needs a token")
    return GitHubIssues(table.repository, token, list(table.labels), table.api_url)


def _read(name: str, where: str) -> str:
    if not name:
        return ""
    try:
        return Path(name).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        raise ConfigError(f"{name}: {reason}", where=where) from None
