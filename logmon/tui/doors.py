"""What the screen asks of the program around it, as protocols: the screen never imports that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from logmon.dead_letter import KeptLetter
    from logmon.event import LogEvent
    from logmon.sentinel.rule import Rule
    from logmon.sentinel.statistics import RuleStatistics
    from logmon.verdict import Verdict
    from logmon.work_item import Feedback, Status, WorkItem


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

    async def set_feedback(self, item_id: str, feedback: Feedback, *, by: str = "") -> WorkItem:
        """Mark a work item as useful, as noise or as neither and return the item.

        Raises:
            LogmonError: there is no such item.
        """
        ...

    def explain(self, event: LogEvent, *, seq: int | None = None) -> Verdict:
        """Return what each rule made of a row, and why."""
        ...

    def look_for_news(self) -> None:
        """Mark the first row of each template, held rows and rows to come."""
        ...

    def rule_names(self) -> tuple[str, ...]:
        """Return the names of the rules, those that are off included."""
        ...

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules in their order, those that are off included."""
        ...

    def rule_statistics(self) -> dict[str, RuleStatistics]:
        """Return the counts of every rule by name."""
        ...

    def add_rule(self, rule: Rule, remark: str = "") -> Path:
        """Write a rule into the configuration's file and apply it; return the file.

        Raises:
            LogmonError: the name is taken, or the file cannot be written.
        """
        ...

    def change_rule(self, before: Rule, after: Rule) -> Path:
        """Write a rule in place of the one of its name, and apply it; return the file.

        Raises:
            LogmonError: the file has another rule by now, or cannot be written.
        """
        ...


class Letters(Protocol):
    """What the screen asks of the dead letters; each raises `LogmonError` when it cannot."""

    @property
    def where(self) -> str:
        """Where they are: `in the store`, `of this run`."""
        ...

    async def latest(self) -> list[KeptLetter]:
        """Return the newest ones, the newest first."""
        ...

    async def retry(self, numbers: Sequence[int]) -> str:
        """Read letters again with the configuration of now; say what became of them."""
        ...

    async def purge(self, numbers: Sequence[int]) -> str:
        """Throw letters away; say so."""
        ...
