"""What bytes are searched for first: never more than a match needs."""

import asyncio
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.filter import EVERYTHING, GrepClause, LogFilter
from logmon.hub import LogEventHub
from logmon.literals import FOLDING, literal_of, literal_of_pattern
from logmon.patterns import Pattern
from logmon.query import parse_query
from logmon.sources.replay import ReplayOptions, ReplaySource


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("needle-7f3a", "needle-7f3a"), (r"needle\-7f3a", "needle-7f3a"), ("time ?out", "time"), ("colou?r", "colo"),
        (r"\d+abc", "abc"), ("a{2}", ""), ("(x|y)foo", ""), ("(?i)Foo", ""), ("[ab]cd", ""), ("a", ""), ("", ""),
        ("fo+bar", "bar"), ("ab*cd.ef", "cd"), ("für Käufer", "ufer"), (r"a\nbcd", "bcd"), ('say "hello"', "hello"),
    ],
)  # fmt: skip
def test_a_pattern_gives_text_that_each_match_holds(pattern, literal):
    assert literal_of_pattern(pattern) == literal


def test_the_first_bytes_of_what_matches_ascii_in_another_case_are_all_there():
    codes = [*range(0x80, 0xD800), *range(0xE000, 0x110000)]
    folding = {
        code
        for code in codes
        if any(c.isascii() and c.isalnum() for c in chr(code).casefold() + chr(code).lower())
    }
    folding |= {code for code in codes if re.search("[0-9a-z]", chr(code), re.IGNORECASE)}
    assert {chr(code).encode()[:2] for code in folding} == set(FOLDING)


TEXTS = [
    "needle-7f3a",
    "NEEDLE-7F3A",
    "needle 7f3a",
    "straße",
    "STRASSE",
    "K elvin",
    "\u212aelvin",
    "käufer",
    "tab\there",
    'say "hello"',
    "plain",
    "ſet",
    "back\\slash",
    "日本 timeout",
]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=40),
    st.sampled_from(
        [
            "needle-7f3a",
            "strasse",
            "kelvin",
            "hello",
            "timeout",
            "set",
            "slash",
            "Plain",
            "tab.here",
            "ufer",
            "/",
        ]
    ),
    st.booleans(),
)
def test_a_look_at_bytes_first_finds_what_decoding_every_row_finds(
    tmp_path_factory, texts, wanted, as_query
):
    rows = [
        json.dumps(
            {"timestamp": "2026-11-23T14:02:30Z", "level": "info", "source": "s", "message": text},
            ensure_ascii=len(text) % 2 == 0,
        )
        for text in texts
    ]
    rows[1:1] = ["plain text line with a needle-7f3a, hello"]
    filler = [
        '{"timestamp":"2026-11-23T14:02:30Z","level":"info","source":"s","message":"'
        + "x" * 9_000
        + '"}'
    ] * 130
    path = tmp_path_factory.mktemp("literal") / "app.log"
    path.write_text("\n".join([*rows, *filler]))
    log = asyncio.run(opened(path)).log
    clause = parse_query(f'"{wanted}"') if as_query else GrepClause(Pattern(wanted))
    found = {d.event.message for d in log.recent(9_999, LogFilter((clause,)))}
    assert found == {
        d.event.message for d in log.recent(9_999, EVERYTHING) if clause.matches(d.event)
    }
    if not as_query:
        held = [
            s.holding(clause.pattern, s.rows(EVERYTHING, 0, s.count)) for s in log.snapshot.segments
        ]
        assert sum(map(len, held)) == sum(
            clause.matches(d.event) for d in log.recent(9_999, EVERYTHING)
        )


async def opened(path) -> LogEventHub:
    drawn = asyncio.Event()
    drawn.set()
    hub = LogEventHub(max_rows=10_000)
    hub.log.begin_at(10_000)
    await hub.drain(
        ReplaySource([str(path)], reading=ReplayOptions(newest_first=drawn)), hub.intake("replay")
    )
    return hub


def test_a_query_needs_the_longest_word_of_all_its_parts():
    assert literal_of("für Käufer") == "ufer"
    assert parse_query("needle-7f3a status:error").literal == "needle"
    assert parse_query("one OR two").literal == ""
    assert parse_query("-needle").literal == ""
    assert parse_query("nee*dle").literal == "nee"
