"""What jumps to rows: levels, work items, traces, templates, marks, searched text, times.

A jump that finds its row at once takes no longer than a slice; one that has to look far goes on
between frames, and the next jump, or Escape, takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from logmon.errors import PatternTooSlow
from logmon.level import parse_level
from logmon.tui import quest
from logmon.tui.quest import Quest
from logmon.tui.tail_view import TailView

if TYPE_CHECKING:
    from logmon.event import LogEvent
    from logmon.segment import Segment
    from logmon.tui.app import LogmonApp
    from logmon.tui.quest import Wanted
    from logmon.tui.shown_rows import Direction, Rows


class Jumps:
    """Starts quests and goes where they end."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app
        self._model = app.model
        self._quest: Quest | None = None
        self._wanted: Wanted = quest.linked()
        self._direction: Direction = 1
        self._what = ""
        self._again = 0
        self._wraps = False

    @property
    def _view(self) -> TailView:
        return self._app.main.query_one(TailView)

    # Actions

    def level(self, name: str, direction: Direction, count: int | None = None) -> None:
        """Select the next row that is at least this bad."""
        level = parse_level(name)
        if level is not None and direction > 0 and self._app.playing.next_level(level):
            return
        if level is not None:
            self.look_for(quest.at_least(level), direction, f"{name} or worse", count)

    def item(self, direction: Direction, item: str | None = None, count: int | None = None) -> None:
        """Select the next row that belongs to any work item, or to this one."""
        what = "row of a work item" if item is None else f"row of {item}"
        self.look_for(quest.linked(item), direction, what, count)

    def trace(self, direction: Direction, count: int | None = None) -> None:
        """Select the next row of the selected row's trace."""
        event = self._selected()
        if event is None or not event.trace_id:
            self._say("the selected row has no trace")
        else:
            self.look_for(quest.of_trace(event.trace_id), direction, "row of this trace", count)

    def template(self, direction: Direction, count: int | None = None) -> None:
        """Select the next row with the selected row's template."""
        event = self._selected()
        if event is not None:
            templates = self._app.templates
            wanted = quest.of_template(templates, templates.of(event))
            self.look_for(wanted, direction, "row with this template", count)

    def mark(self, direction: Direction, count: int | None = None) -> None:
        """Select the next marked row that is shown."""
        self.look_for(self._marked, direction, "marked row", count)

    def back(self) -> None:
        """Return to where the last jump began."""
        if not self._model.back():
            self._say("there was no jump")
        self._view.moved()

    def time(self, time_ns: int) -> bool:
        """Select the first row of this time or later; return whether there is any row."""
        seq = self._model.at_time(time_ns)
        if seq is None and self._app.playing.seek_time(time_ns):
            return True
        if seq is not None:
            self._model.jump(seq)
            self._view.moved()
        return seq is not None

    # Marks

    def toggle_mark(self) -> None:
        """Mark the selected row, or take its mark off."""
        self._view.select_any()
        self._model.toggle_mark()
        self._view.moved()

    def clear_marks(self) -> None:
        """Take all marks off."""
        count = len(self._model.marks)
        self._model.marks.clear()
        self._app.notify(f"{count} marks cleared" if count else "no row is marked", markup=False)
        self._view.moved()

    # Looking

    def look_for(
        self,
        wanted: Wanted,
        direction: Direction,
        what: str,
        count: int | None = None,
        *,
        wraps: bool = False,
    ) -> None:
        """Go to the next wanted row, or the one `count` further; take the place of any quest.

        With `wraps` it begins anew at the other end when there is none, and says so.
        """
        self._what = what
        self._wraps = wraps
        self._again = (count or 1) - 1
        self._wanted, self._direction = wanted, direction
        self._quest = self._model.quest(wanted, direction)
        if self.work():
            self._app.drawing.work_on()

    def cancel(self) -> bool:
        """Give up what is looked for; return whether anything was."""
        was, self._quest = self._quest, None
        return was is not None

    def work(self) -> bool:
        """Look on for a slice; return whether it must go on."""
        if self._quest is None:
            return False
        try:
            if self._quest.work():
                return True
        except PatternTooSlow as error:
            self._quest = None
            self._app.searches.refuse(str(error))
            return False
        found, self._quest = self._quest.found, None
        if found is None:
            return self._not_found()
        self._model.jump(found)
        if self._again > 0:
            self._again -= 1
            self._quest = self._model.quest(self._wanted, self._direction)
            return self.work()
        self._view.moved()
        return False

    def _not_found(self) -> bool:
        if self._wraps:
            return self._begin_anew()
        self._say(f"no further {self._what}")
        self._view.moved()
        return False

    def _begin_anew(self) -> bool:
        self._wraps = False
        snapshot, direction = self._model.snapshot, self._direction
        start = snapshot.first_seq - 1 if direction > 0 else snapshot.next_seq
        self._quest = Quest(self._model, self._wanted, start, direction)
        if self.work():
            return True
        if self._model.cursor is not None:
            self._app.notify("began anew at the other end", markup=False, timeout=2)
        return False

    def _marked(self, segment: Segment, rows: Rows) -> Rows:
        marks = self._model.marks.seqs - segment.first_seq
        return rows[np.isin(rows, marks)]

    def _selected(self) -> LogEvent | None:
        self._view.select_any()
        seq = self._model.cursor
        row = None if seq is None else self._model.delivery(seq)
        return None if row is None else row.event

    def _say(self, text: str) -> None:
        self._app.bell()
        self._app.notify(text, markup=False, timeout=2)
