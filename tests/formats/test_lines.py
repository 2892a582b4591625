"""Lines of all kinds: what becomes an event, what joins one, what is a dead letter."""

import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.batch import events_of
from logmon.errors import ConfigError, MalformedEvent
from logmon.event import LogEvent, from_ns
from logmon.formats import LineDecoder
from logmon.level import Level
from logmon.sources.lines import LineReader

FALLBACK = 1_790_000_000 * 10**9  # 2026-09-21


def decode(line: bytes, **kwargs: str) -> LogEvent:
    return LineDecoder("app.log", **kwargs).decode(line, 0, FALLBACK)


@pytest.mark.parametrize(
    ("line", "level", "source", "message", "time"),
    [
        (b"2026-11-23T14:02:30.240Z ERROR payments: Card declined", "error", "payments", "Card declined", "2026-11-23 14:02:30.240000"),
        (b"2026-11-23 14:02:30,240 - app.db - slow", "info", "app.log", "app.db - slow", "2026-11-23 14:02:30.240000"),
        (b"2026-11-23T14:02:30+02:00 WARN x", "warn", "app.log", "x", "2026-11-23 12:02:30"),
        (b"Jun 14 15:16:01 combo sshd(pam_unix)[19939]: check pass", "info", "sshd(pam_unix)", "check pass", "2026-06-14 15:16:01"),
        (b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "critical", "su", "'su root' failed", "2025-10-11 22:14:15"),
        (b"[Sun Dec 04 04:47:44 2005] [error] mod_jk child", "error", "app.log", "mod_jk child", "2005-12-04 04:47:44"),
        (b"081109 203615 148 INFO dfs.DataNode$PacketResponder: Responder 1", "info", "dfs.DataNode$PacketResponder", "Responder 1", "2008-11-09 20:36:15"),
        (b"17/06/09 20:10:40 WARN spark.SecurityManager: acls", "warn", "spark.SecurityManager", "acls", "2017-06-09 20:10:40"),
        (b"03-17 16:13:38.811  1702  2395 D WindowManager: freeze", "debug", "WindowManager", "freeze", "2026-03-17 16:13:38.811000"),
        (b"no time at all, error only as a word", "info", "app.log", "no time at all, error only as a word", "2026-09-21 14:13:20"),
        (b"99-99-99 nonsense", "info", "app.log", "99-99-99 nonsense", "2026-09-21 14:13:20"),
        (b"caf\xe9", "info", "app.log", "caf\\xe9", "2026-09-21 14:13:20"),
        (b"", "info", "app.log", "", "2026-09-21 14:13:20"),
        (b'{"msg":"hi","level":50,"time":1790000000000,"name":"pino-app"}', "error", "pino-app", "hi", "2026-09-21 14:13:20"),
        (b'{"severity":"WARNING","message":"m","service":"s","ts":1790000000.5}', "warn", "s", "m", "2026-09-21 14:13:20.500000"),
        (b'{"event":"e","logger":"l","level":3}', "error", "l", "e", "2026-09-21 14:13:20"),
    ],
)  # fmt: skip
def test_a_line_is_read_as_what_it_is(line, level, source, message, time):
    event = decode(line)
    assert (event.level.label, event.source, event.message) == (level, source, message)
    assert str(event.timestamp).removesuffix("+00:00") == time


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "invalid_json"), (b'{"a":1', "invalid_json"), (b'{"a":NaN}', "invalid_json"),
        (b'{"a":Infinity}', "invalid_json"), (b'{"a":"\\ud800"}', "invalid_json"),
        (b'{"a":' * 100_000, "too_deep"), (b'{"a":"\xff"}', "invalid_utf8"),
        (b"[1,2]", "not_an_object"), (b'"text"', "not_an_object"),
        (b'{"level":"banana"}', "unknown_level"), (b'{"level":true}', "unknown_level"),
        (b'{"time":"20x6-11-23"}', "bad_time"), (b'{"time":-5}', "bad_time"), (b'{"time":{}}', "bad_time"),
        (b'{"time":1e30}', "bad_time"),
    ],
)  # fmt: skip
def test_a_machine_line_that_breaks_its_word_is_refused_with_the_reason(line, reason):
    with pytest.raises(MalformedEvent) as refused:
        decode(line)
    assert refused.value.reason == reason


