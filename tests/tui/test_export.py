"""What is exported: the shown rows as a file of the owner's, whole or not at all."""

from __future__ import annotations

import json
import threading
from datetime import UTC
from pathlib import Path

import pytest

from logmon.batch import EventBatch
from logmon.errors import ExportError
from logmon.event_log import EventLog
from logmon.filter import EVERYTHING, GrepClause, LogFilter, build_filter
from logmon.level import Level, at_least
from logmon.patterns import Pattern
from logmon.testing import make_event
from logmon.tui.export import Exporting, form_of
from tests.tui.stage import log_of


def exporting(path: Path, **options) -> Exporting:
    options = {"overwrite": False, "zone": UTC, "sleep": lambda _: None, **options}
    return Exporting(path, options.pop("form", form_of(path)), **options)


def many(count: int) -> EventLog:
    log = EventLog()
    for start in range(0, count, 500):
        log.append(
            EventBatch(
                [
                    make_event(f"row {n}", level=Level.ERROR if n % 5 == 0 else Level.INFO)
                    for n in range(start, min(count, start + 500))
                ]
            ),
            origin="mock",
        )
    return log


def test_only_what_passes_is_written_for_the_owner_alone(tmp_path):
    path = tmp_path / "out.jsonl"
    log = many(2_000)
    log_filter = build_filter(levels=at_least(Level.ERROR), clauses=[GrepClause(Pattern("5"))])
    export = exporting(path)
    done = export.run(log.snapshot, log_filter)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    expected = [f"row {n}" for n in range(0, 2_000, 5) if "5" in str(n)]
    assert [line["message"] for line in lines] == expected
    assert (done.written, done.looked_at, done.held) == (len(expected), 2_000, 2_000)
    assert done.nbytes == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def test_raw_is_the_bytes_as_they_came_without_logmons_own_rows(tmp_path):
    path = tmp_path / "out.log"
    log = log_of(make_event("one", id="1"))
    log.append(EventBatch([make_event("WI-1 opened")]), origin="sentinel")
    exporting(path).run(log.snapshot, EVERYTHING)
    assert len(path.read_bytes().splitlines()) == 1
    text = tmp_path / "out.txt"
    exporting(text).run(log.snapshot, EVERYTHING)
    assert len(text.read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["out.json", "out.log", "out.txt"])
def test_secrets_are_taken_out_of_what_is_exported(tmp_path, name):
    from logmon.redaction import Redactor

    path = tmp_path / name
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    log = log_of(make_event(f"key {secret} used", attributes={"password": "hunter2-hunter2"}))
    done = exporting(path, redactor=Redactor()).run(log.snapshot, EVERYTHING)
    assert done.written == 1
    assert secret not in path.read_text()
    assert "hunter2" not in path.read_text()


def test_a_file_that_is_there_is_refused_unless_told(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("precious")
    log = many(10)
    with pytest.raises(ExportError, match=r"is there already; :export! writes over it"):
        exporting(path).run(log.snapshot, EVERYTHING)
    assert path.read_text() == "precious"
    exporting(path, overwrite=True).run(log.snapshot, EVERYTHING)
    assert len(path.read_text().splitlines()) == 10
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_dangling_link_is_no_way_out(tmp_path):
    path = tmp_path / "out.json"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExportError, match="is there already"):
        exporting(path).run(many(1).snapshot, EVERYTHING)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_comes_into_being_meanwhile_is_not_touched(tmp_path):
    path = tmp_path / "out.json"
    export = exporting(path, sleep=lambda _: path.write_text("other"))
    with pytest.raises(ExportError, match="meanwhile"):
        export.run(many(10).snapshot, EVERYTHING)
    assert path.read_text() == "other"
    assert len(list(tmp_path.iterdir())) == 1


def test_calling_it_off_leaves_nothing_and_what_was_there(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("precious")
    steps = []

    def sleep(_):
        steps.append(export.progress.looked_at)
        if len(steps) == 3:
            export.cancel()

    export = exporting(path, overwrite=True, sleep=sleep)
    with pytest.raises(ExportError, match="called off"):
        export.run(many(5_000).snapshot, EVERYTHING)
    assert steps == sorted(steps)
    assert path.read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_not_there_and_a_folder_as_a_name_are_refused(tmp_path):
    log = many(1)
    with pytest.raises(ExportError, match="no such folder"):
        exporting(tmp_path / "no" / "x.json").run(log.snapshot, EVERYTHING)
    with pytest.raises(ExportError, match="is a folder"):
        exporting(tmp_path, form="json").run(log.snapshot, EVERYTHING)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir(mode=0o700)
    path = folder / ("n" * 250 + ".json")  # the partial name is too long
    with pytest.raises(ExportError, match="File name too long"):
        exporting(path).run(many(1).snapshot, EVERYTHING)
    assert not list(folder.iterdir())


def test_an_export_runs_on_another_thread_while_rows_come(tmp_path):
    log = many(5_000)
    export = exporting(tmp_path / "out.json", sleep=lambda _: None)
    snapshot = log.snapshot
    thread = threading.Thread(
        target=export.run, args=(snapshot, LogFilter((GrepClause(Pattern("row")),)))
    )
    thread.start()
    for n in range(200):
        log.append(EventBatch([make_event(f"late {n}")]), origin="mock")
    thread.join()
    assert export.progress.written == 5_000


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.jsonl", "json"), ("a.JSON", "json"), ("a.txt", "text"), ("a.log", "raw"), ("a", "raw")],
)
def test_the_name_asks_for_the_form(name, form):
    assert form_of(Path(name)) == form
