"""`logmon sentinel explain` and `rules`: from a file's line, a pipe, a store."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from logmon.config import load_config
from logmon.errors import ConfigError
from logmon.explain_command import as_lines, explain
from logmon.item_commands import rule_lines

LOGMON = [sys.executable, "-m", "logmon"]


def line(number: int, message: str, level: str = "error") -> str:
    moment = f"2026-11-23T12:00:{number:02}Z"
    return json.dumps(
        {
            "timestamp": moment,
            "level": level,
            "source": "app",
            "message": message,
            "id": f"e{number}",
        }
    )


@pytest.fixture
def config(tmp_path: Path):
    path = tmp_path / "config.toml"
    path.write_text(
        f'[[sentinel.rules]]\nname = "full"\nwhen = "disk"\nthreshold = 3\n'
        f'[store]\npath = "{tmp_path}/logmon.db"\n'
    )
    path.chmod(0o600)
    return load_config(path, {})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    lines = [line(n, f"disk {n} full") for n in range(4)]
    lines[2:2] = ["", "2026-11-23 12:00:01,500 ERROR disk lost", "Traceback (most recent call last):",
                  '  File "x.py", line 1, in <module>', "ValueError: no", '{"broken'
                  ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path


def verdict(config, asked, **more):
    (one,) = explain(config, str(asked), rules=None, input_format="auto", **more)
    return one.event.message, one.verdict.rules[0].text


def test_a_line_of_a_file_is_told_as_its_replay_would_judge_it(config, log: Path):
    assert verdict(config, f"{log}:1") == ("disk 0 full", "below threshold 1/3")
    assert verdict(config, f"{log}:2") == ("disk 1 full", "below threshold 2/3")
    for number in (4, 5, 6, 7):  # a stack trace belongs to its event
        message, text = verdict(config, f"{log}:{number}")
        assert message.startswith("disk lost")
        assert text == "below threshold 1/3"
    assert verdict(config, f"{log}:9") == ("disk 2 full", "opened WI-1")
    assert verdict(config, f"{log}:10") == ("disk 3 full", "joined WI-1")


def test_lines_that_are_no_event_are_named(config, log: Path):
    for number, said in ((3, "empty"), (8, "dead letter: "), (99, "has 10 lines")):
        with pytest.raises(ConfigError, match=said):
            verdict(config, f"{log}:{number}")


def test_a_compressed_file_is_looked_into(config, log: Path):
    packed = log.with_name("app.log.gz")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert verdict(config, f"{packed}:10")[1] == "joined WI-1"


def test_a_line_on_standard_input_is_told_as_if_it_came_now(config, tmp_path: Path):
    settings = tmp_path / "config.toml"
    lines = "\n".join(line(n, f"disk {n} full") for n in range(3))
    done = subprocess.run(
        [*LOGMON, "sentinel", "explain", "-", "-o", "json", "-c", str(settings)],
        input=lines, capture_output=True, text=True, check=True,
    )  # fmt: skip
    texts = [json.loads(found)["rules"][0]["verdict"] for found in done.stdout.splitlines()]
    assert texts == ["below threshold 1/3", "below threshold 2/3", "opened WI-1"]
    assert not (tmp_path / "logmon.db").exists()


def test_an_event_of_the_store_is_told_as_it_was_judged(config, log: Path, tmp_path: Path):
    settings = tmp_path / "config.toml"
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    command = [*LOGMON, "replay", str(log), "--store", "-c", str(settings), "-o", "json"]
    subprocess.run(command, capture_output=True, check=True, env=env)
    found = [verdict(config, f"e{n}")[1] for n in range(4)]
    assert found == ["below threshold 1/3", "below threshold 2/3", "opened WI-1", "joined WI-1"]
    with pytest.raises(ConfigError, match="no event 'e9'"):
        verdict(config, "e9")
    (counts,) = [json.loads(found) for found in rule_lines(config, json=True)]
    assert (counts["matched"], counts["fired"], counts["joined"]) == (5, 1, 1)


def test_the_text_shows_each_clause_with_its_value(config, log: Path):
    found = explain(config, f"{log}:1", rules=None, input_format="auto")
    shown = list(as_lines(found, json=False))
    assert "· full  below threshold 1/3" in shown
    assert any(one.split() == ["✓", "disk", "disk", "0", "full"] for one in shown)