@pytest.mark.parametrize("year", ["0001", "1677", "2263", "9999"])
def test_a_time_that_64_bits_of_nanoseconds_do_not_reach_is_refused_and_stops_nothing(year):
    """Go writes its zero time as year 1; it used to end the source."""
    bad = f'{{"timestamp":"{year}-01-01T00:00:00Z","level":"info","source":"s","message":"m"}}'
    good = bad.replace(year, "2026")
    for other in (bad.replace('"s"', '"s","x":1'), f"{year}-01-01T00:00:00Z INFO text"):
        events, _, dead = read(f"{good}\n{bad}\n{other}\n{good}\n".encode())
        assert (len(events), dead) == ((2, 2) if other[0] == "{" else (3, 1))


def test_integers_of_any_size_are_kept():
    assert (
        decode(b'{"n":123456789012345678901234567890}').attributes["n"]
        == 123456789012345678901234567890
    )


def test_a_clef_event_outside_any_trace_gets_no_attributes_of_one():
    event = decode(b'{"@t":"2026-11-20T10:00:04Z","@mt":"Order {Id} failed","Id":7}')
    assert event.attributes == {"Id": 7}
    traced = decode(b'{"@t":"2026-11-20T10:00:04Z","@m":"x","@tr":"t1","@sp":"s1"}')
    assert (traced.trace_id, traced.span_id, traced.attributes) == ("t1", "s1", {})


def test_a_number_that_no_float_holds_is_kept_as_it_is_written():
    assert decode(b'{"n":1e999,"m":1.5}').attributes == {"n": "1e999", "m": 1.5}


def test_nested_objects_and_dotted_names_are_found():
    event = decode(
        b'{"@timestamp":"2026-11-23T14:02:30Z","log.level":"error","service":{"name":"web"},"message":"m"}'
    )
    assert event.level is Level.ERROR
    assert event.source == "web"


def test_what_claims_to_be_sentinels_is_read_as_recorded():
    event = decode(
        b'{"source":"sentinel","message":"WI-1 opened","work_item":"WI-1","level":"error"}'
    )
    assert (event.source, event.work_item) == ("sentinel", "WI-1")


def test_an_unknown_format_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'json'"):
        LineDecoder("x", input_format="jsno")


def test_plain_takes_the_whole_line():
    line = b"2026-11-23T14:02:30Z ERROR x: y"
    assert decode(line, input_format="plain").message == line.decode()


def reader() -> LineReader:
    return LineReader(LineDecoder("app.log"), source="app", origin="app.log", fallback_ns=FALLBACK)


def read(data: bytes, *cuts: int) -> tuple[list[LogEvent], list[bytes], int]:
    """Feed bytes in pieces; return events, raw rows and the number of dead letters."""
    lines = reader()
    arrivals = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, stop in itertools.pairwise(edges):
        arrivals += lines.feed(data[start:stop])
    arrivals += lines.flush()
    batches = [arrival.batch for arrival in arrivals if arrival.batch is not None]
    events = [event for batch in batches for event in events_of(batch)]
    raws = [batch.raw(row) for batch in batches for row in range(len(batch))]
    return events, raws, sum(len(arrival.rejected) for arrival in arrivals)


TRACE = b"""2026-11-23T14:02:30Z ERROR boom
Traceback (most recent call last):
  File "x.py", line 1, in <module>
    raise ValueError("x")
ValueError: x
2026-11-23T14:02:31Z INFO next
"""


def test_a_stack_trace_stays_with_its_event_and_keeps_every_line():
    events, raws, _ = read(TRACE)
    assert [event.message.splitlines()[0] for event in events] == ["boom", "next"]
    assert events[0].message.endswith("ValueError: x")
    assert b"\n".join(raws) + b"\n" == TRACE


@given(st.lists(st.integers(0, 10_000), max_size=4))
def test_how_the_bytes_were_cut_changes_nothing(cuts):
    assert read(TRACE * 3, *cuts) == read(TRACE * 3)


LINES = st.lists(
    st.one_of(
        st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")),
        st.sampled_from([b'{"message":"m"}', b"{bad", b"  at x.y(z)", b"Caused by: z", b"", b"\r", b"2026-11-23T14:02:30Z a\r"]),
    ),
    max_size=12,
)  # fmt: skip


