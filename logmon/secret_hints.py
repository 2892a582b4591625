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
# message, so that the name stands where the canonical form has the source.
_IS = rb"""\\*["']?(?:\s*[:=]|,"(?:host|message)":)"""
# Alternatives start with letters that are rare in logs wherever a secret's form leaves a choice:
# a search costs 2 ns a character and 40 ns for each place where an alternative may start.
_SUSPICIOUS = rb"""
    k(?:eys?IS|ens?IS|ies?IS|ia[a-z0]{16}|s\.slack\.com/)
  | w(?:dIS|ords?IS|ebhooks/0)
  | z(?:ationIS|a[a-z0_-]{35})
  | y(?:j[a-z0_-]{8}|a00\.)
  | c(?:rets?IS|redentials?IS|vv?0?IS|vcIS|ard[_.\s-]?n(?:umber|o|um)?IS)
  | s(?:(?<=pas)s(?:phrase|code)?IS|ion[_-]?idIS|s?idIS|tringIS|snIS|ig(?:nature)?IS|ia[a-z0]{16}
      |k-[a-z0_-]{16}|k[a-f0]{32}|g\.[a-z0_-]{22}|sage":"[a-z0+/]{64})
  | _(?=0*[a-z])[a-z0]{16}
  | -(?:----begin|(?=0*[a-z_])[a-z0_]{16}|-[a-z0-]{0,30}(?:word|pass|ken|cret|key)\s)
  | v[sbr0]\.[a-z0_-]{20}
  | xox[a-z][-.]
  | q~[a-z0_~.-]{20}
  | //[^/@\s"]++@
  | :aa[a-z0_-]{30}
  | \$(?:0[aby]?|y|argon0id?)\$
  | b(?:earer|asic)\s
"""


def suspicious(names: Iterable[str]) -> re.Pattern[bytes]:
    """Return the cheap test, which also looks for these names."""
    more = [re.escape(name.encode().translate(SQUASH)) + _IS for name in names]
    pattern = re.sub(rb"\s+", b"", _SUSPICIOUS.replace(rb"IS", _IS))
    return re.compile(b"|".join([pattern, *more]))


def maybe_card(squashed: bytes) -> bool:
    """Whether digits stand as they do in a card's number: 14 in a row, or in groups of four."""
    return b"0" * 14 in squashed or b"0000 0000" in squashed or b"0000-0000" in squashed


MAYBE_ADDRESS = re.compile(rb"@|0\.0{1,3}\.0|[a-f0]:[a-f0]*+:")

CARD = re.compile(
    r"(?<![A-Za-z0-9_.-])[2-6]\d{3}(?:[ -]?\d){10,12}(?![A-Za-z0-9_]|[.-]\d)", re.ASCII
)
