"""Rules out of a configuration, and the file they stand in: read again when it changes, added to.

A file that is wrong changes nothing: the rules that run go on running, and the reason names the
line and the column.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from logmon.config import Config, load_config
from logmon.errors import ConfigError
from logmon.rule_text import to_toml, with_rule
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
            enabled=table.enabled,
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
        written = self._written(path)
        before = self._text(path)
        tables = [] if written else [to_toml(known) for known in self._rules]
        parts = [before.rstrip("\n"), *tables, to_toml(rule, remark)]
        return self._write(path, "\n".join(parts).lstrip("\n"))

    def change(self, before: Rule, after: Rule) -> Path:
        """Write a rule in place of the one of its name; the next `changed` tells of it.

        Only the keys that differ change: comments and all else stay. A built-in rule is written
        down. Returns the file's path; nothing is written if the result would be wrong.

        Raises:
            ConfigError: the file has another rule by now, cannot be written, or would be wrong.
        """
        path = self.path or self._given or _default_path(self._env)
        rules = self._written(path)
        text = self._text(path)
        if before not in (rules or self._rules):
            raise ConfigError(
                f"rule {before.name!r} is another one in it by now", where=str(path),
                hint="look at it again",
            )  # fmt: skip
        wanted = tuple(after if rule == before else rule for rule in rules or self._rules)
        if not rules:
            text = "\n".join([text.rstrip("\n"), *map(to_toml, wanted)]).lstrip("\n")
        else:
            text = with_rule(text, rules.index(before), before, after)
        return self._write(path, text, wanted)

    def _text(self, path: Path) -> str:
        try:
            return path.read_bytes().decode("utf-8-sig") if path.exists() else ""
        except OSError as error:
            raise ConfigError(error.strerror or str(error), where=str(path)) from None

    def _written(self, path: Path) -> tuple[Rule, ...]:
        """Return the rules that stand in the file, without the built-in one."""
        if not path.exists():
            return ()
        settings = load_config(path, {}).sentinel
        return rules_of(settings) if settings.rules else ()

    def _write(self, path: Path, text: str, wanted: tuple[Rule, ...] | None = None) -> Path:
        try:
            _write_checked(path.resolve(), text, wanted)
        except OSError as error:
            raise ConfigError(error.strerror or str(error), where=str(path)) from None
        self.path = path
        return path


def _default_path(env: Mapping[str, str]) -> Path:
    from platformdirs import user_config_path

    named = env.get("LOGMON_CONFIG")
    return Path(named) if named else user_config_path("logmon") / "config.toml"


def _write_checked(path: Path, text: str, wanted: tuple[Rule, ...] | None) -> None:
    """Put a file in place of another one in one step, if it is right and has the `wanted` rules."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = _mode_of_own(path) if path.exists() else 0o600
    trial = path.with_name(f".{path.name}.new")
    trial.touch(mode=0o600)
    trial.write_bytes(text.encode())
    try:
        made = rules_of(load_config(trial, {}).sentinel)
        if wanted is not None and made != wanted:
            raise ConfigError("is written in a way that only you can change; edit it there")
        trial.chmod(mode)
        trial.replace(path)
    except ConfigError as error:
        raise ConfigError(error.message, where=str(path), hint=error.hint) from None
    finally:
        trial.unlink(missing_ok=True)


def _mode_of_own(path: Path) -> int:
    """Return the access rights of a file that is the user's own and may be written.

    Raises:
        ConfigError: it is another user's, or write-protected: to replace it would undo that.
    """
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise ConfigError(
            "is another user's, so rules are not saved in it", where=str(path),
            hint="edit it there, or give --config a file of your own",
        )  # fmt: skip
    if not status.st_mode & 0o200:
        raise ConfigError(
            "is write-protected, so rules are not saved in it", where=str(path),
            hint=f"chmod u+w {path}",
        )  # fmt: skip
    return status.st_mode & 0o777
