"""What a URL asks for, checked: every parameter is known, given once and makes sense, or 422."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from logmon.api.refused import bad_parameter
from logmon.errors import ConfigError
from logmon.filter import LogFilter, build_filter
from logmon.level import ALL_LEVELS, parse_level_choice
from logmon.query import QueryError, parse_query

if TYPE_CHECKING:
    from starlette.requests import Request

QUERY_CHARS = 1_024
SOURCES = 20
SOURCE_CHARS = 200
MOST_SEQ = 2**63 - 1


class Parameters:
    """The parameters of one request; `names` are those it may have."""

    def __init__(self, request: Request, *names: str) -> None:
        self._given = request.query_params
        for name in self._given:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                known = ", ".join(names) or "none"
                hint = f"did you mean {near[0]!r}?" if near else f"known are: {known}"
                raise bad_parameter(name[:100], f"unknown parameter; {hint}")

    def text(self, name: str) -> str:
        """Return a parameter's text, empty when it is not there.

        Raises:
            Refused: it is there twice.
        """
        values = self._given.getlist(name)
        if len(values) > 1:
            raise bad_parameter(name, "is given more than once")
        return values[0] if values else ""

    def number(self, name: str, *, least: int, most: int) -> int | None:
        """Return a whole number, None when it is not there.

        Raises:
            Refused: it is none, or out of bounds.
        """
        if name not in self._given:
            return None
        text = self.text(name)
        if not (text.isascii() and text.isdecimal() and len(text) < 20):
            raise bad_parameter(name, "is no whole number")
        if not least <= int(text) <= most:
            raise bad_parameter(name, f"must be from {least} to {most}")
        return int(text)

    def filter(self) -> LogFilter:
        """Return the filter that `level`, `source` and `q` ask for.

        Raises:
            Refused: one of them cannot be read; a query's column is named.
        """
        text = self.text("q")
        if len(text) > QUERY_CHARS:
            raise bad_parameter("q", f"is longer than {QUERY_CHARS} characters")
        sources = tuple(name for name in self._given.getlist("source") if name)
        if len(sources) > SOURCES or any(len(name) > SOURCE_CHARS for name in sources):
            raise bad_parameter("source", f"at most {SOURCES}, of {SOURCE_CHARS} characters each")
        level = self.text("level")
        try:
            levels = parse_level_choice(level, where="") if level else ALL_LEVELS
        except ConfigError as error:
            raise bad_parameter("level", str(error)) from None
        try:
            clause = parse_query(text)
        except QueryError as error:
            where = {"column": error.column, "caret": list(error.caret())}
            raise bad_parameter(
                "q", f"{error.message}; {error.hint}".rstrip("; "), **where
            ) from None
        return build_filter(levels=levels, sources=sources, clauses=[clause] if clause else [])
