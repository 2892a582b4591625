"""The plain text that a search cannot do without: looked for in bytes, before rows are decoded."""

from __future__ import annotations

import re

SHORTEST = 2
_RUN = re.compile(r"[0-9A-Za-z_./@#%&=~-]+")
"""Characters that stand in a row's bytes as they stand in its text, in every dialect of JSON."""
_WORD = re.compile(r"[0-9A-Za-z_]+")
_PIECE = re.compile(r"\\(.)|([|()\[\]{}])|([?*])|([+.^$])|(.)", re.DOTALL)


def literal_of(text: str, run: re.Pattern[str] = _RUN) -> str:
    """Return the longest part of a text that bytes can be searched for, or nothing."""
    longest = max(run.findall(text), key=len, default="")
    return longest if len(longest) >= SHORTEST else ""


def literal_of_words(text: str) -> str:
    """Return the longest part of a word; what stands between words may be anything."""
    return literal_of(text, _WORD)


def literal_of_pattern(pattern: str) -> str:
    """Return text that each match of a regular expression holds, or nothing."""
    runs = [""]
    for piece in _PIECE.finditer(pattern):
        escaped, structure, optional, other, plain = piece.groups()
        if structure:
            return ""
        if optional:
            runs[-1] = runs[-1][:-1]
        if optional or other or (escaped and escaped.isalnum()):
            runs.append("")
        else:
            runs[-1] += escaped or plain
    return max(map(literal_of, runs), key=len)


FOLDING = (
    b"\xc3\x9f", b"\xc4\xb0", b"\xc4\xb1", b"\xc5\x89", b"\xc5\xbf", b"\xc7\xb0", b"\xe1\xba",
    b"\xe2\x84", b"\xef\xac",
)  # fmt: skip
"""First two bytes of characters that match ASCII letters in another case: ß, the Kelvin sign."""
