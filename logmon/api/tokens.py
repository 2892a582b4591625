"""Who may ask: bearer tokens with scopes; only SHA-256 of them is kept, and compared in full.

Tokens are 256 random bits, so a fast hash is enough. Every known digest is compared with
`hmac.compare_digest`, whichever matches: how long a refusal takes tells nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import stat
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from logmon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Scope = Literal["read", "ingest", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "ingest", "admin")
ENV_SCOPES: tuple[Scope, ...] = ("read", "ingest")
"""What `$LOGMON_API_TOKEN`, and a token made for one run, may do."""
LOOK_AGAIN_AFTER_S = 1.0
"""How old the view of the file may be: a revoked token is refused after so long at the latest."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is kept: everything but the token itself."""

    id: str
    scopes: tuple[Scope, ...]
    sha256: str
    created_at: datetime

    def allows(self, scope: Scope) -> bool:
        """Whether it may be used for something; `admin` may be used for everything."""
        return scope in self.scopes or "admin" in self.scopes


class TokenFile(msgspec.Struct):
    """What the file holds."""

    tokens: list[Token] = []


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token() -> str:
    """Return a token nobody has: `lm_` and 256 random bits."""
    return "lm_" + secrets.token_urlsafe(32)


def token_path() -> Path:
    """Return where the digests are kept."""
    from platformdirs import user_state_path

    return user_state_path("logmon") / "tokens.json"


class Tokens:
    """Every token that is valid now: those of the file, read again when it changes, and fixed ones.

    `fixed` are tokens that are in no file: from the environment, or made for this run.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        fixed: Mapping[str, str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._monotonic = monotonic
        now = datetime.now(UTC)
        self._fixed = tuple(
            Token(id=name, scopes=ENV_SCOPES, sha256=digest(token), created_at=now)
            for name, token in (fixed or {}).items()
        )
        self._kept: tuple[Token, ...] = ()
        self._stamp: tuple[int, int] | None = None
        self._looked_at = -LOOK_AGAIN_AFTER_S

    def all(self) -> tuple[Token, ...]:
        """Return the tokens that are valid now."""
        now = self._monotonic()
        if self._path is not None and now - self._looked_at >= LOOK_AGAIN_AFTER_S:
            self._looked_at = now
            self._look(self._path)
        return self._fixed + self._kept

    def _look(self, path: Path) -> None:
        try:
            status = path.stat()
        except OSError:
            self._stamp, self._kept = None, ()
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            with suppress(ConfigError):  # a file that cannot be read makes nobody's token valid
                self._kept = ()
                self._kept = tuple(read_tokens(path))
            self._stamp = stamp

    def find(self, token: str) -> Token | None:
        """Return the valid token that this text is."""
        wanted = digest(token)
        found = _matching(self.all(), wanted)
        if found is None and self._path is not None:  # it may have been made a moment ago
            self._look(self._path)
            found = _matching(self._kept, wanted)
        return found

    def is_valid(self, token_id: str) -> bool:
        """Whether a token that was found before is still valid."""
        return any(known.id == token_id for known in self.all())


def _matching(tokens: Iterable[Token], wanted: str) -> Token | None:
    """Return the token with this digest; each is compared."""
    found: Token | None = None
    for known in tokens:
        if hmac.compare_digest(known.sha256, wanted):
            found = known
    return found


def read_tokens(path: Path) -> list[Token]:
    """Return the tokens a file holds; none when there is no file.

    Raises:
        ConfigError: it cannot be read, or somebody else may write it.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=str(path)) from None
    with os.fdopen(file, "rb") as opened:
        _refuse_foreign(os.fstat(file), path)
        try:
            return msgspec.json.decode(opened.read() or b"{}", type=TokenFile).tokens
        except msgspec.DecodeError as error:
            raise ConfigError(f"is no token file: {error}", where=str(path)) from None


def _refuse_foreign(status: os.stat_result, path: Path) -> None:
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError("belongs to, or may be written by others", where=str(path))


def add_token(path: Path, scopes: Sequence[Scope]) -> tuple[Token, str]:
    """Make a token, keep its digest, and return both; nobody can show it a second time.

    Raises:
        ConfigError: the file cannot be read or written.
    """
    text = new_token()
    ordered = tuple(scope for scope in SCOPES if scope in scopes)
    with _changing(path) as tokens:
        token = Token(
            id=f"t-{secrets.token_hex(4)}",
            scopes=ordered,
            sha256=digest(text),
            created_at=datetime.now(UTC).replace(microsecond=0),
        )
        tokens.append(token)
    return token, text


def revoke_token(path: Path, token_id: str) -> Token:
    """Forget a token and return what it was.

    Raises:
        ConfigError: there is no such token, or the file cannot be read or written.
    """
    with _changing(path) as tokens:
        for token in tokens:
            if token.id == token_id:
                tokens.remove(token)
                return token
    raise ConfigError(f"there is no token {token_id!r}", hint="see logmon serve token list")


@contextmanager
def _changing(path: Path) -> Iterator[list[Token]]:
    """Give the tokens to change and write them back whole, one process at a time."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=str(path)) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tokens = read_tokens(path)
        before = list(tokens)
        yield tokens
        if tokens != before:
            _write(path, tokens)
    finally:
        os.close(lock)


def _write(path: Path, tokens: list[Token]) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(file, "wb") as opened:
            opened.write(msgspec.json.format(msgspec.json.encode(TokenFile(tokens))) + b"\n")
            opened.flush()
            os.fsync(file)
        new.replace(path)
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=str(path)) from None
