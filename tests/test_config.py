"""The configuration file and its environment: defaults, places, hints, permissions."""

import os
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.config import Config, SourceTable, TailSettings, load_config
from logmon.config_check import check_config
from logmon.config_sentinel import RuleTable, SentinelSettings
from logmon.errors import ConfigError
from logmon.level import Level
from logmon.moments import parse_duration, parse_moment, parse_zone
from logmon.sources.datadog.settings import DatadogSettings
from logmon.sources.file import FileSettings
from logmon.sources.mock import MockSettings
from logmon.sources.remote import RemoteSettings

EXAMPLE = Path(__file__).resolve().parent.parent / "config.example.toml"


def write(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_without_any_file_the_mock_source_is_on(tmp_path):
    config = load_config(None, {"HOME": str(tmp_path), "LOGMON_CONFIG": ""})
    assert {name: table.type for name, table in config.sources.items()} == {"mock": "mock"}
    assert config.sentinel.enabled


def test_a_second_source_for_what_the_one_door_receives_is_refused_with_its_line(tmp_path):
    second = '[sources.a]\ntype = "otlp"\n[sources.b]\ntype = "otlp"\n'
    path = write(tmp_path, second)
    with pytest.raises(ConfigError) as refused:
        load_config(path, {})
    assert str(refused.value).startswith(f"{path}:4: sources.b.type: sources.a is of type")
    off = write(tmp_path, f"{second}enabled = false\n")
    assert load_config(off, {}).sources["a"].enabled
    with pytest.raises(ConfigError):
        load_config(off, {"LOGMON_SOURCES__B__ENABLED": "true"})


def test_checking_says_what_is_no_fault_but_should_be_known(tmp_path, capsys):
    path = write(tmp_path, '[sources.dd]\ntype = "datadog"\napi_key = "abc"\n', mode=0o644)
    assert check_config(path, {"LOGMON_FOO": "1"}).endswith(": ok")
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"logmon: {path}: sources.dd.api_key is a secret")
    assert said[1].startswith("logmon: $LOGMON_FOO is no setting")
    assert "abc" not in "".join(said)


