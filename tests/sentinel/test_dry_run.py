"""A rehearsal: the items a recording would make, the same each time, nothing written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from logmon.cli import app
from logmon.sentinel.rule import Rule

LOGMON = [sys.executable, "-m", "logmon"]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose user folders are empty and watched."""
    folders = {
        name: str(tmp_path / "home") for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
    }
    return {**{k: v for k, v in os.environ.items() if not k.startswith("LOGMON")}, **folders}


def logmon(home: dict[str, str], *args: object, code: int = 0):
    """Run a command in this process, as a user whose folders are `home`."""
    done = CliRunner().invoke(app, [*map(str, args)], env=home)
    assert done.exit_code == code, done.stderr or done.exception
    return done


def in_a_process(home: dict[str, str], *args: object) -> str:
    command = [*LOGMON, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=home, check=True).stdout


def rules(path: Path, *tables: str) -> Path:
    path.write_text("\n".join(f"[[sentinel.rules]]\n{table}\n" for table in tables))
    path.chmod(0o600)
    return path


def settings(tmp_path: Path, **mock: object) -> Path:
    path = tmp_path / "config.toml"
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in mock.items())
    path.write_text(
        f'[sources.mock]\ntype = "mock"\n{lines}[store]\nenabled = true\npath = "{tmp_path}/s.db"\n'
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "rec.jsonl"
    with path.open("w") as file:
        for number in range(400):
            kind = ("disk full on", "cannot reach", "card declined for")[number % 3]
            event = {
                "timestamp": f"2026-11-23T12:{number // 60:02}:{number % 60:02}Z",
                "level": ("error", "warn", "info")[number % 3], "source": "ab"[number % 2],
                "message": f"{kind} node{number}", "id": f"e{number}",
            }  # fmt: skip
            file.write(json.dumps(event) + "\n")
    return path


def test_a_dry_run_of_what_the_tail_printed_gives_the_items_made_live(tmp_path: Path, home):
    live = settings(tmp_path, seed=3, events_per_second=3000, chaos=["burst", "disorder"])
    command = [*LOGMON, "tail", "-n", "all", "--no-follow", "-o", "json", "-c", str(live)]
    printed = subprocess.run(command, capture_output=True, env=home, check=True).stdout
    assert b'"source":"sentinel"' in printed
    (tmp_path / "rec.jsonl").write_bytes(printed)
    made = logmon(home, "items", "list", "--all", "-o", "json", "-c", live).stdout
    items = sorted(map(json.loads, made.splitlines()), key=lambda item: int(item["id"][3:]))
    rehearsed = logmon(home, "replay", tmp_path / "rec.jsonl", "--dry-run", "-o", "json").stdout
    assert len(items) >= 3
    assert [json.loads(line) for line in rehearsed.splitlines()] == items


def test_two_runs_are_the_same_byte_for_byte_and_write_nothing(recording: Path, home):
    before = {path: path.stat().st_mtime_ns for path in recording.parent.rglob("*")}
    runs = {
        in_a_process(
            {**home, "PYTHONHASHSEED": seed}, "replay", recording, "--dry-run", "-o", "json"
        )
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    assert {path: path.stat().st_mtime_ns for path in recording.parent.rglob("*")} == before
    assert not Path(home["HOME"]).exists()


def test_other_rules_are_compared_with_old_ones(tmp_path: Path, recording: Path, home):
    old = rules(tmp_path / "old.toml", 'name = "all"', 'name = "gone"\nsources = ["a"]')
    new = rules(
        tmp_path / "new.toml", 'name = "all"\nthreshold = 5', 'name = "fresh"\nwhen = "disk"'
    )
    done = logmon(
        home, "replay", recording, "--dry-run", "--rules", new, "--diff-rules", old, "-o", "json"
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(one["change"], (one["after"] or one["before"])["rule"]) for one in found} == {
        ("added", "fresh"), ("removed", "gone"), ("changed", "all"),
    }  # fmt: skip
    same = logmon(home, "replay", recording, "--dry-run", "--rules", new, "--diff-rules", new)
    assert (same.stdout, same.stderr) == ("", "")
    text = logmon(
        home, "replay", recording, "--dry-run", "--rules", new, "--diff-rules", old
    ).stdout
    assert {line[0] for line in text.splitlines()} == set("+-~")


def test_items_that_are_expected_pass_and_others_are_named(tmp_path: Path, recording: Path, home):
    dry = ("replay", recording, "--dry-run")
    golden = tmp_path / "golden.json"
    golden.write_text(logmon(home, *dry, "-o", "json").stdout)
    done = logmon(home, *dry, "--expect", golden)
    assert done.stderr == ""
    golden.write_text(json.dumps([json.loads(line) for line in golden.read_text().splitlines()]))
    logmon(home, *dry, "--expect", golden)
    other = rules(tmp_path / "new.toml", 'name = "default"\ntitle = "x"')
    failed = logmon(home, *dry, "--rules", other, "--expect", golden, code=1)
    assert "WI-1: title is 'x'" in failed.stderr


def test_filters_choose_what_is_rehearsed(recording: Path, home):
    found = logmon(
        home, "replay", recording, "--dry-run", "-o", "json", "-s", "a", "-l", "error"
    ).stdout
    assert {(i["source"], i["level"]) for i in map(json.loads, found.splitlines())} == {
        ("a", "error")
    }


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--dry-run", "--store"], "--store: contradicts --dry-run"),
        (["--dry-run", "--follow"], "--follow: contradicts --dry-run"),
        (["--dry-run", "-o", "raw"], "--output: items have no raw form"),
        (["--expect", "x"], "--expect: needs --dry-run"),
        (["--dry-run", "--expect", "none.json"], "--expect none.json"),
        (["--dry-run", "--rules", "none.toml"], "none.toml"),
    ],
)
def test_flags_that_cannot_be_kept_are_refused(recording: Path, home, flags, said):
    assert said in logmon(home, "replay", recording, *flags, code=2).stderr


