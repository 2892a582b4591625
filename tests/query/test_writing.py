"""Conditions that logmon writes itself mean exactly their value; the page's examples are queries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from logmon.query import parse_query
from logmon.query.writing import narrowed, written
from logmon.testing import make_event
from tests.docs_commands import blocks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "query.md"
NOT_TEXT = "\ufdd0\ufdd1"
TEXT = st.text(min_size=1, max_size=12).filter(lambda text: not set(text) & set(NOT_TEXT))
VALUES = st.one_of(
    TEXT, st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)


@given(TEXT, VALUES, VALUES)
def test_a_written_condition_holds_for_its_value_and_for_no_other(name, value, other):
    query = parse_query(written(f"@{name}", value))
    assert query.matches(make_event(attributes={name: value}))
    different = str(value).casefold() != str(other).casefold()
    assume(different and not _equal_numbers(value, other))
    assert not query.matches(make_event(attributes={name: other}))


def _equal_numbers(one, other) -> bool:
    try:
        return float(one) == float(other)
    except (ValueError, OverflowError):
        return False


@given(TEXT)
def test_a_source_can_be_asked_for_whatever_its_name_is(name):
    assert parse_query(written("service", name)).matches(make_event(source=name))


def test_narrowing_adds_a_condition_once_and_its_opposite_takes_it_off():
    assert narrowed("", "env:prod") == "env:prod"
    assert narrowed("card", "env:prod") == "card env:prod"
    assert narrowed("card env:prod", "env:prod") == "card env:prod"
    assert narrowed("card env:prod", "env:prod", exclude=True) == "card -env:prod"
    assert narrowed("card -env:prod", "env:prod") == "card env:prod"
    assert narrowed("a OR b", "env:prod") == "(a OR b) env:prod"


def examples() -> list[str]:
    """Return every query that the page shows."""
    found = []
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| `"):
            found += re.findall(r"`([^`]+)`", line.split("|")[1])
    for block in blocks(PAGE):
        found += [re.split(r"\s{2,}", line)[0] for line in block.body.splitlines()]
    return found


@pytest.mark.parametrize("text", examples())
def test_every_example_on_the_page_is_a_query(text):
    assert parse_query(text) is not None
