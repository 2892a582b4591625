"""Credentials: where they come from, how they change, and that they never show."""

import base64
import json
import os
import pickle
import traceback
from urllib.parse import quote

import pytest

from logmon.errors import ConfigError, CredentialsError, TransientSourceError
from logmon.sources.datadog.credentials import Credential, CredentialRing
from logmon.sources.datadog.settings import DatadogSettings
from logmon.sources.datadog.site import SITES, parse_site

API, APP = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210fedcba98"
OTHER_APP = "aaaa456789abcdefaaaa456789abcdefaaaabbbb"
TOKEN = "ddsat_Q+/w=_0123456789abcdefghijk"  # noqa: S105 - made up
ENVIRON = {"DD_API_KEY": API, "DD_APP_KEY": APP}


def ring_of(environ=ENVIRON, site="datadoghq.com", **settings) -> CredentialRing:
    return CredentialRing(DatadogSettings(**settings), parse_site(site), environ)


def test_keys_come_from_the_environment():
    assert ring_of().current().headers() == {"DD-API-KEY": API, "DD-APPLICATION-KEY": APP}


def test_a_token_needs_no_api_key():
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert ring_of({}, token=TOKEN).current().headers() == bearer
    assert ring_of({"DD_APP_KEY": TOKEN}).current().headers() == bearer


def test_a_setting_wins_over_the_environment():
    assert ring_of(ENVIRON, app_key=OTHER_APP).current() == Credential(OTHER_APP, API)


@pytest.mark.parametrize("site", ["https://logs.example.com", "https://datadoghq.com.evil.org"])
def test_the_environments_keys_go_to_no_stand_in(site):
    with pytest.raises(CredentialsError, match="go to Datadog's own sites alone"):
        ring_of(site=site).current()


def test_the_environments_keys_may_stay_on_this_machine():
    assert ring_of(site="http://127.0.0.1:8126").current() == Credential(APP, API)


def test_a_refused_key_is_changed_for_the_next(tmp_path):
    keys = tmp_path / "app"
    keys.write_text(f"# the old one first\n{APP}\n\n{OTHER_APP}\n")
    ring = ring_of({"DD_API_KEY": API}, app_key_file=str(keys))
    assert ring.refuse(ring.current(), "403 Forbidden") == Credential(OTHER_APP, API)
    assert ring.current() == Credential(OTHER_APP, API)


def test_a_file_that_changes_is_read_again(tmp_path):
    keys = tmp_path / "app"
    keys.write_text(APP)
    ring = ring_of({"DD_API_KEY": API}, app_key_file=str(keys))
    assert ring.current() == Credential(APP, API)
    new = tmp_path / "new"
    new.write_text(OTHER_APP)
    new.replace(keys)
    assert ring.current() == Credential(OTHER_APP, API)


def test_keys_that_are_all_refused_are_tried_three_times_more_and_then_no_more():
    ring = ring_of()
    for wait_s in (2, 4, 8):
        with pytest.raises(TransientSourceError) as again:
            ring.refuse(ring.current(), "403 Forbidden")
        assert again.value.retry_after_s == wait_s
    with pytest.raises(CredentialsError, match=r"refused keys …cdef …ba98: 403 .*DD_SITE"):
        ring.refuse(ring.current(), "403 Forbidden")


def test_keys_from_files_that_worked_before_are_waited_for(tmp_path):
    keys = tmp_path / "app"
    keys.write_text(APP)
    ring = ring_of({"DD_API_KEY": API}, app_key_file=str(keys))
    ring.accepted(ring.current())
    for _ in range(4):
        with pytest.raises(TransientSourceError):
            ring.refuse(ring.current(), "401 Unauthorized")
    with pytest.raises(TransientSourceError, match="waiting for another in") as waiting:
        ring.current()
    assert waiting.value.retry_after_s == 30
    keys.write_text(OTHER_APP)
    assert ring.current() == Credential(OTHER_APP, API)


def test_no_credentials_say_what_to_set(tmp_path):
    with pytest.raises(CredentialsError, match="set DD_API_KEY and DD_APP_KEY"):
        ring_of({}).current()
    with pytest.raises(CredentialsError, match="nowhere: No such file"):
        ring_of({}, token_file=str(tmp_path / "nowhere")).current()


def test_two_ways_to_the_same_key_are_refused():
    with pytest.raises(ValueError, match="api_key and api_key_file are both set"):
        DatadogSettings(api_key=API, api_key_file="x")


def forms(secret: str) -> list[str]:
    raw = secret.encode()
    return [
        secret, quote(secret, safe=""), json.dumps(secret), base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(), base64.b64encode(b"x" + raw).decode(),
        base64.b64encode(b"xy" + raw + b"z").decode(),
        "".join(f"\\u{ord(char):04x}" for char in secret),
    ]  # fmt: skip


@pytest.mark.parametrize("secret", [API, APP, TOKEN])
def test_a_text_that_repeats_a_secret_is_cut(secret):
    ring = ring_of({**ENVIRON}, site="datadoghq.com")
    ring.current()
    token = ring_of({}, token=TOKEN)
    token.current()
    for form in forms(secret):
        scrubbed = token.scrub(ring.scrub(f"bad: {form}."))
        assert not any(part in scrubbed for part in (secret[:-4], form[2:-6]))
        assert scrubbed.startswith("bad: ")


def test_a_credential_shows_its_last_four_characters_alone():
    credential = Credential(APP, API)
    shown = f"{credential} {credential!r}"
    assert shown == "keys …cdef …ba98 <keys …cdef …ba98>"
    settings = DatadogSettings(api_key=API, app_key=APP, token=TOKEN)
    assert not any(secret in f"{settings!r} {settings}" for secret in (API, APP, TOKEN))
    try:
        raise CredentialsError(f"no {credential}")
    except CredentialsError as error:
        told = "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )
    assert API not in told
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        json.dumps(credential)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        *[(site, f"https://api.{site}") for site in SITES],
        ("https://app.datadoghq.eu/", "https://api.datadoghq.eu"),
        ("API.us5.datadoghq.com", "https://api.us5.datadoghq.com"),
        ("http://127.0.0.1:8126", "http://127.0.0.1:8126"),
        ("http://[::1]:8126/", "http://[::1]:8126"),
        ("http://localhost", "http://localhost"),
        ("https://dd.example.com:8443", "https://dd.example.com:8443"),
    ],
)
def test_a_site_is_known_in_any_spelling(text, url):
    assert parse_site(text).url == url


def test_there_are_nine_sites():
    assert len(SITES) == 9


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("datadoghq.co", "did you mean 'datadoghq.com'"),
        ("http://dd.example.com", "unencrypted"),
        ("http://127.0.0.1.nip.io", "unencrypted"),
        ("https://user:pass@dd.example.com", "must not hold a password"),
        ("https://dd.example.com/api", "a host alone"),
        ("ftp://dd.example.com", "is no URL"),
        ("https://", "is no"),
    ],
)
def test_what_is_no_site_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        parse_site(text)


def test_a_wrong_dd_site_is_named():
    from logmon.sources.datadog.source import DatadogSource

    with pytest.raises(ConfigError, match=r"\$DD_SITE"):
        DatadogSource("prod", DatadogSettings(), environ={"DD_SITE": "datadog.com"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_named(tmp_path):
    keys = tmp_path / "token"
    keys.write_text(TOKEN)
    keys.chmod(0)
    with pytest.raises(CredentialsError, match="Permission denied"):
        ring_of({}, token_file=str(keys)).current()
