"""How much history a tail begins with, in lines: which rows count, and what is read for them."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.processes import started
from tests.pty_judge import LOGMON
from tests.test_cli import ENV, run


def levels_file(tmp_path: Path, rows: int = 4_000) -> Path:
    """Write a file of rows of which every hundredth is an error."""
    path = tmp_path / "app.jsonl"
    path.write_text(
        "".join(
            f'{{"timestamp":"2026-11-23T12:{n // 60 % 60:02}:{n % 60:02}Z","source":"app",'
            f'"level":"{"error" if n % 100 == 7 else "info"}","message":"m{n}",'
            f'"message_template":"m{{n}}"}}\n'
            for n in range(rows)
        )
    )
    return path


def shown(*flags: str) -> list[dict]:
    done = run("tail", "--plain", "-o", "json", *flags)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(row) for row in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "flags", [("-l", "error"), ("-q", "status:error"), ("-g", "^m.*07$"), ("-e", r"m\d*([^7]|[^0]7)$")]
)  # fmt: skip
def test_a_tail_begins_with_the_last_rows_that_pass(tmp_path, flags):
    """The filter comes first, as it does in journalctl, whether the tail ends or follows."""
    path = levels_file(tmp_path)
    wanted = [f"m{n}" for n in range(3207, 4_000, 100)]
    rows = shown(str(path), "-n", "8", "--no-follow", *flags)
    assert [row["message"] for row in rows if row["source"] == "app"] == wanted
    following = [*LOGMON, "tail", str(path), "--plain", "-o", "json", "-n", "8", *flags]
    with started(following, stdout=subprocess.PIPE, env=ENV) as process:
        read = [json.loads(process.stdout.readline())["message"] for _ in range(8)]
        assert read == wanted
        with path.open("a") as file:
            file.write('{"timestamp":"2026-11-23T14:00:00Z","level":"error","message":"m107"}\n')
        while "m107" not in read:
            read.append(json.loads(process.stdout.readline())["message"])
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130


def test_the_last_rows_of_several_files_are_those_of_all_together(tmp_path):
    for name, second in (("a", 0), ("b", 30)):
        (tmp_path / name).write_text(
            "".join(
                f'{{"timestamp":"2026-11-23T12:00:{second + n:02}Z","level":"info",'
                f'"message":"{name}{n}"}}\n'
                for n in range(20)
            )
        )
    rows = shown(str(tmp_path / "a"), str(tmp_path / "b"), "-n", "22", "--no-follow")
    assert [row["message"] for row in rows] == ["a18", "a19", *[f"b{n}" for n in range(20)]]


def test_more_rows_can_be_asked_for_than_memory_holds(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[tail]\nhistory = 1_000\n[sources.app]\ntype = "file"\npaths = ["{tmp_path}/app.jsonl"]\n'
    )
    config.chmod(0o600)
    path = levels_file(tmp_path)
    for files in ([str(path)], []):
        rows = shown(*files, "-c", str(config), "-n", "2500", "--no-follow")
        messages = [row["message"] for row in rows if row["source"] == "app"]
        assert messages == [f"m{n}" for n in range(1_500, 4_000)]


def test_what_sentinel_says_takes_nobodys_place(tmp_path):
    path = levels_file(tmp_path, 1_000)
    rows = shown(str(path), "-n", "100", "--no-follow")
    assert [row["message"] for row in rows if row["source"] == "app"] == [
        f"m{n}" for n in range(900, 1_000)
    ]
    assert [row["attributes"]["change"] for row in rows if row["source"] == "sentinel"] == [
        "opened"
    ]
    rows = shown(str(path), "-n", "1", "--no-follow", "-s", "sentinel")
    assert [row["attributes"]["count"] for row in rows] == [1]


def test_a_configured_file_is_read_to_its_end_and_no_further(tmp_path):
    (tmp_path / "app.log").write_text("")
    config = tmp_path / "config.toml"
    config.write_text(f'[sources.app]\ntype = "file"\npaths = ["{tmp_path}/app.log"]\n')
    config.chmod(0o600)
    assert shown("-c", str(config), "--no-follow") == []
    (tmp_path / "app.log").write_text("one\ntwo\nhalf")
    assert [row["message"] for row in shown("-c", str(config), "--no-follow")] == [
        "one",
        "two",
        "half",
    ]
