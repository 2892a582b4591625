"""The query language: what each form matches, what is refused and where."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.event_log import EventLog
from logmon.filter import LogFilter
from logmon.level import Level
from logmon.query import QueryError, parse_query
from logmon.query.compile import DEEPEST, LONGEST_CHARS, MOST_CLAUSES
from logmon.testing import NOON, make_event

A = make_event(
    "GET /api-v1/users failed: Connection refused, hello beautiful World (code=503)",
    level=Level.ERROR,
    source="web-store",
    host="i-0abc",
    tags=("env:prod", "version:beta", "team:payments", "lonely", "source:nginx"),
    trace_id="9f3c",
    attributes={
        "http": {
            "status_code": 503,
            "url": "/api-v1/users",
            "method": "GET",
            "url_details": {"path": "/api/v1/test"},
        },
        "duration": 120.5,
        "my_attribute": "hello:world",
        "sp": "hello world",
        "network": {"client": {"ip": "13.1.2.3"}},
        "users": {"names": ["Peter", "Ana"]},
        "data": [{"Name": "ObjectServer"}, {"Name": "X"}],
        "usr": "Alice",
        "n": "400",
        "neg": -5,
        "flag": True,
        "none": None,
        "dotted.key": "yes",
        "ips": ["10.0.0.1", "2001:db8::7", "no address"],
        "big": 2**60,
        "odd:key": "v",
    },
)
B = make_event(
    "user login ok",
    level=Level.INFO,
    source="api",
    host="h2",
    tags=("env:test", "source:nginx"),
    attributes={
        "http": {"status_code": 200, "method": "POST"},
        "duration": 12,
        "network": {"client": {"ip": "10.0.0.1"}},
    },
)
E = make_event("", level=Level.INFO, has_level=False, source="", tags=())

# query, matches A, matches B, matches E
TABLE = """
|                                              |ynn?yyy
*                                              |yyy
*:*                                            |yyy
hello                                          |ynn
HELLO                                          |ynn
hell                                           |nnn
beautiful hello                                |ynn
"hello world"                                  |nnn
"hello beautiful"                              |ynn
"connection refused hello"                     |ynn
"Hello,Beautiful"                              |ynn
hel*                                           |ynn
h?llo                                          |ynn
h?lo                                           |nnn
*ello                                          |ynn
*elL*                                          |ynn
*utiful\\ wor*                                  |ynn
b*t*l                                          |ynn
"hel*"                                         |nnn
Connection AND refused                         |ynn
Connection && refused                          |ynn
Connection OR login                            |yyn
Connection || login                            |yyn
hello OR a AND nothere                         |ynn
nothere AND a OR hello                         |ynn
(hello OR login) AND user                      |nyn
refused -hello                                 |nnn
refused -nothere                               |ynn
+refused                                       |ynn
NOT hello                                      |nyy
NOT NOT hello                                  |ynn
-(hello OR login)                              |nny
NOT(hello)                                     |nyy
code\\=503                                      |ynn
api-v1                                         |ynn
status:error                                   |ynn
status:ERROR                                   |ynn
status:err                                     |ynn
status:(error OR critical)                     |ynn
status:info                                    |nyn
status:ok                                      |nyn
status:*                                       |yyn
-status:*                                      |nny
status:e*                                      |ynn
status:>=warn                                  |ynn
status:[info TO error}                         |nyn
status:unheard                                 |nnn
-status:info                                   |yny
service:web-store                              |ynn
service:web*                                   |ynn
service:web                                    |nnn
service:(web-store OR api)                     |yyn
service:*                                      |yyn
-service:api                                   |yny
source:nginx                                   |yyn
source:api                                     |nyn
host:i-0abc                                    |ynn
host:i-*                                       |ynn
host:"i-0abc"                                  |ynn
trace_id:9f3c                                  |ynn
env:prod                                       |ynn
env:PROD                                       |ynn
ENV:prod                                       |ynn
env:(prod OR test)                             |yyn
env:(prod -test)                               |ynn
env:p*                                         |ynn
env:*                                          |yyn
-env:*                                         |nny
tags:lonely                                    |ynn
tags:LONELY                                    |ynn
tags:"env:prod"                                |ynn
tags:env\\:*                                    |yyn
lonely                                         |nnn
@http.method:get                               |nnn
@http.method:GET                               |ynn
@http.method:(GET OR POST)                     |yyn
@http.url_details.path:"/api/v1/test"          |ynn
@http.url_details.path:/api/v1/*               |ynn
@http.url:\\/api-v1\\/users                      |ynn
@http.status_code:503                          |ynn
@http.status_code:5*                           |ynn
@http.status_code:[500 TO 599]                 |ynn
@http.status_code:{500 TO 503}                 |nnn
@http.status_code:{500 TO 503]                 |ynn
@http.status_code:[* TO 300]                   |nyn
@http.status_code:[* TO *]                     |yyn
@duration:>100                                 |ynn
@duration:>=12                                 |yyn
@duration:<12                                  |nnn
@duration:<=12.0                               |nyn
@duration:120.5                                |ynn
@duration:12.0                                 |nyn
@n:>399                                        |ynn
@n:400                                         |ynn
@usr:>5                                        |nnn
@neg:<0                                        |ynn
@neg:-5                                        |ynn
@neg:[-10 TO -1]                               |ynn
@neg:>-6                                       |ynn
@big:>1e17                                     |ynn
@flag:true                                     |ynn
@none:*                                        |nnn
@sp:"hello world"                              |ynn
@sp:hello\\ world                               |ynn
@sp:hello?world                                |ynn
@sp:hello                                      |nnn
@sp:hello*                                     |ynn
@my_attribute:hello\\:world                     |ynn
@my_attribute:"hello:world"                    |ynn
@my_attribute:hello:world                      |ynn
@dotted.key:yes                                |ynn
@odd\\:key:v                                    |ynn
@http.status_code:*                            |yyn
-@http.status_code:*                           |nny
@http:*                                        |yyn
@http:GET                                      |nnn
@users.names:Peter                             |ynn
@users.names:(Ana AND Peter)                   |ynn
@users.names:peter                             |nnn
@data.Name:ObjectServer                        |ynn
*:alice                                        |ynn
*:Object*                                      |ynn
*:"hello world"                                |ynn
*:login                                        |nyn
CIDR(@network.client.ip, 13.0.0.0/8, 10.1.0.0/16)|ynn
CIDR(@network.client.ip,10.0.0.0/8)            |nyn
CIDR(@ips, 2001:db8::/32)                      |ynn
-CIDR(@network.client.ip, 13.0.0.0/8)          |nyy
_exists_:@http.url                             |ynn
_missing_:@http.url                            |nyy
_exists_:env                                   |yyn
_missing_:service                              |nny
message:hello                                  |ynn
message:"beautiful world"                      |ynn
timestamp:[2026-11-23T00:00:00Z TO 2026-11-24T00:00:00Z]|yyy
timestamp:<2026-11-23T12:00:00Z                |nnn
timestamp:<=2026-11-23T12:00:00Z               |yyy
timestamp:>=1795435200000                      |yyy
status:error service:web-store @duration:>100 -env:test |ynn
(status:error OR @http.status_code:200) source:nginx    |yyn
“hello”                                        |ynn
or                                             |nnn
"OR"                                           |nnn
"""
CASES = [
    tuple(part.strip() for part in line.rsplit("|", 1)) for line in TABLE.strip().splitlines()[1:]
]


@pytest.mark.parametrize(("query", "expected"), CASES, ids=[query for query, _ in CASES])
def test_a_query_matches_exactly_the_events_it_should(query: str, expected: str):
    clause = parse_query(query.replace("\\\\", "\\"))
    found = "".join("y" if clause is None or clause.matches(e) else "n" for e in (A, B, E))
    assert found == expected
    columns = EventBatch([A, B, E]).columns
    if clause is not None:
        mask = clause.mask(columns)
        assert all(mask[row] for row in range(3) if expected[row] == "y")
        if not clause.needs_rows:
            assert "".join("y" if passed else "n" for passed in mask) == expected


@pytest.mark.parametrize("text", ["", "  ", "\t\n"])
def test_an_empty_query_is_none_and_lets_everything_pass(text: str):
    assert parse_query(text) is None


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("(unclosed", 1), ("@a:[1 TO", 9), ("hello AND", 10), ("-", 1), (":", 1), ("+", 1),
        ("a (b (c)", 3), ('say "never closed', 5), ("hello OR", 9), ("OR hello", 1),
        ("a OR OR b", 6), ("a )", 3), ("@a:", 4), ("env:", 5), ("@a:[1 2]", 7), ("@a:[1 TO 2", 11),
        ("!hello", 1), ("#calc:5", 1), ("a && && b", 6), ("()", 2), ("env:()", 6), ("NOT", 4),
        ("CIDR(@a, nonsense)", 1), ("CIDR(a, 10.0.0.0/8)", 1), ("status:>bad", 9),
        ("timestamp:>never", 12), ("a*b:c", 1), ("hello [1 TO 2]", 7), ("message:>5", 10),
    ],
)  # fmt: skip
def test_a_bad_query_is_refused_with_the_column(query: str, column: int):
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    assert caught.value.column == column
    text, caret = caught.value.caret()
    assert text == query
    assert caret == " " * (column - 1) + "^"


def test_limits_are_refused_and_not_reached_for():
    deep = "(" * DEEPEST + "a" + ")" * DEEPEST
    assert parse_query(deep) is not None
    for text in (f"({deep})", "a" * (LONGEST_CHARS + 1), " OR ".join(["a"] * (MOST_CLAUSES + 1))):
        with pytest.raises(QueryError):
            parse_query(text)
    assert parse_query(" OR ".join(["a"] * MOST_CLAUSES)) is not None
    assert parse_query("NOT " * DEEPEST + "a") is not None
    for sign in ("NOT ", "-", "+"):
        with pytest.raises(QueryError, match="signs"):
            parse_query(sign * 1_000 + "a")


def test_equal_texts_are_equal_clauses_and_relative_times_are_not():
    assert parse_query("status:error a") == parse_query(" status:error a ")
    early, late = parse_query("timestamp:>now-5m", now=NOON), parse_query("timestamp:>now-5m")
    assert early != late
    assert early is not None
    assert early.matches(A)


def test_what_level_source_and_time_decide_needs_no_decoded_row():
    for text in ("status:error", "service:web*", "-status:(warn OR error)", "timestamp:>now-1h"):
        clause = parse_query(text)
        assert clause is not None
        assert not clause.needs_rows
    narrowed = parse_query("status:error refused")
    assert narrowed is not None
    assert narrowed.needs_rows
    assert narrowed.mask(EventBatch([A, B, E]).columns).tolist() == [True, False, False]


def test_words_with_wildcards_cost_what_the_text_is_long():
    """Not its square: 200,000 words took 37 s so, and take 0.2."""
    from logmon.query.text import unescape, words

    test = words(unescape("inf*/zz*"))
    began = time.process_time()
    assert not test("info about " * 100_000)
    assert time.process_time() - began < 5


