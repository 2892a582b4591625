"""A corpus of planted secrets: each kind that redaction covers, in the forms logs show it in.

Values are made up in the vendors' documented forms; none ever worked. Prefixes are put together
here so that scanners of source code find nothing.
"""

from __future__ import annotations

from typing import NamedTuple


class Planted(NamedTuple):
    """A text with a secret in it, as a message would have it."""

    name: str
    text: str
    secret: str
    keeps_tail: bool = True
    """Whether what follows the text on its line is no part of the secret."""


_HEX = "0123456789abcdef"
_B62 = "Zx9Yw8Vu7Ts6Rq5Po4Nm3Lk2Ji1Hg0FeDcBaA1b2C3d4E5f6"
_LONG = _B62 * 4

TOKENS = {
    "aws": "AK" + "IAIOSFODNN7EXAMPLE",
    "aws-temporary": "AS" + "IAIOSFODNN7EXAMPLE",
    "github": "gh" + "p_" + _B62[:36],
    "github-app": "gh" + "s_" + _B62[:36],
    "github-fine": "github" + "_pat_" + _B62[:22] + "_" + _LONG[:59],
    "gitlab": "gl" + "pat-" + _B62[:20],
    "slack-bot": "xo" + "xb-123456789012-123456789012-" + _B62[:24],
    "slack-user": "xo" + "xp-123456789012-123456789012-123456789012-" + _HEX * 2,
    "stripe": "sk" + "_live_" + _B62[:24],
    "stripe-restricted": "rk" + "_test_" + _B62[:24],
    "stripe-webhook": "wh" + "sec_" + _B62[:32],
    "google": "AI" + "zaSy" + _LONG[:33],
    "google-oauth": "ya" + "29." + _LONG[:68],
    "openai": "sk" + "-proj-" + _B62[:48],
    "anthropic": "sk" + "-ant-api03-" + _LONG[:93],
    "npm": "np" + "m_" + _B62[:36],
    "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + _LONG[:60],
    "sendgrid": "SG" + "." + _B62[:22] + "." + _B62[:43],
    "twilio": "SK" + _HEX * 2,
    "mailgun": "ke" + "y-" + _HEX * 2,
    "digitalocean": "do" + "p_v1_" + _HEX * 4,
    "shopify": "sh" + "pat_" + _HEX * 2,
    "huggingface": "hf" + "_" + _B62[:34],
    "docker": "dc" + "kr_pat_" + _B62[:27],
    "vault": "hv" + "s." + _LONG[:90],
    "terraform": _B62[:14] + ".atlas" + "v1." + _LONG[:67],
    "azure": "abc8" + "Q~" + _B62[:34],
    "datadog-app": "dd" + "app_" + _B62[:34],
    "grafana": "gl" + "sa_" + _B62[:32] + "_" + "0a1b2c3d",
    "telegram": "bot" + "123456789:AA" + _B62[:33],
    "age": "AGE-SECRET" + "-KEY-1" + "Q2W3E4R5T6Y7U8I9O0" * 3 + "PASD",
    "jwt": "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0." + _B62[:43],
    "bcrypt": "$2b$12$" + _LONG[:53],
    "argon2": "$argon2id$v=19$m=65536,t=3,p=4$" + _B62[:22] + "$" + _B62[:43],
    "card": "4111111111111111",
    "card-spaced": "5555 5555 5555 4444",
    "card-dashed": "3782-822463-10005",
    "card-diners": "30569309025904",
}

_NAMES = (
    "password", "DB_PASSWORD", "userPassword", "passwd", "pwd", "pass", "passphrase", "secret",
    "client_secret", "clientSecret", "api_key", "apiKey", "X-Api-Key", "DD_API_KEY", "app-key",
    "aws_secret_access_key", "private_key", "AccountKey", "token", "access_token", "refreshToken",
    "auth-token", "csrf_token", "credential", "session_id", "PHPSESSID", "JSESSIONID", "cookie",
    "connection_string", "x-amz-signature", "sig", "ssn", "cvv", "card_number",
)  # fmt: skip
_VALUE = "hu9nter-2_Zq"
_FORMS = {
    "equals": "{}={}",
    "colon": "{}: {}",
    "spaced": "{} = {}",
    "json": '{{"user":"bob","{}":"{}","n":1}}',
    "json-spaced": '{{"{}" : "{}"}}',
    "single": "{}='{}'",
    "python": "{{'{}': '{}'}}",
    "query": "GET /login?user=bob&{}={}&page=2",
    "semicolons": "Server=db;{}={};Encrypt=yes",
    "xml": "<login><{0}>{1}</{0}></login>",
    "ruby": "{{:{} => '{}'}}",
    "url-encoded": "GET /go?to=%2Flogin%3F{}%3D{}%26page=2",
    "numbered": "{}_2={}",
    "escaped": 'body "{{\\"{}\\":\\"{}\\"}}"',
}
_PRIVATE = "PRIVATE" + " KEY-----"

