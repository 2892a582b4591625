"""Follows files in virtual time, with a step of the test between two looks."""

from contextlib import aclosing

from logmon.batch import events_of
from logmon.event import to_ns
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.testing import FakeClock

STEP_S = 7.0
"""Long enough for every wait that following knows."""


class Done(Exception):
    """The steps are through."""


def timed(clock: FakeClock, *steps):
    """Return a sleep that takes a step each `STEP_S` of the clock's time."""
    waiting = list(steps)
    due = [clock.monotonic() + STEP_S]

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if clock.monotonic() >= due[0]:
            due[0] = clock.monotonic() + STEP_S
            if not waiting:
                raise Done
            waiting.pop(0)()

    return sleep


async def seen_by(source, *, tags: bool = False) -> list[str]:
    seen: list[str] = []
    try:
        async with aclosing(source.observe()) as arrivals:
            async for arrival in arrivals:
                seen += [f"[{notice.text}]" for notice in arrival.notices]
                if arrival.batch is not None:
                    seen += [
                        " ".join((event.message, *(event.tags if tags else ())))
                        for event in events_of(arrival.batch)
                    ]
    except Done:
        pass
    return seen


async def follow(path, *steps, tags: bool = False) -> list[str]:
    clock = FakeClock()
    inputs = path if isinstance(path, list) else [path]
    source = ReplaySource(
        list(map(str, inputs)),
        reading=ReplayOptions(follow=True),
        sleep=timed(clock, *steps),
        clock_ns=lambda: to_ns(clock.now()),
    )
    return await seen_by(source, tags=tags)


def append(path, text):
    def step():
        with path.open("a") as file:
            file.write(text)

    return step
