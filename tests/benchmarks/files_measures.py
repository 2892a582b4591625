"""What is measured of files in a process of its own: an index, a bare decode, line ends, a search.

python tests/benchmarks/files_measures.py index|bare|newlines|LITERAL FILE
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from files_rig import anon_kib


def index(path: Path) -> tuple[int, float, float]:
    """Read a whole file into a log as the screen does; return rows, CPU and wall seconds."""
    from logmon.hub import LogEventHub
    from logmon.sources.replay import ReplayOptions, ReplaySource

    hub = LogEventHub(max_rows=20_000_000, max_bytes=4 << 30)
    hub.log.begin_at(20_000_000)
    drawn = asyncio.Event()
    drawn.set()
    source = ReplaySource([str(path)], reading=ReplayOptions(newest_first=drawn))
    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(hub.drain(source, hub.intake("bench")))
    used, took = time.process_time() - cpu, time.perf_counter() - began
    index.held = hub  # type: ignore[attr-defined]
    account = hub.sources["bench"]
    assert account.received == account.stored + account.dead_lettered, account
    return account.received, used, took


def bare_decode(path: Path) -> float:
    """Return CPU seconds of a plain loop of msgspec over the lines, time, level and source read."""
    import msgspec

    class Three(msgspec.Struct, gc=False):
        timestamp: datetime
        level: str
        source: str

    decode = msgspec.json.Decoder(Three).decode
    cpu = time.process_time()
    with path.open("rb") as file:
        for line in file:
            try:
                decode(line)
            except msgspec.MsgspecError:
                continue
    return time.process_time() - cpu


def newline_index(path: Path) -> float:
    from logmon.file_batch import FileBytes
    from logmon.sources.lines import line_breaks
    from logmon.sources.opened import BLOCK_BYTES, keep_freed_memory

    keep_freed_memory()
    size, file = path.stat().st_size, FileBytes(os.open(path, os.O_RDONLY))
    began = time.perf_counter()
    for start in range(0, size, BLOCK_BYTES):
        line_breaks(file.read(start, start + BLOCK_BYTES))
    return time.perf_counter() - began


def search(path: Path, literal: str) -> tuple[int, float]:
    from logmon.filter import EVERYTHING
    from logmon.patterns import Pattern

    index(path)
    pattern, hits = Pattern(literal), 0
    began = time.perf_counter()
    for segment in index.held.log.snapshot.segments:  # type: ignore[attr-defined]
        hits += len(segment.holding(pattern, segment.rows(EVERYTHING, 0, segment.count)))
    return hits, time.perf_counter() - began


def child(part: str, path: Path) -> list[float]:
    """Run one measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, part, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(word) for word in done.stdout.split()]


def run_child(part: str, path: Path) -> None:
    if part == "index":
        rows, cpu, took = index(path)
        print(rows, cpu, took, anon_kib())
    elif part == "bare":
        print(bare_decode(path))
    elif part == "newlines":
        print(newline_index(path))
    else:
        print(*search(path, part))


if __name__ == "__main__":
    run_child(sys.argv[1], Path(sys.argv[2]))
