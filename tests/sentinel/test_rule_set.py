"""Many rules share their work, and each still matches exactly what it matches alone."""

from hypothesis import given
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.event_log import EventLog
from logmon.level import Level
from logmon.query.guards import NO_GUARD, Guard, guard
from logmon.sentinel.rule import Rule
from logmon.sentinel.rule_set import RuleSet
from logmon.testing import make_event

PARTS = [
    "timeout", '"connection refused"', "time*", "*out", "-refused", "timeout OR refused", "a.b", "5",
    "@ms:>5", "@ms:>=5", "@ms:<5", "@ms:<=5.0", "@ms:[2 TO 7]", "@ms:{2 TO *}", "@ms:5", "@ms:5.0",
    '@ms:"5"', "@ms:>abc", "@ms:five", "@a.b:x", "@a.b:X", "@a.b:x*", "-@a.b:x", "@a.b:true", "@flag:true",
    "@a.b:(x OR y)", "@list:2", "@list:>2", "_exists_:@ms", "service:api", "-service:api", "service:a*",
    "status:warn", "status:>=warn", "status:info", "env:prod", "tags:odd", "host:h1", "is:new",
    "timestamp:>2020-01-01T00:00:00Z", "*:x", "@ms:*", "message:timeout", "@ms:1e1", "CIDR(@ip, 10.0.0.0/8)",
]  # fmt: skip
RULES = st.builds(
    lambda parts, level, sources: Rule(
        name="r", when=" ".join(parts), minimum_level=level, sources=sources
    ),
    st.lists(st.sampled_from(PARTS), max_size=3),
    st.sampled_from([Level.TRACE, Level.INFO, Level.WARN]),
    st.sampled_from([("*",), ("api",), ("!api",), ("a*", "!ab")]),
)
EVENTS = st.builds(
    lambda message, level, source, ms, ab, tags, has_level, host: make_event(
        message,
        level=level if has_level else Level.INFO,  # a row that names none is shown as info
        source=source,
        has_level=has_level,
        tags=tags,
        host=host,
        attributes={"ms": ms, "a": {"b": ab}, "flag": True, "list": [1, "2", 3], "ip": "10.1.2.3"},
    ),
    st.sampled_from(["", "Timeout after 5 s", "connection  REFUSED", "a.b", "timeouts", "x five"]),
    st.sampled_from([Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR]),
    st.sampled_from(["api", "abc", "ab", ""]),
    st.sampled_from(
        [5, 5.0, "5", "5.0", 4, 7, -1, True, None, "five", [1, 9], {"x": 1}, 10, 10**400]
    ),
    st.sampled_from(["x", "X", "xy", True, "true", None, ["x", "y"], 5]),
    st.sampled_from([(), ("env:prod",), ("odd", "env:test")]),
    st.booleans(),
    st.sampled_from([None, "h1"]),
)


def never(rule, error):
    raise error


@given(st.lists(RULES, min_size=1, max_size=12), st.lists(EVENTS, min_size=1, max_size=6))
def test_together_rules_match_what_each_matches_alone(rules, events):
    rules = [Rule(**{**_fields(rule), "name": f"r{n}"}) for n, rule in enumerate(rules)]
    together = RuleSet(rules)
    for event in events:
        alone = [rule for rule in rules if rule.filter().matches(event)]
        assert list(together.ask(event, never)) == alone, event


def _fields(rule: Rule):
    return {name: getattr(rule, name) for name in rule.__struct_fields__}


@given(st.lists(RULES, min_size=1, max_size=8), st.lists(EVENTS, min_size=1, max_size=8))
def test_no_row_that_a_rule_wants_is_left_out_by_the_filter_of_all(rules, events):
    together = RuleSet(rules)
    log = EventLog()
    log.append(EventBatch(events), origin="app")
    (segment,) = log.snapshot.segments
    passed = set(segment.rows(together.filter, 0, len(events)).tolist())
    for row, event in enumerate(events):
        if any(rule.filter().matches(event) for rule in rules):
            assert row in passed


def test_a_guard_is_found_where_something_is_quickly_seen():
    assert guard("timeout") == Guard(literal="timeout")
    assert guard('"connection Refused"') == Guard(literal="connection")
    assert guard("@http.status:503") == Guard(path="http.status", key=503)
    assert guard("@region:eu") == Guard(path="region", key="eu")
    assert guard("@ms:>=900") == Guard(path="ms", low=900)
    assert guard("@ms:[* TO 7]") == Guard(path="ms", high=7)
    for text in ("-timeout", "a OR b", "@region:eu*", "service:api", "@a:(x OR y)", "*"):
        assert guard(text) in (NO_GUARD, Guard(literal="")), text
