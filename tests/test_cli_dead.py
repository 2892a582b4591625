"""`logmon dead`: what was refused is listed, shown, read again, thrown away and exported."""

import asyncio
import base64
import json
import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from logmon.cli import app
from logmon.store.journal import open_reader
from logmon.testing.fake_datadog import (
    UNLIMITED,
    Behaviour,
    FakeDatadog,
    malformed_event,
    serving,
)
from tests.processes import started

LOGMON = [sys.executable, "-m", "logmon"]
GOOD = '{"timestamp":"2026-11-23T12:00:00Z","level":"info","source":"app","message":"good"}'
ODD = '{"timestamp":"2026-11-23T12:00:01Z","level":"spicy","source":"app","message":"odd"}'
BROKEN = '{"timestamp":"2026-11-23T12:00:02Z"'


def write_config(tmp_path: Path) -> Path:
    (tmp_path / "app.log").write_bytes(
        f"{GOOD}\n{ODD}\n{BROKEN}\n{{\xff\x1b[2J\n".encode("latin-1")
    )
    path = tmp_path / "config.toml"
    path.write_text(
        f'[sources.app]\ntype = "file"\npaths = ["{tmp_path}/app.log"]\n'
        f'[store]\nenabled = true\npath = "{tmp_path}/state/logmon.db"\n'
    )
    path.chmod(0o600)
    return path


def run(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LOGMON, *arguments, "-c", str(config)], capture_output=True, text=True, timeout=50
    )


def tail_until(config: Path, letters: int) -> None:
    """Follow the file until so many letters are in the store."""
    command = [*LOGMON, "tail", "-c", str(config), "-o", "json"]
    with started(command, stdout=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["message"] == "good"
        while len(listed(config)) < letters:
            time.sleep(0.05)
        tail.send_signal(signal.SIGINT)
        assert tail.wait(10) == 130


def dead(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["dead", *arguments, "-c", str(config)])


def listed(config: Path, *arguments: str) -> list[dict[str, object]]:
    done = dead(config, "list", "-o", "json", *arguments)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture(scope="module")
def run_that_is_over(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("over")
    tail_until(write_config(folder), letters=3)
    shutil.copytree(folder / "state", folder / "state then")
    return folder


@pytest.fixture
def kept(run_that_is_over: Path) -> Path:
    """A store with the three dead letters of a run that is over, beside the file it read."""
    config = write_config(run_that_is_over)  # the same file as then: its rows' ids go by it
    shutil.rmtree(run_that_is_over / "state")
    shutil.copytree(run_that_is_over / "state then", run_that_is_over / "state")
    assert len(listed(config)) == 3
    return config


def stored(config: Path) -> list[str]:
    """Return the messages in the store, in order."""
    store = open_reader(config.parent / "state" / "logmon.db")
    found = [
        block.batch.event(row).message
        for block in store.read_now(-1, 1000)
        for row in range(len(block.batch))
        if block.origin == "app"
    ]
    store.close()
    return found


def test_each_letter_is_listed_with_its_reason_and_place(kept: Path):
    odd, broken, bytes_ = listed(kept)
    assert (odd["reason"], odd["source"], odd["origin"]) == ("unknown_level", "app", "app.log")
    assert odd["offset"] == len(GOOD) + 1
    assert (odd["raw"], odd["length"]) == (ODD, len(ODD))
    assert broken["reason"] == "invalid_json"
    assert base64.b64decode(str(bytes_["raw_base64"])) == b"{\xff\x1b[2J"
    assert [letter["number"] for letter in listed(kept, "--reason", "invalid_json")] == [2, 3]
    assert [letter["number"] for letter in listed(kept, "-n", "1")] == [3]
    assert listed(kept, "--source", "!app") == []
    text = dead(kept, "list").stdout
    assert len(text.splitlines()) == 3
    assert f"app.log:{len(GOOD) + 1} " in text
    assert "\x1b" not in text


def test_one_letter_is_shown_whole_as_text_or_in_hexadecimal(kept: Path):
    shown = dead(kept, "show", "1").stdout
    assert ODD in shown.splitlines()
    assert "unknown_level" in shown
    as_hex = dead(kept, "show", "3", "--hex").stdout
    assert "00000000  7b ff 1b 5b 32 4a" in as_hex
    assert "|{..[2J|" in as_hex
    assert "\x1b" not in dead(kept, "show", "3").stdout
    assert json.loads(dead(kept, "show", "1", "-o", "json").stdout)["raw"] == ODD


def test_a_number_that_is_not_there_is_one_line_and_exit_code_2(kept: Path):
    for command in (["show", "9"], ["retry", "9"], ["purge", "9", "--yes"]):
        done = dead(kept, *command)
        assert done.exit_code == 2
        assert done.stderr == "logmon: there is no dead letter 9; see logmon dead list\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("dead", "list"), ""), (("dead", "list", "-o", "json"), ""), (("dead", "retry", "-o", "json"), ""),
        (("dead", "retry"), "no dead letters\n"), (("dead", "purge"), "no dead letters\n"),
        (("items", "list"), ""), (("items", "list", "--all", "-o", "json"), ""),
    ],
)  # fmt: skip
def test_without_a_store_a_list_is_empty_with_one_line_why_and_none_is_made(
    config: Path, command, said
):
    done = CliRunner().invoke(app, [*command, "-c", str(config)])
    assert (done.exit_code, done.stdout) == (0, said)
    assert len(done.stderr.splitlines()) == 1
    assert "there is no store; [store] enabled = true" in done.stderr
    assert not (config.parent / "state").exists()


