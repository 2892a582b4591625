"""Keys and tokens: where they come from, which is in use, which were refused, and no way out.

A credential shows no more of itself than its last four characters. What may hold one in any form
(an answer's text, an error) is passed through `CredentialRing.scrub` before anyone sees it.
"""

from __future__ import annotations

import base64
import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from logmon.errors import CredentialsError, NoCredentialsError, TransientSourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from logmon.sources.datadog.settings import DatadogSettings
    from logmon.sources.datadog.site import Site

SPREADING_S = (2.0, 4.0, 8.0)
"""A new key is known everywhere only after a few seconds (docs, "API and Application Keys")."""
LOOK_AGAIN_S = 30.0
MOST_KEYS = 4
"""Of each kind; more would be tried for too long."""
TOKENS = ("ddpat_", "ddsat_")
_SHORTEST_SCRUBBED = 8
_URL_SAFE = str.maketrans("+/", "-_")


class Credential:
    """A key pair, or a token. Its text form names its last four characters."""

    __slots__ = ("_api_key", "_secret")

    def __init__(self, secret: str, api_key: str = "") -> None:
        self._secret = secret
        self._api_key = api_key

    def headers(self) -> dict[str, str]:
        """Return what to send; the only way to the secret itself."""
        if self._api_key:
            return {"DD-API-KEY": self._api_key, "DD-APPLICATION-KEY": self._secret}
        return {"Authorization": f"Bearer {self._secret}"}

    @property
    def is_token(self) -> bool:
        """Whether it is a bearer token."""
        return not self._api_key

    def __str__(self) -> str:
        if self.is_token:
            return f"token …{_tail(self._secret)}"
        return f"keys …{_tail(self._api_key)} …{_tail(self._secret)}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Credential):
            return NotImplemented
        return (self._secret, self._api_key) == (other._secret, other._api_key)

    def __hash__(self) -> int:
        return hash((self._secret, self._api_key))


def _tail(secret: str) -> str:
    return secret[-4:] if len(secret) >= 2 * 4 else ""


