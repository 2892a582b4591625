"""Names of keys: as people write them in `[tail.keys]`, and as Textual names them."""

from __future__ import annotations

import re
import unicodedata

_RENAMED = {
    "solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at",
    "hyphen_minus": "minus", "plus_sign": "plus", "low_line": "underscore",
}  # fmt: skip
_SIGNS = {"down": "↓", "up": "↑", "left": "←", "right": "→", "enter": "⏎", "escape": "Esc",
          "space": "Space", "pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End",
          "tab": "Tab", "insert": "Ins", "delete": "Del", "backspace": "Bksp"}  # fmt: skip
_NAMED = re.compile(
    rf"(?:(?:ctrl|alt|shift)\+)*(?:[a-z0-9]|f\d\d?|{'|'.join(_SIGNS)})", re.IGNORECASE
)
UNBOUND = "unbound"
"""A key that no keyboard has: what an action without keys is bound to."""


def key_name(text: str) -> str:
    """Return the name Textual (8.2) gives to a key: `/` is `slash`, `F` stays `F`.

    Raises:
        ValueError: there is no such key.
    """
    if len(text) == 1:
        if text.isalnum():
            return text
        name = unicodedata.name(text, "").lower().replace("-", "_").replace(" ", "_")
        if name:
            return _RENAMED.get(name, name)
    elif _NAMED.fullmatch(text):
        return text.lower()
    elif _character(text):
        return text
    raise ValueError(f"{text!r} is no key; keys are written like j, G, /, ctrl+f, f3, pagedown")


def key_sequence(text: str) -> str:
    """Return the names of keys pressed in turn, parted by blanks; mostly it is one key.

    Raises:
        ValueError: a key is unknown, or there are more than two.
    """
    keys = [" "] if text == " " else text.split()
    if not 1 <= len(keys) <= 2:
        raise ValueError(f"{text!r} is neither one key nor two with a blank between")
    return " ".join(map(key_name, keys))


def shown(sequence: str) -> str:
    """Return a sequence as people read it: `slash` is `/`, `down` is `↓`, `ctrl+f` is `Ctrl+f`."""
    return " ".join(map(_shown, sequence.split()))


def _shown(name: str) -> str:
    *modifiers, key = name.split("+") if len(name) > 1 else [name]
    if len(key) > 1:
        key = _SIGNS.get(key) or _character(key) or key.upper()
    return "+".join([*(part.capitalize() for part in modifiers), key])


def _character(name: str) -> str:
    """Return the punctuation that a name stands for, or nothing."""
    original = {new: old for old, new in _RENAMED.items()}.get(name, name)
    for candidate in (original.replace("_", " "), original.replace("_", "-")):
        try:
            return unicodedata.lookup(candidate)
        except KeyError:
            continue
    return _HYPHENED.get(name, "")


_HYPHENED = {"less_than_sign": "<", "greater_than_sign": ">"}
