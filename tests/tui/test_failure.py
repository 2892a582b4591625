"""A defect inside the screen ends it with one line, exit code 1 and the terminal as it was."""

import os
import sys
import termios

import pytest

from logmon.tui.app import LogmonApp
from logmon.tui.tail_view import TailView
from tests.pty_judge import Terminal

BROKEN = {
    "in a handler": "panels.Panels.help = fail",
    "in a frame": "drawing.Drawing._empty_text = fail",
    "in a drawing": "header.FilterLine.line = fail",
    "at the start": "app.LogmonApp.on_mount = fail",
    "in the service": "runtime.LogMonitorService._start_sentinel = fail",
}


@pytest.mark.parametrize("where", BROKEN)
def test_a_defect_is_named_in_one_line_and_leaves_the_terminal_as_it_was(where):
    code = (
        "import sys\n"
        "from logmon.tui import app, drawing, header, panels\n"
        "from logmon import runtime\n"
        "def fail(*a, **k): raise ZeroDivisionError('made \\x1b[31m up')\n"
        f"{BROKEN[where]}\n"
        "sys.argv = ['logmon', 'tail', '--tui']\n"
        "from logmon.cli import main\n"
        "main()\n"
    )
    terminal = Terminal(program=(sys.executable, "-c", code))
    kept = os.dup(terminal.fd)
    before = termios.tcgetattr(kept)
    terminal.pump(1.5)
    if where in ("in a handler", "in the service"):
        terminal.press("?" if where == "in a handler" else "q")
    status = terminal.end(10)
    text = terminal.output.decode(errors="replace")
    assert status == 1
    assert "Traceback" not in text
    assert "\x1b[31m up" not in text
    last = text.rpartition("\x1b[?1049l")[2]
    assert last.count("logmon: ZeroDivisionError: made \\x1b[31m up") == 1
    assert termios.tcgetattr(kept)[3] == before[3]
    os.close(kept)


def test_no_key_of_the_tail_hides_a_key_of_the_app():
    own = [key for binding in TailView.BINDINGS for key in binding.key.split(",")]
    app = [key for binding in LogmonApp.BINDINGS for key in binding.key.split(",")]
    assert not set(own) & (set(app) - {"escape"})
