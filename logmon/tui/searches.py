"""The `/` line: searches messages by regular expression or literally, counts hits, walks them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from logmon.errors import ConfigError, PatternTooSlow
from logmon.patterns import compile_pattern
from logmon.tui.prompt import Mistake, Offer
from logmon.tui.search import Search
from logmon.tui.tail_view import TailView

if TYPE_CHECKING:
    from logmon.patterns import Pattern
    from logmon.tui.app import LogmonApp
    from logmon.tui.shown_rows import Direction


class Searches:
    """What is searched, from the first letter typed until Escape."""

    hint = "a regular expression; small letters find any case · Ctrl+r searches literally"

    def __init__(self, app: LogmonApp) -> None:
        self._app = app
        self._literal = False
        self._text = ""
        self.history: list[str] = []
        self.search: Search | None = None

    @property
    def sign(self) -> str:
        """What stands before the text."""
        return "/=" if self._literal else "/"

    def open(self) -> None:
        """Type what is to be found."""
        self._app.open_prompt(self)

    def switch(self) -> str:
        """Search literally, or by regular expression again; return the new sign."""
        self._literal = not self._literal
        return self.sign

    def changed(self, text: str) -> Mistake | None:
        """Mark hits while it is typed."""
        try:
            self._use(text)
        except ConfigError as error:
            return Mistake(error.message, _column(error.message))
        return None

    def entered(self, text: str) -> Mistake | None:
        """Go to the next hit; an empty text goes on with the last search."""
        mistake = self.changed(text or self._text)
        if mistake is not None:
            return mistake
        self._text = text or self._text
        self._app.close_prompt()
        if self.search is not None:
            self.next(1)
        return None

    def cancelled(self, _before: str) -> None:
        """Go back to the search that was in force before."""
        self._use(self._text)
        self._app.close_prompt()

    def offers(self, _text: str, _cursor: int) -> list[Offer]:
        """Offer nothing."""
        return []

    def _use(self, text: str) -> None:
        pattern = None
        if text:
            pattern = compile_pattern(re.escape(text) if self._literal else text, where="search")
        self._take(pattern)

    def _take(self, pattern: Pattern | None) -> None:
        self.search = None if pattern is None else Search(self._app.model, pattern)
        view = self._app.main.query_one(TailView)
        view.search = self.search
        view.change_look(msgspec.structs.replace(view.look, search=pattern))
        self._app.drawing.work_on()
        self._app.panels.row_changed()

    # Walking

    def next(self, direction: Direction, count: int | None = None) -> None:
        """Go to the next hit; past the last one the search begins anew at the other end."""
        if self.search is None:
            if not self._text:
                self._app.bell()
                return
            self._use(self._text)
        if self.search is not None:
            jumps = self._app.jumps
            jumps.look_for(self.search.wanted, direction, "hit", count, wraps=True)

    def clear(self) -> bool:
        """Take the marks of the search away; return whether there were any."""
        if self.search is None:
            return False
        self._take(None)
        return True

    def refuse(self, reason: str) -> None:
        """Drop a search that took too long, and say so."""
        self._text = ""
        self._take(None)
        self._app.notify(reason, title="search dropped", severity="error", markup=False)

    def work(self) -> bool:
        """Count hits for a slice; return whether more rows are left."""
        if self.search is None:
            return False
        try:
            return self.search.work()
        except PatternTooSlow as error:
            self.refuse(str(error))
            return False

    def describe(self) -> str:
        """Return `/card 1,204 hits`, with dots while rows are left to search."""
        if self.search is None:
            return ""
        dots = "" if self.search.complete else " …"
        return f"{self.search.total:,} hits{dots}"


def _column(message: str) -> int:
    found = re.search(r"at position (\d+)", message)
    return int(found[1]) + 1 if found else 0
