"""Rounds of everything that happens to log files: each line is read once, in order."""

import os
import random
import shutil
import threading
import time
from contextlib import aclosing

import pytest

from logmon.batch import events_of
from logmon.event import to_ns
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.testing import FakeClock
from tests.sources.follow import Done, seen_by


class Churn:
    """Writes numbered lines into one name while the file behind it is rotated in every way."""

    def __init__(self, folder, seed: int) -> None:
        self.path = folder / "x.log"
        self.rng = random.Random(seed)
        self.count = 0
        self.copies = 0
        self.path.write_text("")
        self.write()  # a file of which nothing was read yet has nothing to be known again by

    def write(self, most: int = 40) -> None:
        lines = []
        for _ in range(self.rng.randint(1, most)):
            lines.append(
                f"2026-11-23T14:00:00Z INFO line {self.count} {'x' * self.rng.choice([0, 5, 300])}\n"
            )
            self.count += 1
        with self.path.open("a") as file:
            file.write("".join(lines))

    def round(self) -> None:
        self.write()
        kind = self.rng.choice(["rename", "copy", "replace", "delete", "grow", "grow"])
        self.copies += 1
        aside = self.path.with_name(f"x.log.{self.copies}")
        if kind == "rename":
            self.path.rename(aside)
        elif kind == "copy":
            shutil.copyfile(self.path, aside)
            os.truncate(self.path, 0)
        elif kind == "replace":
            fresh = self.path.with_name("fresh")
            fresh.write_text("")
            fresh.rename(self.path)
        elif kind == "delete":
            self.path.unlink()
        self.write()


@pytest.mark.parametrize("seed", [1, 2])
async def test_200_rounds_of_rotation_lose_nothing_repeat_nothing_and_keep_the_order(
    tmp_path, seed
):
    churn = Churn(tmp_path, seed)
    clock = FakeClock()
    rounds = [0]

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if rounds[0] >= 230:
            raise Done
        rounds[0] += 1
        if rounds[0] <= 200 and churn.rng.random() < 0.9:
            churn.round()
        elif rounds[0] <= 200:
            churn.write(400)

    source = ReplaySource(
        [str(churn.path)],
        reading=ReplayOptions(follow=True),
        sleep=sleep,
        clock_ns=lambda: to_ns(clock.now()),
    )
    seen = [int(text.split()[1]) for text in await seen_by(source) if text.startswith("line")]
    assert churn.count > 5_000
    assert seen == list(range(churn.count))


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(5))
async def test_200_rounds_beside_a_writer_that_never_waits(tmp_path, seed):
    churn = Churn(tmp_path, seed)
    over = threading.Event()

    def writer() -> None:
        for _ in range(200):
            for _ in range(churn.rng.randint(1, 5)):
                churn.write(300)
                time.sleep(churn.rng.random() * 0.03)
            time.sleep(0.2)  # what is deleted before anyone can have looked is gone for everyone
            churn.round()
            time.sleep(0.2)
        over.set()
        churn.write()

    thread = threading.Thread(target=writer)
    seen: list[int] = []
    async with aclosing(
        ReplaySource([str(churn.path)], reading=ReplayOptions(follow=True)).observe()
    ) as arrivals:
        thread.start()
        async for arrival in arrivals:
            if arrival.batch is not None:
                seen += [int(event.message.split()[1]) for event in events_of(arrival.batch)]
            if over.is_set() and len(seen) >= churn.count:
                break
    thread.join()
    assert seen == list(range(churn.count))