BAD = [
    ("[tail]\nhistroy = 5000\n", 2, "tail.histroy", "unknown key; did you mean 'history'?"),
    ("[tial]\n", 1, "tial", "did you mean 'tail'?"),
    ("x = 1\n", 1, "x", "unknown key"),
    ("[tail]\n\n# c\nhistory = 'many'\n", 4, "tail.history", "valid integer"),
    ("[tail]\nhistory = 5\n", 2, "tail.history", "greater than or equal to 1000"),
    ("[tail]\nhistory = 5e9\n", 2, "tail.history", "less than or equal"),
    ("[tail]\nredraw_hz = 0\n", 2, "tail.redraw_hz", "greater than 0"),
    ("[tail]\nredraw_hz = 500\n", 2, "tail.redraw_hz", "less than or equal to 120"),
    ("[tail]\ntimezone = 'Europe/Berln'\n", 2, "tail.timezone", "did you mean 'Europe/Berlin'"),
    ("[tail]\nkeys = 3\n", 2, "tail.keys", "dictionary"),
    ("[tail]\n[tail.keys]\nfollow = 'F'\n", 3, "tail.keys.follow", "list"),
    ("[tail.keys]\nfollow = [1]\n", 2, "tail.keys.follow", "string"),
    ("[sources.app]\nenabled = true\n", 1, "sources.app.type", "is missing"),
    ("[sources.app]\ntype = 5\n", 2, "sources.app.type", "string"),
    ("[sources.app]\ntype = 'mock'\nenabled = 'often'\n", 3, "sources.app.enabled", "boolean"),
    ("[sources.app]\ntype = 'mock'\nsede = 3\n", 3, "sources.app.sede", "did you mean 'seed'?"),
    ("[sources.app]\ntype = 'mock'\nenabeld = true\n", 3, "sources.app.enabeld", "did you mean 'enabled'?"),
    ("[sources.app]\ntype = 'mock'\nseed = 'x'\n", 3, "sources.app.seed", "integer"),
    ("[sources.app]\ntype = 'mock'\nevents_per_second = 0\n", 3, "sources.app.events_per_second", "greater than 0"),
    ("[sources.app]\ntype = 'mock'\nchaos = ['brust']\n", 3, "sources.app.chaos", "'burst'"),
    ("[sources.app]\ntype = 'mock'\nminimum_level = 'wran'\n", 3, "sources.app.minimum_level", "is not a level"),
    ("[sources.app]\ntype = 'mock'\nthrottle_per_second = -1\n", 3, "sources.app.throttle_per_second", "greater than 0"),
    ("[sources.app]\ntype = 'mock'\ntags = 'env:prod'\n", 3, "sources.app.tags", "list"),
    ("[sources.app]\ntype = 'file'\n", 1, "sources.app.paths", "is missing"),
    ("[sources.app]\ntype = 'file'\npaths = []\n", 3, "sources.app.paths", "at least 1"),
    ("[sources.app]\ntype = 'file'\npaths = '/x'\n", 3, "sources.app.paths", "list"),
    ("[sources.app]\ntype = 'file'\npaths = ['/x']\nlines = -1\n", 4, "sources.app.lines", "greater than or equal"),
    ("[sources.app]\ntype = 'mokc'\n", 2, "sources.app.type", "did you mean 'mock'"),
    ("[sources.app]\ntype = 'file'\npaths = ['/x']\nformat = 'jsno'\n", 4, "sources.app.format", "did you mean 'json'"),
    ("[sources.app]\ntype = 'file'\npaths = ['/x']\ntimezone = 'Nowhere'\n", 4, "sources.app.timezone", "no time zone"),
    ("[sources]\napp = 3\n", 2, "sources.app", "dictionary"),
    ("sources = 3\n", 1, "sources", "must be a table"),
    ("[sources.sentinel]\ntype = 'mock'\n", 1, "sources.sentinel", "logmon keeps for itself"),
    ("[sentinel]\nenabled = 3\n", 2, "sentinel.enabled", "boolean"),
    ("[sentinel]\nenabled = 'yes'\n", 2, "sentinel.enabled", "boolean"),
    ("[store]\nenabled = 1\n", 2, "store.enabled", "boolean"),
    ("[tail]\nhistory = '5000'\n", 2, "tail.history", "integer"),
    ("[tail]\nredraw_hz = true\n", 2, "tail.redraw_hz", "number"),
    ("[sources.app]\ntype = 'mock'\nseed = '7'\n", 3, "sources.app.seed", "integer"),
    ("[tail]\ncolumns = ['level', 'nope']\n", 2, "tail.columns", "columns are time, level"),
    ("[tail]\ntheme = 'drak'\n", 2, "tail.theme", "did you mean 'dark'?"),
    ("[sentinel]\nminimum_level = 'loud'\n", 2, "sentinel.minimum_level", "levels are trace"),
    ("[sentinel]\nminimum_level = 30\n", 2, "sentinel.minimum_level", "not a level"),
    ("[sentinel]\nsources = '*'\n", 2, "sentinel.sources", "list"),
    ("[[sentinel.rules]]\nname = 'a'\n[[sentinel.rules]]\nthreshold = 2\n", 3, "sentinel.rules.name", "is missing"),
    ("[[sentinel.rules]]\nname = 'a'\nthreshold = 0\n", 3, "sentinel.rules.threshold", "greater than or equal to 1"),
    ("[[sentinel.rules]]\nname = 'a'\nwindow = 5\n", 3, "sentinel.rules.window", 'such as "30s"'),
    ("[[sentinel.rules]]\nname = 'a'\nwindow = '5'\n", 3, "sentinel.rules.window", "30s, 10m, 24h"),
    ("[[sentinel.rules]]\nname = 'a'\ncooldown = '5 parsecs'\n", 3, "sentinel.rules.cooldown", "is no duration"),
    ("[[sentinel.rules]]\nname = 'a'\npriority = 'urgent'\n", 3, "sentinel.rules.priority", "'high'"),
    ("[[sentinel.rules]]\nname = 'a'\nthreshhold = 2\n", 3, "sentinel.rules.threshhold", "did you mean 'threshold'?"),
    ("[[sentinel.rules]]\nname = 'a'\nenabled = 'no'\n", 3, "sentinel.rules.enabled", "boolean"),
    ("[[sentinel.rules]]\nname = 'a'\n[[sentinel.rules]]\nname = 'a'\n", 1, "sentinel.rules", "two rules 'a'"),
    ("[[sentinel.rules]]\nname = ''\n", 2, "sentinel.rules.name", "at least 1"),
    ("[levels]\nboring = 'dull'\n", 2, "levels.boring", "is not a level"),
    ("[apis]\nenabled = true\n", 1, "apis", "did you mean 'api'"),
    ("[tail\n", 1, "", "expected"),
    ("[tail]\nhistory = \n", 2, "", "invalid value"),
    ("[tail]\nhistory = 5000\nhistory = 6000\n", 3, "", "overwrite"),
    ("a = '''\nopen\n", None, "", "unterminated|Expected"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "hint"), BAD)
