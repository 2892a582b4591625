"""Start, done and reopen for the selected work item, in whatever list of items has the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.errors import LogmonError
from logmon.tui.confirm import Confirm
from logmon.tui.item_list import STATUS_WORD, ItemList
from logmon.visible import clipped

if TYPE_CHECKING:
    from logmon.tui.app import LogmonApp
    from logmon.work_item import Status, WorkItem

BY = "screen"
"""Who asks, for the audit."""


class ItemKeys:
    """Changes the status of the selected item."""

    def __init__(self, app: LogmonApp) -> None:
        self._app = app

    def _selected(self) -> WorkItem | None:
        focused = self._app.focused
        item = focused.item if isinstance(focused, ItemList) else None
        if item is None:
            self._app.notify("no work item is selected", markup=False)
        return item

    def start(self) -> None:
        """Say that somebody works on it."""
        if (item := self._selected()) is not None:
            self._change(item, "in_progress")

    def reopen(self) -> None:
        """Make a done item a new one."""
        if (item := self._selected()) is not None:
            self._change(item, "new")

    def done(self) -> None:
        """Close it, after asking."""
        item = self._selected()
        if item is None:
            return
        if item.status == "done":
            self._change(item, "done")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._change(item, "done")

        question = f"{item.id} is done? {item.title}"
        self._app.push_screen(Confirm(question, self._app.palette()), answered)

    def _change(self, item: WorkItem, status: Status) -> None:
        service = self._app.service
        if item.status == status:
            self._app.notify(f"{item.id} is {STATUS_WORD[status]} already", markup=False)
        elif service is None:
            self._app.notify("nobody is there to change it", severity="error", markup=False)
        else:
            self._app.run_worker(self._ask(item, status), exclusive=False, group="items")

    async def _ask(self, item: WorkItem, status: Status) -> None:
        assert self._app.service is not None  # noqa: S101 - seen before the worker began
        try:
            changed = await self._app.service.set_status(item.id, status, by=BY)
        except LogmonError as error:
            self._app.notify(clipped(str(error), 300), severity="error", markup=False)
            return
        was, now = STATUS_WORD[item.status], STATUS_WORD[changed.status]
        self._app.notify(f"{changed.id}: {was} → {now}", markup=False)
        self._app.drawing.pump.data()
