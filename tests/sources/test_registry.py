"""Which source a type stands for, and what is said when it stands for none."""

import subprocess
import sys

import pytest

from logmon.config import load_config
from logmon.errors import ConfigError
from logmon.source import LogStreamOptions
from logmon.sources import SETTINGS, build_source
from logmon.sources.file import FileSettings
from logmon.sources.mock import MockSource
from logmon.sources.replay import ReplaySource

OPTIONS = LogStreamOptions(tags=("env:prod",))


class Table:
    """A source's table in the configuration, as the registry sees it."""

    def __init__(self, kind: str, **keys: object) -> None:
        self.type = kind
        self._keys = keys

    def settings(self, model):
        return model(**self._keys)


def build(kind: str, **keys: object):
    return build_source("m", Table(kind, **keys), OPTIONS)


def refused(kind: str) -> str:
    with pytest.raises(ConfigError) as wrong:
        build(kind)
    assert "\n" not in str(wrong.value)
    return str(wrong.value)


def test_each_type_builds_its_source_with_the_name_and_options_it_was_given(tmp_path):
    for source, kind in [
        (build("mock", seed=1), MockSource),
        (
            build("file", paths=[str(tmp_path)], format="json", timezone="Europe/Berlin"),
            ReplaySource,
        ),
    ]:
        assert isinstance(source, kind)
        assert (source.name, source.options) == ("m", OPTIONS)


@pytest.mark.parametrize(("typo", "meant"), [("mokc", "mock"), ("files", "file"), ("Mock", "mock")])
def test_an_unknown_type_is_answered_with_the_nearest(typo, meant):
    assert refused(typo) == (
        f"sources.m.type: unknown source type {typo!r}; did you mean '{meant}'?"
    )


def test_a_type_that_is_near_nothing_is_answered_with_all_of_them():
    assert f"types are {', '.join(sorted(SETTINGS))}" in refused("carrier-pigeon")


def test_importing_the_registry_loads_no_source_and_nothing_heavy():
    code = (
        "import sys, logmon.sources\n"
        "print(*[m for m in sys.modules if m.split('.')[0] in ('numpy', 'pydantic', 'msgspec')\n"
        "        or m.startswith('logmon.sources.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ('format = "jsn"', "4: sources.app.format: 'jsn' is no input format; did you mean 'json'?"),
        ('timezone = "Europe/Berln"', "did you mean 'Europe/Berlin'?"),
        ('pahts = ["y"]', "4: sources.app.pahts: unknown key; did you mean 'paths'?"),
    ],
)
def test_a_wrong_key_of_a_type_is_answered_with_its_file_and_line(tmp_path, keys, place):
    path = tmp_path / "config.toml"
    path.write_text(f'[sources.app]\ntype = "file"\npaths = ["x"]\n{keys}\n')
    path.chmod(0o600)
    table = load_config(path, {}).sources["app"]
    with pytest.raises(ConfigError) as wrong:
        build_source("app", table, OPTIONS)
    assert str(wrong.value).startswith(f"{path}:4: ")
    assert place in str(wrong.value)


def test_file_settings_are_documented_where_they_are_declared():
    described = FileSettings.model_json_schema()["properties"]
    assert all(key["description"] for key in described.values())


# Outside packages: real distributions, made in a folder on the import path.

GOOD = """
from logmon.testing import ScriptedSource
from pydantic import BaseModel
class Settings(BaseModel):
    volume: int = 0
def build(name, table, options):
    source = ScriptedSource(name, options=options)
    source.settings = table.settings(Settings)
    return source
"""


@pytest.fixture
def install(tmp_path, monkeypatch, request):
    """Put a distribution on the path that brings a type; its module is named after it."""

    def put(package: str, kind: str, code: str) -> None:
        site = tmp_path / "site"
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[logmon.sources]\n{kind} = {package}_code:build\n")
        (site / f"{package}_code.py").write_text(code)
        monkeypatch.syspath_prepend(site)
        request.addfinalizer(lambda: sys.modules.pop(f"{package}_code", None))

    return put


def test_another_package_brings_a_type_with_its_own_settings(install):
    install("pigeons", "pigeon", GOOD)
    source = build("pigeon", volume=7)
    assert (source.name, source.options, source.settings.volume) == ("m", OPTIONS, 7)
    assert "did you mean 'pigeon'" in refused("pigeno")


def test_an_unknown_key_of_another_packages_type_is_refused_whatever_its_model_says(
    install, tmp_path
):
    install("pigeons", "pigeon", GOOD)
    path = tmp_path / "config.toml"
    path.write_text('[sources.m]\ntype = "pigeon"\nvolme = 7\n')
    path.chmod(0o600)
    with pytest.raises(
        ConfigError, match=r":3: sources.m.volme: unknown key; did you mean 'volume'"
    ):
        build_source("m", load_config(path, {}).sources["m"], OPTIONS)


def test_another_package_cannot_take_the_place_of_a_built_in_type(install):
    install("thief", "mock", GOOD)
    assert isinstance(build("mock"), MockSource)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def build(name, table, options)", "SyntaxError"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("built = 1", "AttributeError"),
        ("build = 1", "TypeError: 'int' object is not callable"),
        ("def build(name): ...", "TypeError: build()"),
        ("def build(name, table, options): return {}", "TypeError: a dict is no LogEventSource"),
        (GOOD.replace("(name, options", "('other', options"), "calls itself 'other', not 'm'"),
    ],
)
def test_a_broken_package_is_named_and_nothing_else_is_harmed(install, code, reason):
    install("rubbish", "pigeon", code)
    message = refused("pigeon")
    assert reason in message
    assert "the package 'rubbish'" in message
    assert isinstance(build("mock"), MockSource)


def test_what_is_wrong_with_its_settings_is_left_to_the_package_to_say(install):
    install(
        "strict", "pigeon",
        "from logmon.errors import ConfigError\n"
        "def build(name, table, options): raise ConfigError('no', where='here')",
    )  # fmt: skip
    assert refused("pigeon") == "here: no"


def test_two_packages_that_bring_one_type_are_both_named(install):
    install("pigeons", "pigeon", GOOD)
    install("doves", "pigeon", GOOD)
    assert "several packages bring type 'pigeon': doves, pigeons" in refused("pigeon")
