"""Takes secrets out where the cheap test says there may be one: the exact, slower half."""

from __future__ import annotations

from functools import lru_cache, partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from logmon import secret_shapes as shapes
from logmon.secret_hints import MAYBE_CARD, SQUASH

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from logmon.event import LogEvent

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


class SecretRemoval:
    """Replaces each secret by what `pseudonym(rule, secret)` gives.

    `keys` are more names of fields whose value is a secret, `allowed` names that announce none.
    """

    def __init__(
        self,
        pseudonym: Callable[[str, str], str],
        *,
        keys: tuple[str, ...] = (),
        allowed: tuple[str, ...] = (),
        email: bool = False,
        ip: bool = False,
    ) -> None:
        self._pseudonym = pseudonym
        self._allowed = frozenset(name.lower() for name in allowed)
        self._key_name = shapes.key_name(keys)
        self._kind_of = lru_cache(maxsize=4_096)(self._look_up_kind)
        self._email = email
        self._ip = ip

    def event(self, event: LogEvent) -> LogEvent:
        """Return an event without its secrets."""
        echoes: dict[str, str] = {}
        attributes = self._walk(event.attributes, echoes)

        def text(value: _Any) -> _Any:
            return self._echo(self.text(value), echoes) if isinstance(value, str) else value

        if echoes:
            attributes = self._echo(attributes, echoes)
        return msgspec.structs.replace(
            event,
            source=text(event.source),
            message=text(self._message(event)),
            message_template=text(event.message_template),
            attributes=attributes,
            tags=tuple(map(text, event.tags)),
            host=text(event.host),
            trace_id=text(event.trace_id),
            span_id=text(event.span_id),
            id=text(event.id),
            work_item=text(event.work_item),
        )

    def _message(self, event: LogEvent) -> str:
        """Return the message; one that was the value of what was read as a logger's name goes."""
        if not self.kind_of(event.source):
            return event.message
        begin = f"{event.source}: "
        return self.text(begin + event.message).removeprefix(begin)

    def document(self, document: Any) -> Any:
        """Return JSON-like data without its secrets."""
        echoes: dict[str, str] = {}
        found = self._walk(document, echoes)
        return self._echo(found, echoes) if echoes else found

    def end_of_cut(self, raw: bytes) -> bytes:
        """Replace the last word of a record that was cut: it may be half a secret."""
        cut = shapes.CUT.search(raw.decode("latin-1"))
        return raw if cut is None else raw[: cut.start()] + self._pseudonym("cut", cut[0]).encode()

    def _walk(self, value: Any, echoes: dict[str, str], kind: str = "") -> Any:
        """Redact what is inside; everything under a name that announces a secret is one."""
        if isinstance(value, dict):
            announced = (
                self.kind_of(value.get("name", value.get("key"))) if "value" in value else ""
            )
            return {
                self.text(key) if isinstance(key, str) else key: self._walk(
                    inner,
                    echoes,
                    kind or (announced if key == "value" else self.kind_of(key)),
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
            return self.text(value)
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
            scheme = shapes.SCHEME_WORD.match(text)
            begin = scheme.end() if scheme and kind == "authorization" else 0
            whole = text[:begin] + self._pseudonym(kind, text[begin:])
            text = text[begin:]
        if len(text) >= SHORTEST_ECHO:
            echoes[text] = whole.rpartition(" ")[2]
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
        if MAYBE_CARD.search(text.encode("utf-8", "surrogatepass").translate(SQUASH)):
            text = shapes.CARD.sub(self._card, text)
        if "://" in text and "@" in text:
            text = shapes.URL_PASSWORD.sub(partial(self._second, "url-password"), text)
            text = shapes.URL_TOKEN.sub(partial(self._second, "url-password"), text)
        return text

    def text(self, text: str) -> str:
        """Return a text without its secrets."""
        if shapes.PEM_LINE.fullmatch(text):
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
        if "-u" in text:
            text = shapes.CURL_USER.sub(partial(self._second, "password"), text)
        if self._email:
            text = shapes.EMAIL.sub(partial(self._whole, "email"), text)
        if self._ip:
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
