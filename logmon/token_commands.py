"""`logmon serve token`: make, list and revoke tokens; a running server follows within a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logmon.api.tokens import SCOPES, Scope, Token, add_token, read_tokens, revoke_token, token_path
from logmon.errors import ConfigError
from logmon.event import encode_json, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def add(words: Sequence[str], *, json: bool) -> Iterator[str]:
    """Make a token and yield it: alone on its line, so that it can be piped, or as JSON.

    Raises:
        ConfigError: a word is no scope, or the file cannot be written.
    """
    scopes = [_scope(word) for part in words for word in part.split(",")]
    token, text = add_token(token_path(), scopes)
    yield encode_json({"token": text, **_document(token)}).decode() if json else text


def lines(*, json: bool) -> Iterator[str]:
    """Yield a line for each token.

    Raises:
        ConfigError: the file cannot be read.
    """
    for token in read_tokens(token_path()):
        if json:
            yield encode_json(_document(token)).decode()
        else:
            yield f"{token.id:<12} {token.created_at:%Y-%m-%d %H:%M:%S}  {','.join(token.scopes)}"


def revoke(token_id: str) -> str:
    """Revoke a token and return a line that says so.

    Raises:
        ConfigError: there is no such token, or the file cannot be written.
    """
    token = revoke_token(token_path(), token_id)
    return f"{token.id} revoked ({','.join(token.scopes)})"


def _scope(word: str) -> Scope:
    for scope in SCOPES:
        if scope == word.strip():
            return scope
    raise ConfigError(f"{word!r} is no scope", where="--scope", hint=", ".join(SCOPES))


def _document(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "scopes": list(token.scopes),
        "created_at": rfc3339(token.created_at),
    }
