"""The program from outside: what is printed where, exit codes, pipes, signals, imports."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from logmon.event import encode
from logmon.level import Level
from logmon.testing import make_event
from tests.processes import started
from tests.pty_judge import LOGMON, Terminal

ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}


def run(
    *args: str, stdin: bytes | None = None, env: dict[str, str] | None = None, timeout: float = 20
):
    return subprocess.run(
        [*LOGMON, *args],
        input=stdin,
        capture_output=True,
        env={**ENV, **(env or {})},
        timeout=timeout,
        check=False,
    )


def test_help_costs_no_heavy_import():
    code = (
        "import sys; sys.argv=['logmon','--help']\n"
        "from logmon.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "print(*[m for m in ('textual','numpy','starlette','httpx2','pydantic_core.core_schema') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=ENV, check=True)
    heavy = set(done.stderr.decode().split())
    assert not heavy & {"textual", "numpy", "starlette", "httpx2"}


def test_line_output_imports_no_screen_and_no_network():
    code = (
        "import sys; sys.argv=['logmon','tail','--plain','--no-follow']\n"
        "from logmon.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "print(*[m for m in ('textual','starlette','httpx2') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=ENV, check=True)
    assert done.stderr.decode().strip() == ""
    assert done.stdout


def test_the_version_and_every_help_page_are_printed():
    assert run("--version").stdout.startswith(b"logmon ")
    for command in (
        [],
        ["tail"],
        ["replay"],
        ["patterns"],
        ["keys"],
        ["config"],
        ["config", "check"],
    ):
        done = run(*command, "--help")
        assert done.returncode == 0
        assert b"Usage" in done.stdout


def test_a_closed_pipe_ends_quietly_after_fifty_valid_events():
    command = f"{' '.join(LOGMON)} tail --plain -o json | head -50"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        env=ENV,
        timeout=20,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 50
    for line in lines:
        event = json.loads(line)
        assert {"timestamp", "level", "source", "message", "id"} <= set(event)
    assert done.returncode == 0
    assert done.stderr == b""


def test_a_closed_pipe_is_no_failure_of_any_command():
    """Typer would end with 1; a reader that has enough is a good end."""
    reader, writer = os.pipe()
    os.close(reader)
    for command in (["config", "show"], ["keys"]):
        done = subprocess.run(
            [*LOGMON, *command],
            stdout=writer,
            stderr=subprocess.PIPE,
            env=ENV,
            timeout=20,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
    os.close(writer)


def test_sentinels_rows_alone_can_be_shown():
    process = subprocess.Popen(
        [*LOGMON, "tail", "-o", "json", "--level", "warn", "--source", "sentinel"],
        stdout=subprocess.PIPE,
        env=ENV,
    )
    rows = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=5)
    assert all(
        row["source"] == "sentinel" and row["work_item"] == row["attributes"]["work_item"]
        for row in rows
    )
    assert process.returncode == 143


def record(tmp_path, count: int = 120):
    path = tmp_path / "rec.jsonl"
    command = f"{' '.join(LOGMON)} tail -o json | head -{count} > {path}"
    subprocess.run(["bash", "-c", command], env=ENV, timeout=30, check=True)
    return path


def test_a_recording_replays_to_the_same_ids_and_twice_to_the_same_bytes(tmp_path):
    path = record(tmp_path)
    first, second = run("replay", str(path), "-o", "json"), run("replay", str(path), "-o", "json")
    assert first.stdout == second.stdout
    assert first.stderr == b""
    recorded = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert [json.loads(line)["id"] for line in first.stdout.splitlines()] == recorded


def test_what_claims_to_be_sentinels_goes_through_the_rules_like_any_row(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"source":"sentinel","level":"error","message":"WI-9 opened","work_item":"WI-9","id":"a"}\n'
        '{"source":"app","level":"info","message":"m","work_item":"WI-9","id":"b"}\n'
    )
    rows = [json.loads(line) for line in run("replay", str(path), "-o", "json").stdout.splitlines()]
    assert [row["work_item"] for row in rows] == ["WI-1", "WI-9"]
    terminal = Terminal("replay", str(path), "--tui")
    assert terminal.see("WI-9 opened")
    terminal.pump(0.3)
    marks = [line for line in terminal.screen.display if "◆ WI-9" in line]
    terminal.press("q")
    terminal.end()
    assert not marks, "a claimed work item gets no mark"


@pytest.mark.parametrize(
    "flags", [[], ["-s", "x"], ["-l", "alert"], ["-q", "service:x"], ["-n", "0"]]
)
def test_what_logmon_has_to_say_is_said_whatever_rows_are_asked_for(tmp_path, flags):
    path = tmp_path / "config.toml"
    path.write_text(f'[sources.a]\ntype = "file"\npaths = ["{tmp_path}/none.log"]\n')
    done = run("tail", "-c", str(path), "--no-follow", *flags)
    assert done.stderr.decode() == f"logmon: nothing at {tmp_path}/none.log\n"
    assert done.stdout == b""


def test_a_replay_prints_what_sentinel_made_of_it_where_that_is_asked_for(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"source":"app","level":"error","message":"m","id":"b"}\n')
    done = run("replay", str(path), "-o", "json", "--level", "warn", "--source", "sentinel")
    (row,) = map(json.loads, done.stdout.splitlines())
    assert (row["source"], row["level"], row["work_item"]) == ("sentinel", "error", "WI-1")
    done = run("replay", str(path), "-o", "json")
    assert [json.loads(line)["source"] for line in done.stdout.splitlines()] == ["app"]


@pytest.mark.parametrize("name", ["Apache", "BGL", "Spark"])
def test_a_real_log_comes_back_line_for_line(foreign_data, name):
    path = foreign_data / "loghub" / f"{name}_2k.log"
    done = run("replay", str(path), "-o", "raw")
    assert done.stdout.removesuffix(b"\n") == path.read_bytes().removesuffix(b"\n")
    assert len(run("replay", str(path), "-o", "json").stdout.splitlines()) == 2_000


@pytest.mark.parametrize(
    "name", ["Android", "Apache", "BGL", "HDFS", "Linux", "OpenSSH", "Proxifier", "Spark"]
)
def test_a_real_log_is_shown_row_for_row(foreign_data, name):
    path = foreign_data / "loghub" / f"{name}_2k.log"
    terminal = Terminal("replay", str(path), "--tui", env={"LOGMON_SENTINEL__ENABLED": "false"})
    shown = terminal.see("2,000 of 2,000 shown")
    display = "\n".join(terminal.screen.display)
    terminal.press("q")
    assert terminal.end() == 0
    assert shown, display


LOG = b"""2026-11-23T12:00:00Z INFO api: GET /a
2026-11-23T12:00:01Z ERROR payments: Card declined
2026-11-23T12:00:02Z DEBUG api: cache
2026-11-23T12:00:03Z WARN api-2: slow
"""


@pytest.mark.parametrize(
    ("flags", "messages"),
    [
        (["-l", "warn"], ["Card declined", "slow"]),
        (["-l", "info,debug"], ["GET /a", "cache"]),
        (["-l", "!debug"], ["GET /a", "Card declined", "slow"]),
        (["-s", "api*"], ["GET /a", "cache", "slow"]),
        (["-s", "api*", "-s", "!api-2"], ["GET /a", "cache"]),
        (["-g", "card|slow"], ["Card declined", "slow"]),
        (["-g", "a", "-e", "^Card"], ["GET /a", "cache"]),
        (["-n", "2"], ["cache", "slow"]),
        (["-n", "1", "-l", "error"], ["Card declined"]),
        (["-n", "0"], []),
        (["-n", "all"], ["GET /a", "Card declined", "cache", "slow"]),
        (["-S", "2026-11-23T12:00:01Z", "-U", "2026-11-23T12:00:03Z"], ["Card declined", "cache"]),
    ],
)  # fmt: skip
def test_flags_choose_the_rows(flags, messages):
    done = run("replay", "-", "-o", "json", *flags, stdin=LOG)
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == messages
    assert done.returncode == 0
    assert done.stderr == b""


def test_a_zone_is_for_showing_only():
    text = run("replay", "-", "-n", "1", "-z", "Asia/Tokyo", stdin=LOG).stdout.decode()
    assert text.startswith("2026-11-23 21:00:03.000+09:00 WRN api-2")
    assert (
        b"12:00:03.000000Z"
        in run("replay", "-", "-n", "1", "-z", "Asia/Tokyo", "-o", "json", stdin=LOG).stdout
    )


def test_colour_is_for_terminals_or_on_demand():
    assert b"\x1b[" not in run("replay", "-", stdin=LOG).stdout
    assert b"\x1b[31mERR" in run("replay", "-", "--color", "always", stdin=LOG).stdout


def test_tail_follows_a_file_from_its_last_lines(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("".join(f"m{n}\n" for n in range(50)))
    process = subprocess.Popen(
        [*LOGMON, "tail", str(path), "-n", "2", "-o", "json"], stdout=subprocess.PIPE, env=ENV
    )
    with path.open("a") as file:
        seen = [json.loads(process.stdout.readline())["message"] for _ in range(2)]
        file.write("new\n")
        file.flush()
        seen.append(json.loads(process.stdout.readline())["message"])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert seen == ["m48", "m49", "new"]
    assert process.returncode == 130


def first_shown(*arguments: str, rows: int) -> list[dict]:
    """Return the first rows that a tail prints as JSON, which is then stopped."""
    command = [*LOGMON, "tail", "-o", "json", *arguments]
    with started(command, stdout=subprocess.PIPE, env=ENV) as process:
        seen = [json.loads(process.stdout.readline()) for _ in range(rows)]
        process.send_signal(signal.SIGINT)
    return seen


def test_since_shows_all_the_history_it_lets_through_unless_a_number_is_asked(tmp_path):
    """As `journalctl -f --since`: the ten lines of a bare tail are no bound then."""
    path = tmp_path / "x.log"
    path.write_text("".join(f"m{n}\n" for n in range(50)))
    flags = (((), "m40"), (("-S", "1h"), "m0"), (("-S", "1h", "-n", "7"), "m43"))
    for arguments, oldest in flags:
        (row,) = first_shown(str(path), *arguments, rows=1)
        assert row["message"] == oldest


def test_a_followed_line_without_a_time_has_the_one_of_its_file(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("no time\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    (row,) = first_shown(str(path), rows=1)
    assert row["timestamp"] == "2023-11-14T22:13:20.000000Z"


def test_a_source_that_fails_for_good_gives_exit_code_3(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(b"no archive")
    done = run("replay", str(path))
    assert done.returncode == 3
    assert b"x.gz" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_query_filters_lines(tmp_path):
    log = tmp_path / "app.jsonl"
    log.write_bytes(
        b"".join(
            encode(make_event(f"order {n}", level=Level.ERROR, attributes={"n": n})) + b"\n"
            for n in range(20)
        )
    )
    done = run("replay", str(log), "-q", "status:error order @n:[5 TO 7}", "-o", "json")
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == [
        "order 5", "order 6",
    ]  # fmt: skip


def test_a_bad_query_is_refused_with_a_caret(tmp_path):
    done = run("tail", "-q", "status:error AND", "--plain")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "logmon: query: something is missing at the end (column 17)",
        "  status:error AND",
        "                  ^",
    ]


def test_a_pattern_that_takes_too_long_is_refused(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("b" * 200_000 + "\n")
    before_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = run("replay", str(path), "-g", "(b+)+$c", env={"PYTHONPATH": str(hide_re2(tmp_path))})
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before_s < 5
    assert done.returncode == 2
    assert b"regular expression" in done.stderr
    assert b"Traceback" not in done.stderr


def hide_re2(tmp_path):
    (tmp_path / "re2.py").write_text("raise ImportError('hidden for this test')\n")
    return tmp_path


def interrupt(
    number: int, *args: str, after_s: float, on_screen: bool
) -> tuple[int | None, float, bool]:
    """Send a signal at some moment; return the exit code, how long it took, and terminal restored."""
    terminal = Terminal(*args)
    before = terminal.modes()
    terminal.pump(after_s)
    started = time.monotonic()
    os.kill(terminal.pid, number)
    while not terminal._ended() and time.monotonic() - started < 4:
        terminal.pump(0.02, terminal._ended)
    took = time.monotonic() - started
    after = terminal.modes()
    text = bytes(terminal.output)
    restored = after == before and (
        not on_screen or text.count(b"\x1b[?1049h") == text.count(b"\x1b[?1049l")
    )
    return terminal.end(1), took, restored


def rounds(count: int) -> None:
    rng = random.Random(5)
    for n in range(count):
        number = rng.choice([signal.SIGINT, signal.SIGTERM])
        on_screen = n % 2 == 0
        args = ["tail"] if on_screen else ["tail", "--plain"]
        after_s = rng.uniform(0.15, 1.5)
        code, took, restored = interrupt(number, *args, after_s=after_s, on_screen=on_screen)
        expected = {143} if number == signal.SIGTERM else {0, 130} if on_screen else {130}
        where = f"round {n}: {signal.Signals(number).name} after {after_s:.3f} s on {args}"
        assert code in expected, f"{where}: exit code {code}"
        assert took <= 2.0, f"{where}: took {took:.2f} s"
        assert restored, f"{where}: terminal not restored"


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_signal_at_any_moment_ends_quickly_and_leaves_the_terminal_as_it_was():
    rounds(10)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_hundred_signals_at_any_moment():
    rounds(100)


def test_dead_letters_are_counted_on_stderr(tmp_path):
    path = tmp_path / "dead.jsonl"
    path.write_bytes(b'{"a":\n{"message":"ok"}\n[1]\n')
    done = run("replay", str(path))
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b"logmon: 2 malformed records became dead letters\n"


def test_keys_are_a_list_for_programs_too():
    documents = [json.loads(line) for line in run("keys", "-o", "json").stdout.splitlines()]
    follow = next(document for document in documents if document["action"] == "follow")
    assert (follow["keys"], follow["group"]) == (["F"], "Moving")
    names = {document["action"] for document in documents}
    text = run("keys").stdout.decode()
    assert all(name in text for name in names)
    assert run("keys", "-o", "xml").returncode == 2
