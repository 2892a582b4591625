"""Folds repeats by template and unfolds single ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.tui.fold import Fold
from logmon.tui.tail_view import TailView

if TYPE_CHECKING:
    from logmon.tui.app import LogmonApp


class Folding:
    """Switches folding in the model."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app

    def toggle(self) -> None:
        """Fold repeats, or show all rows again."""
        model = self._app.model
        model.set_fold(Fold(self._app.templates) if model.fold is None else None)
        self._app.drawing.work_on()
        self._app.main.query_one(TailView).moved()

    def unfold(self, wanted: bool) -> None:
        """Show the repeats of the selected row, or fold them again."""
        model = self._app.model
        self._app.main.query_one(TailView).select_any()
        found = None if model.cursor is None else model.snapshot.find(model.cursor)
        if model.fold is None or found is None:
            self._app.bell()
            return
        model.fold.unfold(*found, wanted=wanted)
        model.settle()
        self._app.main.query_one(TailView).moved()
