"""Whatever an export request holds, its records become events or dead letters, or it is refused."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmon.dead_letter import DeadLetter
from logmon.errors import MalformedEvent
from logmon.event import encode, to_ns
from logmon.formats.line import Reading
from logmon.formats.otlp import read_export
from logmon.formats.otlp_protobuf import read_request
from logmon.level import Level
from logmon.source import LogStreamOptions
from logmon.sources.otlp import OtlpSource

NOW = 1_700_000_000_000_000_000
READING = Reading(source="otlp")

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
values = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "stringValue": anything,
            "intValue": anything,
            "doubleValue": anything,
            "boolValue": anything,
            "bytesValue": anything,
            "arrayValue": st.fixed_dictionaries({"values": anything}),
            "kvlistValue": st.fixed_dictionaries({"values": anything}),
        },
    ),
    lambda inner: (
        st.fixed_dictionaries(
            {"arrayValue": anything | st.fixed_dictionaries({"values": anything | st.lists(inner)})}
        )
        | st.fixed_dictionaries(
            {
                "kvlistValue": st.fixed_dictionaries(
                    {"values": st.lists(st.fixed_dictionaries({"key": anything, "value": inner}))}
                )
            }
        )
    ),
    max_leaves=5,
)
pairs = anything | st.lists(st.fixed_dictionaries({"key": anything, "value": values | anything}))
records = st.fixed_dictionaries(
    {},
    optional={
        "timeUnixNano": anything,
        "observedTimeUnixNano": anything,
        "severityNumber": anything,
        "severityText": anything,
        "body": values | anything,
        "attributes": pairs,
        "traceId": anything,
        "spanId": anything,
        "eventName": anything,
    },
)
requests = st.fixed_dictionaries(
    {
        "resourceLogs": anything
        | st.lists(
            st.fixed_dictionaries(
                {
                    "resource": anything | st.fixed_dictionaries({"attributes": pairs}),
                    "scopeLogs": anything
                    | st.lists(
                        st.fixed_dictionaries(
                            {"scope": anything, "logRecords": anything | st.lists(records)}
                        )
                    ),
                }
            ),
            max_size=2,
        )
    }
)


@given(requests)
@settings(max_examples=150)
def test_any_request_is_read_or_refused_and_the_same_each_time(document: dict[str, Any]) -> None:
    try:
        events, refused = read_export(document, READING, origin="x", now_ns=NOW)
    except MalformedEvent:
        return
    for event in events:
        encode(event)
    again = read_export(document, READING, origin="x", now_ns=NOW)
    assert [event.id for event in again[0]] == [event.id for event in events]
    assert len({event.id for event in events}) == len(events) or any(
        "log.record.uid" in event.attributes for event in events
    )
    assert all(letter.reason for letter in refused)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_protobuf_request_or_refused(data: bytes) -> None:
    with suppress(MalformedEvent):
        read_export(read_request(data), READING, origin="x", now_ns=NOW)


def record(**fields: Any) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [fields]}]}]}


def test_a_records_own_uid_is_its_id() -> None:
    uid = [{"key": "log.record.uid", "value": {"stringValue": "01HX"}}]
    (event,), _ = read_export(record(attributes=uid), READING, origin="x", now_ns=NOW)
    assert event.id == "01HX"


def test_without_a_body_the_events_name_is_the_message() -> None:
    (event,), _ = read_export(record(eventName="order.paid"), READING, origin="x", now_ns=NOW)
    assert (event.message, event.attributes) == ("order.paid", {"event.name": "order.paid"})


def test_records_without_a_time_get_the_time_they_came_and_are_never_one() -> None:
    first, _ = read_export(record(body={"stringValue": "x"}), READING, origin="x", now_ns=NOW)
    second, _ = read_export(record(body={"stringValue": "x"}), READING, origin="x", now_ns=NOW + 1)
    assert first[0].id != second[0].id
    assert first[0].timestamp.year == 2023


def test_an_id_of_zeros_is_none_and_hex_is_lower() -> None:
    (event,), _ = read_export(
        record(traceId="5B8EFFF798038103D269B633813FC60C", spanId="0000000000000000"),
        READING, origin="x", now_ns=NOW,
    )  # fmt: skip
    assert (event.trace_id, event.span_id) == ("5b8efff798038103d269b633813fc60c", None)


def test_a_refused_record_is_read_again_as_a_record_with_the_levels_of_now():
    document = record(
        timeUnixNano=str(NOW),
        severityText="spicy",
        body={"stringValue": "odd"},
        traceId="5b8efff798038103d269b633813fc60c",
    )
    first = OtlpSource("otlp", LogStreamOptions())
    (letter,) = first.read(document, peer="x", now_ns=NOW).rejected
    with pytest.raises(MalformedEvent, match="unknown_level"):
        first.reread(letter)
    second = OtlpSource("otlp", LogStreamOptions(), {"spicy": Level.CRITICAL})
    (event,) = second.reread(letter)
    assert (event.message, event.level, event.source) == ("odd", Level.CRITICAL, "otlp")
    assert (to_ns(event.timestamp), event.trace_id) == (NOW, "5b8efff798038103d269b633813fc60c")
    assert second.read(document, peer="x", now_ns=NOW).events == [event]


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"resource":1,"scope":{},"record":{}}', b"\xff"]
)
def test_a_letter_that_holds_no_record_stays_one(raw):
    letter = DeadLetter(source="otlp", origin="x", reason="bad_time", raw=raw, length=len(raw))
    with pytest.raises(MalformedEvent, match="invalid_otlp"):
        OtlpSource("otlp", LogStreamOptions()).reread(letter)
