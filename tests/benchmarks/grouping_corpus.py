"""Log messages whose template is known: format strings of installed libraries, filled by a seed.

Python's `logging` keeps the format string (the truth) apart from its values. The sources of the
standard library and of installed packages are searched for calls like `logger.info("…", …)` with
a literal or an f-string; each is filled with values that its argument's name asks for.
"""

from __future__ import annotations

import ast
import random
import re
import sysconfig
import warnings
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_OF_A_TEMPLATE = 300
LEAST_TEMPLATES = 8
"""Libraries with fewer are put together as one set."""
_METHODS = frozenset(
    ["debug", "info", "warning", "warn", "error", "critical", "exception", "log", "fatal"]
)
_SKIPPED = frozenset(["site-packages", "test", "tests", "idlelib", "lib2to3", "testing"])
_SPEC = re.compile(r"%(?:\((\w+)\))?[-#0 +]*(?:\d+|\*)?(?:\.(?:\d+|\*))?([srdiufgxXc%])")
_HOLE = "\0"


class Call(NamedTuple):
    """One logging call: the literal texts around its values, and what each value is."""

    texts: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    """For each value its conversion (`s`, `r`, `d`, …) and the expression's last name."""


def libraries() -> dict[str, list[Call]]:
    """Return the logging calls of each installed library; equal formats are one call."""
    found: dict[str, dict[tuple[str, ...], Call]] = defaultdict(dict)
    for key in ("stdlib", "purelib"):
        root = Path(sysconfig.get_path(key))
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).parts
            if key == "stdlib" and _SKIPPED.intersection(parts):
                continue
            for call in _calls(path):
                found[parts[0].removesuffix(".py")].setdefault(call.texts, call)
    out: dict[str, list[Call]] = {}
    others: dict[tuple[str, ...], Call] = {}
    for name, calls in sorted(found.items()):
        if len(calls) >= LEAST_TEMPLATES:
            out[name] = list(calls.values())
        else:
            others.update(calls)
    out["others"] = list(others.values())
    return out


def messages(calls: list[Call], seed: int) -> list[tuple[str, str]]:
    """Return (true template, message) pairs in a mixed order; the same for the same seed."""
    rng = random.Random(seed)
    out = []
    for call in calls:
        count = int(MOST_OF_A_TEMPLATE ** rng.random())
        truth = "<*>".join(call.texts)
        out += [(truth, _filled(call, rng)) for _ in range(count)]
    rng.shuffle(out)
    return out


