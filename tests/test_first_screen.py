"""The first screen: the newest rows before anything heavy is loaded, and nothing left behind."""

import os
import pty
import subprocess
import sys
import time

import pytest

ROW = '{"timestamp":"2026-11-23T14:02:30.240Z","level":"warn","source":"payments","message":"row %d \x1b]0;owned\x07 %s"}\n'


def log(tmp_path, rows: int = 12_000):
    path = tmp_path / "app.log"
    path.write_text(
        "".join(
            (ROW % (n, "x" * 60)).replace("\x1b", "\\u001b").replace("\x07", "\\u0007")
            for n in range(rows)
        )
    )
    return path


def written(code: str, *arguments: str, env: dict[str, str] | None = None) -> bytes:
    """Run Python on a terminal of 80 × 24 and return what it wrote there."""
    master, terminal = pty.openpty()
    os.set_blocking(master, False)
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "XDG_CONFIG_HOME": "/nonexistent",
        **(env or {}),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
    )
    output = b""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            output += os.read(master, 65_536)
        except BlockingIOError:
            if process.poll() is not None:
                break
            time.sleep(0.01)
    os.close(master)
    os.close(terminal)
    return output


SHOW = """
import os, sys
from logmon.first_screen import show
given = dict(files=[sys.argv[1]], speed="max", max_gap="5s", color="auto", input_format="auto", level="trace", follow=False)
given.update(eval(sys.argv[2]))
shown = show("replay", given, os.environ)
assert not {"textual", "pydantic", "starlette", "numpy"} & set(sys.modules), "something heavy was loaded"
print("SHOWN" if shown else "LEFT OUT")
if shown: shown.leave()
"""


def test_the_newest_rows_are_there_before_anything_heavy_is_loaded_and_cannot_act(tmp_path):
    output = written(SHOW, str(log(tmp_path)), "{}")
    assert b"SHOWN" in output
    assert b"row 11999" in output
    assert b"WRN payments" in output
    assert b"\x1b]0;" not in output
    assert output.count(b"row ") == 21
    assert output.endswith(b"\x1b[?1049l")


@pytest.mark.parametrize(
    "given",
    [
        '{"level": "warn"}',
        '{"grep": ["x"]}',
        '{"follow": True}',
        '{"plain": True}',
        '{"speed": "1"}',
        '{"config": "x.toml"}',
        '{"timezone": "Europe/Berlin"}',
    ],
)
def test_what_may_change_the_rows_leaves_them_to_the_screen(tmp_path, given):
    assert b"LEFT OUT" in written(SHOW, str(log(tmp_path)), given)


def test_small_files_and_missing_ones_are_left_to_the_screen(tmp_path):
    assert b"LEFT OUT" in written(SHOW, str(log(tmp_path, 10)), "{}")
    assert b"LEFT OUT" in written(SHOW, str(tmp_path / "missing"), "{}")


def test_a_configuration_that_is_wrong_is_said_on_the_terminal_as_it_was(tmp_path):
    run = "import sys; sys.argv = ['logmon', 'replay', sys.argv[1]]; from logmon.cli import main; main()"
    output = written(run, str(log(tmp_path)), env={"LOGMON_TAIL__HISTORY": "many"})
    entered, left = output.index(b"\x1b[?1049h"), output.index(b"\x1b[?1049l")
    assert entered < left < output.index(b"logmon: ")
    assert b"Traceback" not in output
