"""The cheap test: whether a text may hold a secret at all, in one linear search.

It runs in bytes whose letters are lower and whose digits are 0 (`SQUASH`). Text it finds nothing
in holds nothing that the exact patterns (`secret_shapes`) would find: that makes clean lines cheap.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SQUASH = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789", b"abcdefghijklmnopqrstuvwxyz000000000"
)
# What follows a name. A line such as `password: x` may have been read as a logger's name and its
# message: then the name stands where the canonical form has the source. Lists of headers have a
# name and a value each.
_IS = rb"""[_-]?0{0,2}\\*["']?(?:\s*[:=>]|%0[ad]|,\s*\\*["'](?:host|message|value)\\*["']\s*:)"""
# Alternatives start with letters that are rare in logs wherever a secret's form leaves a choice:
# a search costs 2 ns a character and 40 ns for each place where an alternative may start.
_SUSPICIOUS = rb"""
    k(?:eys?IS|ens?IS|ies?IS|ia[a-z0]{16}|s\.slack\.com/|(?<=sk)(?:-[a-z0_-]{16}|[a-f0]{32}))
  | w(?:dIS|ords?IS|(?<=pw)IS|ebhooks/0)
  | z(?:ationIS|a[a-z0_-]{35})
  | y(?:j[a-z0_-]{8}|a00\.)
  | c(?:rets?IS|redentials?IS|vv?0?IS|vcIS|onnection[_\s-]?stringIS|ard[_.\s-]?n(?:umber|o|um)?IS)
  | s(?:(?<=pas)s(?:phrase|code)?IS|ion[_-]?idIS|s?idIS|snIS|ig(?:nature)?IS|ia[a-z0]{16}
      |g\.[a-z0_-]{22}|sage":"[a-z0+/]{64})
  | _(?=0*[a-z])[a-z0]{16}
  | -(?:----begin|(?=0*[a-z_])[a-z0_]{16}|-[a-z0-]{0,30}(?:word|pass|ken|cret|key)\s
      |(?:u|-user)\s[a-z0_.@-]{1,64}:)
  | v[sbr0]\.[a-z0_-]{20}
  | xox[a-z][-.]
  | q~[a-z0_~.-]{20}
  | //[^/@\s"]++@
  | \$(?:0[aby]?|y|argon0id?)\$
  | b(?:ase(?<=key_base)IS|earer\s|asic\s|ot0{8,10}:aa)
"""


def suspicious(names: Iterable[str]) -> re.Pattern[bytes]:
    """Return the cheap test, which also looks for these names."""
    more = [re.escape(name.encode().translate(SQUASH)) + _IS for name in names]
    pattern = re.sub(rb"\s+", b"", _SUSPICIOUS.replace(rb"IS", _IS))
    return re.compile(b"|".join([pattern, *more]))


# A search that begins with a literal is quick: 0.2 µs a line.
MAYBE_CARD = re.compile(
    rb"0000(?<![a-z0_.-]0000)(?:0{10,12}|[ -]0000[ -]0000[ -]0{2,4}|[ -]0{6}[ -]0{4,5})"
    rb"(?![a-z0_]|[.-]0)"
)
"""Digits that stand as they do in a card's number."""
PEM_WIDTHS = range(60, 81)
"""Characters of one line of a key that was logged line by line; it has no blank."""
MAYBE_ADDRESS = re.compile(rb"@|0\.0{1,3}\.0|[a-f0]:[a-f0]*+:")
