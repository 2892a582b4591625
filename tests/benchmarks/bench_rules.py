"""What rules cost: 50 against one, and the memory that 100,000 distinct templates take.

    python tests/benchmarks/bench_rules.py [EVENTS]

Prints microseconds an event for one rule (each of the 50 alone: those that level and source decide
for most rows cost little, those that read every message most) and for all 50 in one Sentinel, with
their ratio, over EVENTS events (1,000,000 unless given); then the resident memory of
a process before and after 10,000 to 400,000 messages of which no two have one template. All
figures of a run are of this machine in that run; what counts is the ratio.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from logmon.batch import EventBatch
from logmon.event import LogEvent
from logmon.event_log import EventLog
from logmon.level import Level
from logmon.sentinel.pipeline import Sentinel
from logmon.sentinel.rule import Rule
from logmon.subscription import Bell, Subscription
from logmon.testing import NOON

BATCH = 1_000
POOL = 50_000
SERVICES = ["api", "auth", "billing", "cart", "mail", "payments", "search", "stock", "users", "web"]
WORDS = [
    "timeout",
    "refused",
    "declined",
    "expired",
    "retry",
    "deadlock",
    "overflow",
    "corrupt",
    "missing",
    "denied",
]


def rules() -> list[Rule]:
    """Return 50 rules as people write them: by service, by status, by attribute, by word."""
    made = [
        Rule(name=f"{service} {number}", when=f"service:{service} {condition}", threshold=5)
        for number, condition in enumerate(
            ("@http.status:>=500", "@ms:>990", "status:error -@retry:true", "@region:eu*")
        )
        for service in SERVICES
    ]
    made += [Rule(name=word, when=word, minimum_level=Level.INFO) for word in WORDS]
    return made


def alike(kind: str) -> list[Rule]:
    """Return 50 rules of one kind, each of which looks at every event."""
    when = {
        "word": "word{}",
        "value": "@code:E{}",
        "bound": "@ms:>{}",
    }[kind]
    return [
        Rule(name=f"{kind} {n}", when=when.format(1_000 + n), minimum_level=Level.TRACE)
        for n in range(50)
    ]


def pool() -> list[LogEvent]:
    """Return events of every kind, of which a few match."""
    rng = random.Random(5)
    levels = [Level.INFO] * 90 + [Level.WARN] * 7 + [Level.ERROR] * 3
    return [
        LogEvent(
            timestamp=NOON + timedelta(milliseconds=number),
            level=rng.choice(levels),
            source=rng.choice(SERVICES),
            message=f"request {number} took {rng.randint(1, 999)} ms"
            + (f" after {rng.choice(WORDS)}" if rng.random() < 0.01 else ""),
            attributes={
                "http": {"status": rng.choice([200] * 96 + [404] * 3 + [500])},
                "ms": rng.randint(1, 1_000),
                "region": rng.choice(["us-east"] * 49 + ["eu-west"]),
                "retry": rng.random() < 0.95,
                "code": f"E{rng.randint(0, 999)}",
            },
            id=f"e{number}",
        )
        for number in range(POOL)
    ]


def microseconds(chosen: list[Rule], batches: list[EventBatch], events: int) -> float:
    """Return what an event costs: from the log, through the filter and the rules, to the effects."""
    sentinel = Sentinel(chosen)
    log = EventLog(max_rows=4 * BATCH)
    cursor = Subscription(log, Bell(), sentinel.filter, name="rules", position=0, outside=True)
    spent = 0.0
    for number in range(events // BATCH):
        log.append(batches[number % len(batches)], origin="app")
        started = time.perf_counter()
        while (rows := cursor.take()) is not None:
            sentinel.process(rows)
        spent += time.perf_counter() - started
    global matched
    matched = sum(counts.matched for counts in sentinel.statistics().values()) / events
    return spent / events * 1e6


matched = 0.0
"""Matches an event in the last measurement."""


def rss_mib() -> float:
    """Return the resident memory now, in MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def memory() -> None:
    """Print the memory that templates take, all of them different."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    sentinel = Sentinel()
    print(f"memory before {rss_mib():.0f} MiB", end="")
    from logmon.segment import Delivery

    for number in range(400_000):
        words = " ".join(
            letters[number // 26**place % 26] * (place + 2) + letters[number // 7**place % 26]
            for place in range(5)
        )
        event = LogEvent(
            timestamp=NOON, level=Level.ERROR, source="app", message=words, id=f"e{number}"
        )
        effects = sentinel.process([Delivery(number, event, "app", None)])
        sentinel.to_keep(effects, number + 1)
        if number + 1 in (10_000, 100_000, 200_000, 400_000):
            print(f", after {number + 1:,} templates {rss_mib():.0f} MiB", end="", flush=True)
    print(f" ({len(sentinel.items):,} items held)")


def main() -> None:
    """Print both tables."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    made = pool()
    batches = [EventBatch(made[start : start + BATCH]) for start in range(0, POOL, BATCH)]
    every = rules()
    alone = [microseconds([rule], batches, events // 10) for rule in every]
    one = sum(alone) / len(alone)
    all_of_them = microseconds(every, batches, events)
    print(f"{len(every)} rules, {events:,} events")
    print(f"one rule  {one:7.2f} µs an event in the mean, {min(alone):.2f} to {max(alone):.2f}")
    print(f"all rules {all_of_them:7.2f} µs an event, {matched:.3f} matches an event")
    print(f"ratio     {all_of_them / max(alone):7.2f} to a rule that reads every event", end="")
    print(f", {all_of_them / one:.2f} to the mean")
    for kind in ("word", "value", "bound"):
        fifty = alike(kind)
        few = min(events, 200_000)
        single = min(microseconds(fifty[:1], batches, few) for _ in range(3))
        together = min(microseconds(fifty, batches, few) for _ in range(3))
        print(
            f"50 by {kind}: {together:.2f} µs an event, {together / single:.2f} times one of them"
        )
    if len(sys.argv) < 3:
        memory()


if __name__ == "__main__":
    main()
