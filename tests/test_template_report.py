"""`logmon patterns`: each template with its figures, or each event with its final template."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from logmon.batch import EventBatch
from logmon.level import Level
from logmon.template import template_id
from logmon.template_report import TemplateReport
from logmon.testing import make_event
from tests.test_cli import run

NAMES = ["ann", "bob", "carl", "dora", "eve", "fay"]


def logged(tmp_path, *messages: str, name: str = "app.log") -> str:
    start = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    lines = [
        json.dumps(
            {"timestamp": (start + timedelta(seconds=n)).isoformat(), "level": "warn", "message": m}
        )
        for n, m in enumerate(messages)
    ]
    path = tmp_path / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_each_template_is_printed_with_its_figures_the_most_frequent_first(tmp_path):
    path = logged(tmp_path, "disk full", "took 5 ms", "took 17 ms")
    head, first, second = run("patterns", path).stdout.decode().splitlines()
    assert head.split()[0] == "count"
    assert first.split() == [
        *("2", "2026-11-23", "14:00:01", "2026-11-23", "14:00:02", "warn:2"),
        *(template_id("took <*>"), "took", "<*>"),
    ]
    assert second.split()[0] == "1"


def test_as_json_each_template_is_one_object(tmp_path):
    done = run("patterns", "-o", "json", logged(tmp_path, "took 5 ms", "took 17 ms"))
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {
            "template_id": template_id("took <*>"),
            "template": "took <*>",
            "count": 2,
            "first_seen": "2026-11-23T14:00:00.000000Z",
            "last_seen": "2026-11-23T14:00:01.000000Z",
            "levels": {"warn": 2},
        }
    ]


def test_by_line_early_lines_carry_the_template_that_was_found_later(tmp_path):
    messages = [f"cannot find module {name} in cache" for name in NAMES]
    done = run("patterns", "--by-line", "-o", "json", logged(tmp_path, *messages))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["message"] for line in lines] == messages
    assert {(line["template"], line["template_id"]) for line in lines} == {
        ("cannot find module <*> in cache", template_id("cannot find module <*> in cache"))
    }
    assert done.stderr == b""


def test_a_template_that_an_event_carries_is_taken_as_it_is():
    report = TemplateReport(keep_lines=True)
    event = make_event("Order 5 declined", message_template="Order {id} declined")
    report.add(EventBatch([event]))
    assert [template for _, template in report.lines()] == ["Order {id} declined"]


def test_lines_that_cannot_be_read_are_counted_on_stderr(tmp_path):
    path = tmp_path / "bad.log"
    path.write_text('{"message":\n{"message":"fine"}\n')
    done = run("patterns", str(path))
    assert b"1 lines could not be read" in done.stderr
    assert b"fine" in done.stdout
    assert done.returncode == 0


def test_a_missing_file_and_a_wrong_form_are_refused(tmp_path):
    assert run("patterns", str(tmp_path / "none.log")).returncode == 2
    assert run("patterns", "-o", "raw", logged(tmp_path, "x")).returncode == 2


def test_a_reader_that_leaves_ends_it_quietly(tmp_path):
    path = logged(tmp_path, *[f"{'x' * (n % 500)} said" for n in range(5_000)])
    from tests.pty_judge import LOGMON

    done = subprocess.run(
        ["bash", "-c", '"$@" | head -1; exit ${PIPESTATUS[0]}', "-", *LOGMON, "patterns", path],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_standard_input_is_read():
    assert b"a <*> b" in run("patterns", "-", stdin=b"a 5 b\na 6 b\n").stdout


def test_control_characters_in_a_message_never_reach_the_terminal(tmp_path):
    done = run("patterns", logged(tmp_path, "evil \x1b]0;x\x07 text"))
    assert b"\x1b" not in done.stdout
    assert b"\x07" not in done.stdout


@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(Level), st.integers(0, 99)), min_size=1
    ),
    st.integers(1, 7),
)
def test_counts_levels_and_times_add_up_however_the_events_are_cut(story, size):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    events = [
        make_event(f"mail to {name} was sent", level=level, timestamp=start + timedelta(seconds=s))
        for name, level, s in story
    ]
    report = TemplateReport(keep_lines=True)
    for place in range(0, len(events), size):
        report.add(EventBatch(events[place : place + size]))
    found = report.summaries()
    assert sum(one.count for one in found) == len(events)
    assert sum(one.levels.total() for one in found) == len(events)
    assert min(one.first_seen for one in found) == min(event.timestamp for event in events)
    assert max(one.last_seen for one in found) == max(event.timestamp for event in events)
    assert {template for _, template in report.lines()} == {one.template for one in found}
