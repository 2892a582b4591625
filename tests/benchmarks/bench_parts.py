"""What single parts of Python and of logmon cost: the reasons for how some code is written.

python -m tests.benchmarks.bench_parts
"""

from __future__ import annotations

import re
import string
import time
from typing import TYPE_CHECKING

import numpy as np

from logmon.event import encode
from logmon.formats import LineDecoder
from logmon.testing import make_event

if TYPE_CHECKING:
    from collections.abc import Callable

CHARACTERS = 100_000
REMEMBERED, A_BATCH = 10_000, 1_000
LINES = 20_000
LITERALS = [f"{first}{second}secret" for first in "kwzyvxqj" for second in "abcdef"][:41]


def best_s(work: Callable[[], object], times: int = 5) -> float:
    """Return the least CPU time of some runs, in seconds: other programs do not count."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def expression() -> None:
    alternatives = re.compile("|".join(LITERALS))
    none, every = "a" * CHARACTERS, "k" * CHARACTERS
    free = best_s(lambda: alternatives.search(none)) / CHARACTERS * 1e9
    tried = best_s(lambda: alternatives.search(every)) / CHARACTERS * 1e9
    print(f"41 alternatives: {free:.1f} ns a character, {tried:.0f} ns where one may start")
    line = ("GET /carts/17 took 302 ms for Alice, card accepted; " * 3)[:119].encode()
    lower = bytes.maketrans(
        (string.ascii_uppercase + string.digits).encode(),
        (string.ascii_lowercase + "0" * 10).encode(),
    )
    literals = [literal.encode() for literal in LITERALS]

    def look() -> None:
        for _ in range(1_000):
            any(literal in line for literal in literals)

    def translate() -> None:
        for _ in range(1_000):
            line.translate(lower)

    print(
        f"a line of 119 bytes: {best_s(translate) * 1e3:.2f} µs to translate, "
        f"{best_s(look) * 1e3:.1f} µs to look for 41 literals one by one"
    )


def oldest_of_a_dict() -> None:
    """Forget a batch of the oldest ids and remember a new one."""
    ids = dict.fromkeys(range(REMEMBERED))
    for number in range(REMEMBERED, REMEMBERED + 10 * A_BATCH):
        del ids[next(iter(ids))]
        ids[number] = None


def two_generations() -> None:
    young: set[int] = set()
    old: set[int] = set(range(REMEMBERED))
    for number in range(REMEMBERED, REMEMBERED + 10 * A_BATCH):
        if number not in old:
            young.add(number)
        if len(young) >= REMEMBERED:
            young, old = set(), young


def lines() -> None:
    made = [encode(make_event(f"cart {n} opened", attributes={"n": n})) for n in range(LINES)]
    block = b"".join(line + b"\n" for line in made)
    ends = np.cumsum([len(line) + 1 for line in made]) - 1
    starts = np.concatenate(([0], ends[:-1] + 1))
    decoder = LineDecoder("a")
    assert decoder.scan_block(block, starts, ends).proven.all()
    at_once = best_s(lambda: decoder.scan_block(block, starts, ends)) / LINES * 1e6
    apart = best_s(lambda: [decoder.scan(line, 0, 0) for line in made], 2) / LINES * 1e6
    print(f"a canonical line: {at_once:.2f} µs in a block, {apart:.1f} µs by itself")


def main() -> None:
    expression()
    slow, fast = best_s(oldest_of_a_dict) / 10, best_s(two_generations) / 10
    print(f"1,000 ids come, 1,000 go: {slow * 1e3:.1f} ms in a dict, {fast * 1e3:.2f} ms in sets")
    lines()


if __name__ == "__main__":
    main()
