"""Hostile text on a real terminal: it is shown, and does nothing."""

import json
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.event import encode
from logmon.testing import make_event
from logmon.visible import clipped, visible
from tests.hostile import ATTACKS
from tests.pty_judge import LOGMON, Terminal, kinds, strays

HARMLESS = dict.fromkeys(ATTACKS, "harmless")


@given(st.text())
def test_whatever_goes_in_one_printable_line_comes_out(text):
    shown = visible(text)
    for char in shown:
        assert char.isprintable(), repr(char)
        assert unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@given(st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_shown_as_it_is(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[31m", "\\x1b[31m"), ("a\tb", "a    b"), ("a\nb", "a⏎b"), ("\u202e", "\\u{202e}"), ("é→漢", "é→漢"),
     ("e\u0301", "e\u0301"), ("⚠\ufe0f", "⚠"), ("a\u200db", "a\\u{200d}b"), ("\x9b", "\\x9b"), ("\\x1b", "\\x1b")],
)  # fmt: skip
def test_what_is_hidden_is_made_visible(text, shown):
    assert visible(text) == shown


def test_zalgo_is_cut_to_a_few_marks():
    assert sum(unicodedata.combining(char) > 0 for char in visible("e" + "\u0301" * 50)) == 4


def test_a_huge_text_is_cut_before_it_is_looked_at():
    assert clipped("\x1b" * 10_000_000, 3) == "\\x1b\\x1b\\x1b…"


def recording(tmp_path, attacks: dict[str, str], *places: str, level: str = "warn"):
    """Write a recording with one attack a row, in these places of the event."""
    path = tmp_path / "x.jsonl"
    with path.open("wb") as file:
        for n, text in enumerate(attacks.values()):
            fields: dict[str, object] = {"id": f"e{n}", "level": level}
            document = json.loads(encode(make_event(f"row {n}")))
            document |= fields
            in_place: dict[str, dict[str, object]] = {
                "message": {"message": text},
                "source": {"source": text},
                "attribute key": {"attributes": {text: 1}},
                "attribute value": {"attributes": {"k": text, "nested": {"k": [text]}}},
                "tag": {"tags": [text]},
                "template": {"message_template": text},
                "trace and host": {"trace_id": text, "host": text, "work_item": text},
            }
            for place in places:
                document |= in_place[place]
            file.write(json.dumps(document).encode() + b"\n")
    return path


def show(path) -> Terminal:
    """Show a recording on the screen and go through it with every pane open."""
    terminal = Terminal("replay", str(path), "--tui", rows=60)
    assert terminal.see("of"), terminal.screen.display
    terminal.pump(0.3)
    terminal.press("k\r")
    for _ in range(len(ATTACKS) - 1):
        terminal.press("k")
        terminal.pump(0.02)
    terminal.press("S")
    terminal.pump(0.3)
    terminal.press("\x1b")
    terminal.pump(0.2)
    return terminal


PLACES = [
    ("message", "tag"),
    ("source", "template"),
    ("attribute key", "trace and host"),
    ("attribute value",),
]
"""Each place of an event that is shown; those that share a run are drawn in lines of their own."""


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """What the screen sends by itself: the same run with harmless text in every place."""
    terminal = show(recording(tmp_path_factory.mktemp("calm"), HARMLESS, "message"))
    terminal.press("qqqqqq")
    assert terminal.end() == 0
    return kinds(bytes(terminal.output))


@pytest.mark.parametrize("places", PLACES, ids=" and ".join)
def test_hostile_text_on_the_screen_does_nothing(tmp_path, calm, places):
    terminal = show(recording(tmp_path, ATTACKS, *places))
    display = "\n".join(terminal.screen.display)
    terminal.press("qqqqqq")  # under load escape and the first q come as one key
    assert terminal.end() == 0, display
    output = bytes(terminal.output)
    assert kinds(output) <= calm
    assert strays(output) == ""
    assert "owned" not in terminal.screen.title
    assert "Traceback" not in display


def test_each_hostile_row_takes_one_row(tmp_path):
    path = recording(tmp_path, ATTACKS, "message", level="info")
    count = len(ATTACKS)
    terminal = Terminal("replay", str(path), "--tui", rows=count + 20)
    assert terminal.see(f"{count} of {count}"), terminal.screen.display

    def rows() -> list[str]:
        return [line for line in terminal.screen.display if " INF " in line]

    terminal.pump(10, lambda: len(rows()) >= count)
    terminal.pump(0.2)
    drawn = rows()
    terminal.press("qqq")
    assert terminal.end() == 0
    assert len(drawn) == count
    times = [line.split(" INF ")[0].strip() for line in drawn]
    assert len({len(time) for time in times}) == 1
    assert drawn[list(ATTACKS).index("newline that fakes a row")].count("ERR payments forged") == 1


@pytest.mark.parametrize("form", ["text", "raw", "json"])
@pytest.mark.parametrize("place", ["message", "source", "attribute value", "tag"])
def test_hostile_text_in_lines_on_a_terminal_does_nothing(tmp_path, form, place):
    attacks = {name: text for name, text in ATTACKS.items() if name != "long"}
    path = recording(tmp_path, attacks, place)
    terminal = Terminal("replay", str(path), "--plain", "-o", form, "--color", "never", cols=1_000)
    assert terminal.end(10) == 0
    output = bytes(terminal.output)
    assert kinds(output) == set()
    assert strays(output) == ""
    assert output.count(b"\r\n") == len(attacks)


def test_raw_into_a_pipe_keeps_every_byte(tmp_path):
    path = tmp_path / "x.log"
    data = b"\x1b]0;x\x07\xff\x00 plain\r\n\x9b2J\n" + "\u202e\n".encode()
    path.write_bytes(data)
    done = subprocess.run(
        [*LOGMON, "replay", str(path), "-o", "raw"], capture_output=True, check=True
    )
    assert done.stdout == data
    assert done.stderr == b""


def test_keys_typed_ahead_of_the_screen_reach_what_they_were_meant_for(tmp_path):
    path = tmp_path / "x.log"
    path.write_text("".join(f"row {n}\n" for n in range(50)) + "a meager awful eel\n")
    terminal = Terminal("replay", str(path), "--tui")
    assert terminal.see("51 of 51")
    terminal.press("&meager awful\r")  # each letter is a key of the tail too
    assert terminal.see(" 1 of 51"), terminal.screen.display
    terminal.pump(0.2)
    assert "filter meager awful" in terminal.screen.display[1]
    terminal.press("q")
    assert terminal.end() == 0