PLANTED: tuple[Planted, ...] = (
    *(Planted(name, f"calling with {secret}", secret) for name, secret in TOKENS.items()),
    *(Planted(f"{name}-quoted", f'key="{secret}", then', secret) for name, secret in TOKENS.items()),
    *(
        Planted(f"{name}-{form}", layout.format(name, _VALUE), _VALUE)
        for name in _NAMES
        for form, layout in _FORMS.items()
    ),
    Planted("bearer", "sent Authorization: Bearer abc.def-0123 to x", "abc.def-0123"),
    Planted("bearer-alone", "with bearer 0123abcd4567efgh", "0123abcd4567efgh"),
    Planted("basic", "Authorization: Basic dXNlcjpwYXNzMQ==", "dXNlcjpwYXNzMQ=="),
    Planted("basic-json", '{"authorization":"Basic dXNlcjpwYXNzMQ=="}', "dXNlcjpwYXNzMQ=="),
    Planted("digest", 'Authorization: Digest username="M", response="6629fae4"', "6629fae4", False),
    Planted("cookies", "Cookie: theme=dark; sid=31d4d96e407aad42", "31d4d96e407aad42", False),
    Planted("set-cookie", "Set-Cookie: sid=31d4d96e407aad42; HttpOnly", "31d4d96e407aad42", False),
    Planted("url", "dialing postgres://bob:s3cr3t@db:5432/x", "s3cr3t"),
    Planted("url-no-user", "dialing redis://:s3cr3t@cache:6379/0", "s3cr3t"),
    Planted("url-at-sign", "dialing amqp://bob:s3@cr3t@mq/", "s3@cr3t"),
    Planted("url-token", "git clone https://0a1b2c3d4e5f6a7b8c9d0e@host/x.git", "0a1b2c3d4e5f6a7b8c9d0e"),
    Planted("flag", "ran mysql --password hunter2x -h db", "hunter2x"),
    Planted("flag-equals", "ran tool --api-key=hunter2x -v", "hunter2x"),
    Planted("python-bytes", "headers {b'X-Api-Key': b'hunter2x'}", "hunter2x"),
    Planted("name-value", '[{"name": "X-Api-Key", "value": "hunter2x"}]', "hunter2x"),
    Planted("go-struct", "login &{User:bob Password:hunter2x Age:4}", "hunter2x"),
    Planted("curl", "ran curl -u bob:hunter2x https://h/", "hunter2x"),
    Planted("curl-long", "ran curl --user bob:hunter2x https://h/", "hunter2x"),
    Planted("pw", "login user=bob pw=hunter2x ok", "hunter2x"),
    Planted("rails", "SECRET_KEY_BASE=0a1b2c3d4e5f6071829a", "0a1b2c3d4e5f6071829a"),
    Planted("two-words", "the API key: 0a1b2c3d4e5f was refused", "0a1b2c3d4e5f"),
    Planted("secret-key", "Secret key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI/K7MDENG"),
    Planted("x-auth", "X-Auth-Token: 0a1b2c3d", "0a1b2c3d"),
    Planted("token-scheme", "Authorization: Token 0a1b2c3d4e5f", "0a1b2c3d4e5f"),
    Planted("dsn", "SENTRY_DSN=https://0a1b2c3d4e5f60718293a4b5c6d7e8f9@o1.ingest.x/2", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
    Planted("mongo", "mongodb+srv://bob:p4ssw0rd!@c.x.net/db", "p4ssw0rd!"),
    Planted("yaml", "password: hunter2x\nuser: bob", "hunter2x"),
    Planted("env", "env PGPASSWORD=hunter2x MYSQL_PWD=hunter2x x", "hunter2x"),
    Planted("letters", "password: swordfish", "swordfish"),
    Planted("azure-storage", "AccountName=a;AccountKey=" + _LONG[:86] + "==;", _LONG[:86]),
    Planted("slack-hook", "POST https://hooks.slack.com/services/T00000000/B00000000/" + _B62[:24], _B62[:24]),
    Planted("pem", f"-----BEGIN RSA {_PRIVATE}\n{_LONG[:64]}\n-----END RSA {_PRIVATE}", _LONG[:64]),
    Planted("pem-escaped", f"-----BEGIN {_PRIVATE}\\n{_LONG[:64]}\\n-----END {_PRIVATE}", _LONG[:64]),
    Planted("pem-cut", f"-----BEGIN OPENSSH {_PRIVATE}\n{_LONG[:50]}", _LONG[:50], False),
)  # fmt: skip