def test_a_wrong_file_is_answered_with_its_place_and_what_to_do(tmp_path, text, line, key, hint):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as wrong:
        check_config(path, {})
    message = str(wrong.value)
    if line is not None:
        assert message.startswith(f"{path}:{line}"), message
    assert key in message
    assert any(part.lower() in message.lower() for part in hint.split("|")), message
    assert "\n" not in message


def test_a_secret_is_never_shown_in_an_error(tmp_path):
    path = write(
        tmp_path, "[sources.app]\ntype = 'mock'\napi_key = 'canary-4711'\nseed = 'canary-4711'\n"
    )
    with pytest.raises(ConfigError) as wrong:
        check_config(path, {})
    assert "canary" not in str(wrong.value)


def test_a_literal_secret_in_a_readable_file_draws_a_warning(tmp_path):
    text = "[sources.app]\ntype = 'mock'\napi_key = 'canary'\n"
    (warning,) = load_config(write(tmp_path, text, 0o644), {}).warnings
    assert "api_key_file" in warning
    assert "canary" not in warning
    assert not load_config(write(tmp_path, text, 0o600), {}).warnings


def test_an_empty_secret_and_the_path_of_a_key_draw_no_warning(tmp_path):
    text = EXAMPLE.read_text().replace('tls_key = ""', 'tls_key = "/etc/key.pem"')
    assert load_config(write(tmp_path, text, 0o644), {}).warnings == ()


@pytest.mark.parametrize("text", ["yes", "1", "true", "TRUE", "on"])
def test_a_variable_is_a_text_whatever_is_meant(text):
    env = {"LOGMON_CONFIG": "", "HOME": "/nonexistent", "LOGMON_API__ENABLED": text}
    assert load_config(None, env).api.enabled


def test_a_file_that_others_may_write_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="chmod go-w"):
        load_config(write(tmp_path, "", 0o666), {})


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path):
    path = write(tmp_path, "")
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError, match="another user"):
        load_config(path, {})


