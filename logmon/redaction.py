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
from functools import lru_cache, partial
from hashlib import blake2b
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from logmon import secret_shapes as shapes
from logmon.event import LogEvent, encode, encode_json

if TYPE_CHECKING:
    import re

    from logmon.dead_letter import DeadLetter
KEY_BYTES = 32
_AFTER_TIME = len('{"timestamp":"2026-11-23T14:02:30.240000Z"')
SHORTEST_ECHO = 4
"""A field's secret value is also taken out of the message if it has at least so many characters."""

_EMPTY = frozenset(
    ("true", "false", "null", "none", "nil", "undefined", "yes", "no", "empty", "unset", "hidden",
     "redacted", "masked", "filtered")
)  # fmt: skip
_PROSE = _EMPTY | frozenset(
    ("required", "invalid", "incorrect", "expired", "missing", "wrong", "failed", "failure",
     "error", "not", "is", "must", "was", "for", "from", "the", "a", "an", "to", "of", "in", "and",
     "or", "has", "changed", "reset", "ok", "accepted", "rejected", "denied", "authentication",
     "authorization", "authorized", "unauthorized", "set", "removed", "string", "unknown",
     "unsupported", "using", "used", "with", "on", "off")
)  # fmt: skip
"""Words that follow `password: ` in a sentence about passwords."""
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
        self._options = options = options or RedactionOptions()
        self._key = key or secrets.token_bytes(KEY_BYTES)
        more = sorted({name.lower() for name in options.keys})
        self._allowed = frozenset(name.lower() for name in options.allow_keys)
        self._suspicious = shapes.suspicious(more)
        self._key_name = shapes.key_name(more)
        self._kind_of = lru_cache(maxsize=4_096)(self._look_up_kind)
        self._addresses = options.email or options.ip
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        """How many secrets were replaced so far, by rule: each time one was written or served."""

    # What may hold a secret at all: the cheap test

    def is_clean(self, data: bytes, begin: int = 0) -> bool:
        """Whether nothing in a text or a canonical line, from `begin` on, can be a secret."""
        squashed = data.translate(shapes.SQUASH)
        if self._suspicious.search(squashed, begin):
            return False
        if shapes.maybe_card(squashed) and shapes.CARD.search(data.decode("latin-1")):
            return False
        return not (self._addresses and shapes.MAYBE_ADDRESS.search(squashed))

    # What can be redacted

    def text(self, text: str) -> str:
        """Return a text without its secrets."""
        if self.is_clean(text.encode("utf-8", "surrogatepass")) and not _is_pem_line(text):
            return text
        return self._text(text)

    def raw(self, data: bytes) -> bytes:
        """Return bytes without their secrets: JSON by its fields, else as text."""
        text = data.decode("utf-8", "surrogateescape")
        if self.is_clean(data) and not _is_pem_line(text):
            return data
        if data[:1] == b"{":
            try:
                document = msgspec.json.decode(data)
            except (msgspec.DecodeError, RecursionError):
                pass
            else:
                redacted = self.document(document)
                return data if redacted == document else encode_json(redacted)
        return self._text(text).encode("utf-8", "surrogateescape")

    def event(self, event: LogEvent) -> LogEvent:
        """Return an event without its secrets; time, level and marks stay."""
        return event if self.is_clean(encode(event)) else self._event(event)

    def encode(self, event: LogEvent, *, work_item: str | None = None) -> bytes:
        """Return the event's canonical JSON line without its secrets; cheaper than `event`."""
        line = encode(event, work_item=work_item)
        if self.is_clean(line, _AFTER_TIME):
            return line
        return encode(self._event(event), work_item=work_item)

    def document(self, document: _Any) -> _Any:
        """Return JSON-like data without its secrets: by fields' names and by values."""
        echoes: dict[str, str] = {}
        found = self._walk(document, echoes)
        found = self._echo(found, echoes) if echoes else found
        return cast("_Any", found)

    def dead_letter(self, letter: DeadLetter) -> DeadLetter:
        """Return a rejected record without its secrets; a half one at the end of a cut one goes."""
        raw = self.raw(letter.raw)
        if letter.length > len(letter.raw):
            cut = shapes.CUT.search(raw.decode("latin-1"))
            if cut is not None:
                raw = raw[: cut.start()] + self._pseudonym("cut", cut[0]).encode()
        return msgspec.structs.replace(
            letter, raw=raw, detail=self.text(letter.detail), origin=self.text(letter.origin)
        )

    # The exact half

    def _event(self, event: LogEvent) -> LogEvent:
        echoes: dict[str, str] = {}
        attributes = self._walk(event.attributes, echoes)

        def text(value: _Any) -> _Any:
            return self._echo(self._text(value), echoes) if isinstance(value, str) else value

        if echoes:
            attributes = self._echo(attributes, echoes)
        return msgspec.structs.replace(
            event,
            source=text(event.source),
            message=text(event.message),
            message_template=text(event.message_template),
            attributes=attributes,
            tags=tuple(map(text, event.tags)),
            host=text(event.host),
            trace_id=text(event.trace_id),
            span_id=text(event.span_id),
            id=text(event.id),
            work_item=text(event.work_item),
        )

    def _walk(self, value: Any, echoes: dict[str, str], kind: str = "") -> Any:
        """Redact what is inside; everything under a name that announces a secret is one."""
        if isinstance(value, dict):
            return {
                self._text(key) if isinstance(key, str) else key: self._walk(
                    inner, echoes, kind or self.kind_of(key)
                )
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._walk(inner, echoes, kind) for inner in value]
        if isinstance(value, bool) or value is None:
            return value
        if kind:
            return self._secret_field(value, kind, echoes)
        if isinstance(value, str):
            return self._text(value)
        is_long = isinstance(value, int) and value >= 10**13
        return self._card_number(value) if is_long else value

    def _card_number(self, value: int) -> Any:
        return self._pseudonym("card", str(value)) if shapes.is_card(str(value)) else value

    def _secret_field(self, value: Any, kind: str, echoes: dict[str, str]) -> Any:
        text = str(value)
        if _says_nothing(kind, text):
            return value
        whole = self._tokens(text)
        if not shapes.PSEUDONYM.fullmatch(whole):
            scheme = shapes.SCHEME.match(text) if kind == "authorization" else None
            if scheme and scheme.end() == len(text):
                whole, text = scheme[1] + self._pseudonym(kind, scheme[2]), scheme[2]
            else:
                whole = self._pseudonym(kind, text)
        if len(text) >= SHORTEST_ECHO:
            echoes[text] = self._pseudonym(kind, text, count=False)
        return whole

    def _echo(self, value: Any, echoes: dict[str, str]) -> Any:
        """Take secrets that fields gave away out of all other texts, the longest first."""
        if isinstance(value, dict):
            return {key: self._echo(inner, echoes) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._echo(inner, echoes) for inner in value]
        if isinstance(value, str):
            for secret in sorted(echoes, key=len, reverse=True):
                if secret in value:
                    value = value.replace(secret, echoes[secret])
        return value

    def kind_of(self, key: object) -> str:
        """Return what kind of secret a field's name announces, or an empty text."""
        return self._kind_of(key) if isinstance(key, str) and len(key) <= 256 else ""

    def _look_up_kind(self, key: str) -> str:
        found = self._key_name.search(key[-64:])
        if found is None or key.lower() in self._allowed:
            return ""
        return next(kind for kind, part in found.groupdict().items() if part)

    def _tokens(self, text: str) -> str:
        """Replace values that show by their own form what they are."""
        if "-----BEGIN" in text:
            text = shapes.PEM.sub(partial(self._whole, "private-key"), text)
        for rule, hints, form in shapes.TOKENS:
            if any(map(text.__contains__, hints)):
                text = form.sub(partial(self._token, rule), text)
        if shapes.maybe_card(text.encode("utf-8", "surrogatepass").translate(shapes.SQUASH)):
            text = shapes.CARD.sub(self._card, text)
        if "://" in text and "@" in text:
            text = shapes.URL_PASSWORD.sub(partial(self._second, "url-password"), text)
            text = shapes.URL_TOKEN.sub(partial(self._second, "url-password"), text)
        return text

    def _text(self, text: str) -> str:
        if _is_pem_line(text):
            return self._pseudonym("private-key", text)
        text = self._tokens(text)
        lower = text.lower()
        if "cookie" in lower or "authorization" in lower:
            text = shapes.HEADER.sub(partial(self._second, "header"), text)
        text = self._assigned(text)
        if "bearer" in lower or "basic" in lower:
            text = shapes.SCHEME.sub(partial(self._second, "authorization"), text)
        if "--" in text:
            text = shapes.FLAG.sub(partial(self._second, "password"), text)
        if self._options.email:
            text = shapes.EMAIL.sub(partial(self._whole, "email"), text)
        if self._options.ip:
            text = shapes.IP.sub(self._address, text)
        return text

    def _assigned(self, text: str) -> str:
        """Replace the values of `name=value` whose name announces a secret."""
        out: list[str] = []
        done = 0
        for pair in shapes.PAIR.finditer(text):
            if pair.start() < done or not (kind := self.kind_of(pair[1])):
                continue
            value = shapes.VALUE.match(text, pair.end())
            if value is None:
                continue
            begin, end = _secret_part(kind, pair[2], value)
            if begin < end:
                out += text[done:begin], self._pseudonym(kind, text[begin:end])
                done = end
        return "".join(out) + text[done:] if out else text

    def _second(self, rule: str, match: re.Match[str]) -> str:
        """Keep the first group and replace the second."""
        if shapes.PSEUDONYM.match(match[2]) or shapes.PLACEHOLDER.fullmatch(match[2]):
            return match[0]
        return match[1] + self._pseudonym(rule, match[2])

    def _token(self, rule: str, match: re.Match[str]) -> str:
        before = match.string[match.start() - 1 : match.start()]
        inside_a_word = before.isalnum() or before == "_"
        return match[0] if inside_a_word else self._pseudonym(rule, match[0])

    def _whole(self, rule: str, match: re.Match[str]) -> str:
        return self._pseudonym(rule, match[0])

    def _card(self, match: re.Match[str]) -> str:
        return self._pseudonym("card", match[0]) if shapes.is_card(match[0]) else match[0]

    def _address(self, match: re.Match[str]) -> str:
        try:
            ip_address(match[0])
        except ValueError:
            return match[0]
        return self._pseudonym("ip", match[0])

    def _pseudonym(self, rule: str, secret: str, *, count: bool = True) -> str:
        if count:
            with self._lock:
                self.counts[rule] += 1
        data = secret.encode("utf-8", "surrogatepass")
        return f"[redacted:{rule}#{blake2b(data, key=self._key, digest_size=6).hexdigest()}]"