def _calls(path: Path) -> Iterator[Call]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return
    tree.body = [node for node in tree.body if not _is_demo(node)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr not in _METHODS or "log" not in ast.unparse(node.func.value).lower():
            continue
        args = node.args[1:] if node.func.attr == "log" else node.args
        call = _call(args)
        words = re.findall(r"[A-Za-z]{2,}", " ".join(call.texts)) if call else ()
        if call and words and not "".join(call.texts).count("\n"):
            yield call


def _is_demo(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def _call(args: list[ast.expr]) -> Call | None:
    """Read one call's format and the names of its values."""
    if not args:
        return None
    text, given = args[0], args[1:]
    if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Mod):
        right = text.right
        text, given = text.left, right.elts if isinstance(right, ast.Tuple) else [right]
    if isinstance(text, ast.JoinedStr):
        return _from_fstring(text)
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return None
    texts, values, place = [""], [], 0
    end = 0
    for spec in _SPEC.finditer(text.value):
        texts[-1] += text.value[end : spec.start()]
        end = spec.end()
        if spec[2] == "%":
            texts[-1] += "%"
            continue
        name = spec[1] or (_name(given[place]) if place < len(given) else "")
        values.append((spec[2], name))
        texts.append("")
        place += 1
    texts[-1] += text.value[end:]
    return Call(tuple(texts), tuple(values))


def _from_fstring(text: ast.JoinedStr) -> Call:
    texts, values = [""], []
    for part in text.values:
        if isinstance(part, ast.Constant):
            texts[-1] += str(part.value)
        elif isinstance(part, ast.FormattedValue):
            values.append(("r" if part.conversion == ord("r") else "s", _name(part.value)))
            texts.append("")
    return Call(tuple(texts), tuple(values))


def _name(value: ast.expr) -> str:
    """Return the name that says most about a value: `self.path` → `path`, `len(x)` → `len`."""
    if isinstance(value, ast.Call):
        called = _name(value.func)
        inner = _name(value.args[0]) if value.args else ""
        return inner if called in {"str", "repr", "join", "display_path", "redact"} else called
    if isinstance(value, ast.Attribute):
        return value.attr.lower()
    if isinstance(value, ast.Name):
        return value.id.lower()
    if isinstance(value, ast.Subscript):
        return _name(value.value)
    return ""


_WORD_LIST = (
    "alpha auth backend billing cache cart catalog checkout client cluster config core crawler "
    "default dispatcher edge events export frontend gateway geo graph images import index ingest "
    "inventory ledger mailer main metrics notifier orders parser payments pricing profile proxy "
    "queue render reports router runtime scheduler search session shipping storage stream tasks "
    "telemetry tenant tokens upload users vendor webhook worker"
)
_WORDS = _WORD_LIST.split()
_ERRORS = (
    "[Errno 2] No such file or directory: '{path}'",
    "[Errno 13] Permission denied: '{path}'",
    "[Errno 111] Connection refused",
    "timed out",
    "invalid literal for int() with base 10: '{word}'",
    "list index out of range",
    "'NoneType' object has no attribute '{word}'",
    "Connection reset by peer",
    "HTTPSConnectionPool(host='{host}', port=443): Read timed out.",
    "expected string or bytes-like object",
    "unexpected EOF while reading {word}",
)
_OBJECTS = (
    "<_UnixSelectorEventLoop running=True closed=False debug=True>",
    "<_SelectorSocketTransport fd={n} read=polling write=<idle, bufsize=0>>",
    "<Task pending name='Task-{n}' coro=<{word}() running at {path}:{n}>>",
    "<Future finished result={n}>",
    "<{word}.{title}Protocol object at 0x7f{hex}>",
    "<TimerHandle when={n}.{n} {word}()>",
)
_KINDS: tuple[tuple[str, str], ...] = (
    (
        "path",
        r"path|file|dir$|dirs?_|folder|dest|src|location|prefix|script|root|cwd|source$|target",
    ),
    ("url", r"url|uri|link|index_|repo|href"),
    ("address", r"addr|peer|sockname"),
    ("host", r"host|server|domain|netloc"),
    ("error", r"^e$|^ex$|exc|err|reason|failure|detail"),
    ("object", r"transport|task|future|fut$|loop|handle|protocol|self|conn|obj|coro"),
    ("seconds", r"time|delay|elapsed|duration|timeout|interval|^dt$|seconds|^t\d?$"),
    (
        "integer",
        r"count|num|^n$|^len$|size|port|pid|^fd$|code|status|total|bytes|returncode|attempt|line",
    ),
    ("requirement", r"req|spec|constraint"),
    ("version", r"version|tag_?$|release"),
    ("list", r"s$|list|args|argv|options|tags|names"),
    ("flag", r"^is_|^has_|enabled|flag|bool"),
    ("method", r"method|verb"),
    ("phrase", r"message|msg|text|title|description|summary|output|^cmd|command"),
    (
        "word",
        r"name|key|package|project|dist|module|cmd|user|id$|type|kind|level|state|mode|ext|func",
    ),
)


_PRINTED_ALIKE = frozenset(["object", "integer", "seconds", "flag", "address", "list"])
"""Kinds of which `%r` and `%s` print the same."""


def _kind(conversion: str, name: str) -> str:
    if conversion in "diuxX":
        return "integer"
    if conversion in "fg":
        return "seconds"
    for kind, pattern in _KINDS:
        if re.search(pattern, name):
            return kind
    return ("word", "path", "integer")[sum(map(ord, name)) % 3]


def _filled(call: Call, rng: random.Random) -> str:
    out = call.texts[0]
    for (conversion, name), text in zip(call.values, call.texts[1:], strict=True):
        kind = _kind(conversion, name)
        value = _value(kind, rng)
        if conversion == "r" and kind == "error":
            value = f"OSError({value!r})"
        elif conversion == "r" and kind not in _PRINTED_ALIKE:
            value = repr(value)
        out += value + text
    return out


def _value(kind: str, rng: random.Random) -> str:
    """Return one value of a kind as it is printed."""
    word = rng.choice(_WORDS)
    if kind == "list":
        return repr([rng.choice(_WORDS) for _ in range(rng.randint(0, 5))])
    if kind == "requirement":
        bounds = [
            f"{rng.choice(('>=', '<', '!=', '=='))}{_version(rng)}"
            for _ in range(rng.randint(0, 3))
        ]
        return f"{word}{','.join(bounds)}"
    if kind == "error":
        return _expand(rng.choice(_ERRORS), rng)
    if kind == "object":
        return _expand(rng.choice(_OBJECTS), rng)
    if kind == "phrase":
        return " ".join(rng.choice(_WORDS) for _ in range(rng.randint(1, 6)))
    return {
        "word": word if rng.random() < 0.7 else f"{word}-{rng.choice(_WORDS)}",
        "path": _path(rng),
        "url": f"https://{_host(rng)}/{word}/{rng.randint(1, 99_999)}",
        "address": f"('10.{rng.randint(0, 9)}.0.{rng.randint(1, 254)}', {rng.randint(1024, 65535)})",
        "host": _host(rng),
        "seconds": f"{rng.expovariate(1):.3f}",
        "integer": str(int(10 ** (rng.random() * 6))),
        "version": _version(rng),
        "flag": rng.choice(("True", "False")),
        "method": rng.choice(("GET", "POST", "PUT", "DELETE")),
    }[kind]


def _expand(text: str, rng: random.Random) -> str:
    word = rng.choice(_WORDS)
    return text.format(
        path=_path(rng),
        host=_host(rng),
        word=word,
        title=word.title(),
        n=rng.randint(1, 9_999),
        hex=f"{rng.getrandbits(40):010x}",
    )


def _path(rng: random.Random) -> str:
    folders = "/".join(rng.choice(_WORDS) for _ in range(rng.randint(1, 4)))
    root = rng.choice(("/usr/lib/", "/var/lib/", "/home/ann/", "/tmp/", "/opt/"))  # noqa: S108
    return f"{root}{folders}/{rng.choice(_WORDS)}.{rng.choice(('py', 'json', 'txt', 'whl', 'so'))}"


def _host(rng: random.Random) -> str:
    return f"{rng.choice(_WORDS)}.example.{rng.choice(('com', 'org', 'net'))}"


def _version(rng: random.Random) -> str:
    return f"{rng.randint(0, 30)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}"
