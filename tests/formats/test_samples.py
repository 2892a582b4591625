"""Every dialect against its corpus: samples/NAME.log, and by hand in NAME.expected what it means.

An expectation is one JSON object an event: `time` (null: none of its own), `level`, `source`
(null: the file's name), `message` (null: the whole line), `template`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from logmon.batch import events_of
from logmon.event import LogEvent, to_ns
from logmon.formats import NAMES, LineDecoder
from logmon.level import Level
from logmon.sources.lines import LineReader

SAMPLES = Path(__file__).parent / "samples"
DIALECTS = sorted(path.stem for path in SAMPLES.glob("*.log"))
NEWEST = 1_795_474_800 * 10**9  # 2026-11-23T23:00:00Z: when the samples were "last changed"


def read(data: bytes, input_format: str, name: str) -> tuple[list[LogEvent], list[bytes]]:
    """Return the events and their bytes; the columns must say what the events say."""
    decoder = LineDecoder(name, input_format=input_format)
    reader = LineReader(decoder, source="s", origin=name, fallback_ns=NEWEST)
    events: list[LogEvent] = []
    raws: list[bytes] = []
    for arrival in [*reader.feed(data), *reader.flush()]:
        assert not arrival.rejected, arrival.rejected
        batch = arrival.batch
        assert batch is not None
        columns = batch.columns
        for row, event in enumerate(events_of(batch)):
            assert columns.times[row] == to_ns(event.timestamp)
            assert columns.levels[row] == event.level
            assert columns.names[columns.source_ids[row]] == event.source
        events += events_of(batch)
        raws += [batch.raw(row) for row in range(len(batch))]
    return events, raws


def expected(name: str) -> list[dict[str, str | None]]:
    lines = (SAMPLES / f"{name}.expected").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def differences(
    event: LogEvent, raw: bytes, want: dict[str, str | None], name: str
) -> Iterator[str]:
    """Tell where an event is not what the corpus says."""
    found = {
        "time": event.timestamp.isoformat() if want["time"] else None,
        "level": event.level.label,
        "source": event.source,
        "message": event.message,
        "template": event.message_template,
    }
    meant = want | {
        "source": want["source"] or name,
        "message": raw.decode() if want["message"] is None else want["message"],
    }
    for key, value in found.items():
        if value != meant[key]:
            yield f"{key}: {value!r} is not {meant[key]!r} in {raw!r}"


def check(
    events: list[LogEvent], raws: list[bytes], wants: list[dict[str, str | None]], name: str
) -> None:
    found = [
        difference
        for event, raw, want in zip(events, raws, wants, strict=True)
        for difference in differences(event, raw, want, name)
    ]
    assert not found, "\n".join(found)


def test_every_format_that_can_be_named_has_a_corpus_of_twenty_lines():
    assert set(DIALECTS) == {*NAMES, "text"} - {"auto"}
    assert all(len(expected(name)) >= 20 for name in DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_is_known_by_itself(name):
    """Time, level, source, message and template of each line are right, with `auto`."""
    events, raws = read((SAMPLES / f"{name}.log").read_bytes(), "auto", f"{name}.log")
    check(events, raws, expected(name), f"{name}.log")
    assert b"\n".join(raws) + b"\n" == (SAMPLES / f"{name}.log").read_bytes()


@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "text"])
def test_a_dialect_that_is_forced_reads_its_own_corpus_the_same(name):
    events, raws = read((SAMPLES / f"{name}.log").read_bytes(), name, f"{name}.log")
    check(events, raws, expected(name), f"{name}.log")


def test_all_dialects_in_one_stream_line_by_line_are_each_read_the_same():
    """One event of each corpus in turn, as one file."""
    apart = {}
    for name in DIALECTS:
        _, raws = read((SAMPLES / f"{name}.log").read_bytes(), "auto", "mixed.log")
        apart[name] = list(zip(raws, expected(name), strict=True))
    longest = max(map(len, apart.values()))
    mixed = [
        apart[name][place]
        for place in range(longest)
        for name in DIALECTS
        if place < len(apart[name])
    ]
    assert len(mixed) > 500
    events, raws = read(b"".join(raw + b"\n" for raw, _ in mixed), "auto", "mixed.log")
    check(events, raws, [want for _, want in mixed], "mixed.log")


@pytest.mark.parametrize("name", DIALECTS)
def test_an_event_decoded_again_is_the_same_event(name):
    """A row is decoded each time it is looked at, with its own time as the time to go by."""
    decoder = LineDecoder(name)
    _, raws = read((SAMPLES / f"{name}.log").read_bytes(), "auto", name)
    for raw in raws:
        first = decoder.decode(raw, 0, NEWEST)
        assert decoder.decode(raw, 0, to_ns(first.timestamp)) == first


def test_extra_spellings_of_levels_count_in_every_dialect_and_never_rename_a_level():
    levels = {"Loud": Level.ALERT, "35": Level.NOTICE, "fatal": Level.CRITICAL, "info": Level.ERROR}
    decoder = LineDecoder("x", levels=levels)
    for line, want in (
        (b'{"level":"LOUD","message":"m"}', Level.ALERT),
        (b'{"level":35,"time":1531171074631,"msg":"m"}', Level.NOTICE),
        (b"level=loud msg=m app=x", Level.ALERT),
        (b"2026-11-23T14:02:30Z LOUD a: m", Level.ALERT),
        (b"2026-11-23T14:02:30Z FATAL a: m", Level.CRITICAL),
        (b'{"timestamp":"2026-11-23T14:02:30Z","level":"fatal","source":"s","message":"m"}', Level.CRITICAL),
        (b'{"timestamp":"2026-11-23T14:02:30Z","level":"info","source":"s","message":"m"}', Level.INFO),
        (b"2026-11-23T14:02:30Z INFO a: m", Level.INFO),
    ):  # fmt: skip
        assert decoder.decode(line, 0, NEWEST).level is want, line
        assert decoder.scan(line, 0, NEWEST)[1] is want
