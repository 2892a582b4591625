"""The doctor: each fault it knows is found, named and given a remedy; it changes nothing."""

import json
import sys
from pathlib import Path

import pytest

from logmon.config import load_config
from logmon.doctor import as_line, examine, look_at_extras, look_at_store, look_at_terminal
from logmon.store.journal import open_writer

GOOD = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def with_store(tmp_path: Path, at: Path):
    return load_config(write(tmp_path, f"[store]\nenabled = true\npath = '{at}'\n"), {})


def test_a_good_terminal_has_nothing_to_mend():
    findings = list(look_at_terminal(GOOD, is_terminal=True, size=(120, 40)))
    assert [found.verdict for found in findings if found.subject != "locale"] == ["ok"] * 3


def test_an_extra_that_is_missing_names_packages_that_an_index_has():
    """Not `logmon[otlp]`: logmon may come from a folder, and no index has it."""
    found = look_at_extras(is_there=lambda _module: False)
    remedies = [one.remedy.removeprefix(sys.executable) for one in found]
    assert remedies == [
        " -m pip install 'google-re2>=1.1'",
        " -m pip install 'opentelemetry-proto>=1.27'",
    ]


@pytest.mark.parametrize(
    ("env", "size", "says"),
    [({}, (50, 40), "60×20"), ({}, (120, 10), "60×20"), ({"TERM": "dumb"}, (120, 40), "set TERM"),
     ({"COLORTERM": ""}, (120, 40), "COLORTERM=truecolor"), ({"TMUX": "x"}, (120, 40), "set-clipboard on"),
     ({"STY": "x"}, (120, 40), "use tmux"), ({"COLORTERM": "", "TERM": "vt100"}, (120, 40), "256color")],
)  # fmt: skip
def test_what_a_terminal_lacks_comes_with_its_remedy(env, size, says):
    findings = look_at_terminal(GOOD | env, is_terminal=True, size=size)
    assert any(says in found.remedy for found in findings)


def test_no_colour_is_a_wish_and_no_fault():
    findings = list(look_at_terminal(GOOD | {"NO_COLOR": "1"}, is_terminal=True, size=(120, 40)))
    assert any("NO_COLOR" in found.text and found.verdict == "ok" for found in findings)


def test_a_bad_configuration_is_a_finding_with_its_line(tmp_path):
    path = write(tmp_path, "[tail]\nhistroy = 3\n")
    wrong = [found for found in examine(path, GOOD) if found.verdict == "wrong"]
    assert [found.subject for found in wrong] == ["config"]
    assert f"{path}:2" in wrong[0].text


def test_a_source_that_cannot_be_built_is_named(tmp_path):
    path = write(tmp_path, "[sources.app]\ntype = 'file'\npaths = []\n")
    wrong = [found for found in examine(path, GOOD) if found.verdict == "wrong"]
    assert [found.subject for found in wrong] == ["source"]
    assert "app" in wrong[0].text


def test_a_store_that_others_may_read_is_wrong(tmp_path):
    at = tmp_path / "private" / "x.db"
    open_writer(at).close()
    config = with_store(tmp_path, at)
    assert {found.verdict for found in look_at_store(config)} == {"ok"}
    at.chmod(0o644)
    assert any(found.remedy == f"chmod 600 {at}" for found in look_at_store(config))


def test_a_store_in_use_is_said_to_be(tmp_path):
    at = tmp_path / "private" / "x.db"
    store = open_writer(at)
    config = with_store(tmp_path, at)
    assert any("in use" in found.text for found in look_at_store(config))
    store.close()
    assert any("free" in found.text for found in look_at_store(config))


def test_looking_makes_no_file(tmp_path):
    at = tmp_path / "private" / "x.db"
    list(look_at_store(with_store(tmp_path, at)))
    assert not at.parent.exists()


def test_a_finding_is_one_line_or_one_object():
    for found in examine(None, {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}):
        assert "\n" not in as_line(found, json=False)
        assert set(json.loads(as_line(found, json=True))) == {
            "subject",
            "verdict",
            "text",
            "remedy",
        }