class CredentialRing:
    """The configured credentials in order; the first that is not refused is in use."""

    def __init__(self, settings: DatadogSettings, site: Site, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._site = site
        self._environ = environ
        self._seen: dict[str, tuple[int, int, int]] = {}
        self._ring: list[Credential] = []
        self._secrets: set[str] = set()
        self._refused: dict[Credential, str] = {}
        self._rounds = 0
        self._waiting = ""
        self._works: set[Credential] = set()
        self._trouble = ""

    @property
    def label(self) -> str:
        """Name the credential in use."""
        usable = [credential for credential in self._ring if credential not in self._refused]
        return str(usable[0]) if usable else "none"

    @property
    def waiting(self) -> str:
        """Why no request is made until other credentials are there; empty when all is well."""
        return self._waiting

    def current(self) -> Credential:
        """Return the credential to use; files that have changed are read again.

        Raises:
            TransientSourceError: all are refused, and there are no others yet.
            NoCredentialsError: there are none.
        """
        self._reload()
        for credential in self._ring:
            if credential not in self._refused:
                return credential
        if self._waiting:
            raise TransientSourceError(self._waiting, retry_after_s=LOOK_AGAIN_S)
        raise NoCredentialsError(self._none())

    def accepted(self, credential: Credential) -> None:
        """Note that a credential works."""
        self._works.add(credential)
        self._rounds = 0

    def works(self, credential: Credential) -> bool:
        """Whether a request with it was answered before."""
        return credential in self._works

    def refuse(self, credential: Credential, reason: str) -> Credential:
        """Note that a credential was refused; return the next one to try at once.

        Raises:
            TransientSourceError: all were refused; new keys need a moment, so try them again.
            CredentialsError: all were refused for good.
        """
        self._refused[credential] = reason
        self._reload()
        left = [other for other in self._ring if other not in self._refused]
        if left:
            return left[0]
        text = self._all_refused()
        if self._rounds < len(SPREADING_S):
            wait_s = SPREADING_S[self._rounds]
            self._rounds += 1
            self._refused.clear()
            raise TransientSourceError(text, retry_after_s=wait_s)
        if self._works and self._files():
            self._waiting = f"{text}; waiting for another in {', '.join(self._files())}"
            raise TransientSourceError(self._waiting, retry_after_s=LOOK_AGAIN_S)
        raise CredentialsError(text)

    def _all_refused(self) -> str:
        named = "; ".join(f"{credential}: {why}" for credential, why in self._refused.items())
        return f"{self._site.name} refused {named}. Check that they belong to this site (DD_SITE)"

    def _none(self) -> str:
        if self._trouble:
            return self._trouble
        if not self._site.takes_environment:
            return (
                f"no credentials: those of the environment go to Datadog's own sites alone; "
                f"set app_key_file and api_key_file, or token_file, for {self._site.name}"
            )
        return (
            "no credentials: set DD_API_KEY and DD_APP_KEY, or api_key_file and app_key_file, "
            "or token_file"
        )

    def scrub(self, text: str) -> str:
        """Return a text with every secret in it, in any usual form, cut to its last four."""
        for secret in self._secrets:
            for form in _forms(secret):
                if form in text:
                    text = text.replace(form, f"…{_tail(secret)}")
        return text

    # Where they come from

    def _files(self) -> list[str]:
        settings = self._settings
        return [name for name in (settings.api_key_file, settings.app_key_file,
                                  settings.token_file) if name]  # fmt: skip

    def _reload(self) -> None:
        """Read the credentials the first time, and whenever one of their files has changed."""
        stamps = {name: _stamp(name) for name in self._files()}
        if self._ring and stamps == self._seen:
            return
        self._seen = stamps
        self._trouble = ""
        ring = list(dict.fromkeys(self._gather()))
        if ring != self._ring:
            self._ring = ring
            self._refused.clear()
            self._rounds = 0
            self._waiting = ""

    def _gather(self) -> Iterator[Credential]:
        tokens = self._of_kind("token")
        api_keys, app_keys = self._of_kind("api_key"), self._of_kind("app_key")
        if self._site.takes_environment and not tokens:
            api_keys = api_keys or _words(self._environ.get("DD_API_KEY", ""))
            app_keys = app_keys or _words(self._environ.get("DD_APP_KEY", ""))
        tokens += [key for key in app_keys if key.startswith(TOKENS)]
        app_keys = [key for key in app_keys if not key.startswith(TOKENS)]
        self._secrets |= {*tokens, *api_keys, *app_keys}
        self._secrets = {secret for secret in self._secrets if len(secret) >= _SHORTEST_SCRUBBED}
        yield from map(Credential, tokens)
        for app_key, api_key in product(app_keys[:MOST_KEYS], api_keys[:MOST_KEYS]):
            yield Credential(app_key, api_key)

    def _of_kind(self, kind: str) -> list[str]:
        if name := getattr(self._settings, f"{kind}_file"):
            return self._from_file(name)
        return _words(getattr(self._settings, kind).get_secret_value())

    def _from_file(self, name: str) -> list[str]:
        try:
            return _words(Path(name).expanduser().read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8"
            self._trouble = f"{name}: {reason}"
            return []


def _words(text: str) -> list[str]:
    """Return the secrets of a text, one a line; comments and blank lines are left out."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _stamp(name: str) -> tuple[int, int, int]:
    try:
        status = Path(name).expanduser().stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _forms(secret: str) -> set[str]:
    """Return a secret as it may stand in a text: itself, base64 at any place, URL, JSON."""
    raw = secret.encode()
    whole = set()
    for pad in range(3):  # its first and last character also depend on what stands beside it
        inner = base64.b64encode(b"\0" * pad + raw).decode().rstrip("=")[(8 * pad + 5) // 6 : -1]
        whole |= {inner, inner.translate(_URL_SAFE)}
    escaped = "".join(f"\\u{ord(char):04x}" for char in secret)
    percent = "".join(f"%{byte:02X}" for byte in raw)
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], escaped, percent, *whole}
