"""What leaves the screen: copies through the terminal's clipboard (OSC 52), and files.

Everything says what it did. A copy goes out as base64, so that nothing in it can drive the
terminal; how its text is made safe to paste is `copy_forms`' business.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from logmon.errors import LogmonError
from logmon.tui.commands import Command, CommandError
from logmon.tui.confirm import Confirm
from logmon.tui.copy_forms import (
    FORMS,
    MOST_COPIED_BYTES,
    Narrowing,
    as_command,
    as_curl,
    as_query,
    rows_text,
)
from logmon.tui.export import Exporting, form_of
from logmon.tui.spark import counted, size_text
from logmon.visible import clipped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult

    from logmon.event_log import Snapshot
    from logmon.filter import LogFilter
    from logmon.tui.app import LogmonApp
    from logmon.tui.copy_forms import Form

SAY_EVERY_S = 0.5
WHAT = {
    "text": "the row as text",
    "raw": "the row as it came",
    "json": "the row as JSON",
    "command": "the command that opens this view",
    "curl": "a curl command for these rows",
    "query": "the view as a Datadog query",
}


class TakingOut:
    """Copies and exports."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app
        self.exporting: Exporting | None = None
        """What is being written now."""

    # Copying

    def copy(self) -> None:
        """Copy the marked rows, or the selected one, as text."""
        self.copy_as("text")

    def pick(self) -> None:
        """Choose what to copy."""

        def taken(what: str | None) -> None:
            if what:
                self.copy_as(what)

        self._app.push_screen(CopyPicker(len(self._app.model.marks)), taken)

    def copy_as(self, what: str) -> None:
        """Copy rows in a form, or the view as something that can be run."""
        for form in FORMS:
            if what == form:
                self._copy_rows(form)
                return
        text = {"command": as_command, "curl": as_curl}
        view = self.narrowing()
        made = as_query(view) if what == "query" else text[what](self._app.started, view)
        missing = ", without the pattern" if self._app.state.pattern is not None else ""
        self._copy(made, f"copied {WHAT[what]}{missing}: {made}")

    def _copy_rows(self, form: Form) -> None:
        app = self._app
        marks = app.model.marks
        if marks:
            text, rows = rows_text(marks.rows, app.model.snapshot, form, app.look.zone)
        else:
            cursor = app.model.cursor
            row = None if cursor is None else app.model.delivery(cursor)
            if row is None:
                app.notify("no row is selected or marked", markup=False)
                return
            text, rows = rows_text([row], app.model.snapshot, form, app.look.zone)
        name = {"text": "text", "raw": "they came", "json": "JSON"}[form]
        name = "it came" if form == "raw" and rows == 1 else name
        self._copy(
            text, f"copied {counted(rows, 'row')} as {name}, {size_text(len(text.encode()))}"
        )

    def _copy(self, text: str, said: str) -> None:
        size = len(text.encode())
        if size > MOST_COPIED_BYTES:
            most = size_text(MOST_COPIED_BYTES)
            said = f"{size_text(size)} are too much for a clipboard ({most}); use :export FILE"
            self._app.notify(said, severity="error", markup=False)
            return
        self._app.copy_to_clipboard(text)
        self._app.notify(clipped(said, 400), markup=False)

    def narrowing(self) -> Narrowing:
        """Return what the view is narrowed to, as far as flags can say it."""
        state = self._app.state
        if not state.enabled:
            return Narrowing()
        return Narrowing(levels=state.levels, sources=state.sources, query=state.text)

    # Exporting

    def export(self, argument: str, *, overwrite: bool) -> str | None:
        """Begin to write the shown rows into a file; return what to say, or None after asking.

        Raises:
            CommandError: no file was named, it is there already, or another export is going on.
        """
        if not argument:
            raise CommandError("name a file: .json for JSON lines, .txt for text, else raw")
        if self.exporting is not None:
            raise CommandError("an export is going on; :export_stop calls it off")
        path = Path(argument).expanduser()
        zone = self._app.look.zone
        redactor = self._app.redactor()
        exporting = Exporting(
            path, form_of(path), overwrite=overwrite, zone=zone, redactor=redactor
        )
        exporting.check()
        if overwrite and path.exists():
            self._ask(exporting)
            return None
        self._begin(exporting)
        return None

    def _ask(self, exporting: Exporting) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._begin(exporting)

        question = f"write over {exporting.shown}?"
        self._app.push_screen(Confirm(question, self._app.palette()), answered)

    def _begin(self, exporting: Exporting) -> None:
        self.exporting = exporting
        model = self._app.model
        run = self._run(exporting, model.snapshot, model.filter)
        self._app.run_worker(run, group="export")

    async def _run(self, exporting: Exporting, snapshot: Snapshot, log_filter: LogFilter) -> None:
        app = self._app
        writing = asyncio.ensure_future(asyncio.to_thread(exporting.run, snapshot, log_filter))
        try:
            while not writing.done():
                await asyncio.wait({writing}, timeout=SAY_EVERY_S)
                app.drawing.pump.data()  # the filter line says how far it is
            done = writing.result()
        except LogmonError as error:
            app.notify(clipped(str(error), 300), severity="error", markup=False)
        except asyncio.CancelledError:
            exporting.cancel()
            raise
        else:
            form = {"json": "JSON lines", "text": "text", "raw": "they came"}[exporting.form]
            redacted = ", secrets taken out" if exporting.redacts else ""
            said = f"{counted(done.written, 'row')} as {form}, {size_text(done.nbytes)}{redacted}"
            app.notify(f"{exporting.shown}: {said}", markup=False)
        finally:
            self.exporting = None
            app.drawing.pump.data()

    def stop(self) -> None:
        """Call the export off."""
        if self.exporting is None:
            self._app.notify("nothing is being exported", markup=False)
        else:
            self.exporting.cancel()

    def describe(self) -> str:
        """Return how far an export is, or nothing."""
        if self.exporting is None:
            return ""
        progress = self.exporting.progress
        share = progress.looked_at * 100 // max(1, progress.held)
        return f"exporting {share} % · {counted(progress.written, 'row')}"


