"""A page gives all its events, whatever one of them is made of; half a page is none."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.sources.datadog.pages import Unreadable, decode_counts, decode_page, error_texts

TIME = "2026-11-23T14:02:30.240Z"
TIME_MS = 1_795_442_550_240

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
BROKEN = st.sampled_from(
    [
        b'{"id":"x","attributes":{"message":"\\ud800"}}', b'{"a":NaN}', b'{"a":tru}', b'{"a" 1}',
        b'{"id":"y","a":"\x01"}', b'{"deep":' + b'{"a":' * 3_000 + b"1" + b"}" * 3_001,
        b'"}{][\\""', b'{"data":[1,2]}', b'{"a":"],["}', b'"\xff\xfe"',
    ]
)  # fmt: skip
GOOD = st.builds(
    lambda name, rest: json.dumps(
        {"id": name, "attributes": {"timestamp": TIME, "x": rest}}
    ).encode(),
    st.text(min_size=1),
    JSON_VALUES,
)


def page_of(raws: list[bytes], tail: bytes = b',"meta":{"page":{"after":"next"}}') -> bytes:
    return b'{"links":{"next":"a,b"},"data":[' + b",".join(raws) + b"]" + tail + b"}\n"


@given(st.lists(GOOD | BROKEN, max_size=8))
def test_each_event_comes_with_its_own_bytes(raws):
    page = decode_page(page_of(raws), 5)
    assert [record.raw for record in page.records] == raws
    assert page.after == "next"
    assert all(record.id for record in page.records)


@given(st.lists(GOOD | BROKEN, min_size=1, max_size=4), st.data())
def test_a_page_that_is_cut_is_no_page(raws, data):
    body = page_of(raws).rstrip()
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(Unreadable):
        decode_page(body[:cut], 5)


@given(JSON_VALUES)
def test_any_other_document_is_a_page_or_unreadable(document):
    try:
        page = decode_page(json.dumps(document).encode("utf-8", "surrogatepass"), 5)
    except Unreadable:
        return
    assert isinstance(page.records, list)


@pytest.mark.parametrize(
    ("body", "partial", "after"),
    [
        (b'{"data":[]}', "", None),
        (b'{"data":null,"meta":{}}', "", None),
        (b'{"data":[],"meta":{"status":"done","elapsed":3,"request_id":"x"}}\n', "", None),
        (b'{"data":[],"meta":{"status":"timeout","page":{"after":"c"}}}', "status timeout", "c"),
        (b'{"data":[],"meta":{"warnings":[{"detail":"half of it"}]}}', "half of it", None),
        (b'{"data":[],"meta":{"warnings":[{}]}}', "a warning", None),
    ],
)
def test_the_end_and_what_is_missing(body, partial, after):
    page = decode_page(body, 5)
    assert (page.partial, page.after, page.records) == (partial, after, [])


def test_an_event_without_a_time_stands_beside_its_neighbour():
    raws = [
        b'{"id":"a"}', b'{"id":"b","attributes":{"timestamp":"%s"}}' % TIME.encode(), b'{"id":"c"}',
        b'{"id":"d","attributes":{"timestamp":"yesterday"}}', b'{"id":"e","attributes":null}',
        b'{"id":7,"attributes":{"timestamp":"2026-11-23T15:02:31.240+01:00"}}',
    ]  # fmt: skip
    page = decode_page(page_of(raws), 5)
    assert [record.time_ms for record in page.records] == [5, *[TIME_MS] * 4, TIME_MS + 1_000]


def test_an_event_without_an_id_has_the_same_name_each_time():
    body = page_of([b'{"attributes":{}}', b'{"attributes":{"a":1}}'])
    first, second = decode_page(body, 5).records
    assert first.id != second.id
    assert [record.id for record in decode_page(body, 9).records] == [first.id, second.id]


def test_counts_by_their_bucket():
    points = [{"time": TIME[:-5] + ".000Z", "value": 3}, {"time": TIME, "value": 4.0}]
    body = msgspec.json.encode({"data": {"buckets": [{"by": {}, "computes": {"c0": points}}]}})
    assert decode_counts(body) == ({TIME_MS - 240: 3, TIME_MS: 4}, "")
    assert decode_counts(b'{"data":{"buckets":[]},"meta":{"status":"timeout"}}')[1]
    with pytest.raises(Unreadable):
        decode_counts(b"<html>")


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b'{"errors":["Forbidden","Failed permission authorization checks"]}', 2),
        (b'{"errors":[{"status":"403","title":"Forbidden","detail":"no access"}]}', 1),
        (b'{"errors":[7,null,{}]}', 2),
        (b"<html>403</html>", 0), (b"", 0), (b"[]", 0), (b'{"errors":"x"}', 0),
    ],
)  # fmt: skip
def test_errors_are_texts_or_objects_or_nothing(body, texts):
    assert len(error_texts(body)) == texts
