"""Start, done, reopen, useful, noise for the selected item, in whatever list has the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.errors import LogmonError
from logmon.tui.confirm import Confirm
from logmon.tui.item_list import STATUS_WORD, ItemList
from logmon.visible import clipped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from logmon.tui.app import LogmonApp
    from logmon.tui.doors import Service
    from logmon.work_item import Feedback, Status, WorkItem

    Change = Callable[[Service], Awaitable[str]]

BY = "screen"
"""Who asks, for the audit."""


class ItemKeys:
    """Changes the status or the mark of the selected item."""

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

    def useful(self) -> None:
        """Say that it was worth making; what was said before is taken back."""
        self._mark("useful")

    def noise(self) -> None:
        """Say that nobody needs such items; what was said before is taken back."""
        self._mark("noise")

    def _mark(self, feedback: Feedback) -> None:
        if (item := self._selected()) is None:
            return
        wanted: Feedback = "" if item.feedback == feedback else feedback

        async def mark(service: Service) -> str:
            changed = await service.set_feedback(item.id, wanted, by=BY)
            return f"marked {changed.feedback or 'neither useful nor noise'}"

        self._run(item, mark)

    def _change(self, item: WorkItem, status: Status) -> None:
        if item.status == status:
            self._app.notify(f"{item.id} is {STATUS_WORD[status]} already", markup=False)
            return

        async def change(service: Service) -> str:
            changed = await service.set_status(item.id, status, by=BY)
            return f"{STATUS_WORD[item.status]} → {STATUS_WORD[changed.status]}"

        self._run(item, change)

    def _run(self, item: WorkItem, change: Change) -> None:
        service = self._app.service
        if service is None:
            self._app.notify("nobody is there to change it", severity="error", markup=False)
        else:
            work = self._ask(item, change, service)
            self._app.run_worker(work, exclusive=False, group="items")

    async def _ask(self, item: WorkItem, change: Change, service: Service) -> None:
        try:
            said = await change(service)
        except LogmonError as error:
            self._app.notify(clipped(str(error), 300), severity="error", markup=False)
            return
        self._app.notify(f"{item.id}: {said}", markup=False)
        self._app.drawing.pump.data()
