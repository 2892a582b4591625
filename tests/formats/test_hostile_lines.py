"""Lines made to break a reader: every kind of JSON there is, and lines without measure."""

import hashlib
import json
import resource

import pytest

from logmon.batch import events_of
from logmon.event import encode
from logmon.formats import LineDecoder
from logmon.sources.lines import LineReader

GOOD = b'{"message":"after"}'

# Our own inputs for each kind that a JSON parser's test suite has.
VALUES = [
    "null", "true", "false", "0", "-0", "1", "-1", "123", "-123.456", "0.1", "1e5", "1E5", "1e+5", "1e-5", "1.5E+2", "0e1", "0e+1",
    "20e1", "-1.0e-2", "1000000000000000000000000", "-9223372036854775808", "18446744073709551615", "0.00000000000000000001",
    '""', '"a"', '" "', '"\\""', '"\\\\"', '"\\/"', '"\\b\\f\\n\\r\\t"', '"\\u0041"', '"\\u00e9"', '"\\u0000"', '"\\u2028\\u2029"',
    '"\\ud83d\\ude00"', '"\\uD834\\uDD1E"', '"é"', '"日本"', '"😀"', '"\x7f"', '"\u2028"', '"\ufeff"', '"\ufffe"', '"/"', '"a\\u0012b"',
    '"\\uDBFF\\uDFFF"', '"\\uffff"', '"\\u005C"', '"\\u0022"', '"[1]"', '"{}"', '"null"', "[]", "[1]", "[1,2]", '["a"]', "[[]]", "[[[[1]]]]",
    "[ ]", "[\t1 , 2\r]", '[1,"a",null,true]', "[{}]", "{}", "{ }", '{"a":1}', '{"a":{"b":{"c":[]}}}', '{"":0}', '{"a":1,"a":2}', '{"a b":1}',
    '{"\\u0041":1}', '{"é":1}', '{"a":[{"b":1}]}', '{"a":null}', '{"a": 1 , "b" :2}', '{"\\u0000":1}', '{"a":"\\u0000"}',
]  # fmt: skip
BROKEN = [
    "", "tru", "nul", "fals", "True", "NULL", "nan", "NaN", "-NaN", "Infinity", "-Infinity", "inf", "+1", "++1", "--1", "-", "+", ".5", "-.5",
    "5.", "1.e3", "1e", "1e+", "1e-", "1E", "0x1", "0o7", "01", "-01", "00", "1_000", "1,000", "1 000", "1a", "1.2.3", "1e1.5", "0.1.2", "0e", "0E+",
    "2.e3", "-1x", "1+2", "1/2", "٣", "１", '"', '"a', 'a"', "'a'", '"\\"', '"\\x41"', '"\\u"', '"\\u1"', '"\\u12"', '"\\u123"', '"\\u12g4"', '"\\a"', '"\\\'"',
    '"\\v"', '"\\0"', '"\\U0041"', '"\\ "', '"\\ud800"', '"\\udc00"', '"\\ud800\\ud800"', '"\\ud800a"', '"\\ud800\\u0041"', '"\\uDC00\\uD800"', '"a\tb"', '"a\x00b"', '"a\x1fb"', '"a\x08"',
    '"a" "b"', '"a""b"', "“a”", "a", "abc", "é", "#", "@", "$", "*", "&", "<null>", "[", "]", "[1", "1]", "[1,", "[,", "[,1]", "[1,,2]", "[1,]", "[1 2]", "[1;2]", "[1:2]",
    "[1]]", "[[1]", '["a"', '["a",', '["a" "b"]', "[a]", "[true false]", "[-]", "[1e]", "[1,\x00]", "[\x0b1]", "[\x0c1]", "[*]", '["a\x00"]', '["]', "[1}", "[{]", "[{]}", "[}",
    "{", "}", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{"a":1,,"b":2}', "{,}", '{,"a":1}', '{"a" 1}', '{"a"::1}', '{"a";1}', "{a:1}", "{'a':1}", "{1:1}",
    "{null:1}", "{[]:1}", '{"a":1 "b":2}', '{"a":1]', '{"a":1}}', '{"a":1}{"b":2}', '{"a":1},', '{"a":1}#', '{"a":1}//x', '{"a":1}/**/', '{"a":/**/1}', '{"a":1}x', '{"a":1}\x00',
    '{"a":undefined}', '{"a":tru}', '{"a":"b}', '{"a":"b"', '{"a":a}', '{"a":\'b\'}', '{"a":+1}', '{"a":.1}', '{"a":1.}', '{"a":01}', '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}',
    '{"a":"\\ud800"}', '{"\\udc00":1}', '{"a":"\\x"}', '{"a":"\x01"}', '{"a\x00":1}', '{"a":1,"b"}', '{"a","b"}', '{"a":,"b":1}', '{:1}', '{"a":1:2}', '{"a":{}', '{"a":[}', '{"a":[1}]',
    '{"a":"\\', '{"a":"\\u', '{"a":"\\ud83d"}', '{"a":"\\ude00\\ud83d"}', '{"a":1e}', '{"a":1ee1}', '{"a":--1}', '{"a":1-1}', '{"a":0x0}', "{{}}", '{{"a":1}}', "{{", '{"a"}', "{x}",
    "\ufeff{", '{"a":\ufeff1}', '{"a":\u00a01}', '{\u2028"a":1}', '{"a":1\u2029}',
]  # fmt: skip


def read(data: bytes) -> tuple[list, list]:
    reader = LineReader(LineDecoder("app.log"), source="app", origin="app.log", fallback_ns=0)
    arrivals = [*reader.feed(data), *reader.flush()]
    events = [e for a in arrivals if a.batch is not None for e in events_of(a.batch)]
    return events, [letter for a in arrivals for letter in a.rejected]