def test_a_rule_that_is_wrong_is_shown_with_a_caret(tmp_path: Path, recording: Path, home):
    bad = rules(tmp_path / "bad.toml", 'name = "x"\nwhen = "a:(b"')
    said = logmon(
        home, "replay", recording, "--dry-run", "--rules", bad, code=2
    ).stderr.splitlines()
    assert said[0].startswith(f"logmon: {bad}:3: sentinel.rules.when: ")
    assert said[1:] == ['  when = "a:(b"', "  " + " " * 10 + "^"]


def test_rules_of_another_file_are_used_without_a_dry_run_too(
    tmp_path: Path, recording: Path, home
):
    path = rules(tmp_path / "r.toml", 'name = "mine"\nminimum_level = "emergency"')
    config = settings(tmp_path)
    in_a_process(home, "replay", recording, "--rules", path, "--store", "-c", config, "-o", "json")
    assert logmon(home, "items", "list", "-c", config).stdout == ""
    assert Rule().minimum_level.label == "warn"


@pytest.mark.parametrize("flags", [[], ["-l", "error"], ["-s", "b", "-g", "disk"]])
@pytest.mark.parametrize("last", ["0", "1", "30", "all"])
def test_a_dry_run_of_the_last_rows_is_one_of_a_recording_that_holds_only_those(
    tmp_path: Path, home, recording: Path, flags: list[str], last: str
):
    printed = in_a_process(home, "replay", recording, "--plain", "-o", "raw", "-n", last, *flags)
    only = tmp_path / "only.jsonl"
    only.write_text(printed)
    assert last == "all" or len(printed.splitlines()) == int(last)
    wanted = logmon(home, "replay", only, "--dry-run", "-o", "json").stdout
    found = logmon(home, "replay", recording, "--dry-run", "-o", "json", "-n", last, *flags).stdout
    assert found == wanted
    assert bool(found) or last in ("0", "1")
