"""A query that cannot be read: what is wrong, and in which column."""

from __future__ import annotations

from logmon.errors import ConfigError


class QueryError(ConfigError):
    """The query is refused as a whole. `column` counts characters from 1."""

    def __init__(self, message: str, text: str, column: int, hint: str = "") -> None:
        super().__init__(f"{message} (column {column})", where="query", hint=hint)
        self.what = message
        self.text = text
        self.column = column

    def caret(self) -> tuple[str, str]:
        """Return the part of the query around the column, and a line with a caret below it."""
        start = max(0, self.column - 60)
        return self.text[start : start + 100], " " * (self.column - 1 - start) + "^"
