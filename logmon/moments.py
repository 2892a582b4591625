"""Times and durations as people write them: `15m`, `2h ago`, `14:30`, `today`, RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from difflib import get_close_matches

from logmon.errors import ConfigError

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_WORDS = re.compile(
    r"(\d)\s*(?:(s)ec(?:ond)?s?|(m)in(?:ute)?s?|(h)(?:our|r)s?|(d)ays?|(w)eeks?)(?![a-z])"
)
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")
LONGEST_S = 86_400 * 36_500.0

MOMENT_FORMS = "15m, 2h ago, 14:30, today, yesterday, 2026-11-24, 2026-11-24T14:30:00Z"


def parse_duration(text: str, *, where: str = "") -> float:
    """Return the seconds of `500ms`, `30s`, `10m`, `1h30m`, `24h`, `7d`.

    Raises:
        ConfigError: it has no unit, or is no duration.
    """
    compact = text.strip().replace(" ", "")
    if not _DURATION.fullmatch(compact):
        raise ConfigError(
            f"{text!r} is no duration",
            where=where,
            hint="write it with a unit: 30s, 10m, 24h",
        )
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(compact))
    if seconds > LONGEST_S:
        raise ConfigError(f"{text!r} is longer than 100 years", where=where)
    return seconds


def duration_text(seconds: float) -> str:
    """Write seconds as `parse_duration` reads them, in the largest unit that divides them."""
    for unit, size in reversed(_UNITS_S.items()):
        number = seconds / size
        if number >= 1 and number == round(number):
            return f"{round(number)}{unit}"
    return f"{seconds:g}s"


def parse_moment(
    text: str, *, now: datetime, zone: tzinfo = UTC, where: str = "--since"
) -> datetime:
    """Return the UTC moment a text names; clock times and days are in `zone`, spans before `now`.

    Raises:
        ConfigError: it is none of the known forms.
    """
    word = text.strip().lower()
    local = now.astimezone(zone)
    if word == "now":
        return now.astimezone(UTC)
    if word in ("today", "yesterday"):
        day = local.date() - timedelta(days=word == "yesterday")
        return datetime.combine(day, time(), zone).astimezone(UTC)
    span = _in_letters(word.removesuffix("ago")).replace(" ", "").removeprefix("-")
    if _DURATION.fullmatch(span):
        return now.astimezone(UTC) - timedelta(seconds=parse_duration(span, where=where))
    if clock := _CLOCK.fullmatch(word):
        hour, minute, second = (int(part or 0) for part in clock.groups())
        return datetime.combine(local.date(), time(hour, minute, second), zone).astimezone(UTC)
    try:
        moment = datetime.fromisoformat(text.strip().upper())  # RFC 3339 allows `t` and `z`
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{text!r} is no time", where=where, hint=f"write one of {MOMENT_FORMS}"
        ) from None


def _in_letters(span: str) -> str:
    """Write units as letters: `2 hours` becomes `2h`."""
    return _WORDS.sub(lambda found: found[1] + "".join(filter(None, found.groups()[1:])), span)


def parse_zone(text: str, *, where: str = "--timezone") -> tzinfo:
    """Return the zone of `UTC`, `local`, an IANA name or an offset such as `+02:00`.

    Raises:
        ConfigError: no such zone.
    """
    word = text.strip()
    if word.upper() in ("UTC", "Z"):
        return UTC
    if word.lower() == "local":
        return datetime.now().astimezone().tzinfo or UTC
    if offset := _OFFSET.fullmatch(word):
        sign, hours, minutes = offset.groups()
        span = timedelta(hours=int(hours), minutes=int(minutes))
        if span < timedelta(hours=24):
            return timezone(span if sign == "+" else -span)
    from zoneinfo import ZoneInfo, available_timezones

    try:
        return ZoneInfo(word)
    except (KeyError, OSError, ValueError):
        names = {name.lower(): name for name in available_timezones()}
        near = get_close_matches(word.lower(), names, n=1)
        meant = f"did you mean '{names[near[0]]}'?" if near else "write UTC, local or Europe/Berlin"
        raise ConfigError(f"{text!r} is no time zone", where=where, hint=meant) from None
