"""The store from the command line: kept over restarts and kills, one writer, others read along."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LOGMON = [sys.executable, "-m", "logmon"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        '[sources.mock]\ntype = "mock"\nevents_per_second = 200\n'
        f'[store]\nenabled = true\npath = "{tmp_path}/state/logmon.db"\n'
    )
    path.chmod(0o600)
    return path


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*LOGMON, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ)
    )


def lines(process: subprocess.Popen[bytes], count: int) -> list[dict[str, object]]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LOGMON, *arguments], capture_output=True, text=True, timeout=50)


def test_after_a_kill_the_history_is_there_again(config: Path):
    with start("tail", "-c", str(config), "-o", "json") as tail:
        shown = lines(tail, 100)
        tail.send_signal(signal.SIGKILL)
    with start("tail", "-c", str(config), "-o", "json", "-n", "100000") as tail:
        kept = lines(tail, 100)
        tail.send_signal(signal.SIGKILL)
    assert [event["id"] for event in kept] == [event["id"] for event in shown]


@pytest.mark.parametrize("flags", [("-n", "all"), ("-n", "2500"), ("-S", "2026-11-01")])
def test_history_goes_back_to_what_the_store_kept_beyond_what_memory_holds(tmp_path: Path, flags):
    log = tmp_path / "app.log"
    log.write_text("".join(f"2026-11-23 10:00:00 INFO m{n}\n" for n in range(2_500)))
    path = tmp_path / "config.toml"
    path.write_text(
        "[tail]\nhistory = 1000\n"
        f'[sources.app]\ntype = "file"\nlines = 2500\npaths = ["{log}"]\n'
        f'[store]\nenabled = true\npath = "{tmp_path}/state/logmon.db"\n'
    )
    path.chmod(0o600)
    for more in (("-n", "all"), flags):
        with start("tail", "-c", str(path), "-o", "json", *more) as tail:
            kept = [row["message"] for row in lines(tail, 2_500)]
            tail.send_signal(signal.SIGINT)
            assert tail.stderr is not None
            assert tail.stderr.read() == b""
        assert kept == [f"m{n}" for n in range(2_500)]


def test_what_an_earlier_run_said_is_said_again_with_its_time_only(tmp_path: Path):
    log = tmp_path / "app.log"
    path = tmp_path / "config.toml"
    path.write_text(
        f'[sources.app]\ntype = "file"\npaths = ["{log}"]\n'
        f'[store]\nenabled = true\npath = "{tmp_path}/state/logmon.db"\n'
    )
    path.chmod(0o600)
    with start("tail", "-c", str(path), "-o", "json") as tail:
        assert tail.stderr is not None
        assert b"waiting for it" in tail.stderr.readline()
        log.write_text("one\n")
        lines(tail, 1)
        tail.send_signal(signal.SIGINT)
    with start("tail", "-c", str(path), "-o", "json") as tail:
        lines(tail, 1)
        tail.send_signal(signal.SIGINT)
        assert tail.stderr is not None
        said = tail.stderr.read().decode().splitlines()
    assert any("waiting for it" in line for line in said)
    when = re.compile(r"logmon: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
    assert all(map(when.match, said)), said


def test_a_second_process_reads_along_and_says_so(config: Path):
    with start("tail", "-c", str(config), "-o", "json") as first:
        lines(first, 20)
        with start("tail", "-c", str(config), "-o", "json", "-n", "0") as second:
            seen = lines(second, 40)
            second.send_signal(signal.SIGINT)
            assert second.stderr is not None
            said = second.stderr.read().decode()
            assert second.wait(5) == 130
        mine = lines(first, 1)
        while mine[-1]["id"] != seen[-1]["id"]:  # how late the second one came is the machine's
            mine += lines(first, 1)
        first.send_signal(signal.SIGINT)
        first.wait(5)
    assert re.search("another logmon writes into .*logmon.db; reading along", said)
    ids = [event["id"] for event in mine]
    begin = ids.index(seen[0]["id"])
    assert [event["id"] for event in seen] == ids[begin : begin + 40]


def test_a_second_process_without_following_ends_with_what_is_there(config: Path):
    with start("tail", "-c", str(config), "-o", "json") as first:
        shown = lines(first, 20)
        done = run("tail", "-c", str(config), "-o", "json", "-n", "all", "--no-follow")
        first.send_signal(signal.SIGINT)
    assert done.returncode == 0
    ids = [json.loads(line)["id"] for line in done.stdout.splitlines()]
    assert ids[:20] == [event["id"] for event in shown]


def test_a_second_process_says_when_the_first_has_ended(config: Path):
    with start("tail", "-c", str(config), "-o", "json") as first:
        lines(first, 5)
        with start("tail", "-c", str(config), "-o", "json", "-n", "0") as second:
            assert second.stderr is not None
            assert b"reading along" in second.stderr.readline()
            lines(second, 5)
            first.send_signal(signal.SIGKILL)
            first.wait(5)
            assert b"has ended: nothing comes until one starts" in second.stderr.readline()
            with start("tail", "-c", str(config), "-o", "json") as third:
                lines(third, 20)
                lines(second, 5)
                third.send_signal(signal.SIGKILL)
            second.send_signal(signal.SIGINT)
            assert second.wait(5) == 130


def test_a_file_replayed_twice_into_the_store_is_there_once(config: Path, tmp_path: Path):
    log = tmp_path / "app.log"
    log.write_text("".join(f"2026-11-23 12:00:{n:02} INFO line {n}\n" for n in range(50)))
    replay = ("replay", str(log), "--store", "-c", str(config), "-o", "json")
    first, second = run(*replay), run(*replay)
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(first.stdout.splitlines()) == 50
    assert second.stdout == ""
    assert second.stderr == "logmon: 50 records were in the store already\n"


def test_nothing_is_written_unless_it_is_asked_for(tmp_path: Path):
    log = tmp_path / "app.log"
    log.write_text("2026-11-23 12:00:00 INFO line\n")
    home = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    subprocess.run([*LOGMON, "replay", str(log)], env=home, check=True, capture_output=True)
    subprocess.run(
        [*LOGMON, "tail", "--no-follow", "-o", "json"], env=home, check=True, capture_output=True
    )
    assert sorted(part.name for part in tmp_path.iterdir()) == ["app.log"]


def test_a_store_that_cannot_be_opened_is_one_line_and_exit_code_3(config: Path, tmp_path: Path):
    (tmp_path / "state").write_text("a file where the folder should be")
    done = run("tail", "-c", str(config), "--plain")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "state" in done.stderr


def test_history_is_the_last_that_pass_of_what_the_store_kept(tmp_path: Path):
    """Also where they lie before what memory holds, and while another process writes."""
    config, log = tmp_path / "config.toml", tmp_path / "log.jsonl"
    config.write_text(
        f'[tail]\nhistory = 1000\n[sources.mock]\ntype = "mock"\nenabled = true\n'
        f'[store]\nenabled = true\npath = "{tmp_path}/state/logmon.db"\n'
    )
    config.chmod(0o600)
    log.write_text(
        "".join(
            f'{{"timestamp":"2026-11-23T12:00:00Z","source":"app","message":"m{n}",'
            f'"level":"{"error" if n % 500 == 7 else "info"}"}}\n'
            for n in range(5_000)
        )
    )
    run("replay", str(log), "--store", "-c", str(config), "--plain")
    flags = ("-c", str(config), "-o", "json", "-n", "4", "-s", "app", "-l", "error")
    wanted = [f"m{n}" for n in range(3_007, 5_000, 500)]
    done = run("tail", *flags, "--no-follow")
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == wanted
    with start("tail", *flags) as tail:
        assert [event["message"] for event in lines(tail, 4)] == wanted
        beside = run("tail", *flags, "--no-follow")
        assert [json.loads(line)["message"] for line in beside.stdout.splitlines()] == wanted
        tail.send_signal(signal.SIGINT)


@pytest.mark.parametrize("form", ["text", "raw"])
def test_a_store_that_was_damaged_is_said_once_whatever_is_printed(config: Path, form: str):
    path = config.parent / "state" / "logmon.db"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"no database " * 1_000)
    path.chmod(0o600)
    done = run("tail", "-c", str(config), "--no-follow", "-n", "1", "-o", form)
    assert done.stderr.count("the store was damaged") == 1
