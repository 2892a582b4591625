"""Clean lines per second through the redactor, beside the exact patterns alone and no redaction.

    LOGMON_TEST_DATA=… python -m tests.benchmarks.bench_redaction

Lines are those of loghub. "exact" runs every pattern on every line; "cheap test first" is what
logmon does. Recall and false hits are counted on the planted corpus and on the same lines.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from logmon.batch import EventBatch
from logmon.event import encode
from logmon.formats import LineDecoder
from logmon.journal import Commit
from logmon.redaction import Redactor
from logmon.secret_removal import SecretRemoval
from logmon.store.journal import StoreOptions, open_writer
from tests.planted_secrets import PLANTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.event import LogEvent

ROUNDS = 5


def best_s(work: Callable[[], object]) -> float:
    """Return the least CPU time of some runs, in seconds: others use the machine too."""
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def store(events: list[LogEvent], redactor: Redactor | None) -> None:
    """Write batches of 1,000 events as Datadog's source does: ids told apart, one commit each."""
    with tempfile.TemporaryDirectory() as folder:
        kept = open_writer(Path(folder) / "log.db", StoreOptions(redactor=redactor))
        assert kept is not None
        for start in range(0, len(events), 1_000):
            batch = EventBatch(events[start : start + 1_000])
            kept.commit_now(Commit(origin="bench", batch=batch, distinct=True))
        kept.close()


def main() -> None:
    folder = Path(os.environ["LOGMON_TEST_DATA"]) / "loghub"
    raw = [line for path in sorted(folder.glob("*.log")) for line in path.read_bytes().splitlines()]
    lines = [line.decode("utf-8", "replace") for line in raw]
    decoder = LineDecoder("bench")
    events = [decoder.decode(line, place, 0) for place, line in enumerate(raw)]
    redactor = Redactor()
    exact = SecretRemoval(lambda rule, secret: f"[redacted:{rule}#000000000000]")

    def say(what: str, work: Callable[[], object], beside: float | None = None) -> float:
        seconds = best_s(work)
        ratio = "" if beside is None else f"  {beside / seconds:5.1f}×"
        print(f"{what:<42}{len(raw) / seconds:>10,.0f} lines/s{ratio}")
        return seconds

    print(f"{len(raw):,} lines, {sum(map(len, raw)) / len(raw):.0f} bytes each")
    slow = say("text, every exact pattern", lambda: [exact.text(line) for line in lines])
    say("text, cheap test first", lambda: [redactor.text(line) for line in lines], slow)
    say("bytes, cheap test first", lambda: [redactor.raw(line) for line in raw], slow)
    plain = say("event to canonical JSON", lambda: [encode(event) for event in events])
    say("event to canonical JSON, redacted", lambda: [redactor.encode(e) for e in events], plain)
    kept = say("rows into a store", lambda: store(events, None))
    say("rows into a store, redacted", lambda: store(events, redactor), kept)
    changed = sum(redactor.raw(line) != line for line in raw)
    print(f"false hits: {changed} lines, {1000 * changed / len(raw):.2f} in a thousand")
    gone = sum(planted.secret not in redactor.text(planted.text) for planted in PLANTED)
    print(f"planted secrets gone: {gone} of {len(PLANTED)}")


if __name__ == "__main__":
    main()
