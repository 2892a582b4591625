"""From text to a tree of conditions, by the grammar in `grammar.lark`."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from lark import Lark, Token, Transformer, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from logmon.query.conditions import EVERYTHING, BadValue, Context, condition, free_text
from logmon.query.error import QueryError
from logmon.query.fields import address_in, attribute_values
from logmon.query.nodes import Leaf, Node, both, either, negated
from logmon.query.text import unescape, unquote
from logmon.query.values import Interval, Term, Value

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    Made = Callable[[str], Node]

LONGEST_CHARS = 4_096
DEEPEST = 32
MOST_CLAUSES = 256


def compile_query(text: str, now: datetime) -> tuple[Node, bool]:
    """Return a query's tree, and whether it means `now` anywhere.

    Raises:
        QueryError: it cannot be read; nothing of it is applied.
    """
    context = Context(now)
    builder = _Builder(text, context)
    tree = parse_tree(text)
    try:
        node = builder.transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    if node.leaves > MOST_CLAUSES:
        raise QueryError(f"more than {MOST_CLAUSES} conditions", text, 1)
    return node, context.used_now


def parse_tree(text: str) -> Tree[Token]:
    """Return a query's tree as the grammar has it, each node with its place in the text.

    Raises:
        QueryError: it cannot be read.
    """
    _check_limits(text)
    try:
        return _parser().parse(text)
    except UnexpectedToken as error:
        raise _unexpected(text, error) from None
    except UnexpectedCharacters as error:
        place: int = error.pos_in_stream  # type: ignore[assignment]
        raise _strange(text, place) from None


def parse_root(text: str) -> Tree[Token] | None:
    """Return the outermost part of a query's tree that joins or asks anything; None: it is empty.

    Raises:
        QueryError: it cannot be read.
    """
    root = parse_tree(text).children[0]
    while isinstance(root, Tree) and len(root.children) == 1 and root.data in ("or_", "and_"):
        root = root.children[0]
    return root if isinstance(root, Tree) else None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files("logmon.query").joinpath("grammar.lark").read_text()
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True)


_SIGNS = re.compile(rf"(?<![^\s(])(?:(?:NOT(?=\s)|[-+])\s*){{{DEEPEST + 1}}}")
_BRACKETS = re.compile(r"\\.|\"(?:\\.|[^\"\\])*(\"?)|([()])", re.DOTALL)


def _check_limits(text: str) -> None:
    if len(text.encode("utf-8", "replace")) > LONGEST_CHARS:
        raise QueryError(f"longer than {LONGEST_CHARS} bytes", text, LONGEST_CHARS)
    if signs := _SIGNS.search(text):
        raise QueryError(f"more than {DEEPEST} signs before a term", text, signs.start() + 1)
    opened: list[int] = []
    for found in _BRACKETS.finditer(text):
        column = found.start() + 1
        if found[0].startswith('"') and not found[1]:
            raise QueryError("the quote is never closed", text, column)
        if found[2] == "(":
            opened.append(column)
            if len(opened) > DEEPEST:
                raise QueryError(f"nested deeper than {DEEPEST}", text, column)
        elif found[2] == ")" and opened:
            opened.pop()
    if opened:
        raise QueryError("the bracket is never closed", text, opened[-1])


def _unexpected(text: str, error: UnexpectedToken) -> QueryError:
    token = error.token
    if token.type == "$END":
        message = "something is missing at the end"
        return QueryError(message, text, len(text.rstrip()) + 1)
    return QueryError(f"{str(token)!r} is not expected here", text, token.start_pos + 1)


def _strange(text: str, place: int) -> QueryError:
    if place >= len(text):
        return QueryError("something is missing at the end", text, len(text) + 1)
    char, hint = text[place], ""
    if char == "!":
        hint = "write -word or NOT word"
    elif char == "#":
        hint = "calculated fields are Datadog's own; put a backslash before a # that is meant so"
    elif char == "-":
        hint = "a minus belongs to the word behind it"
    return QueryError(f"{char!r} is not expected here", text, place + 1, hint)


class _Builder(Transformer[Token, Any]):
    """Builds conditions from the leaves up. Behind a field, parts are functions of its name."""

    def __init__(self, text: str, context: Context) -> None:
        super().__init__()
        self._text = text
        self._context = context

    # The whole

    def start(self, parts: list[Any]) -> Node:
        return parts[0] if parts and parts[0] is not None else EVERYTHING

    def or_(self, parts: list[Any]) -> Node:
        return either([part for part in parts if not isinstance(part, Token)])

    def and_(self, parts: list[Any]) -> Node:
        return both([part for part in parts if not isinstance(part, Token)])

    def negated(self, parts: list[Any]) -> Node:
        return negated(parts[-1])

    def plain(self, parts: list[Any]) -> Any:
        return parts[-1]

    # Conditions

    def word(self, parts: list[Token]) -> Node:
        pattern = unescape(parts[0])
        return EVERYTHING if Term(pattern, 0).is_any else free_text(pattern)

    def phrase(self, parts: list[Token]) -> Node:
        return free_text(unquote(parts[0]))

    def field(self, parts: list[Any]) -> Node:
        made: Made = parts[1]
        return made(self._name(parts[0]))

    field_group = field

    def cidr(self, parts: list[Token]) -> Node:
        name, *networks = (part.strip() for part in parts[0][5:-1].split(","))
        column = (parts[0].start_pos or 0) + 1
        if not name.startswith("@") or not networks:
            raise QueryError("write CIDR(@field, 10.0.0.0/8)", self._text, column)
        try:
            known = [ipaddress.ip_network(network, strict=False) for network in networks]
        except ValueError as error:
            raise QueryError(str(error), self._text, column) from None
        values = attribute_values(name[1:])
        return Leaf(lambda event: any(address_in(value, known) for value in values(event)))

    def _name(self, token: Token) -> str:
        name = unescape(token[:-1])
        if name in ("\ufdd0", "@\ufdd0"):
            return "*"
        if "\ufdd0" in name or "\ufdd1" in name or name == "@":
            column = (token.start_pos or 0) + 1
            reason = (
                "a field's name is missing" if name == "@" else "a field's name has no wildcard"
            )
            raise QueryError(reason, self._text, column)
        return name

    # Values: functions of the field's name

    def or_v(self, parts: list[Any]) -> Made:
        kept = [part for part in parts if not isinstance(part, Token)]
        return lambda name: either([part(name) for part in kept])

    def and_v(self, parts: list[Any]) -> Made:
        kept = [part for part in parts if not isinstance(part, Token)]
        return lambda name: both([part(name) for part in kept])

    def negated_v(self, parts: list[Any]) -> Made:
        return lambda name: negated(parts[-1](name))

    def value_term(self, parts: list[Token]) -> Made:
        return self._made(Term(unescape(parts[0]), (parts[0].start_pos or 0) + 1))

    def value_phrase(self, parts: list[Token]) -> Made:
        return self._made(Term(unquote(parts[0]), (parts[0].start_pos or 0) + 1))

    def value_comparison(self, parts: list[Token]) -> Made:
        bound = _bound(parts[1])
        return self._made(Interval(((str(parts[0]), bound),), (parts[1].start_pos or 0) + 1))

    def value_range(self, parts: list[Token]) -> Made:
        opened, low, _to, high, closed = parts
        bounds = []
        if low != "*":
            bounds.append((">=" if opened == "[" else ">", _bound(low)))
        if high != "*":
            bounds.append(("<=" if closed == "]" else "<", _bound(high)))
        column = (opened.start_pos or 0) + 1
        if not bounds:
            return self._made(Term("\ufdd0", column))
        return self._made(Interval(tuple(bounds), column))

    def _made(self, value: Value) -> Made:
        def made(name: str) -> Node:
            try:
                return condition(name, value, self._context)
            except BadValue as error:
                raise QueryError(str(error), self._text, value.column) from None

        return made


def _bound(token: Token) -> str:
    text = str(token)
    if text.startswith('"'):
        return unquote(text)
    return unescape(text).replace("\ufdd0", "*").replace("\ufdd1", "?")
