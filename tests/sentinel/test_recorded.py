"""Real logs replayed into a store again and again, killed and two at once: every count exact."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import aclosing
from pathlib import Path

import pytest

from logmon.batch import events_of
from logmon.sources.replay import ReplaySource
from logmon.template import TemplateMiner
from tests.processes import started

LOGMON = [sys.executable, "-m", "logmon"]


@pytest.fixture
def files(foreign_data: Path) -> list[str]:
    found = sorted(map(str, (foreign_data / "loghub").glob("*_2k.log")))
    if len(found) < 8:
        pytest.skip("the recorded logs are not here")
    return found


def expected(files: list[str]) -> Counter[tuple[str, str]]:
    """Count the events of each source and template, with the miner alone: no rule, no item."""

    async def read() -> list[tuple[str, str, str]]:
        found = []
        async with aclosing(ReplaySource(files).observe()) as arrivals:
            async for arrival in arrivals:
                for event in events_of(arrival.batch) if arrival.batch is not None else ():
                    found.append((event.id, event.source, event.message))
        return found

    events = list({event[0]: event for event in asyncio.run(read())}.values())
    miner = TemplateMiner()
    first = [miner.template(message) for _, _, message in events]
    merges = miner.merges()
    while any(merges.get(template) for template in merges.values()):
        merges = {old: merges.get(new, new) for old, new in merges.items()}
    return Counter(
        (source, merges.get(template, template))
        for (_, source, _), template in zip(events, first, strict=True)
    )


def settings(folder: Path) -> Path:
    path = folder / "config.toml"
    path.write_text(
        f'[store]\npath = "{folder}/logmon.db"\n'
        '[[sentinel.rules]]\nname = "all"\nminimum_level = "trace"\n'
    )
    path.chmod(0o600)
    return path


def check(config: Path, files: list[str]) -> None:
    """Hold the items to what the miner alone says."""
    listing = [*LOGMON, "items", "list", "--all", "-o", "json", "-c", str(config)]
    done = subprocess.run(listing, capture_output=True, text=True, check=True)
    items = [json.loads(line) for line in done.stdout.splitlines()]
    wanted = expected(files)
    assert sum(wanted.values()) == 16_000
    opened = [item for item in items if item["status"] != "done"]
    assert len(opened) == len(wanted), "one open item for each rule, source and template"
    assert {(item["source"], item["template"]): item["count"] for item in opened} == dict(wanted)
    assert all(item.get("part_of") for item in items if item["status"] == "done")


def replay_all(tmp_path: Path, files: list[str], kills: int, longest_s: float) -> None:
    config, rng = settings(tmp_path), random.Random(12)
    command = [*LOGMON, "replay", *files, "--store", "-c", str(config), "-o", "json"]
    for _ in range(kills):
        with started(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            time.sleep(rng.uniform(0.4, longest_s))
            run.send_signal(signal.SIGKILL)
    both = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [run.wait(200) for run in both] == [0, 0]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    check(config, files)


@pytest.mark.timeout(150)
def test_eight_logs_three_times_with_kills_and_two_at_once(tmp_path: Path, files):
    replay_all(tmp_path, files, kills=4, longest_s=2.5)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_eight_logs_three_times_with_100_kills(tmp_path: Path, files):
    replay_all(tmp_path, files, kills=100, longest_s=6.0)
