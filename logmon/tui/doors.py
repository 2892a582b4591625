"""What the screen asks of the program around it, as protocols: the screen never imports that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from logmon.work_item import Status, WorkItem


class ShownItems(Protocol):
    """What the screen asks of work items: those of now, or those of the playhead."""

    @property
    def version(self) -> int:
        """Counts changes."""
        ...

    def __len__(self) -> int: ...

    def latest(self, limit: int) -> list[WorkItem]:
        """Return the first items: open ones first, the one that changed last first."""
        ...

    def open_count(self) -> int:
        """Return how many items are not done."""
        ...

    def get(self, item_id: str) -> WorkItem | None:
        """Return an item by its id."""
        ...


class Service(Protocol):
    """What the screen asks of `LogMonitorService`."""

    async def set_status(self, item_id: str, status: Status, *, by: str = "") -> WorkItem:
        """Change a work item's status and return the item.

        Raises:
            LogmonError: there is no such item, or its status cannot become that.
        """
        ...
