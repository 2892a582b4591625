"""From a message to its words and values: the same text gives the same shape, whatever came before.

Two halves. `Skeletons.of` is quick and runs on every message: digits become `0`, the text is split
at blanks, and a cache gives each chunk with its values blanked; a regular expression runs only on a
chunk never seen. `shape` is slow and runs on skeletons never seen: it finds quoted and bracketed
values, and cuts the rest into words.

Nothing here takes more than linear time in a chunk (at most `CHUNK_CHARS`) or more than a few
milliseconds for a whole message (at most `MESSAGE_CHARS`): quantifiers are possessive, look-behinds
one character wide, and the depth of brackets is capped.
"""

from __future__ import annotations

import re

MESSAGE_CHARS = 2_000
"""How much of a message is looked at, in characters; the rest does not tell messages apart."""
CHUNK_CHARS = 256
"""How much of a run without blanks is looked at, in characters; the rest is a value."""
SHAPE_WORDS = 80
"""Most words of a shape; the rest is one value."""
CACHED_CHUNKS = 50_000
"""Chunks remembered with their masks, each of at most `CHUNK_CHARS`; a full cache is emptied."""

VALUE = "\x01"
"""Stands for a value in skeletons and shapes; no message holds it, see `_SQUASH`."""
_CUT = "\x02"  # ends the skeleton of a message longer than MESSAGE_CHARS

_SQUASH = {
    **{ord(digit): "0" for digit in "123456789"},
    ord(VALUE): " ",
    ord(_CUT): " ",
    # Lone surrogates, which no UTF-8 can hold, would make the saved state unreadable.
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}


# --- every message ---------------------------------------------------------------------------


