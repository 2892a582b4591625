"""Sentinel over crashes: each item once, each count exact, asked for by other processes."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import pytest

from logmon.batch import EventBatch
from logmon.hub import LogEventHub
from logmon.journal import Commit
from logmon.level import Level
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.sentinel.pipeline import Sentinel
from logmon.sentinel.rule import Rule
from logmon.source import LookBack
from logmon.store.journal import open_reader, open_writer
from logmon.testing import NOON, ScriptedSource, arrival_of, make_event
from logmon.work_item import WorkItem
from tests.processes import started

LOGMON = [sys.executable, "-m", "logmon"]


def error(number: int, template: str = "Card declined for order {order}"):
    return make_event(
        f"Card declined for order {number}",
        id=f"e{number}",
        message_template=template,
        level=Level.ERROR,
    )


async def serve(
    path: Path, *numbers: int, rule: Rule | None = None, history: int = 100
) -> list[WorkItem]:
    """Run a service over a store until its source has ended; return the items it left."""
    store = open_writer(path)
    assert store is not None
    hub = LogEventHub(journal=store)
    source = ScriptedSource("app", [arrival_of(*(error(number) for number in numbers))])
    sentinel = Sentinel([rule or Rule()])
    service = LogMonitorService(hub, [SourceEntry(source)], sentinel=sentinel, store=store)
    await service.warm(LookBack(rows=history))
    await service.run()
    service.close_store()
    reader = open_reader(path)
    found = [record.item for _, record in reader.work_items()]
    reader.close()
    return found


async def test_a_repeat_after_a_restart_joins_the_item_of_before(tmp_path: Path):
    path = tmp_path / "logmon.db"
    (first,) = await serve(path, 1, 2)
    (second,) = await serve(path, 2, 3)
    assert (first.id, first.count) == ("WI-1", 2)
    assert (second.id, second.count) == ("WI-1", 3)
    assert second.event_ids == ("e1", "e2", "e3")


@pytest.mark.parametrize("history", [0, 2, 100])
async def test_rows_written_just_before_a_kill_are_judged_after_it(tmp_path: Path, history: int):
    """However little of what was kept is held again: a kill fell between row and judgement."""
    path = tmp_path / "logmon.db"
    await serve(path, 1, 2)
    store = open_writer(path)
    assert store is not None
    unjudged = EventBatch([error(number) for number in range(3, 8)])
    store.commit_now(Commit(origin="app", batch=unjudged, distinct=True))
    store.close()
    (item,) = await serve(path, 8, history=history)
    assert item.count == 8
    (item,) = await serve(path, 8, history=history)
    assert item.count == 8


async def test_a_kill_while_old_rows_are_learned_from_again_judges_none_of_them_twice(
    tmp_path: Path,
):
    path = tmp_path / "logmon.db"
    await serve(path, *range(40))
    store = open_writer(path)
    assert store is not None
    hub, sentinel = LogEventHub(journal=store), Sentinel()
    offset = store.offset("sentinel")
    assert offset is not None
    assert offset >= 40
    kept = [record for _, record in store.work_items()]
    first = sentinel.restore(kept, store.values("sentinel"), offset)
    assert first == 0
    pipeline = hub.subscribe_pipeline(sentinel.filter, name="sentinel", first=first)
    async with aclosing(pipeline.batches()) as batches:
        async for rows in batches:
            effects = sentinel.process(rows)
            await hub.commit(effects.commit(sentinel.to_keep(effects, 7)), own=True)
            break
    assert store.offset("sentinel") == offset
    store.close()
    (item,) = await serve(path, 40)
    assert item.count == 41


async def test_matches_below_the_threshold_are_remembered_over_a_restart(tmp_path: Path):
    path, rule = tmp_path / "logmon.db", Rule(threshold=3)
    assert await serve(path, 1, rule=rule) == []
    assert await serve(path, 2, rule=rule) == []
    (item,) = await serve(path, 3, rule=rule)
    assert item.count == 3


async def test_after_done_and_a_restart_a_new_occurrence_opens_a_new_item(tmp_path: Path):
    path = tmp_path / "logmon.db"
    await serve(path, 1)
    store = open_writer(path)
    assert store is not None
    sentinel = Sentinel()
    sentinel.restore([record for _, record in store.work_items()], store.values("sentinel"))
    effects = sentinel.set_status("WI-1", "done", NOON)
    store.commit_now(effects.commit(sentinel.to_keep(effects, None)))
    store.close()
    second, first = await serve(path, 2)
    assert [(item.id, item.status) for item in (first, second)] == [
        ("WI-1", "done"), ("WI-2", "new"),
    ]  # fmt: skip


async def test_rows_and_items_stay_linked_over_a_restart(tmp_path: Path):
    path = tmp_path / "logmon.db"
    await serve(path, 1)
    store = open_writer(path)
    assert store is not None
    hub = LogEventHub(journal=store)
    await hub.warm(100)
    assert [(row.event.source, row.work_item) for row in hub.recent(9)] == [
        ("tests", "WI-1"), ("sentinel", "WI-1"),
    ]  # fmt: skip
    store.close()


def config(folder: Path) -> Path:
    path = folder / "config.toml"
    path.write_text(f'[sources.mock]\ntype = "mock"\n[store]\npath = "{folder}/logmon.db"\n')
    path.chmod(0o600)
    return path


def write_log(path: Path, lines: int) -> Counter[str]:
    """Write a log of errors of a few kinds; return how many there are of each."""
    rng, counts = random.Random(4), Counter[str]()
    with path.open("w") as file:
        for number in range(lines):
            kind = rng.choice(["alpha", "beta", "gamma", "delta"])
            counts[kind] += 1
            event = {
                "timestamp": f"2026-11-23T12:{number // 60 % 60:02}:{number % 60:02}Z",
                "level": "error", "source": kind, "message": f"{kind} failed, try {number}",
                "message_template": kind + " failed, try {n}", "id": f"{number}",
            }  # fmt: skip
            file.write(json.dumps(event) + "\n")
    return counts


def items(settings: Path) -> list[dict[str, object]]:
    done = subprocess.run(
        [*LOGMON, "items", "list", "--all", "-o", "json", "-c", str(settings)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def replay_and_kill(tmp_path: Path, kills: int, lines: int) -> None:
    log, settings, rng = tmp_path / "app.jsonl", config(tmp_path), random.Random(8)
    counts = write_log(log, lines)
    command = [*LOGMON, "replay", str(log), "--store", "-c", str(settings), "-o", "json"]
    for _ in range(kills):
        with started(command, stdout=subprocess.DEVNULL) as running:
            time.sleep(rng.uniform(0.3, 1.2))
            running.send_signal(signal.SIGKILL)
    for _ in range(2):
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    found = items(settings)
    assert {item["source"]: item["count"] for item in found} == dict(counts)
    assert len(found) == len(counts)


@pytest.mark.timeout(120)
def test_killed_between_any_two_steps_items_and_counts_are_exact(tmp_path: Path):
    replay_and_kill(tmp_path, 6, 20_000)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_100_times_items_and_counts_are_exact(tmp_path: Path):
    replay_and_kill(tmp_path, 100, 60_000)


def test_two_processes_at_once_make_each_item_once(tmp_path: Path):
    log, settings = tmp_path / "app.jsonl", config(tmp_path)
    counts = write_log(log, 5_000)
    command = [*LOGMON, "replay", str(log), "--store", "-c", str(settings), "-o", "json"]
    both = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = b"".join(process.communicate(timeout=40)[1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said == b"" or b"waiting for it to end" in said
    assert {item["source"]: item["count"] for item in items(settings)} == dict(counts)


def test_items_are_changed_from_another_process_while_the_tail_runs(tmp_path: Path):
    settings = tmp_path / "config.toml"
    settings.write_text(
        f'[sources.mock]\ntype = "mock"\n[store]\nenabled = true\npath = "{tmp_path}/logmon.db"\n'
    )
    settings.chmod(0o600)
    tail = [*LOGMON, "tail", "-c", str(settings), "-o", "json", "-s", "sentinel"]
    with started(tail, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        first = json.loads(running.stdout.readline())
        assert first["work_item"] == "WI-1"
        done = subprocess.run(
            [*LOGMON, "items", "done", "WI-1", "-c", str(settings)], capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, "WI-1: new → done\n")
        while "WI-1 done" not in json.loads(running.stdout.readline())["message"]:
            pass
        running.send_signal(signal.SIGINT)
    shown = subprocess.run(
        [*LOGMON, "items", "show", "WI-1", "-c", str(settings)], capture_output=True, text=True
    )
    assert re.search(r"history +\S+ \S+ +opened", shown.stdout)
    assert re.search(r"history +\S+ \S+ +new → done", shown.stdout)


def test_an_item_that_is_not_there_is_named_and_ends_with_2(tmp_path: Path):
    settings = config(tmp_path)
    missing = subprocess.run(
        [*LOGMON, "items", "done", "WI-1", "-c", str(settings)], capture_output=True, text=True
    )
    assert missing.returncode == 2
    assert "logmon.db" in missing.stderr
    assert not (tmp_path / "logmon.db").exists()
    open_writer(tmp_path / "logmon.db").close()  # type: ignore[union-attr]
    missing = subprocess.run(
        [*LOGMON, "items", "done", "WI-9", "-c", str(settings)], capture_output=True, text=True
    )
    assert missing.returncode == 2
    assert "'WI-9'" in missing.stderr