def is_clean(event) -> bool:
    """Whether an event can be written as JSON that any reader takes, without NaN or lone surrogates."""

    def refuse(name: str):
        raise AssertionError(name)

    document = json.loads(encode(event), parse_constant=refuse)
    json.dumps(document, ensure_ascii=False).encode()
    return True


def test_there_are_as_many_kinds_as_parsers_are_tested_with():
    assert len(VALUES) + 20 >= 95
    assert len(set(BROKEN)) >= 188


@pytest.mark.parametrize("value", VALUES)
def test_valid_json_in_an_object_is_an_event_with_its_value(value):
    events, dead = read(f'{{"message":"m","value":{value}}}\n'.encode() + GOOD + b"\n")
    assert not dead
    assert [event.message for event in events] == ["m", "after"]
    wanted = json.loads(value)
    assert events[0].attributes.get("value", wanted) == wanted
    assert all(map(is_clean, events))


@pytest.mark.parametrize("line", ["{}", ' {"a":1}', '{"a":1} ', '\t{"a":1}\t', '{"a":1}\r', '\ufeff{"a":1}', "{ }", '{"a" : 1}', '{"message":null}', '{"":""}', '{"a":1,"b":2,"c":[1,{"d":null}]}', '{"a":1,"a":1}', '{"' + "k" * 5_000 + '":1}', '{"a":"' + "v" * 100_000 + '"}', '{"a":' + "[" * 200 + "]" * 200 + "}", '{"a":' + '{"b":' * 200 + "1" + "}" * 201, '{"a":1e999}', '{"a":-1e999}', '{"a":' + "9" * 400 + "}", '{"a":0.' + "1" * 400 + "}"])  # fmt: skip
def test_an_object_of_any_form_is_an_event(line):
    events, dead = read(line.encode() + b"\n" + GOOD + b"\n")
    assert (len(events), dead) == (2, [])
    assert all(map(is_clean, events))


@pytest.mark.parametrize("line", BROKEN)
def test_broken_json_is_a_dead_letter_or_text_and_its_neighbours_live(line):
    raw = line.encode("utf-8", "surrogatepass")
    events, dead = read(GOOD + b"\n" + raw + b"\n" + GOOD + b"\n")
    assert (
        len(events) + len(dead) + sum(e.message.count("\n") for e in events if "\n" in e.message)
        == 3
    )
    assert [events[0].message, events[-1].message] == ["after", "after"]
    if raw.lstrip(b"\xef\xbb\xbf").startswith(b"{"):
        (letter,) = dead
        assert (letter.raw, letter.offset, letter.source, letter.origin) == (
            raw,
            len(GOOD) + 1,
            "app",
            "app.log",
        )
        assert letter.reason in ("invalid_json", "invalid_utf8", "not_an_object")
    assert all(map(is_clean, events))


@pytest.mark.parametrize("value", BROKEN)
def test_a_broken_value_in_an_object_is_a_dead_letter(value):
    line = f'{{"message":"m","value":{value}}}'.encode("utf-8", "surrogatepass")
    events, dead = read(line + b"\n" + GOOD + b"\n")
    assert [event.message for event in events][-1] == "after"
    assert len(events) + len(dead) == 2
    if not _is_json(line):
        assert dead


def _is_json(line: bytes) -> bool:
    def refuse(name: str):
        raise ValueError(name)

    try:
        json.dumps(json.loads(line, parse_constant=refuse), ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


HUGE = {
    "100 MB of text": lambda: (b"y" * 1_000_000 for _ in range(100)),
    "100 MB that open like JSON": lambda: (b'{"a":"' + b"y" * 1_000_000 if n == 0 else b"y" * 1_000_000 for n in range(100)),
    "nesting 100,000 deep": lambda: (b'{"a":' * 100_000,),
    "closed nesting 100,000 deep": lambda: (b'{"a":' * 100_000 + b"1" + b"}" * 100_000,),
    "arrays 100,000 deep": lambda: (b"[" * 100_000,),
    "an object with a million keys": lambda: (b"{" + b",".join(b'"k%d":1' % n for n in range(200_000)) + b"}",),
    "NUL": lambda: (b"\x00" * 1_000,),
    "NUL in JSON": lambda: (b'{"a":"\x00"}',),
}  # fmt: skip


@pytest.mark.parametrize("kind", HUGE)
def test_a_line_without_measure_stops_nothing(kind):
    reader = LineReader(LineDecoder("app.log"), source="app", origin="app.log", fallback_ns=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for piece in HUGE[kind]():
        for start in range(0, len(piece), 131_072):
            assert not list(reader.feed(piece[start : start + 131_072]))
    arrivals = [*reader.feed(b"\n" + GOOD + b"\n"), *reader.flush()]
    assert [e.message for a in arrivals if a.batch is not None for e in events_of(a.batch)][
        -1
    ] == "after"
    lines = sum(len(a.rejected) + (0 if a.batch is None else len(a.batch)) for a in arrivals)
    assert lines == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= 64 * 1_024


def test_the_hash_of_a_cut_line_is_that_of_the_whole():

    line = b"2026-11-23T14:02:30Z ERROR app: " + b"0123456789abcdef" * 400_000
    (event, _), _ = read(line + b"\n" + GOOD + b"\n")
    assert event.level.label == "error"
    assert len(event.message) == 256 * 1_024
    assert event.attributes["line_sha256"] == hashlib.sha256(line).hexdigest()
    assert event.attributes["line_bytes"] == len(line)