def _is_pem_line(text: str) -> bool:
    return 60 <= len(text) <= 80 and shapes.PEM_LINE.fullmatch(text) is not None


def _secret_part(kind: str, separator: str, match: re.Match[str]) -> tuple[int, int]:
    """Return where in the text the secret begins and ends; an empty range when there is none."""
    form = next(form for form in shapes.FORMS if match[form] is not None)
    value, begin = match[form], match.start(form)
    nothing = (begin, begin)
    if shapes.PSEUDONYM.match(value) or shapes.PLACEHOLDER.match(value):
        return nothing
    if form == "bare":
        value = value.rstrip(")]}>.") or value
        in_prose = separator[-1].isspace() and ":" in separator
        if (in_prose and value.lower() in _PROSE) or shapes.DUMP.match(value):
            return nothing
    elif scheme := shapes.SCHEME_WORD.match(value):
        value, begin = value[scheme.end() :], begin + scheme.end()
    return nothing if _says_nothing(kind, value) else (begin, begin + len(value))


def _says_nothing(kind: str, value: str) -> bool:
    """Whether a value under a secret's name is none: a placeholder, a count, a folder."""
    if len(set(value) - {"-", "."}) < 2 or shapes.PSEUDONYM.match(value):
        return True
    if shapes.PLACEHOLDER.fullmatch(value):
        return True
    if value.isdecimal():
        return len(value) < 7 and kind not in ("password", "card", "ssn", "configured")
    return value.lower() in _EMPTY or (kind == "password" and value.startswith(("/", "~/")))
