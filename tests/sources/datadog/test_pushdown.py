"""What Datadog is asked to leave out is never more than the source's own options leave out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.intake import filter_of
from logmon.level import Level
from logmon.query import parse_query
from logmon.source import LogStreamOptions
from logmon.sources.datadog.pushdown import search_text
from logmon.testing import make_event

NAMES = ["api", "web-store", "api.v2", "a b", "prod", "x(y)", "-odd"]
TAGS = ["env:prod", "lonely", "team:a b", "url:http://x"]


@given(
    st.none() | st.sampled_from(Level),
    st.lists(st.sampled_from([*NAMES, "!api", "a*", "!web*", "?pi", "*"]), max_size=3),
    st.lists(st.sampled_from(TAGS), max_size=2, unique=True),
    st.sampled_from(Level),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(TAGS), max_size=3, unique=True),
)
def test_whatever_the_options_keep_the_search_finds(minimum, globs, tags, level, name, has_tags):
    options = LogStreamOptions(minimum_level=minimum, sources=tuple(globs), tags=tuple(tags))
    event = make_event("paid", level=level, source=name, tags=tuple(has_tags))
    kept = filter_of(options)
    batch = EventBatch([event])
    passes = bool(kept.mask(batch.columns)[0]) and kept.matches_rest(event)
    clause = parse_query(search_text("paid", options, "prod"))
    found = clause is None or clause.matches(event)
    assert found or not passes


@pytest.mark.parametrize(
    ("query", "options", "text"),
    [
        ("*", LogStreamOptions(), "*"),
        ("", LogStreamOptions(), "*"),
        ("a OR b", LogStreamOptions(), "a OR b"),
        ("a OR b", LogStreamOptions(tags=("env:prod",)), "(a OR b) env:prod"),
        ("*", LogStreamOptions(minimum_level=Level.INFO), "-status:(trace OR debug)"),
        ("*", LogStreamOptions(sources=("api", "!web*")), "-service:web* service:(api)"),
        ("*", LogStreamOptions(sources=("prod", "api")), "*"),
        ("*", LogStreamOptions(sources=("[ab]pi",)), "*"),
    ],
)
def test_the_search_that_is_sent(query, options, text):
    assert search_text(query, options, "prod") == text
