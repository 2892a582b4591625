"""What narrows the tail to one template, or to all but it; follows the template as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from logmon.tui.row_templates import RowTemplates

if TYPE_CHECKING:
    from logmon.event import LogEvent
    from logmon.filter import Mask


class TemplateClause(msgspec.Struct, frozen=True):
    """The event's template, as far as templates are learned now, is this one, or is not.

    A template that took others in is another clause: `absorbed` tells them apart, so that nothing
    remembered of the narrower one is used for it.
    """

    template: str
    templates: RowTemplates
    exclude: bool = False
    absorbed: int = 0
    needs_rows = True

    @classmethod
    def of(cls, template: str, templates: RowTemplates, *, exclude: bool = False) -> TemplateClause:
        """Return the clause for a template as it is now."""
        wider = templates.canonical(template)
        return cls(wider, templates, exclude, templates.absorbed(wider))

    def now(self) -> TemplateClause:
        """Return the clause for what the template has become; itself when nothing changed."""
        self.templates.settle()
        return self.of(self.template, self.templates, exclude=self.exclude)

    def mask(self, columns: object) -> Mask | None:
        """Columns know no text."""

    def matches(self, event: LogEvent) -> bool:
        """Whether the event has the template."""
        found = self.templates.canonical(self.templates.of(event)) == self.template
        return found is not self.exclude