@pytest.mark.parametrize(
    "command",
    [("dead", "show", "9"), ("dead", "purge", "9", "--yes"), ("items", "show", "WI-1"), ("items", "done", "WI-1")],
)  # fmt: skip
def test_without_a_store_what_is_named_is_not_there(config: Path, command):
    done = CliRunner().invoke(app, [*command, "-c", str(config)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "there is no store; [store] enabled = true" in done.stderr


def test_after_a_change_of_configuration_what_reads_now_is_restored_once(kept: Path):
    assert dead(kept, "retry").stdout == "3 still refused\n"
    with kept.open("a") as file:
        file.write('[levels]\nspicy = "critical"\n')
    done = dead(kept, "retry", "-o", "json")
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [outcome["result"] for outcome in outcomes] == ["restored", "refused", "refused"]
    assert stored(kept) == ["good", "odd"]
    assert [letter["number"] for letter in listed(kept)] == [2, 3]
    assert dead(kept, "retry").stdout == "2 still refused\n"
    again = run(kept, "tail", "--no-follow", "-o", "json", "-n", "100")
    told = [json.loads(line) for line in again.stdout.splitlines()]
    assert [row["message"] for row in told if row["source"] == "app"] == ["good", "odd"]
    assert [row["work_item"] for row in told if row["source"] == "sentinel"] == ["WI-1"]
    assert stored(kept) == ["good", "odd"]


def test_another_format_restores_what_was_read_by_the_wrong_one(kept: Path):
    assert dead(kept, "retry", "2", "--input-format", "plain").stdout == "1 restored\n"
    assert stored(kept) == ["good", BROKEN]


def test_what_the_options_of_the_source_leave_out_is_settled_and_not_shown(kept: Path):
    text = kept.read_text().replace('type = "file"', 'type = "file"\nminimum_level = "error"')
    kept.write_text(text + '[levels]\nspicy = "debug"\n')
    assert dead(kept, "retry", "1").stdout == "1 left out by the source's own options\n"
    assert stored(kept) == ["good"]
    assert len(listed(kept)) == 2


def test_a_letter_that_was_not_kept_whole_is_said_and_stays(config: Path):
    long = '{"level":"spicy","message":"' + "x" * 300_000 + '"}'
    (config.parent / "app.log").write_text(f"{GOOD}\n{long}\n")
    tail_until(config, letters=1)
    (letter,) = listed(config)
    assert letter["length"] == len(long)
    assert dead(config, "retry").stdout == "1 not kept whole\n"
    assert len(listed(config)) == 1


def test_purge_asks_unless_it_is_told(kept: Path):
    refused = dead(kept, "purge")
    assert refused.exit_code == 2
    assert "say --yes" in refused.stderr
    assert len(listed(kept)) == 3
    assert dead(kept, "purge", "--reason", "invalid_json", "--yes").stdout.startswith("2 dead")
    assert [letter["number"] for letter in listed(kept)] == [1]


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 3), ("", 3)])
def test_purge_goes_by_the_answer(kept: Path, answer: str, left: int):
    controller, terminal = pty.openpty()
    command = [*LOGMON, "dead", "purge", "-c", str(kept)]
    with started(command, stdin=terminal, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as asking:
        assert asking.stderr is not None
        asked = b""
        while not asked.endswith(b"[y/N] "):
            asked += asking.stderr.read(1)
        assert asked == b"Throw 3 dead letters away? [y/N] "
        os.write(controller, f"{answer}\n".encode())
        assert asking.wait(20) == 0
    os.close(controller)
    os.close(terminal)
    assert len(listed(kept)) == left


def test_an_export_is_for_the_owner_alone_and_replaces_nothing_unless_told(
    kept: Path, tmp_path: Path
):
    file = tmp_path / "letters.jsonl"
    assert dead(kept, "export", str(file)).stdout == f"{file}: 3 dead letters\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [json.loads(line) for line in file.read_text().splitlines()] == listed(kept)
    file.write_text("precious")
    refused = dead(kept, "export", str(file))
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert file.read_text() == "precious"
    assert dead(kept, "export", str(file), "--force", "--reason", "unknown_level").exit_code == 0
    assert len(file.read_text().splitlines()) == 1
    assert sorted(part.name for part in tmp_path.iterdir()) == [
        "letters.jsonl",
    ]


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_an_export_never_writes_through_a_link(kept: Path, tmp_path: Path, force: list[str]):
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("precious")
    link.symlink_to(victim)
    done = dead(kept, "export", str(link), *force)
    assert done.exit_code == (0 if force else 2)
    assert victim.read_text() == "precious"
    missing = dead(kept, "export", str(tmp_path / "no" / "where"))
    assert missing.exit_code == 2
    assert len(missing.stderr.splitlines()) == 1


def test_while_a_tail_runs_it_shows_what_is_restored(kept: Path):
    command = [*LOGMON, "tail", "-c", str(kept), "-o", "json", "-n", "1"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["message"] == "good"
        with (kept.parent / "app.log").open("a") as file:
            file.write(GOOD.replace("good", "live") + "\n")
        assert json.loads(tail.stdout.readline())["message"] == "live"
        with kept.open("a") as file:
            file.write('[levels]\nspicy = "critical"\n')
        assert dead(kept, "retry").stdout == "1 restored · 2 still refused\n"
        restored = json.loads(tail.stdout.readline())
        assert (restored["message"], restored["level"]) == ("odd", "critical")
        assert dead(kept, "purge", "--yes").stdout.startswith("2 dead letters")
        tail.send_signal(signal.SIGINT)
        assert tail.wait(5) == 130
    assert listed(kept) == []
    assert stored(kept) == ["good", "live", "odd"]


async def test_a_dead_letter_of_datadog_is_refused_again_or_forced_to_be_text(tmp_path: Path):
    fake = FakeDatadog(behaviour=Behaviour(search_rate=UNLIMITED))
    fake.add(malformed_event("bad timestamp", fake.now_ms() - 5_000, id="odd"))
    config = tmp_path / "config.toml"
    async with serving(fake) as url:
        config.write_text(
            f'[sources.prod]\ntype = "datadog"\nsite = "{url}"\n'
            f'[store]\npath = "{tmp_path}/state/logmon.db"\n'
        )
        config.chmod(0o600)
        keys = {"DD_API_KEY": "a" * 32, "DD_APP_KEY": "b" * 40}
        tail = await asyncio.create_subprocess_exec(
            *LOGMON, "tail", "-c", str(config), "-o", "json", env=os.environ | keys
        )
        found: list[dict[str, object]] = []
        while not found:
            await asyncio.sleep(0.1)
            done = dead(config, "list", "-o", "json")
            found = [json.loads(line) for line in done.stdout.splitlines()]
        tail.send_signal(signal.SIGINT)
        assert await tail.wait() == 130
    assert (found[0]["parser"], found[0]["source"]) == ("datadog", "prod")
    assert json.loads(str(found[0]["raw"]))["attributes"]["timestamp"] == "yesterday"
    assert dead(config, "retry").stdout == "1 still refused\n"
    assert dead(config, "retry", "--input-format", "plain").stdout == "1 restored\n"
    store = open_reader(tmp_path / "state" / "logmon.db")
    (event,) = [
        block.batch.event(row)
        for block in store.read_now(-1, 100)
        if block.origin == "prod"
        for row in range(len(block.batch))
    ]
    store.close()
    assert event.message == found[0]["raw"]
