"""From a log record to an event: template and arguments apart, nothing lost, nothing raised."""

import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.event import encode
from logmon.level import Level
from logmon.producers.records import event_of, level_of, plain, templated


def record(message: Any, *args: Any, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop.cart", logging.INFO, "/app/cart.py", 12, message, args, None)
    vars(made).update(fields)
    return made


def test_positional_arguments_become_numbered_holes() -> None:
    event = event_of(record("user %s paid %.2f %%", "bob", 3.5))
    assert event.message == "user bob paid 3.50 %"
    assert event.message_template == "user {arg0} paid {arg1} %"
    assert (event.attributes["arg0"], event.attributes["arg1"]) == ("bob", 3.5)


def test_named_arguments_keep_their_names() -> None:
    made = logging.LogRecord(
        "shop", logging.WARNING, "/app/a.py", 1, "order %(order)d of %(user)s",
        ({"order": 812, "user": "bob"},), None,
    )  # fmt: skip
    event = event_of(made)
    assert event.message == "order 812 of bob"
    assert event.message_template == "order {order} of {user}"
    assert (event.attributes["order"], event.attributes["user"]) == (812, "bob")
    assert event.level is Level.WARN


def test_without_arguments_the_message_has_no_template() -> None:
    event = event_of(record("100% {done}"))
    assert (event.message, event.message_template) == ("100% {done}", None)


def test_braces_of_a_template_are_not_taken_for_holes() -> None:
    assert templated("{a} %s", ("b",))[0] == "{{a}} {arg0}"


def test_extras_place_and_thread_are_attributes() -> None:
    event = event_of(record("x", left=2, threadName="worker-1"), service="shop")
    found = event.attributes
    assert (found["left"], found["logger"], found["thread.name"]) == (2, "shop.cart", "worker-1")
    assert (found["code.file.path"], found["code.line.number"]) == ("/app/cart.py", 12)
    assert event.source == "shop"


def test_an_exception_comes_with_its_trace() -> None:
    try:
        raise KeyError("gone")
    except KeyError:
        event = event_of(record("x", exc_info=sys.exc_info()))
    assert event.attributes["exception.type"] == "KeyError"
    assert "test_an_exception_comes_with_its_trace" in event.attributes["exception.stacktrace"]


def test_ids_of_opentelemetrys_instrumentation_are_used() -> None:
    event = event_of(record("x", otelTraceID="5b8efff798038103d269b633813fc60c", otelSpanID="0"))
    assert (event.trace_id, event.span_id) == ("5b8efff798038103d269b633813fc60c", None)


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    "made",
    [
        record("only %s and %s", "one"),
        record("%d", "no number"),
        record("%(name)s", "no mapping"),
        record("%s", Unprintable()),
        record("%s", "x", odd=Unprintable()),
        record("%*d", 5, 3),
        record(Unprintable()),
        record(12),
    ],
)
def test_a_record_that_is_wrong_is_kept_as_far_as_it_goes(made: logging.LogRecord) -> None:
    encode(event_of(made))


def test_levels_are_those_of_the_table() -> None:
    numbers = (5, 10, 20, 25, 30, 40, 50, 55, 60)
    assert [level_of(number) for number in numbers] == list(Level)


def test_a_value_that_holds_itself_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert isinstance(plain(endless), list)


@given(st.text(), st.lists(st.integers() | st.text() | st.floats(), max_size=4))
def test_no_message_and_no_arguments_make_it_raise(message: str, args: list[Any]) -> None:
    encode(event_of(record(message, *args)))