@given(LINES, st.lists(st.integers(0, 500), max_size=3), st.booleans())
def test_lines_in_are_events_and_joined_lines_and_dead_letters(lines, cuts, ended):
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    count = data.count(b"\n") + (1 if data and not data.endswith(b"\n") else 0)
    _, raws, dead = read(data, *cuts)
    joined = sum(raw.count(b"\n") for raw in raws)
    assert len(raws) + joined + dead == count
    if not dead:
        assert b"\n".join(raws) == data.removesuffix(b"\n")


def test_a_dead_letter_says_where_it_stood_and_its_neighbours_live():
    lines = reader()
    arrivals = [*lines.feed(b'{"message":"a"}\n{broken\n{"message":"b"}\n'), *lines.flush()]
    (letter,) = [letter for arrival in arrivals for letter in arrival.rejected]
    assert (letter.offset, letter.reason, letter.raw, letter.origin) == (
        16,
        "invalid_json",
        b"{broken",
        "app.log",
    )
    assert sum(len(arrival.batch) for arrival in arrivals if arrival.batch is not None) == 2


def test_a_huge_line_is_cut_and_its_true_length_kept():
    events, raws, dead = read(b"x" * 1_000_000 + b"\nnext\n")
    assert events[0].attributes["line_bytes"] == 1_000_000
    assert len(events[0].message) == 256 * 1024
    assert (events[1].message, dead, len(raws[0])) == ("next", 0, 256 * 1024)


def test_a_line_without_end_does_not_fill_memory():
    lines = reader()
    for _ in range(40):
        assert not list(lines.feed(b"y" * 1_000_000))
    assert len(lines._held) <= 5 << 20
    (arrival, *_) = [*lines.feed(b"\nafter\n"), *lines.flush()]
    whole = hashlib.sha256(b"y" * 40_000_000).hexdigest()
    assert arrival.batch.event(0).attributes == {"line_bytes": 40_000_000, "line_sha256": whole}


@pytest.mark.parametrize("before", [b"text", b'{"msg":"hi"}'])
def test_a_line_that_is_cut_keeps_its_length_hash_and_place_behind_another_one(before):
    line, lines = b"y" * 10_000_000, reader()
    data = before + b"\n" + line + b"\nafter\n"
    arrivals = [
        arrival
        for start in range(0, len(data), 100_000)
        for arrival in lines.feed(data[start : start + 100_000])
    ]
    events = [arrival.batch.event(0) for arrival in [*arrivals, *lines.flush()]]
    whole = hashlib.sha256(line).hexdigest()
    assert events[1].attributes == {"line_bytes": len(line), "line_sha256": whole}
    assert [event.message[:5] for event in events[1:]] == ["yyyyy", "after"]
    assert lines.done == len(data)


def test_ids_differ_by_place_and_stay_the_same_over_readings():
    first, _, _ = read(b"same\nsame\n")
    second, _, _ = read(b"same\nsame\n")
    assert [event.id for event in first] == [event.id for event in second]
    assert first[0].id != first[1].id


def test_a_missing_year_is_never_in_the_future():
    assert decode(b"Dec 24 10:00:00 h a: b").timestamp < from_ns(FALLBACK)


def test_a_byte_order_mark_does_not_hide_json():
    line = b'\xef\xbb\xbf{"message":"one","level":"error"}'
    event = LineDecoder("app.log").decode(line, 0, FALLBACK)
    assert (event.message, event.level) == ("one", Level.ERROR)
    assert LineDecoder("app.log").scan(line, 0, FALLBACK)[1] is Level.ERROR
    assert LineDecoder("app.log").decode(b"\xef\xbb\xbfhello", 0, FALLBACK).message == "hello"


def test_a_line_that_names_no_level_is_shown_as_info_and_has_none():
    decoder = LineDecoder("app.log")
    bare = decoder.decode(b'{"message":"one"}', 0, FALLBACK)
    named = decoder.decode(b'{"message":"one","level":"info"}', 0, FALLBACK)
    assert (bare.level, bare.has_level) == (Level.INFO, False)
    assert (named.level, named.has_level) == (Level.INFO, True)
