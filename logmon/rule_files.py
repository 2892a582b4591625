"""Rules out of a configuration, and the file they stand in: read again when it changes, added to.

A file that is wrong changes nothing: the rules that run go on running, and the reason names the
line and the column.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from logmon.config import Config, load_config
from logmon.errors import ConfigError
from logmon.moments import duration_text
from logmon.sentinel.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.config_sentinel import SentinelSettings


def rules_of(settings: SentinelSettings) -> tuple[Rule, ...]:
    """Return the configured rules, or the built-in one where there are none."""
    if not settings.rules:
        sources = tuple(settings.sources)
        return (Rule(minimum_level=settings.minimum_level, sources=sources),)
    return tuple(
        Rule(
            name=table.name,
            when=table.when,
            minimum_level=table.minimum_level,
            sources=tuple(table.sources),
            group_by=tuple(table.group_by),
            threshold=table.threshold,
            window_s=table.window,
            cooldown_s=table.cooldown,
            priority=table.priority,
            title=table.title,
        )
        for table in settings.rules
    )


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a file: `[sentinel]` and `[[sentinel.rules]]`, other tables are checked.

    Raises:
        ConfigError: it cannot be read, or is wrong; the message says where.
    """
    return rules_of(load_config(path, {}).sentinel)


class RuleFile:
    """The configuration's file as far as rules go."""

    def __init__(self, config: Config, path: Path | None, env: Mapping[str, str]) -> None:
        """Take the configuration as it was read, and where it was read from (`--config`)."""
        self._given = path
        self._env = dict(env)
        self.path = config.path
        self._seen = self._mark()
        self._rules = rules_of(config.sentinel)

    def _mark(self) -> tuple[int, int, int]:
        """Return what is different when the file is."""
        if self.path is None:
            return (0, 0, 0)
        try:
            status = os.stat(self.path)  # noqa: PTH116 - a mark, also where a part is no folder
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)

    def is_other(self) -> bool:
        """Whether the file is another one than `changed` last saw: costs a look at its date."""
        return self._mark() != self._seen

    def changed(self) -> tuple[Rule, ...] | None:
        """Return the rules if the file and they changed since the last call, else None.

        Raises:
            ConfigError: the file is wrong now; said once for each state of the file.
        """
        mark = self._mark()
        if mark == self._seen:
            return None
        self._seen = mark
        rules = rules_of(load_config(self._given, self._env).sentinel)
        if rules == self._rules:
            return None
        self._rules = rules
        return rules

    def add(self, rule: Rule, remark: str = "") -> Path:
        """Append a rule to the file and return its path; the next `changed` tells of it.

        Where the built-in rule was in force it is written down first, so that it stays. What
        stood in the file stays as it was; nothing is written if the result would be wrong.

        Raises:
            ConfigError: the name is taken, the file cannot be written, or would be wrong.
        """
        if any(known.name == rule.name for known in self._rules):
            raise ConfigError(f"there is a rule {rule.name!r} already", hint="name it otherwise")
        path = self.path or self._given or _default_path(self._env)
        try:
            before = path.read_text("utf-8") if path.exists() else ""
            written = bool(before) and bool(load_config(path, {}).sentinel.rules)
            tables = [] if written else [to_toml(known) for known in self._rules]
            parts = [before.rstrip("\n"), *tables, to_toml(rule, remark)]
            _write_checked(path.resolve(), "\n".join(parts).lstrip("\n"))
        except OSError as error:
            raise ConfigError(error.strerror or str(error), where=str(path)) from None
        self.path = path
        return path


def _default_path(env: Mapping[str, str]) -> Path:
    from platformdirs import user_config_path

    named = env.get("LOGMON_CONFIG")
    return Path(named) if named else user_config_path("logmon") / "config.toml"


def _write_checked(path: Path, text: str) -> None:
    """Put a file in place of another one in one step, if it is right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    trial = path.with_name(f".{path.name}.new")
    trial.touch(mode=0o600)
    trial.write_text(text, "utf-8")
    try:
        load_config(trial, {})
        trial.chmod(mode)
        trial.replace(path)
    except ConfigError as error:
        raise ConfigError(error.message, where=str(path), hint=error.hint) from None
    finally:
        trial.unlink(missing_ok=True)


def to_toml(rule: Rule, remark: str = "") -> str:
    """Return a rule as the table that `[[sentinel.rules]]` reads; what is as usual is left out."""
    usual = Rule()
    lines = ["", *(f"# {line}" for line in remark.splitlines()), "[[sentinel.rules]]"]
    lines.append(f"name = {_text(rule.name)}")
    if rule.when:
        lines.append(f"when = {_text(rule.when)}")
    if rule.minimum_level != usual.minimum_level:
        lines.append(f"minimum_level = {_text(rule.minimum_level.label)}")
    if rule.sources != usual.sources:
        lines.append(f"sources = [{', '.join(map(_text, rule.sources))}]")
    if rule.group_by:
        lines.append(f"group_by = [{', '.join(map(_text, rule.group_by))}]")
    if rule.threshold != usual.threshold:
        lines.append(f"threshold = {rule.threshold}")
    if rule.window_s != usual.window_s:
        lines.append(f"window = {_text(duration_text(rule.window_s))}")
    if rule.cooldown_s != usual.cooldown_s:
        lines.append(f"cooldown = {_text(duration_text(rule.cooldown_s))}")
    if rule.priority:
        lines.append(f"priority = {_text(rule.priority)}")
    if rule.title:
        lines.append(f"title = {_text(rule.title)}")
    return "\n".join([*lines, ""])


def _text(value: str) -> str:
    """Return a text as TOML's basic string: JSON's escapes are all its escapes too, bar DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
