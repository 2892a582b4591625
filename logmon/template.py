"""Groups messages that carry no template: what differs only in its values is the same message.

Words that hold a digit, paths, addresses and quoted texts are values; what is left is the
template. Groups are kept up to a bound, the one unused longest is forgotten first.
"""

from __future__ import annotations

import re
from collections import OrderedDict

LONGEST_CHARS = 2_000
"""More of a message than this is not looked at."""
HOLE = "<*>"

_DIGITS = str.maketrans("123456789", "0" * 9)
_VALUES = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{0,20}://\S+"
    r"|(?<![\w.])[\w.+-]{1,64}@[\w.-]{1,255}"
    r"|(?<!\w)(?:~|\.{1,2})?(?:/[\w.$%+@~#=*-]+)+/?"
    r"|\"[^\"]{0,500}\"|'[^']{0,500}'"
    r"|[\w$#%-]*\d[\w$#%-]*(?:[.:,][\w$#%-]*\d[\w$#%-]*)*"
)
_RUNS = re.compile(r"<\*>(?:[ ,:./+_@-]{0,2}<\*>)+")


class TemplateMiner:
    """Groups messages online. Deterministic: the same messages in order give the same groups."""

    def __init__(self, *, max_groups: int = 10_000) -> None:
        self._max = max_groups
        self._templates: OrderedDict[str, str] = OrderedDict()

    def template(self, message: str) -> str:
        """Return the template of a message, values as `<*>`.

        Any number of the same length finds the same entry, so most messages cost one look-up.
        """
        squashed = message[:LONGEST_CHARS].translate(_DIGITS)
        found = self._templates.get(squashed)
        if found is not None:
            self._templates.move_to_end(squashed)
            return found
        found = _RUNS.sub(HOLE, _VALUES.sub(HOLE, squashed))
        if len(self._templates) >= self._max:
            self._templates.popitem(last=False)
        self._templates[squashed] = found
        return found
