"""What the user does to narrow the tail: the filter line, levels, sources, filters on and off."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from logmon.filter import SourceClause
from logmon.level import Level, at_least
from logmon.query import QueryError
from logmon.query.writing import narrowed
from logmon.tui.pattern_filter import TemplateClause
from logmon.tui.pickers import LevelPicker, SourcePicker
from logmon.tui.prompt import MOST_OFFERS, Mistake, Offer
from logmon.tui.query_offers import offers
from logmon.tui.seen import Seen
from logmon.tui.tail_view import TailView
from logmon.visible import visible

if TYPE_CHECKING:
    from logmon.tui.app import LogmonApp

_WAITS = re.compile(r"(?:^|[\s(])[-+]?@[^\s:()]*$")


class Filters:
    """Changes the filter's state and puts it into force."""

    sign = "filter"
    hint = "status:error service:api @http.status_code:>=500 -word"

    def __init__(self, app: LogmonApp) -> None:
        self._app = app
        self._state = app.state
        self._seen = Seen()
        self.history: list[str] = []

    # The filter line

    def open(self) -> None:
        """Type a filter."""
        self._app.open_prompt(self, self._state.text)

    def changed(self, text: str) -> Mistake | None:
        """Filter while it is typed; what cannot be read leaves the old filter in force.

        So does a field that waits for its value: as a word it would hide every row meanwhile.
        """
        return None if _WAITS.search(text) else self.take(text)

    def entered(self, text: str) -> Mistake | None:
        """Keep the filter."""
        mistake = self.take(text)
        if mistake is None:
            self._app.close_prompt()
        return mistake

    def cancelled(self, before: str) -> None:
        """Go back to the old filter."""
        self.take(before)
        self._app.close_prompt()

    def switch(self) -> str:
        """Do nothing: there is one way to read it."""
        return self.sign

    def offers(self, text: str, cursor: int) -> list[Offer]:
        """Offer fields and values that the newest rows have."""
        self._seen.look(self._app.model.snapshot)
        return list(islice(offers(text, cursor, self._seen), MOST_OFFERS))

    def take(self, text: str) -> Mistake | None:
        """Put a query into force, or return what is wrong with it."""
        try:
            self._state.set_text(text)
        except QueryError as error:
            return Mistake(str(error).removeprefix("query: "), error.column)
        self.apply()
        return None

    def narrow(self, condition: str, *, exclude: bool = False) -> None:
        """Ask for a condition as well, or that it does not hold."""
        text = narrowed(self._state.text, condition, exclude=exclude)
        if mistake := self.take(text):
            self._app.notify(mistake.message, severity="error", markup=False)

    def apply(self) -> None:
        """Put the state into force, on rows that are held and rows to come."""
        self._state.in_context = False
        self._app.filter_changed()

    def refuse(self, reason: str) -> None:
        """Drop the regular expressions of the command line: one took too long; and say so."""
        self._state.drop_patterns()
        self.apply()
        self._app.notify(reason, title="-g and -e dropped", severity="error", markup=False)

    # A pattern

    def to_pattern(self, template: str, *, exclude: bool) -> None:
        """Show only rows of a template, or all but those."""
        self._state.pattern = TemplateClause.of(template, self._app.templates, exclude=exclude)
        self.apply()

    def lift_pattern(self) -> bool:
        """Show rows of all templates again; return whether any were hidden."""
        lifted = self._state.pattern is not None
        self._state.pattern = None
        if lifted:
            self.apply()
        return lifted

    def follow_pattern(self) -> None:
        """Look again at rows that belong to the pattern now because it has grown."""
        pattern = self._state.pattern
        if pattern is not None and (now := pattern.now()) != pattern:
            self._state.pattern = now
            self.apply()

    # Levels, sources, all of it

    def level(self, steps: int) -> None:
        """Show fewer or more levels."""
        self._state.change_level(steps)
        self.apply()

    def pick_level(self) -> None:
        """Choose a level from a list."""

        def taken(level: Level | None) -> None:
            if level is not None:
                self._state.levels = at_least(level)
                self.apply()

        self._app.push_screen(LevelPicker(self._state.minimum), taken)

    def pick_sources(self) -> None:
        """Choose sources from a list."""

        def taken(names: tuple[str, ...] | None) -> None:
            if names is not None:
                self._state.sources = tuple(glob_escape(name) for name in names)
                self.apply()

        counts = self.source_counts()
        wanted = SourceClause(self._state.sources)
        shown = frozenset(name for name in counts if wanted.allows(name))
        health = " · ".join(
            f"{visible(name[:40])}: {visible(source.state[:60])}"
            for name, source in self._app.hub.sources.items()
        )
        self._app.push_screen(SourcePicker(counts, shown, health), taken)

    def source_counts(self) -> dict[str, int]:
        """Return how many held rows each emitter has."""
        counts: dict[str, int] = {}
        snapshot = self._app.hub.log.snapshot
        for segment in snapshot.segments:
            start, stop = snapshot.bounds(segment)
            totals = np.bincount(segment.source_ids[start:stop], minlength=len(segment.names))
            for name, total in zip(segment.names, totals.tolist(), strict=False):
                if total:
                    counts[name] = counts.get(name, 0) + total
        return counts

    def toggle(self) -> None:
        """Lift all filters, or put them back."""
        self._state.enabled = not self._state.enabled
        self.apply()

    def context(self) -> None:
        """Show everything around the selected row, or only what passes the filters again."""
        self._app.main.query_one(TailView).select_any()
        self._state.in_context = not self._state.in_context
        if self._state.in_context:
            self._app.model.room_above()
        self._app.filter_changed()


def glob_escape(name: str) -> str:
    """Return a glob that matches exactly this name."""
    escaped = "".join(f"[{char}]" if char in "*?[" else char for char in name)
    return f"?{escaped[1:]}" if escaped.startswith("!") else escaped