class Skeletons(dict[str, str]):
    """Blanks the values that a chunk shows by its own form; remembers `CACHED_CHUNKS` of them."""

    def of(self, message: str) -> str:
        """Return the message's first line with digits squashed and values blanked."""
        cut = len(message) > MESSAGE_CHARS
        text = message[:MESSAGE_CHARS].translate(_SQUASH)
        rest = ""
        if "\n" in text:
            text, _, rest = text.strip().partition("\n")
        skeleton = " ".join(map(self.__getitem__, text.split()))
        if rest:
            return f"{skeleton} {VALUE}"
        return skeleton + _CUT if cut else skeleton

    def __missing__(self, chunk: str) -> str:
        masked = mask(chunk)
        if len(chunk) <= CHUNK_CHARS:
            if len(self) >= CACHED_CHUNKS:
                self.clear()
            self[chunk] = masked
        return masked


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*+://[^\s,;'\"<>()\[\]{}’”]*+")
_MAIL = re.compile(r"(?<![\w.+$-])[\w.+$-]++@[\w.-]++")
_WINDOWS_PATH = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]:\\[^\s,;'\"<>|]*+")
_PATH = re.compile(
    r"(?<![\w.)\]/])(?:~|\.{1,2})?/[\w.$%+@~#=*:/-]*+"
    r"|(?<![\w.$%+@~#/-])[\w.$%+@~#-]++(?:/[\w.$%+@~#-]++)++/?"
)
_PAIRS = re.compile(r"\b[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5,}+\b")
_RANGE = re.compile(r"(?<![\w.-])[\w.-]++\[0++(?:[,-]0++)++\]")
_HOST_PORT = re.compile(r"(?<![\w.-])[a-z0-9-]++(?:\.[a-z0-9-]++)++:0++\b")
# Letters beyond ASCII are no part of it: in scripts without blanks all text would be one value.
_DIGITS = re.compile(r"\+?[A-Za-z0-9_$#%~-]++(?:\.[A-Za-z0-9_$#%~-]++)*+")
_RUN = re.compile(rf"{VALUE}(?:[,:./+_@|&~^-]{VALUE})++")
_COMPARISON = re.compile(
    rf"(?<![\w.\[\]-])[\w.\[\]-]++(?<![.-])(?:[<>=!~]=|[<>]){VALUE}"
    rf"(?:,(?:[<>=!~]=|[<>]){VALUE})*+"
)
_LIST = re.compile(rf"(?<![\w.@{VALUE}-])[\w.@{VALUE}-]++(?:,[\w.@{VALUE}-]++)++")


def _path(match: re.Match[str]) -> str:
    text = match[0]
    core = text.rstrip(":.")
    if core[0] in "/~.":
        is_path = any(map(str.isalnum, core))
    else:
        is_path = "0" in core or core.count("/") > 1 or "." in core.partition("/")[0]
    return VALUE + text[len(core) :] if is_path else text


def _digits(match: re.Match[str]) -> str:
    return VALUE if "0" in match[0] else match[0]


def _list(match: re.Match[str]) -> str:
    return VALUE if VALUE in match[0] else match[0]


def mask(chunk: str) -> str:
    """Blank what is a value by its own form: what holds a digit, paths, addresses, lists of those.

    Expects digits squashed to `0`, and no blank.
    """
    text = chunk[:CHUNK_CHARS]
    if "://" in text:
        text = _URL.sub(VALUE, text)
    if "@" in text:
        text = _MAIL.sub(VALUE, text)
    if "\\" in text:
        text = _WINDOWS_PATH.sub(VALUE, text)
    if "/" in text:
        text = _PATH.sub(_path, text)
    if ":" in text:
        text = _HOST_PORT.sub(VALUE, _PAIRS.sub(VALUE, text))
    if "0" in text:
        if "[" in text:
            text = _RANGE.sub(VALUE, text)
        text = _DIGITS.sub(_digits, text)
    if VALUE in text:
        text = _RUN.sub(VALUE, text)
        text = _LIST.sub(_list, _COMPARISON.sub(VALUE, text))
    return text + VALUE if len(chunk) > CHUNK_CHARS else text


# --- skeletons never seen --------------------------------------------------------------------

_UNITS = (
    r"(?:[KMGTP]i?B|[KMGTP]?[Bb]ytes?|B|ms|us|ns|msecs?|secs?|mins?|seconds?|minutes?|hours?|days?)"
)
_QUANTITY = re.compile(rf"<?{VALUE} {_UNITS}(?!\w)")
_DATE = re.compile(
    r"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*+,? )?"
    rf"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*+ {VALUE}"
    rf"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {VALUE}"
)
_TOKEN = re.compile(
    r"""\x20?(?:
        (?<![^\W_])[bru]?"(?:[^"\\]|\\.)*+"        # quoted, Python's prefixes too
      | (?<![^\W_])[bru]?'(?:[^'\\]|\\.)*+'(?!\w)  # but no apostrophe inside a word
      | ‘[^’]*+’ | “[^”]*+” | `[^'`]*+['`]
      | [\w$.*-]++(?:/[\w$.*-]++)*+
      | [^\s\w$.*-]
    )""",
    re.VERBOSE,
)
_QUOTES = "\"'‘“`"
_CLOSES = {")": "(", "]": "[", "}": "{", ">": "<"}
_OPENS = {opening: closing for closing, opening in _CLOSES.items()}
_DEPTH = 32  # brackets open at a time; more are plain characters
_NULLS = frozenset(("null", "None", "nil", "NULL", "undefined", "NaN"))
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"))
_NAME = re.compile(r"^[A-Z]|[a-z][A-Z]|\w[_./]\w")
"""What the name of a function or a class looks like, other than a plain word."""
_DOTTED = re.compile(r"[A-Za-z_][\w$-]*+(?:\.[\w$-]++){2,}+$")
_REMARK = f" ({VALUE})"
_JOINED = re.compile(rf"[\[{{<]{VALUE}[\]}}>]|{VALUE}(?:[,:./+_@|&~^;=!<>-]{{0,2}}{VALUE})+")


def shape(skeleton: str) -> tuple[str, ...]:
    """Cut a skeleton into words, all but the first with the blank before them."""
    cut = skeleton.endswith(_CUT)
    text = _QUANTITY.sub(VALUE, _DATE.sub(VALUE, skeleton.removesuffix(_CUT)))
    words = [
        _word(part, first=place == 0)
        for place, part in enumerate(_parts(_bracketed(_TOKEN.findall(text), cut=cut)))
    ]
    if len(words) > SHAPE_WORDS:
        words[SHAPE_WORDS:] = [f" {VALUE}"]
    return tidy(words or [""])


def _bracketed(tokens: list[str], *, cut: bool) -> list[str]:
    """Make one token of each pair of brackets that holds more than a word."""
    out: list[str] = []
    opened: list[int] = []
    for place, token in enumerate(tokens):
        out.append(token)
        bare = token.lstrip()
        if bare in _OPENS:
            following = tokens[place + 1] if place + 1 < len(tokens) else " "
            if len(opened) < _DEPTH and (
                bare != "<" or following[0].isalpha() or following[0] in "\x01_"
            ):
                opened.append(len(out) - 1)
        elif bare in _CLOSES:
            for depth in range(len(opened) - 1, -1, -1):
                start = opened[depth]
                if out[start].lstrip() == _CLOSES[bare]:
                    del opened[depth:]
                    _close(out, start)
                    break
    if cut and opened:
        start = opened[0]
        out[start:] = [out[start] + VALUE + _OPENS[out[start].lstrip()]]
    return out


def _close(out: list[str], start: int) -> None:
    """Join the tokens from `start` on, a bracketed text, unless it is a plain word or two."""
    inner, end = out[start + 1 : -1], out[-1]
    text = "".join(inner)
    bare = [token.lstrip() for token in inner]
    if not inner and end == ")" and out[start] == "(":
        return  # a call without arguments
    if not inner or (len(text) > 2 and any(mark in text for mark in "\"'’”`")):
        text = VALUE
    elif end == ">":
        text = VALUE if any(mark in text for mark in "\x01 .") else text
    elif (
        end == ")"
        and (VALUE in text or "=" in text or not any(map(str.isalpha, text)))
        and (out[start][0] == " " or "=" in text)
    ):
        text = VALUE
    elif "=" in text:
        pass
    elif VALUE in text or not _NULLS.isdisjoint(bare):
        text = VALUE
    elif end not in ")}" and set(",:;").isdisjoint(bare):
        return
    out[start:] = [out[start] + text + end]


def _parts(tokens: list[str]) -> list[list[str]]:
    """Cut the tokens at blanks, and `a=1,b=2` behind its commas."""
    parts: list[list[str]] = []
    for token in tokens:
        listed = parts and "=" in parts[-1] and parts[-1][-1].lstrip() in (",", ";")
        if not parts or token[0] == " " or listed:
            parts.append([token])
        else:
            parts[-1].append(token)
    return parts


def _word(part: list[str], *, first: bool) -> str:
    """Return the text of one word with its values blanked."""
    blank = " " if part[0][0] == " " else ""
    tokens = [part[0].lstrip(), *part[1:]]
    if "=" in tokens[1:]:
        return blank + _keyed(tokens)
    text = ""
    place = 0
    while place < len(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        shown, used = _form(tokens[place], following, first=first)
        text += shown
        place += used
    return blank + text


def _keyed(tokens: list[str]) -> str:
    """Return `key=value` with the value blanked where its form says that it is one."""
    start = tokens.index("=", 1) + 1
    end = start
    while end < len(tokens) and tokens[end][0] not in ",;)]}" and tokens[end] not in {'"', "'"}:
        end += 1
    value = tokens[start:end]
    if any(VALUE in token or token in _NULLS or _evident(token) for token in value):
        value = [VALUE]
    return "".join(tokens[:start] + value + tokens[end:])


def _form(token: str, following: str, *, first: bool) -> tuple[str, int]:
    """Return how a token is shown, and how many tokens that took."""
    if _quoted(token):
        core = token.lstrip("bru")[1:-1]
        method = core.partition(" ")[0]
        if method in _METHODS:
            return f"{token[0]}{method} {VALUE}{token[-1]}", 1
        words = " " in core and not set(core) <= set(f"{VALUE} .,:/-")
        return (token, 1) if words else (VALUE, 1)
    printed = following[:1] in _OPENS and (VALUE in following or "=" in following[1:])
    if printed and _NAME.search(token):
        called = first or token.rpartition(".")[2][:1].islower()
        return f"{token}({VALUE})" if called else VALUE, 2
    if token in _NULLS or (not first and _DOTTED.match(token)):
        return VALUE, 1
    return token, 1


def _evident(token: str) -> bool:
    return _quoted(token) or _DOTTED.match(token) is not None


def _quoted(token: str) -> bool:
    return len(token) > 1 and (token[0] in _QUOTES or (token[0] in "bru" and token[1] in "\"'"))


def tidy(words: list[str]) -> tuple[str, ...]:
    """Join values side by side into one, and drop remarks in parentheses that are but a value.

    `<*>, <*>` becomes `<*>`, so that lists of any length are alike.
    """
    out: list[str] = []
    for word in words:
        text = word
        if VALUE in text:
            text = _JOINED.sub(VALUE, text)
            if out and text.startswith(_REMARK):
                out[-1] += text[len(_REMARK) :]
                continue
            text = text.replace(f"{VALUE}({VALUE})", VALUE)
            if text.lstrip()[0] == VALUE and _join(out, text.lstrip()[1:]):
                continue
        out.append(text)
    return tuple(out)


def _join(out: list[str], rest: str) -> bool:
    """Let the value that ends `out` stand for the next one too, which `rest` follows, if it can."""
    if not out:
        return False
    if out[-1].endswith(VALUE):
        out[-1] += rest
    elif out[-1].endswith(f"{VALUE},"):
        out[-1] = out[-1][:-1] + rest
    elif len(out) > 1 and out[-1] in (" -", " =") and out[-2].endswith(VALUE):
        out.pop()
        out[-1] += rest
    else:
        return False
    return True
