"""Levels, events and their canonical form."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.errors import ConfigError
from logmon.event import encode, encode_ascii, from_ns, to_ns
from logmon.formats import LineDecoder
from logmon.level import ALL_LEVELS, Level, at_least, parse_level, parse_level_choice
from logmon.testing import NOON, make_event

UTF8 = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | UTF8
ATTRIBUTES = st.dictionaries(
    UTF8,
    SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(UTF8, SCALARS, max_size=2),
    max_size=3,
)


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("warn", Level.WARN), ("WARNING", Level.WARN), ("ok", Level.INFO), ("fatal", Level.EMERGENCY),
        ("Err", Level.ERROR), ("emerg", Level.EMERGENCY), (" crit ", Level.CRITICAL), ("banana", None),
    ],
)  # fmt: skip
def test_a_level_is_known_by_every_spelling(word, level):
    assert parse_level(word) is level


def test_a_level_choice_means_at_least_exactly_or_all_but():
    assert parse_level_choice("warn") == at_least(Level.WARN)
    assert parse_level_choice("error,critical") == {Level.ERROR, Level.CRITICAL}
    assert parse_level_choice("!debug") == ALL_LEVELS - {Level.DEBUG}


def test_an_unknown_level_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'warn'"):
        parse_level_choice("wran")


def test_the_canonical_form_has_the_agreed_keys_in_order_and_leaves_out_what_is_empty():
    event = make_event("hello", id="x", level=Level.ERROR, source="payments")
    assert encode(event) == (
        b'{"timestamp":"2026-11-23T12:00:00.000000Z","level":"error","source":"payments",'
        b'"message":"hello","id":"x"}'
    )


def test_a_link_of_sentinel_is_written_and_what_the_input_claimed_is_kept_as_recorded():
    claimed = make_event(work_item="WI-99")
    assert json.loads(encode(claimed))["work_item"] == "WI-99"
    assert json.loads(encode(claimed, work_item="WI-1"))["work_item"] == "WI-1"


@given(
    message=UTF8,
    attributes=ATTRIBUTES,
    time_ns=st.integers(0, 4_000_000_000).map(lambda s: s * 1_000_000_000 + 123_456_000),
    level=st.sampled_from(Level),
)
def test_an_event_written_and_read_again_is_the_same_event(message, attributes, time_ns, level):
    event = make_event(
        message,
        timestamp=from_ns(time_ns),
        level=level,
        attributes=attributes,
        id="one",
        tags=("a:b",),
    )
    assert LineDecoder("file").decode(encode(event), 0, 0) == event


@given(st.text())
def test_any_text_at_all_is_written_as_valid_json_and_in_ascii_for_a_terminal(text):
    event = make_event(text, attributes={text: text}, source=text)
    json.loads(encode(event))
    on_terminal = encode_ascii(event)
    assert on_terminal.isascii()
    assert on_terminal.isprintable()


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_moment_survives_as_nanoseconds(moment):
    assert from_ns(to_ns(moment)) == moment


def test_nanoseconds_beyond_the_calendar_are_cut_to_it():
    assert from_ns(2**63 * 1_000).year == 9999
    assert make_event().timestamp == NOON
