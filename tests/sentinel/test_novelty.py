"""What is new: a template's first row, in rules, in filters, on the row, over restarts."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from logmon.errors import ConfigError
from logmon.filter import LogFilter
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.query import parse_query
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.segment import Delivery
from logmon.sentinel.novelty import FirstSeen
from logmon.sentinel.pipeline import Sentinel
from logmon.sentinel.rule import Rule
from logmon.source import LookBack
from logmon.store.journal import open_writer
from logmon.testing import NOON, ScriptedSource, arrival_of, make_event

DEFAULT = (Rule(),)
NEW = Rule(name="news", when="is:new", minimum_level=Level.INFO)


def query(text: str) -> LogFilter:
    clause = parse_query(text)
    assert clause is not None
    return LogFilter((clause,))


def events(*messages: str, level: Level = Level.WARN):
    return [make_event(message, level=level, id=f"{message}") for message in messages]


async def served(path: Path | None, *told, rules=DEFAULT, news: bool = False):
    store = open_writer(path) if path else None
    hub = LogEventHub(journal=store)
    service = LogMonitorService(
        hub,
        [SourceEntry(ScriptedSource("app", [arrival_of(*told)]))],
        sentinel=Sentinel(rules),
        store=store,
    )
    if news:
        service.look_for_news()
    await service.warm(LookBack(rows=1_000))
    await service.run()
    return service


def shown(service: LogMonitorService, text: str) -> list[str]:
    rows = service.hub.recent(100, query(text), outside=True)
    return [row.event.message for row in rows]


async def test_the_first_row_of_each_template_is_marked_and_found():
    service = await served(None, *events("disk 1 full", "disk 2 full", "net down", "disk 3 full"))
    rows = service.hub.recent(100, outside=True)
    assert [row.is_new for row in rows] == [True, False, True, False]
    assert shown(service, "is:new") == ["disk 1 full", "net down"]
    assert shown(service, "-is:new") == ["disk 2 full", "disk 3 full"]
    assert shown(service, "is:new disk") == ["disk 1 full"]
    assert shown(service, "is:new OR disk") == [
        "disk 1 full",
        "disk 2 full",
        "net down",
        "disk 3 full",
    ]
    assert shown(service, "disk NOT is:new") == ["disk 2 full", "disk 3 full"]


@pytest.mark.parametrize("asked_late", [False, True])
async def test_rows_that_no_rule_wants_are_looked_at_when_somebody_asks(asked_late):
    told = events("hello 1", "hello 2", "bye", level=Level.INFO)
    service = await served(None, *told, news=not asked_late)
    if asked_late:
        assert shown(service, "is:new") == []
        service.look_for_news()
        for helper in service._helpers:
            await helper
    assert shown(service, "is:new") == ["hello 1", "bye"]


async def test_a_known_template_is_not_new_again_after_a_restart_and_marks_stay(tmp_path: Path):
    path = tmp_path / "logmon.db"
    first = await served(path, *events("disk 1 full"))
    first.close_store()
    second = await served(path, *events("disk 2 full", "net down"))
    assert shown(second, "is:new") == ["disk 1 full", "net down"]
    second.close_store()


def test_a_rule_can_ask_for_what_is_new_and_is_told_why_not():
    sentinel = Sentinel([NEW])
    told = events("disk 1 full", "disk 2 full", level=Level.INFO)
    assert sentinel.explain(told[0]).rules[0].text == "opened WI-1"
    sentinel.process([Delivery(0, told[0], "app", None)])
    verdict = sentinel.explain(told[1]).rules[0]
    assert (verdict.outcome, verdict.text) == ("no_match", "is:new saw known")
    sentinel.process([Delivery(1, told[1], "app", None)])
    assert [item.count for item in sentinel.items.all()] == [1]


async def test_a_rule_for_news_makes_the_same_items_over_a_restart(tmp_path: Path):
    path = tmp_path / "logmon.db"
    for told in (events("disk 1 full", "net down"), events("disk 2 full", "cpu hot")):
        service = await served(path, *told, rules=[NEW])
        items = sorted(item.title for item in service.sentinel.items.all())
        service.close_store()
    assert items == ["cpu hot", "disk <*> full", "net down"]


async def test_an_explanation_of_a_new_row_says_that_it_is_new():
    service = await served(None, *events("disk 1 full", "disk 2 full"), rules=[NEW])
    told = [
        service.explain(row.event, seq=row.seq).rules[0]
        for row in service.hub.recent(9, outside=True)
    ]
    assert [one.text for one in told] == ["opened WI-1", "is:new saw known"]
    assert told[0].clauses[1].seen == "new"


def test_only_new_can_be_asked_for():
    with pytest.raises(ConfigError, match="write is:new"):
        parse_query("is:old")


def test_what_is_remembered_is_bounded_and_survives():
    seen = FirstSeen()
    for number in range(60_000):
        assert seen.note(f"template {number}", NOON + timedelta(seconds=number))
    assert len(seen) == 50_000
    kept = {name: value for name, value in seen.take_changes().items() if value is not None}
    again = FirstSeen()
    again.restore(kept)
    assert again.knows("template 59999")
    assert not again.knows("template 0")


def test_new_rows_come_out_of_a_replay_on_the_command_line(tmp_path: Path):
    log = tmp_path / "app.jsonl"
    lines = [("info", "hello 1"), ("info", "hello 2"), ("warn", "disk 7 full"), ("info", "bye")]
    log.write_text(
        "".join(json.dumps({"level": level, "message": message}) + "\n" for level, message in lines)
    )
    done = subprocess.run(
        [sys.executable, "-m", "logmon", "replay", str(log), "-q", "is:new", "-o", "json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = [json.loads(line)["message"] for line in done.stdout.splitlines()]
    assert found == ["hello 1", "disk 7 full", "bye"]
