"""Hostile text in every view, on a real terminal: it is shown, and does nothing."""

from __future__ import annotations

import json

import pytest

from logmon.event import encode
from logmon.level import Level
from logmon.testing import make_event
from tests.hostile import ATTACKS
from tests.pty_judge import Terminal, kinds, strays

F_KEYS = {
    "items": "\x1bOS",
    "dead": "\x1b[15~",
    "patterns": "\x1b[17~",
    "sources": "\x1b[18~",
    "stats": "\x1b[19~",
}
DOWNS = 45


def recording(path, texts):
    """Write one attack a row in each place that a view shows, and one dead letter for each."""
    with path.open("wb") as file:
        for n, text in enumerate(texts):
            cut = text[:2_000]
            event = make_event(
                cut or "x", level=Level.ERROR, source=cut[:200], message_template=cut or None,
                attributes={cut[:100]: cut[:100]}, tags=(cut[:100],), id=f"e{n}",
            )  # fmt: skip
            file.write(encode(event) + b"\n")
            document = json.loads(encode(event)) | {"level": cut or "x"}
            file.write(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    return path


def walk(path) -> Terminal:
    """Go through every view, down every list, with the histogram and the question open once."""
    terminal = Terminal("replay", str(path), "--tui", rows=50)
    assert terminal.see("of"), terminal.screen.display
    terminal.pump(0.5)
    for name, key in F_KEYS.items():
        terminal.press(key)
        terminal.pump(0.4)
        for _ in range(DOWNS if name in ("items", "dead") else 5):
            terminal.press("X" if name == "dead" else "j")
            terminal.press("j")
            terminal.pump(0.01)
    terminal.press(F_KEYS["items"])
    terminal.pump(0.3)
    terminal.press("d")
    terminal.pump(0.3)
    terminal.press("n")
    terminal.pump(0.2)
    terminal.press("qi")
    terminal.pump(0.4)
    terminal.press(",,Y")
    terminal.pump(0.4)
    return terminal


def ended(terminal: Terminal) -> bytes:
    display = "\n".join(terminal.screen.display)
    assert "Traceback" not in display
    terminal.press("\x1b")
    terminal.pump(0.3)
    terminal.press("qqqqqq")
    assert terminal.end() == 0, display
    return bytes(terminal.output)


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """What the same walk sends with harmless text in every place."""
    path = tmp_path_factory.mktemp("calm") / "x.jsonl"
    return kinds(ended(walk(recording(path, ["harmless"] * len(ATTACKS)))))


def test_hostile_text_in_the_views_does_nothing(tmp_path, calm):
    terminal = walk(recording(tmp_path / "x.jsonl", ATTACKS.values()))
    output = ended(terminal)
    assert kinds(output) <= calm
    assert strays(output) == ""
    assert "owned" not in terminal.screen.title
