"""Events as no page should hold them, one of each kind: the element of `data`, as bytes.

`%TIME%` stands for the event's time. `MALFORMED` says by name what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.testing.fake_datadog.events import FakeEvent, rfc3339_ms

if TYPE_CHECKING:
    from collections.abc import Iterator


def _event(attributes: str, *, head: str = '"id":"%ID%","type":"log"') -> str:
    return f'{{{head},"attributes":{{"timestamp":"%TIME%",{attributes}}}}}'


def _bodies() -> Iterator[tuple[str, str]]:
    yield "no id", _event('"message":"no id","status":"info"', head='"type":"log"')
    yield "no attributes", '{"id":"%ID%","type":"log"}'
    yield "null attributes", '{"id":"%ID%","type":"log","attributes":null}'
    yield "no object", '"a text in the place of an event"'
    yield "null message", _event('"message":null,"status":"info"')
    yield "number message", _event('"message":42,"status":"info"')
    yield "nothing but a time", '{"id":"%ID%","type":"log","attributes":{"timestamp":"%TIME%"}}'
    yield "no timestamp", '{"id":"%ID%","type":"log","attributes":{"message":"no timestamp"}}'
    bad = '{"timestamp":"yesterday","message":"bad timestamp"}'
    yield "bad timestamp", f'{{"id":"%ID%","type":"log","attributes":{bad}}}'
    for name, status in (
        ("unknown status", '"spicy"'), ("number status", "3"), ("null status", "null"),
        ("empty status", '""'), ("mixed case status", '"WaRnInG"'), ("list status", '["error"]'),
    ):  # fmt: skip
        yield name, _event(f'"message":"{name}","status":{status}')
    for name, tags in (
        ("text tags", '"env:prod,team:a"'), ("double tags", '["a:b","a:b"]'),
        ("bare tag", '["lonely"]'), ("null among tags", '["a:b",null]'), ("null tags", "null"),
    ):  # fmt: skip
        yield name, _event(f'"message":"{name}","tags":{tags}')
    yield "message of 1 MB", _event(f'"message":"{"x" * (1 << 20)}"')
    yield "lone surrogate", _event(r'"message":"lone \ud800 surrogate"')
    yield "NUL", _event(r'"message":"a \u0000 NUL"')
    yield "escapes", _event(r'"message":"\u001b]0;owned\u0007\u001b[2J\u009b31m red \u001bc"')
    yield "right to left", _event('"message":"\u202egnp.exe \u200b \u2066"')
    yield "nested 20 deep", _event('"attributes":' + '{"a":' * 20 + "1" + "}" * 20)
    yield "nested 5000 deep", _event('"attributes":' + '{"a":' * 5000 + "1" + "}" * 5000)
    yield (
        "large numbers",
        _event('"attributes":{"a":9007199254740993,"b":1e308,"c":1' + "0" * 40 + "}"),
    )
    yield "NaN as text", _event('"attributes":{"a":"NaN","b":"Infinity","c":"-Infinity"}')
    yield "unknown type", _event('"message":"unknown type"', head='"id":"%ID%","type":"span"')
    yield "unknown fields", _event('"message":"unknown fields","new":{"x":[1]}')
    yield "number service", _event('"message":"number service","service":7,"host":["a"]')


_BODIES = dict(_bodies())
MALFORMED: tuple[str, ...] = tuple(_BODIES)
"""The names of all kinds."""


def malformed_event(name: str, time_ms: int, *, id: str) -> FakeEvent:  # noqa: A002 - as in the API
    """Return the event of a kind. The page it is on is JSON all the same."""
    body = _BODIES[name].replace("%TIME%", rfc3339_ms(time_ms)).replace("%ID%", id)
    return FakeEvent(
        time_ms=time_ms, id=id, body=body.encode("utf-8", "surrogatepass"), visible_ms=time_ms
    )