def test_wildcards_look_at_each_character_a_few_times_however_many_there_are():
    class Counted(str):
        looks = 0

        def find(self, *args: object) -> int:
            Counted.looks += 1
            return super().find(*args)  # type: ignore[arg-type]

    from logmon.query.text import unescape, whole

    test = whole(unescape("*a*a*a*a*a*b"))
    assert not test(Counted("a" * 1_000_000))
    assert Counted.looks <= 10


words = st.sampled_from(
    ["hello", "(", ")", "OR", "AND", "NOT", "-", "+", "@a:", "env:", "status:", "[1 TO 2]", '"', ":",
     "*", "?", "\\", ">", "<=5", "@a.b:>3", "CIDR(@a, 10.0.0.0/8)", "_exists_:", "timestamp:", "x*y",
     "service:api", "status:error", "||", "&&", "!", "#", "{", "}", "TO", " "]
)  # fmt: skip


@given(
    st.lists(words, max_size=12).map(" ".join)
    | st.lists(words, max_size=8).map("".join)
    | st.text()
)
@settings(max_examples=400, deadline=None)
def test_any_text_is_either_a_query_or_refused_with_a_column(text: str):
    clause, column = None, 1
    try:
        clause = parse_query(text)
    except QueryError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1
    if clause is not None:
        for event in (A, B, E):
            clause.matches(event)


