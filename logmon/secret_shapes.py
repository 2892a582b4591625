"""What secrets look like: names that announce one, and values that show it by their own form.

Token forms are the vendors' own documented prefixes and lengths, read 2026-11. Quantifiers over
text are possessive or bounded: nothing here backtracks for long. The cheap test in `secret_hints`
must hit wherever one of these patterns does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PSEUDONYM = re.compile(r"\[redacted:[a-z0-9-]++#(?:[0-9a-f]{12}|<\*>)\]")
"""What stands for a secret; in a template its last part is `<*>`."""

# --- values ------------------------------------------------------------------------------------

TOKENS = tuple(
    (rule, tuple(hints.split()), re.compile(form, re.ASCII))
    for rule, hints, form in (
        ("aws-key", "AKIA ASIA ABIA ACCA", r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        ("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{30,255}"),
        ("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,255}"),
        ("gitlab-token", "gl", r"(?<!-)gl(?:[a-z]{2,5}|sa|c)[-_][A-Za-z0-9+/=_-]{20,}+"),
        ("slack-token", "xox", r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}+"),
        ("slack-token", "xapp-", r"xapp-\d-[A-Za-z0-9-]{20,}+"),
        ("slack-webhook", "hooks.slack.com/", r"hooks\.slack\.com/[a-z]+/[A-Za-z0-9+/_-]{20,}+"),
        ("discord-webhook", "api/webhooks/", r"api/webhooks/\d+/[A-Za-z0-9_-]{40,}+"),
        ("stripe-key", "sk_ rk_", r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}+"),
        ("stripe-key", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}+"),
        ("google-key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
        ("google-key", "ya29. GOCSPX-", r"(?:ya29\.|GOCSPX-)[A-Za-z0-9_-]{20,}+"),
        ("ai-key", "sk-", r"(?<!-)sk-(?=[A-Za-z-]*[0-9])[A-Za-z0-9_-]{20,}+"),
        ("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}"),
        ("pypi-token", "pypi-", r"pypi-[A-Za-z0-9_-]{16,}+"),
        ("sendgrid-key", "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
        ("twilio-key", "SK", r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
        ("mailgun-key", "key-", r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
        ("digitalocean-token", "_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
        ("shopify-token", "shp", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
        ("huggingface-token", "hf_", r"hf_[A-Za-z0-9]{30,}+"),
        ("docker-token", "dckr_", r"dckr_[po]at_[A-Za-z0-9_-]{20,}+"),
        ("vault-token", "hvs. hvb. hvr.", r"hv[sbr]\.[A-Za-z0-9_-]{20,}+"),
        ("terraform-token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{40,}+"),
        ("azure-secret", "Q~", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
        ("datadog-key", "ddap ddpat_ ddsat_", r"dd(?:api|app|pat|sat)_[A-Za-z0-9]{20,}+"),
        ("telegram-token", ":AA", r"bot\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
        ("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
        ("jwt", "eyJ", r"eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){1,3}"),
        ("password-hash", "$2 $1$ $5$ $6$ $y$", r"\$(?:2[aby]?|[156y])\$[A-Za-z0-9./$,=+]{20,}+"),
        ("password-hash", "$argon2", r"\$argon2id?\$[A-Za-z0-9./$,=+]{20,}+"),
    )
)
"""Rule, literals of which one is in every such token, and the token's form at its first letter."""
PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
PEM_LINE = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9+/]{64,76}={0,2}")
"""One line of a key that was logged line by line: the whole text is base64 of a PEM's width."""
URL_PASSWORD = re.compile(r"(?<=://)([^\s/:@\[\"'<>]{0,128}:)([^\s/\"'<>]{1,512})(?=@)", re.ASCII)
URL_TOKEN = re.compile(r"(?<=://)()((?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,512})(?=@)", re.ASCII)
SCHEME = re.compile(
    r"(\b(?:bearer|basic)\s+)((?=[^\s\"',;]*[0-9=+/_.-])[A-Za-z0-9._~+/-]{8,8192}={0,2})",
    re.ASCII | re.IGNORECASE,
)
CARD = re.compile(
    r"(?<![A-Za-z0-9_.-])[2-6]\d{3}"
    r"(?:\d{10,12}|[ -]\d{4}[ -]\d{4}[ -]\d{2,4}|[ -]\d{6}[ -]\d{4,5})(?![A-Za-z0-9_]|[.-]\d)",
    re.ASCII,
)
EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
    re.ASCII,
)
IP = re.compile(
    r"(?<![0-9A-Za-z.:-])(?:(?:\d{1,3}\.){3}\d{1,3}(?![0-9.]*[A-Za-z0-9-])"
    r"|(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{2,39}(?![0-9A-Za-z:]))",
    re.ASCII,
)
SCHEME_WORD = re.compile(r"(?:bearer|basic|token|negotiate|apikey)\s+", re.ASCII | re.IGNORECASE)
PLACEHOLDER = re.compile(
    r"\$\{?[A-Z_][A-Z0-9_]*\}?|\{[\w.@:$!-]*\}|[\[(]?<[\w *-]*>[\])]?"
    r"|%\(\w+\)[sdrf]|%[a-z]|\{\{.*\}\}",
    re.ASCII,
)
"""Stands where a secret would: `{password}`, `<*>`, `%s`, `$DB_PASSWORD`."""
DUMP = re.compile(r"[A-Za-z_$][\w$.]*+[{@][0-9a-f]{4}|[{\[(]+\Z", re.ASCII)
"""How Java and its like print an object: `Token{a64f992`, `BinderProxy@2bd79ce`."""
CUT = re.compile(r"(?<![A-Za-z0-9_+/=.-])[A-Za-z0-9_+/=.-]{8,512}\Z", re.ASCII)
"""The last word of a text that was cut: it may be the first half of a secret."""

