"""Takes secrets out of events, texts and bytes before they are kept, served or sent.

What looks like a secret becomes a pseudonym such as `[redacted:github-token#3f9a0c1254be]`: the
last part is a hash of the secret under this store's own key, so that equal secrets stay equal
and nothing can be read back without the key. Redacting what is redacted changes nothing.

A `Redactor` may be used from several threads.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from contextlib import suppress
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from logmon.event import LogEvent, encode, encode_json
from logmon.secret_hints import MAYBE_ADDRESS, MAYBE_CARD, PEM_WIDTHS, SQUASH, suspicious

if TYPE_CHECKING:
    import re

    from logmon.dead_letter import DeadLetter
    from logmon.secret_removal import SecretRemoval

KEY_BYTES = 32
_AFTER_TIME = len('{"timestamp":"2026-11-23T14:02:30.240000Z"')
_Any = TypeVar("_Any")


class RedactionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken out besides the secrets that show themselves."""

    keys: tuple[str, ...] = ()
    """More names of fields whose value is a secret, in any case."""
    allow_keys: tuple[str, ...] = ()
    """Names of fields that are none, though they sound like it."""
    email: bool = False
    ip: bool = False


class Redactor:
    """Redacts with one key; counts what it replaced, by rule, in `counts`."""

    def __init__(self, options: RedactionOptions | None = None, *, key: bytes = b"") -> None:
        self._options = options or RedactionOptions()
        self._key = key or secrets.token_bytes(KEY_BYTES)
        self._addresses = self._options.email or self._options.ip
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        """How many secrets were replaced so far, by rule: each time one was written or served."""

    # What may hold a secret at all: the cheap test

    def is_clean(self, data: bytes, begin: int = 0) -> bool:
        """Whether nothing in a text or a canonical line, from `begin` on, can be a secret."""
        squashed = data.translate(SQUASH)
        if self._suspicious.search(squashed, begin) or MAYBE_CARD.search(squashed, begin):
            return False
        return not (self._addresses and MAYBE_ADDRESS.search(squashed))

    @cached_property
    def _suspicious(self) -> re.Pattern[bytes]:
        return suspicious(self._options.keys)

    @cached_property
    def _removal(self) -> SecretRemoval:
        """The exact half; compiling its patterns takes 50 ms, and many logs never need it."""
        from logmon.secret_removal import SecretRemoval

        options = self._options
        return SecretRemoval(
            self._pseudonym,
            keys=options.keys,
            allowed=options.allow_keys,
            email=options.email,
            ip=options.ip,
        )

    # What can be redacted

    def text(self, text: str) -> str:
        """Return a text without its secrets."""
        clean = self.is_clean(text.encode("utf-8", "surrogatepass"))
        if clean and (len(text) not in PEM_WIDTHS or " " in text):
            return text
        return self._removal.text(text)

    def raw(self, data: bytes) -> bytes:
        """Return bytes without their secrets: JSON by its fields, else as text."""
        if self.is_clean(data) and (len(data) not in PEM_WIDTHS or b" " in data):
            return data
        if data[:1] == b"{":
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                document = msgspec.json.decode(data)
                redacted = self.document(document)
                return data if redacted == document else encode_json(redacted)
        text = data.decode("utf-8", "surrogateescape")
        return self._removal.text(text).encode("utf-8", "surrogateescape")

    def event(self, event: LogEvent) -> LogEvent:
        """Return an event without its secrets; time, level and marks stay."""
        clean = self.is_clean(encode(event), _AFTER_TIME)
        return event if clean else self._removal.event(event)

    def encode(self, event: LogEvent, *, work_item: str | None = None) -> bytes:
        """Return the event's canonical JSON line without its secrets."""
        line = encode(event, work_item=work_item)
        if self.is_clean(line, _AFTER_TIME):
            return line
        return encode(self._removal.event(event), work_item=work_item)

    def document(self, document: _Any) -> _Any:
        """Return JSON-like data without its secrets: by fields' names and by values."""
        return cast("_Any", self._removal.document(document))

    def dead_letter(self, letter: DeadLetter) -> DeadLetter:
        """Return a rejected record without its secrets; a half one at the end of a cut one goes."""
        raw = self.raw(letter.raw)
        if letter.length > len(letter.raw):
            raw = self._removal.end_of_cut(raw)
        return msgspec.structs.replace(
            letter, raw=raw, detail=self.text(letter.detail), origin=self.text(letter.origin)
        )

    def _pseudonym(self, rule: str, secret: str) -> str:
        with self._lock:
            self.counts[rule] += 1
        data = secret.encode("utf-8", "surrogatepass")
        return f"[redacted:{rule}#{blake2b(data, key=self._key, digest_size=6).hexdigest()}]"
