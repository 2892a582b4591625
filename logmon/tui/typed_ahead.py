"""Keys reach what has the focus when their turn comes, not what had it when they were typed.

The app hands a key to the focused widget's queue at once (Textual 8.2.8): the rest of a fast
`/word` would be taken for keys of the tail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events

if TYPE_CHECKING:
    from textual.widget import Widget
else:
    Widget = object  # a second widget among the bases hides the styles of the first (8.2.8)


class KeysInOrder(Widget):
    """Put before a widget class: hands keys on to the widget that has taken the focus meanwhile."""

    async def on_event(self, event: events.Event) -> None:
        """Hear an event, unless it is a key that is no longer this widget's."""
        focused = self.screen.focused if isinstance(event, events.Key) else None
        if focused is not None and focused is not self:
            focused._forward_event(event)
        else:
            await super().on_event(event)