_CARD_LENGTHS = (
    (re.compile(r"4"), (16,)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6011|64[4-9]|65|62"), (16,)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16,)),
    (re.compile(r"30[0-5]|3[68]"), (14,)),
)


def is_card(text: str) -> bool:
    """Whether it is a card's number: a scheme's prefix and length (ISO 7812), and Luhn's check."""
    digits = [int(char) for char in text if char.isdigit()]
    plain = "".join(map(str, digits))
    if not any(form.match(plain) and len(plain) in ok for form, ok in _CARD_LENGTHS):
        return False
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


# --- names -------------------------------------------------------------------------------------

_NAMES = {
    "password": r"pass(?:word|wd|phrase|code)s?|pwd|(?:(?<![a-z])|(?<=3f))p(?:ass|w)",
    "secret": r"secrets?",
    "key": (
        r"(?:api|app|application|access|private|secret|account|encryption|signing|master|shared"
        r"|auth|ssh|license|storage)[-_. ]?keys?|secret[-_]?key[-_]?base"
    ),
    "token": (
        r"(?<!next)(?<!next[-_])(?<!page)(?<!page[-_])(?<!continuation)(?<!continuation[-_])"
        r"(?<!sync[-_])(?<!cancellation)(?<!cancellation[-_])(?<!max[-_])(?<!window)tokens?"
    ),
    "authorization": r"authorization",
    "credential": r"credentials?",
    "cookie": r"cookies?",
    "session": r"session[-_]?id|sessid",
    "connection": r"connection[-_ ]?string",
    "signature": r"sig|x-(?:amz|goog)-signature",
    "card": r"card[-_. ]?(?:number|num|no)|cvv2?|cvc|cv2|ccv",
    "ssn": r"(?:(?<![a-z])|(?<=3f))ssn",
}
FORMS = ("double", "escaped", "single", "bare")


def key_name(more: Iterable[str]) -> re.Pattern[str]:
    """Return what a field's name is searched with: one whose end announces a secret."""
    groups = [f"(?P<{kind}>{form})" for kind, form in _NAMES.items()]
    if more:
        groups.append("(?P<configured>" + "|".join(re.escape(name) for name in more) + ")")
    return re.compile(rf"(?:{'|'.join(groups)})[^A-Za-z0-9]*\d{{0,2}}\Z", re.IGNORECASE | re.ASCII)


PAIR = re.compile(
    r"(?<![A-Za-z0-9_.-])"
    r"((?:(?i:api|app|access|secret|private|session|card|connection|auth) )?"
    r"(?=[0-9_.-]*[A-Za-z])[A-Za-z0-9_.-]++)"
    r"(\\*[\"']?(?:\s{0,4}(?:=>|:=|[:=])\s{0,4}|>(?![=\s])|%3[AaDd]"
    r"|,\s{0,4}\\*[\"']value\\*[\"']\s{0,4}:\s{0,4}))",
    re.ASCII,
)
"""A name and what follows it, in `name=value` and `"name": "value"`."""
VALUE = re.compile(
    r"""(?P<scheme>(?i:bearer|basic|token|negotiate|apikey)\s{1,4})?
    [bBuU]?(?:"(?P<double>(?:[^"\\]|\\.)*+) | \\++["'](?P<escaped>[^"'\\]*+)
      | '(?P<single>(?:[^'\\]|\\.)*+) | (?P<bare>[^\s"'&;,<\\]++))""",
    re.ASCII | re.VERBOSE | re.DOTALL,
)
"""What may follow a name: in quotes, in quotes inside a quoted text, or to the next blank."""
FLAG = re.compile(
    r"(--(?:[A-Za-z0-9]+-)*(?:password|passwd|pass|token|secret|key)\s{1,4})([^\s\"'-][^\s\"']*+)",
    re.ASCII,
)
"""`--password value`, as a logged command line has it."""
CURL_USER = re.compile(
    r"((?:-u|--user)\s{1,4}[^\s:\"'-][^\s:\"']{0,63}:)([^\s\"':]++)(?!:)", re.ASCII
)
"""`curl -u name:password`."""
HEADER = re.compile(
    r"((?:cookies?|authorization)[\"']?\s{0,4}[:=]\s{0,4}[\"']?)"
    r"((?:digest\s|aws4-hmac)[^\r\n]{4,8192}|[^\s\"'=;,:]{1,200}=[^\s\"';,]++"
    r"(?:;[^\"'\r\n]{0,8192}|(?=[\"'\r\n]|\Z)))",
    re.ASCII | re.IGNORECASE,
)
"""A header whose value has several parts: all of it, to the end of the line."""