def test_a_missing_file_and_bytes_that_are_no_text_are_said(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.toml", {})
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(path, {})


def test_a_byte_order_mark_is_no_harm(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xef\xbb\xbf[tail]\nhistory = 2000\n")
    assert load_config(path, {}).tail.history == 2_000


def test_the_environment_lies_over_the_file(tmp_path):
    path = write(tmp_path, "[tail]\nhistory = 2000\n[sources.mock]\ntype = 'mock'\n")
    env = {
        "LOGMON_TAIL__HISTORY": "3000",
        "LOGMON_SENTINEL__MINIMUM_LEVEL": "error",
        "LOGMON_SOURCES__MOCK__SEED": "9",
        "LOGMON_SOURCES__MOCK__CHAOS": '["burst"]',
    }
    config = load_config(path, env)
    assert config.tail.history == 3_000
    assert config.sentinel.minimum_level is Level.ERROR
    assert config.sources["mock"].settings(MockSettings) == MockSettings(seed=9, chaos=("burst",))


def test_a_source_of_the_environment_takes_the_mocks_place():
    prod = {"LOGMON_SOURCES__PROD__TYPE": "datadog", "LOGMON_SOURCES__PROD__API_KEY": "12e4"}
    config = load_config(None, prod)
    assert list(config.sources) == ["prod"]
    assert config.sources["prod"].settings(DatadogSettings).api_key.get_secret_value() == "12e4"
    assert set(load_config(None, prod | {"LOGMON_SOURCES__MOCK__SEED": "9"}).sources) == {
        "mock",
        "prod",
    }


def test_an_error_in_the_environment_names_the_variable():
    with pytest.raises(ConfigError, match=r"\$LOGMON_TAIL__HISTORY: .*integer"):
        load_config(None, {"LOGMON_TAIL__HISTORY": "many"})
    (warning,) = load_config(None, {"LOGMON_TYPO": "1", "LOGMON_API_TOKEN": "x"}).warnings
    assert "LOGMON_TYPO" in warning


def test_the_example_shows_every_key_with_its_default():
    shown = tomllib.loads(EXAMPLE.read_text())
    config = load_config(EXAMPLE, {})
    assert config.tail == TailSettings()
    assert set(shown["tail"]) == set(TailSettings.model_fields)
    assert config.sentinel.enabled == SentinelSettings().enabled
    assert set(shown["sentinel"]) == set(SentinelSettings.model_fields)
    assert set(shown["sentinel"]["rules"][0]) == set(RuleTable.model_fields)
    mock = config.sources["mock"]
    assert mock.settings(MockSettings) == MockSettings()
    common = set(SourceTable.model_fields) - {"minimum_level", "throttle_per_second"}
    assert set(shown["sources"]["mock"]) == common | set(MockSettings.model_fields)
    files = config.sources["app"]
    assert files.enabled is False
    assert set(shown["sources"]["app"]) >= set(FileSettings.model_fields)
    prod = config.sources["prod"]
    assert prod.enabled is False
    assert prod.settings(DatadogSettings) == DatadogSettings()
    assert set(shown["sources"]["prod"]) == {"type", "enabled", *DatadogSettings.model_fields}
    elsewhere = config.sources["elsewhere"].settings(RemoteSettings)
    assert elsewhere == RemoteSettings(url="http://127.0.0.1:8787")
    assert set(shown["sources"]["elsewhere"]) == {"type", "enabled", *RemoteSettings.model_fields}
    assert set(shown) == set(Config.model_fields)
    assert "ok" in check_config(EXAMPLE, {})


NOW = datetime(2026, 11, 23, 14, 2, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("15m", "2026-11-23T13:47:30"), ("2h ago", "2026-11-23T12:02:30"), ("1h30m", "2026-11-23T12:32:30"),
        ("-10m", "2026-11-23T13:52:30"), ("14:30", "2026-11-23T14:30:00"), ("9:05:07", "2026-11-23T09:05:07"),
        ("today", "2026-11-23T00:00:00"), ("yesterday", "2026-11-22T00:00:00"), ("now", "2026-11-23T14:02:30"),
        ("2026-11-20", "2026-11-20T00:00:00"), ("2026-11-20 10:00", "2026-11-20T10:00:00"),
        ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00"), ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00"),
        ("2026-11-20t10:00:00z", "2026-11-20T10:00:00"), ("2 hours ago", "2026-11-23T12:02:30"),
        ("1 hour 30 min ago", "2026-11-23T12:32:30"), ("90 minutes", "2026-11-23T12:32:30"),
        ("3 days ago", "2026-11-20T14:02:30"), ("1 week ago", "2026-11-16T14:02:30"), ("5 sec", "2026-11-23T14:02:25"),
    ],
)  # fmt: skip
def test_a_time_is_read_as_people_write_it(text, moment):
    assert parse_moment(text, now=NOW) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


def test_clock_times_are_in_the_zone_that_is_shown():
    assert parse_moment("14:30", now=NOW, zone=ZoneInfo("Europe/Berlin")).hour == 13


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "2026-13-01", "5 parsecs", "2 monkeys", "9" * 400 + "d"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ConfigError):
        parse_moment(text, now=NOW)


@given(st.integers(0, 10**5), st.sampled_from(["ms", "s", "m", "h"]))
def test_a_duration_and_a_moment_before_now_agree(number, unit):
    seconds = parse_duration(f"{number}{unit}")
    assert NOW - parse_moment(f"{number}{unit}", now=NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "hours"), [("UTC", 0), ("+02:00", 2), ("-0530", -5.5), ("Asia/Tokyo", 9)]
)
def test_zones(text, hours):
    assert parse_zone(text).utcoffset(NOW) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["Europe/Berln", "/etc/passwd", "", "../x", "+99:99"])
def test_what_is_no_zone_is_refused(text):
    with pytest.raises(ConfigError):
        parse_zone(text)
