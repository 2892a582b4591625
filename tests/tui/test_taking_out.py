"""What is taken out of the screen: copies that a shell may be given, and files of one's own."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from datetime import UTC
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.event_log import EventLog
from logmon.filter import build_filter
from logmon.level import ALL_LEVELS, Level, at_least
from logmon.query import parse_query
from logmon.testing import make_event
from logmon.tui.copy_forms import (
    Narrowing,
    Started,
    as_command,
    as_curl,
    as_query,
    level_words,
    row_line,
    rows_text,
    shell_word,
)
from logmon.visible import visible
from tests.hostile import ATTACKS
from tests.pty_judge import Terminal
from tests.tui.stage import log_of, stage


@pytest.mark.parametrize("form", ["text", "raw", "json"])
@pytest.mark.parametrize("name", ATTACKS)
def test_a_copied_row_is_one_printable_line(form, name):
    text = ATTACKS[name]
    log = log_of(make_event(text, source=text[:50], attributes={text[:50]: text}, tags=(text,)))
    copied, rows = rows_text([log.snapshot.delivery(0)], log.snapshot, form, UTC)
    assert rows == 1
    assert visible(copied) == copied
    assert "\n" not in copied


def test_rows_are_copied_in_three_forms_also_when_the_log_holds_them_no_more():
    log = log_of(make_event("one", level=Level.WARN), make_event("two"))
    log.link({0: "WI-7"})
    marked = [log.snapshot.delivery(0), log.snapshot.delivery(1)]
    text, rows = rows_text(marked, log.snapshot, "text", UTC)
    assert rows == 2
    assert text.splitlines()[0] == "2026-11-23 12:00:00.000+00:00 WRN tests        one  ◆ WI-7"
    parsed = [
        json.loads(line) for line in rows_text(marked, log.snapshot, "json", UTC)[0].splitlines()
    ]
    assert [(event["message"], event.get("work_item")) for event in parsed] == [
        ("one", "WI-7"),
        ("two", None),
    ]
    gone, rows = rows_text(marked, EventLog().snapshot, "raw", UTC)
    assert rows == 2
    assert json.loads(gone.splitlines()[1])["message"] == "two"
    assert row_line(marked[0], b"as \xff came", "raw", UTC) == "as \\xff came"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30))
def test_a_shell_reads_a_quoted_word_back_as_it_was(text):
    """bash gives the program what the word stands for, byte for byte."""
    word = shell_word(text)
    assert visible(word) == word
    said = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert said.stdout == text.encode()


def test_a_file_name_that_is_no_utf8_survives_quoting():
    name = os.fsdecode(b"caf\xe9 \x1b]0;x\x07.log")
    said = subprocess.run(
        ["bash", "-c", f"printf %s {shell_word(name)}"], capture_output=True, check=True
    )
    assert said.stdout == os.fsencode(name)


VIEW = Narrowing(
    levels=at_least(Level.WARN), sources=("pay*", "!test"), query="card -@http.status:2*"
)


def test_the_command_opens_the_same_view():
    started = Started(command="replay", files=("a b.log", "-x.log"), flags=("-z", "Europe/Berlin"))
    assert as_command(started, VIEW) == (
        "logmon replay -z Europe/Berlin -l warn -s 'pay*' -s '!test' -q 'card -@http.status:2*'"
        " -- 'a b.log' -x.log"
    )
    assert as_command(Started(), Narrowing()) == "logmon tail"


@pytest.mark.parametrize("name", ATTACKS)
def test_no_copied_command_holds_a_control_character(name):
    text = ATTACKS[name][:200]
    view = Narrowing(levels=frozenset({Level.ERROR}), sources=(text, f"!{text}"), query=text)
    started = Started(files=(text,), flags=("-g", text))
    for line in (as_command(started, view), as_curl(started, view), as_query(view)):
        assert visible(line) == line


def test_curl_names_the_variable_and_asks_for_the_same_rows():
    line = as_curl(Started(api="http://127.0.0.1:9999"), VIEW)
    head, url = line.rsplit(" ", 1)
    assert head == 'curl -sS -H "Authorization: Bearer $LOGMON_API_TOKEN"'
    parts = urlsplit(url.strip("'"))
    assert (parts.netloc, parts.path) == ("127.0.0.1:9999", "/api/log-monitor/events/recent")
    assert parse_qs(parts.query) == {
        "limit": ["1000"], "level": ["warn"], "source": ["pay*", "!test"], "q": [VIEW.query],
    }  # fmt: skip


def test_no_form_holds_the_token(monkeypatch):
    monkeypatch.setenv("LOGMON_API_TOKEN", "s3cret-token")
    assert "s3cret" not in as_curl(Started(), VIEW) + as_command(Started(), VIEW) + as_query(VIEW)


def test_the_view_as_one_datadog_query():
    assert as_query(VIEW) == (
        "card -@http.status:2* status:(warn OR error OR critical OR alert OR emergency)"
        " service:pay* -service:test"
    )
    assert as_query(Narrowing()) == "*"
    assert as_query(Narrowing(query="a OR b", sources=("x",))) == "(a OR b) service:x"


LEVELS = st.frozensets(st.sampled_from(list(Level)), min_size=1)
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=8)


@given(LEVELS, st.lists(NAMES, max_size=2), st.sampled_from(["", "card", "card OR fee"]))
def test_the_query_lets_through_what_levels_and_sources_do(levels, names, text):
    """Tried on rows of each level and of each of these names, taken literally."""
    from logmon.tui.filters import glob_escape

    sources = tuple(glob_escape(name) for name in names)
    view = Narrowing(levels=levels, sources=sources, query=text)
    clause = parse_query(as_query(view))
    clauses = [] if not text else [parse_query(text)]
    plain = build_filter(levels=levels, sources=sources, clauses=clauses)
    for level in Level:
        for name in [*names, "other"]:
            for message in ("card fee", "neither"):
                event = make_event(message, level=level, source=name)
                wanted = plain.matches(event)
                assert (clause is None or clause.matches(event)) == wanted, (as_query(view), event)


def test_levels_are_written_as_the_flag_takes_them():
    assert level_words(ALL_LEVELS) == ""
    assert level_words(at_least(Level.ERROR)) == "error"
    assert level_words(frozenset({Level.WARN, Level.CRITICAL})) == "warn,critical"


def said(s) -> list[str]:
    return [notice.message for notice in s.app._notifications]


async def test_c_copies_the_selected_row_and_says_so():
    async with stage() as (s, pilot):
        await s.give(make_event("one"), make_event("two"))
        await s.drawn(pilot)
        await pilot.press("c")
        assert said(s) == ["no row is selected or marked"]
        await pilot.press("k", "c")
        assert s.app.clipboard.endswith("INF tests        one")
        assert said(s)[-1] == "copied 1 row as text, 50 bytes"


async def test_y_copies_the_marked_rows():
    async with stage() as (s, pilot):
        await s.give(make_event("one"), make_event("two"), make_event("three"))
        await s.drawn(pilot)
        await pilot.press("k", "m", "k", "m", "y")
        assert [line.split()[-1] for line in s.app.clipboard.splitlines()] == ["one", "two"]
        assert said(s)[-1].startswith("copied 2 rows as text")


@pytest.mark.parametrize(
    ("downs", "begins"),
    [
        (0, "2026-11-23 12:00:00"), (1, '{"timestamp"'), (2, '{"timestamp"'),
        (3, "logmon replay -z UTC -l warn -q 'status:warn' -- -x.log"[:20]),
        (4, "curl -sS -H"), (5, "status:warn status:(warn"),
    ],
)  # fmt: skip
async def test_capital_y_offers_six_forms(downs, begins):
    started = Started(command="replay", files=("-x.log",), flags=("-z", "UTC"))
    async with stage(started=started) as (s, pilot):
        await s.give(make_event("careful", level=Level.WARN))
        s.app.filters.take("status:warn")
        s.app.filters.level(4)
        await pilot.press("k", "Y")
        await pilot.pause(0.1)
        await pilot.press(*["down"] * downs, "enter")
        await s.drawn(pilot)
        assert s.app.clipboard.startswith(begins)
        assert said(s)[-1].startswith("copied ")


async def test_too_much_for_a_clipboard_is_refused():
    async with stage() as (s, pilot):
        await s.give(make_event("x" * 1_100_000))
        await s.drawn(pilot)
        await pilot.press("k", "c")
        assert s.app.clipboard == ""
        assert "too much for a clipboard" in said(s)[-1]


async def command(s, pilot, text: str) -> None:
    s.app.controls.owner("commands").open(text)
    await pilot.pause()
    await pilot.press("enter")
    await pilot.pause()
    await s.app.workers.wait_for_complete()
    await s.drawn(pilot)


async def test_export_writes_the_filtered_set_and_says_what_it_did(tmp_path):
    path = tmp_path / "out.json"
    async with stage() as (s, pilot):
        await s.give(*[make_event(f"row {n}", source="ab"[n % 2]) for n in range(500)])
        s.app.filters.take("service:a")
        await s.drawn(pilot)
        await command(s, pilot, f"export {path}")
        assert len(path.read_bytes().splitlines()) == 250
        assert f"{path}: 250 rows as JSON lines, " in said(s)[-1]


async def test_copy_is_a_command_too():
    async with stage() as (s, pilot):
        await s.give(make_event("one"))
        await s.drawn(pilot)
        await pilot.press("k")
        await command(s, pilot, "copy json")
        assert json.loads(s.app.clipboard)["message"] == "one"
        await command(s, pilot, "copy nonsense")
        assert s.app.prompt_purpose is not None


async def test_an_export_can_be_called_off(tmp_path):
    path = tmp_path / "out.json"
    async with stage() as (s, pilot):
        for first in range(0, 20_000, 1_000):
            await s.give(*[make_event(f"row {n}") for n in range(first, first + 1_000)])
        s.app.taking_out.export(str(path), overwrite=False)
        assert "exporting" in s.app.taking_out.describe()
        s.app.taking_out.stop()
        await pilot.pause()
        await s.app.workers.wait_for_complete()
        assert not path.exists()
        assert "called off" in said(s)[-1]
        assert s.app.taking_out.describe() == ""


async def test_export_refuses_to_write_over_a_file_and_asks_when_told(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("precious")
    async with stage() as (s, pilot):
        await s.give(make_event("one"))
        await s.drawn(pilot)
        await command(s, pilot, f"export {path}")
        assert path.read_text() == "precious"
        await pilot.press("escape")
        await command(s, pilot, f"export! {path}")
        assert path.read_text() == "precious"
        await pilot.press("n")
        await s.app.workers.wait_for_complete()
        assert path.read_text() == "precious"
        await command(s, pilot, f"export! {path}")
        await pilot.press("y")
        await pilot.pause()
        await s.app.workers.wait_for_complete()
        assert "one" in path.read_text()


def test_how_the_screen_was_started_is_told_from_its_flags():
    from logmon.config import Config
    from logmon.started import started_as

    given = {
        "files": ("a.log",), "since": "15m", "grep": ["x", "y"], "speed": "max", "timezone": None,
        "config": Path("c.toml"), "follow": True, "level": "warn", "query": "q",
    }  # fmt: skip
    started = started_as("replay", given, Config())
    assert started.flags == ("-c", "c.toml", "-S", "15m", "-g", "x", "-g", "y", "-f")
    assert started.files == ("a.log",)
    assert started.api == "http://127.0.0.1:8787"


def test_the_clipboard_write_reaches_the_terminal_as_base64_alone(tmp_path):
    """Over a real pseudo-terminal: one OSC 52, whose text is the hostile row made visible."""
    attack = "\x1b]0;owned\x07 \x1b[2J $(id) \u202e"
    path = tmp_path / "x.jsonl"
    path.write_text(
        json.dumps({"timestamp": "2026-11-23T12:00:00Z", "level": "warn", "message": attack}) + "\n"
    )
    terminal = Terminal("replay", str(path), "--tui")
    assert terminal.see("of 2 shown") or terminal.see("shown"), terminal.screen.display
    terminal.press("A")
    terminal.pump(0.3)
    terminal.press("A")
    terminal.pump(0.3)
    terminal.press("c")
    found = lambda: re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", bytes(terminal.output))  # noqa: E731
    assert terminal.pump(5, lambda: bool(found())), terminal.screen.display
    terminal.press("qqq")
    assert terminal.end() == 0
    (payload,) = found()
    text = base64.b64decode(payload).decode()
    assert "\\x1b]0;owned\\x07 \\x1b[2J $(id) \\u{202e}" in text
    assert visible(text) == text