leaves = st.sampled_from(
    ["hello", "status:error", "status:info", "service:api", "@duration:>50", "env:prod", "source:api",
     "timestamp:>=2026-11-23T12:00:00Z", "NOT hello", "-status:error", "*:alice", "user"]
)  # fmt: skip
queries = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(inner, st.sampled_from([" ", " OR ", " AND "]), inner).map(
            lambda parts: f"({''.join(parts)})"
        )
        | inner.map(lambda text: f"-({text})")
    ),
    max_leaves=8,
)


@given(queries)
@settings(max_examples=200, deadline=None)
def test_columns_never_rule_out_a_row_that_matches_and_alone_decide_where_they_say_so(text: str):
    clause = parse_query(text)
    assert clause is not None
    mask = clause.mask(EventBatch([A, B, E]).columns)
    matched = np.array([clause.matches(event) for event in (A, B, E)])
    assert not (matched & ~mask).any()
    if not clause.needs_rows:
        assert (matched == mask).all()


@given(queries, queries)
@settings(max_examples=100, deadline=None)
def test_negation_turns_and_into_or(one: str, other: str):
    left, right = parse_query(f"-({one} {other})"), parse_query(f"(-({one})) OR (-({other}))")
    assert left is not None
    assert right is not None
    assert [left.matches(e) for e in (A, B, E)] == [right.matches(e) for e in (A, B, E)]


def test_a_log_filters_by_a_query():
    log = EventLog()
    log.append(EventBatch([A, B, E] * 50), origin="app")
    clause = parse_query("status:error refused OR service:api")
    assert clause is not None
    assert len(log.recent(1_000, LogFilter((clause,)))) == 100
