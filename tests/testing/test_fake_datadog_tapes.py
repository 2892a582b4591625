"""The fake answers recorded requests as Datadog did: real traffic, from the public tapes."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from logmon.testing import FakeClock
from logmon.testing.fake_datadog import Behaviour, FakeDatadog, FakeEvent, log_event
from logmon.testing.fake_datadog.moments import milliseconds
from logmon.testing.fake_datadog.server import Request

KEYS = {"dd-api-key": "a" * 32, "dd-application-key": "b" * 40}


def tape(folder: Path, name: str) -> list[tuple[Request, dict]]:
    """Return what was asked and what was answered, in order."""
    recorded = yaml.safe_load((folder / "datadog" / f"test_{name}.yaml").read_text())
    pairs = []
    for interaction in recorded["interactions"]:
        sent, answered = interaction["request"], interaction["response"]
        address = urlsplit(sent["uri"])
        request = Request(
            method=sent["method"],
            path=address.path,
            query=address.query.encode(),
            headers=KEYS,
            body=(sent["body"] or "").encode(),
        )
        pairs.append((request, answered))
    return pairs


def recorded_events(answers: list[dict]) -> list[FakeEvent]:
    """Return the events that recorded answers hold."""
    found = []
    for answer in answers:
        for event in json.loads(answer["body"]["string"] or "{}").get("data", []):
            time_ms = milliseconds(event["attributes"]["timestamp"], 0)
            body = json.dumps(event).encode()
            found.append(FakeEvent(time_ms=time_ms, id=event["id"], body=body, visible_ms=time_ms))
    return found


def at(text: str) -> FakeClock:
    return FakeClock(datetime.fromisoformat(text).astimezone(UTC))


def steady(document: dict) -> dict:
    """Return an answer without what differs each time: two figures, and the order in the link."""
    for figure in ("elapsed", "request_id"):
        if "meta" in document:
            assert document["meta"].pop(figure, 0) is not None
    if "links" in document:
        address = urlsplit(document["links"]["next"])
        document["links"]["next"] = (address.path, sorted(parse_qsl(address.query)))
    return document


def decoded(cursor: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def test_pages_are_answered_as_recorded(foreign_data: Path):
    """A short page with a cursor, a cursor to an event nobody may see, an end without meta."""
    pairs = tape(foreign_data, "search_logs_returns_ok_response_with_pagination")
    fake = FakeDatadog(clock=at("2022-04-11T16:30:00Z"), behaviour=Behaviour(style="old"))
    fake.add(*recorded_events([answer for _, answer in pairs]))
    last_cursor = json.loads(pairs[1][1]["body"]["string"])["meta"]["page"]["after"]
    unseen = decoded(last_cursor)["after"]
    fake.add(log_event(milliseconds("2022-04-11T16:29:47.402Z", 0), id=unseen, hidden=True))
    for request, answer in pairs:
        reply = fake.answer(request)
        assert reply.status == answer["status"]["code"]
        assert steady(json.loads(reply.body)) == steady(json.loads(answer["body"]["string"]))
    assert reply.body == answer["body"]["string"].encode()


@pytest.mark.parametrize(
    "name", ["search_logs_returns_ok_response", "get_a_quick_list_of_logs_returns_ok_response"]
)
def test_an_empty_span_is_answered_as_recorded(foreign_data: Path, name: str):
    ((request, answer),) = tape(foreign_data, name)
    fake = FakeDatadog(clock=at("2024-01-01T00:00:00Z"))
    fake.add(log_event(milliseconds("2020-09-17T10:00:00Z", 0), id="x", message="datadog-agent"))
    reply = fake.answer(request)
    assert steady(json.loads(reply.body)) == steady(json.loads(answer["body"]["string"]))
    assert reply.body.endswith(b"\n")


def test_refusals_then_ten_events_are_answered_as_recorded(foreign_data: Path):
    """No parameters at all: ten events, the newest first, and five rate headers on each answer."""
    pairs = tape(foreign_data, "retry_rate_limit")
    fake = FakeDatadog(clock=at("2023-07-19T16:05:59Z"))
    fake.add(*recorded_events([answer for _, answer in pairs]))
    for number in (1, 2, 3):
        fake.on(number, "429:empty")
    for request, answer in pairs:
        reply = fake.answer(request)
        assert reply.status == answer["status"]["code"]
        recorded = {name: value[0] for name, value in answer["headers"].items() if "rate" in name}
        assert {name for name in reply.headers if "rate" in name} == set(recorded)
        assert reply.headers["date"] == answer["headers"]["Date"][0]
        if reply.status == 429:
            assert reply.body == b""
    said, recorded = json.loads(reply.body), json.loads(answer["body"]["string"])
    cursors = [decoded(document["meta"]["page"].pop("after")) for document in (said, recorded)]
    links = [document.pop("links")["next"].split("=")[0] for document in (said, recorded)]
    assert steady(said) == steady(recorded)
    # The second value of a cursor is a number of Datadog's own that tells nothing.
    assert [cursor["values"].pop() for cursor in cursors] != [None, None]
    assert cursors[0] == cursors[1]
    assert links[0] == links[1]


def test_a_cursor_of_another_form_is_refused_as_recorded(foreign_data: Path):
    ((request, answer),) = tape(foreign_data, "search_events_returns_bad_request_response")
    reply = FakeDatadog(clock=at("2023-01-01T00:00:00Z")).answer(request)
    assert reply.status == 400
    assert json.loads(reply.body) == json.loads(answer["body"]["string"])


def test_an_aggregation_over_nothing_is_answered_as_recorded(foreign_data: Path):
    ((request, answer),) = tape(foreign_data, "aggregate_events_returns_ok_response")
    reply = FakeDatadog(clock=at("2023-01-01T00:00:00Z")).answer(request)
    assert steady(json.loads(reply.body)) == steady(json.loads(answer["body"]["string"]))
