"""The configuration as text: what is shown is valid and the same, a first file, a schema."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from pydantic import BaseModel

from logmon import sources
from logmon.config import load_config
from logmon.config_check import check_config
from logmon.config_text import example, schema, shown, write_first
from logmon.errors import ConfigError

DOCS = Path(__file__).resolve().parent.parent / "docs"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_what_is_shown_reads_back_to_the_same_configuration(tmp_path):
    path = write(tmp_path, example())
    config = load_config(path, {})
    again = load_config(write(tmp_path, "\n".join(shown(config))), {})
    assert (
        "\n".join(list(shown(again))[1:]).split("  #")[0]
        == ("\n".join(list(shown(config))[1:]).split("  #")[0])
    )
    assert again.model_dump() == config.model_dump() | {"sources": again.model_dump()["sources"]}
    for name, table in config.sources.items():
        assert again.sources[name].type == table.type


def test_a_value_that_was_set_names_its_place(tmp_path):
    path = write(tmp_path, '[tail]\nhistory = 5000\n[sources.x]\ntype = "mock"\nseed = 3\n')
    lines = list(shown(load_config(path, {"LOGMON_TAIL__REDRAW_HZ": "10"})))
    assert f"history = 5000  # {path}:2" in lines
    assert "redraw_hz = 10.0  # $LOGMON_TAIL__REDRAW_HZ" in lines
    assert f"seed = 3  # {path}:5" in lines
    assert 'timezone = "UTC"' in lines


def test_a_secret_is_never_shown(tmp_path):
    path = write(tmp_path, '[sources.x]\ntype = "other"\napp_key = "hunter2"\n')
    text = "\n".join(shown(load_config(path, {})))
    assert "hunter2" not in text
    assert 'app_key = "…"' in text


@pytest.mark.parametrize("text", ['a"b\\c', "ü\x7f", "tab\there", "\U0001f600"])
def test_odd_texts_are_written_as_toml_reads_them(tmp_path, text):
    quoted = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    config = load_config(write(tmp_path, f"[levels]\n{quoted} = 'info'\n"), {})
    assert tomllib.loads("\n".join(shown(config)))["levels"] == {text: "info"}


def test_a_first_file_is_valid_private_and_never_written_over(tmp_path):
    path = tmp_path / "new" / "config.toml"
    assert str(path) in write_first(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "ok" in check_config(path, {})
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        write_first(path)
    assert path.read_bytes() == before


def test_a_link_is_not_followed_by_a_first_file(tmp_path):
    (tmp_path / "config.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError):
        write_first(tmp_path / "config.toml")
    assert not (tmp_path / "elsewhere").exists()


def test_the_first_file_names_every_key_of_the_example(tmp_path):
    path = tmp_path / "config.toml"
    write_first(path)
    bare = [line.removeprefix("# ") for line in path.read_text().splitlines()]
    wanted = [line for line in example().splitlines() if line and not line.startswith("#")]
    assert [line for line in wanted if line not in bare] == []


def test_the_schema_takes_the_example_and_refuses_what_the_program_refuses():
    check = jsonschema.Draft202012Validator(schema())
    assert list(check.iter_errors(tomllib.loads(example()))) == []
    for wrong in (
        {"tial": {}},
        {"tail": {"history": 5}},
        {"sources": {"x": {"type": "mock", "sede": 1}}},
        {"sources": {"x": {"type": "file"}}},
        {"sentinel": {"rules": [{"threshold": 2}]}},
    ):
        assert list(check.iter_errors(wrong)), wrong
    assert not list(check.iter_errors({"sources": {"x": {"type": "outside", "any": 1}}}))


def test_the_published_schema_is_the_programs():
    """`logmon config schema > docs/config.schema.json` makes it anew."""
    published = json.loads((DOCS / "config.schema.json").read_text())
    assert published == schema()


def test_every_built_in_type_tells_its_keys():
    assert set(sources.SETTINGS) == set(sources._BUILT_IN)
    for kind in sources.SETTINGS:
        assert issubclass(sources.settings_model(kind), BaseModel)
