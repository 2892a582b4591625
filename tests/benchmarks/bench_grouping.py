"""How well and how fast messages are grouped into templates, one configuration for all.

    python tests/benchmarks/bench_grouping.py

Prints for each recorded set with a known truth (the loghub sets in `$LOGMON_TEST_DATA/loghub`), and
for messages made from the format strings of installed libraries, how well the miner's groups agree
with the truth, next to a small Drain with masks. Speeds are of this machine.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from grouping_corpus import libraries, messages
from grouping_drain import Drain
from grouping_scores import Scores, score

from logmon.template import TemplateMiner

DATA = Path(os.environ.get("LOGMON_TEST_DATA", ROOT.parent / "shared" / "data")) / "loghub"
STEADY_S = 0.3
HEAD = f"{'':14}{'GA':>7}{'FGA':>7}{'GA 1%':>7}{'pairs':>7}{'groups':>12}{'first/s':>9}{'steady/s':>10}{'worst ms':>9}{'Drain GA':>10}{'FGA':>6}"


def recorded() -> dict[str, list[tuple[str, str]]]:
    """Return (true group, message) pairs of each recorded set."""
    sets = {}
    for path in sorted(DATA.glob("*_structured.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(row["EventId"], row["Content"]) for row in csv.DictReader(file)]
        sets[path.name.partition("_")[0]] = rows
    return sets


def made() -> dict[str, list[tuple[str, str]]]:
    """Return (format string, message) pairs of each library."""
    found = libraries()
    count = sum(map(len, found.values()))
    print(f"made from {count} format strings of {len(found) - 1} libraries and others:")
    return {name: messages(calls, seed=1) for name, calls in found.items()}


def hostile() -> list[str]:
    """Return messages meant to be slow."""
    units = [
        "a-b.",
        "=",
        "a=",
        "(",
        "('",
        "{[<",
        '"',
        "a,",
        "0:",
        "0 ",
        "a b ",
        "/",
        "/a",
        "a@",
        "-",
    ]
    units += [
        "é ",
        "://",
        "Jan 0 ",
        "a.0.",
        "<0",
        ">=0,",
        "'a",
        "\\'",
        "aB_c/",
        "x=(",
        "[a,",
        "0-a/",
        "\t",
    ]
    lines = [(unit * 2_000)[:length] for unit in units for length in (255, 1_999, 2_100, 100_000)]
    return [*lines, " ".join(f"w{'abcdefgh'[n % 8]}{chr(97 + n % 26)}=x" for n in range(400))]


def grouped(texts: list[str]) -> tuple[list[str], TemplateMiner]:
    """Return the final template of each message."""
    miner = TemplateMiner()
    found = [miner.template(text) for text in texts]
    merges = miner.merges()
    return [merges.get(template, template) for template in found], miner


def worst_ms(texts: list[str]) -> float:
    """Return the slowest message, each at its best of three runs with a miner that knows nothing."""
    best = [1e9] * len(texts)
    for _ in range(3):
        miner = TemplateMiner()
        for place, text in enumerate(texts):
            started = time.perf_counter()
            miner.template(text)
            best[place] = min(best[place], time.perf_counter() - started)
    return max(best) * 1e3


def steady_per_second(texts: list[str], miner: TemplateMiner) -> float:
    """Return messages a second once every message was seen."""
    template, passes = miner.template, 0
    started = time.perf_counter()
    while time.perf_counter() - started < STEADY_S:
        for text in texts:
            template(text)
        passes += 1
    return passes * len(texts) / (time.perf_counter() - started)


def show(title: str, sets: dict[str, list[tuple[str, str]]]) -> float:
    """Print a table; return the worst milliseconds of a message."""
    print(f"{title:14}{HEAD[14:]}")
    ours: list[Scores] = []
    peer: list[Scores] = []
    worst = 0.0
    for name, pairs in sets.items():
        truth = [true for true, _ in pairs]
        texts = [text for _, text in pairs]
        started = time.perf_counter()
        found, miner = grouped(texts)
        first = len(texts) / (time.perf_counter() - started)
        drain = Drain()
        ours.append(score(truth, found))
        peer.append(score(truth, [drain.group(text) for text in texts]))
        slow = worst_ms(texts)
        worst = max(worst, slow)
        print(
            f"{name:14}" + "".join(f"{value:7.3f}" for value in ours[-1]),
            f"{f'{len(set(found))}/{len(set(truth))}':>11}{first:9,.0f}"
            f"{steady_per_second(texts, miner):10,.0f}{slow:9.2f}"
            f"{peer[-1].ga:10.3f}{peer[-1].fga:6.3f}",
        )
    means = [sum(column) / len(ours) for column in zip(*ours, strict=True)]
    drain_means = [sum(column) / len(peer) for column in zip(*peer, strict=True)]
    print(f"{'mean':14}" + "".join(f"{value:7.3f}" for value in means), end="")
    print(f"{'':40}{drain_means[0]:10.3f}{drain_means[1]:6.3f}\n")
    return worst


def main() -> None:
    """Print both tables and the slowest message of all."""
    sets = recorded()
    if not sets:
        print(f"no recorded sets at {DATA}; set LOGMON_TEST_DATA")
    worst = show("recorded", sets) if sets else 0.0
    worst = max(worst, show("made", made()))
    print(f"slowest message {worst:.1f} ms; of those meant to be slow {worst_ms(hostile()):.1f} ms")


if __name__ == "__main__":
    main()