class CopyPicker(ModalScreen[str]):
    """Choose what is copied."""

    DEFAULT_CSS = "CopyPicker { align: center middle; background: $background 60%; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,Y", "dismiss('')", "Close")]

    def __init__(self, marked: int) -> None:
        super().__init__()
        self._marked = marked

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        rows = counted(self._marked, "marked row") if self._marked else ""
        labels = [words.replace("the row", rows) if rows else words for words in WHAT.values()]
        with Vertical(classes="picker"):
            yield Static(Content("Copy"), classes="picker-title")
            yield OptionList(*(Option(Content(label)) for label in labels))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the choice."""
        self.dismiss(list(WHAT)[event.option_index])


def _copy_command(app: LogmonApp, what: str) -> None:
    if (what or "text") not in WHAT:
        raise CommandError(f"{what!r} is none of {', '.join(WHAT)}")
    app.taking_out.copy_as(what or "text")


def _whats(_app: LogmonApp, typed: str) -> Iterable[str]:
    return (what for what in WHAT if what.startswith(typed))


def _paths(_app: LogmonApp, typed: str) -> Iterable[str]:
    """Offer folders and files that begin as what was typed."""
    path = Path(typed).expanduser()
    folder, begin = (path, "") if typed.endswith("/") else (path.parent, path.name)
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return
    for entry in found:
        if entry.name.startswith(begin) and (begin or not entry.name.startswith(".")):
            yield f"{entry}/" if entry.is_dir() else str(entry)


COMMANDS = (
    Command(
        "export", "FILE", "Write the shown rows to a file",
        lambda app, name: app.taking_out.export(name, overwrite=False), _paths,
    ),
    Command(
        "export!", "FILE", "Write the shown rows over a file; asks first",
        lambda app, name: app.taking_out.export(name, overwrite=True), _paths,
    ),
    Command("copy", "[FORM]", "Copy rows or the view in a form", _copy_command, _whats),
)  # fmt: skip
