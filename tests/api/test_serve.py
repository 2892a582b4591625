"""`logmon serve` and `[api] enabled` as processes: what is said, what is open, how it ends."""

import asyncio
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time

import httpx2
import pytest

from logmon.config import ApiSettings
from logmon.errors import ConfigError
from tests.api.rig import ROOT, rig

LOGMON = [sys.executable, "-m", "logmon"]


def env(tmp_path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LOGMON_")}
    return {**kept, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), **more}


@pytest.fixture
def started(tmp_path):
    """Start commands; whatever still runs at the end is killed."""
    running: list[subprocess.Popen] = []

    def start(*words: str, **variables: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [*LOGMON, *words], env=env(tmp_path, **variables), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_serve_says_where_and_gives_a_token_for_this_run_once(started):
    process = started("serve", "--port", "0")
    said = process.stderr.readline()
    found = re.fullmatch(
        r"logmon: serving on (http://127\.0\.0\.1:\d+) · token for this run: (\S+)\n", said
    )
    url, token = found[1], found[2]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx2.get(f"{url}{ROOT}/events/recent", headers=headers)
    assert answer.status_code == 200
    assert httpx2.post(f"{url}{ROOT}/work-items/WI-1", headers=headers).status_code == 403
    process.send_signal(2)
    out, rest = process.communicate(timeout=10)
    assert (process.returncode, out, rest) == (130, "", "")


def test_an_interrupt_ends_open_streams_with_a_word_within_two_seconds(started):
    process = started("serve", "--port", "0", LOGMON_API_TOKEN="t" * 20)
    url = process.stderr.readline().split()[-1]
    headers = {"Authorization": "Bearer " + "t" * 20}
    with httpx2.stream("GET", f"{url}{ROOT}/events/stream", headers=headers) as response:
        lines = response.iter_lines()
        while "log" not in next(lines):
            pass
        began = time.monotonic()
        process.terminate()
        assert 'data: {"state":"shutting_down"}' in list(lines)
    process.communicate(timeout=10)
    assert process.returncode == 143
    assert time.monotonic() - began < 2


def test_kept_tokens_and_the_environments_are_taken_and_none_is_made(started, tmp_path):
    add = [*LOGMON, "serve", "token", "add", "--scope", "read", "-o", "json"]
    made = json.loads(
        subprocess.run(add, env=env(tmp_path), capture_output=True, check=True).stdout
    )
    process = started("serve", "--port", "0")
    said = process.stderr.readline()
    assert "token" not in said
    url = said.split()[-1]

    def status() -> int:
        headers = {"Authorization": f"Bearer {made['token']}"}
        return httpx2.get(f"{url}{ROOT}/stats", headers=headers).status_code

    assert status() == 200
    listed = subprocess.run(
        [*LOGMON, "serve", "token", "list"], env=env(tmp_path), capture_output=True, check=True
    )
    assert made["id"] in listed.stdout.decode()
    assert made["token"] not in listed.stdout.decode()
    revoke = [*LOGMON, "serve", "token", "revoke", made["id"]]
    subprocess.run(revoke, env=env(tmp_path), capture_output=True, check=True)
    until = time.monotonic() + 5
    while status() != 401:
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "--host", "0.0.0.0"], "beyond loopback"),  # noqa: S104
        (["serve", "--host", "256.1.1.1"], "api.host"),
        (["serve", "--tls-cert", "x.pem"], "needs both"),
        (["serve", "--tls-cert", "x.pem", "--tls-key", "y.pem"], "api.tls_cert"),
        (["serve", "token", "add", "--scope", "write"], "is no scope"),
        (["serve", "token", "revoke", "t-1"], "there is no token"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(started, words, said):
    process = started(*words, "--port", "0") if words[1] != "token" else started(*words)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert said in err
    assert err.count("\n") == 1


def test_serve_says_what_becomes_of_its_sources_once(started, tmp_path):
    config, log = tmp_path / "config.toml", tmp_path / "app.log"
    config.write_text(f'[sources.a]\ntype = "file"\npaths = ["{log}"]\n')
    process = started("serve", "--port", "0", "-c", str(config))
    assert "serving on" in process.stderr.readline()
    waiting = f"logmon: nothing at {log} yet, waiting for it\n"
    assert process.stderr.readline() == waiting
    process.send_signal(15)
    out, rest = process.communicate(timeout=10)
    assert (process.returncode, out, rest) == (143, "", "")


def test_serve_ends_when_every_source_has_failed_for_good(started, tmp_path):
    config = tmp_path / "config.toml"
    far = '[sources.far]\ntype = "logmon"\nurl = "https://127.0.0.1:1"\ntoken_file = "/none"\n'
    config.write_text(far)
    refused = started("serve", "--port", "0", "-c", str(config), LOGMON_API_TOKEN="t" * 20)
    _, err = refused.communicate(timeout=20)
    assert refused.returncode == 4
    assert "No such file" in err.splitlines()[-1]
    assert err.count("No such file") == 1


def test_a_port_that_is_taken_ends_serve_and_leaves_tail_running(started):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = started("serve", "--port", port)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 2
        assert f"127.0.0.1:{port}: Address already in use" in err
        tail = started("tail", "--plain", LOGMON_API__ENABLED="true", LOGMON_API__PORT=port)
        assert tail.stdout.readline()
        assert "not serving" in tail.stderr.readline()


def test_tail_serves_too_when_it_is_enabled(started):
    tail = started(
        "tail", "--plain",
        LOGMON_API__ENABLED="true", LOGMON_API__PORT="0", LOGMON_API_TOKEN="t" * 20,
    )  # fmt: skip
    url = tail.stderr.readline().split()[-1]
    headers = {"Authorization": "Bearer " + "t" * 20}
    line = tail.stdout.readline()
    page = httpx2.get(f"{url}{ROOT}/events/recent?limit=1000", headers=headers).json()
    assert any(event["message"] in line for event in page["events"])


def test_off_opens_nothing_and_imports_nothing(started):
    script = (
        "import sys; sys.argv = ['logmon', 'tail', '--plain', '--no-follow'];"
        "from logmon.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('starlette', 'uvicorn', 'h11', 'logmon.api') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


async def test_over_tls_everything_is_the_same(tmp_path):
    make = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout k.pem -out c.pem"
    )
    await asyncio.to_thread(
        subprocess.run, make.split(), cwd=tmp_path, check=True, capture_output=True
    )
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    async with rig(tmp_path, tls_cert=str(cert), tls_key=str(key)) as served:
        trusted = ssl.create_default_context(cafile=str(cert))
        async with httpx2.AsyncClient(verify=trusted, trust_env=False) as client:
            url = f"{served.server.url}{ROOT}"
            assert url.startswith("https://")
            await served.publish("over tls")
            page = (await client.get(f"{url}/events/recent", headers=served.auth())).json()
            assert page["events"][0]["message"] == "over tls"
            answer = await client.post(f"{url}/session", headers=served.auth())
            assert "Secure" in answer.headers["Set-Cookie"]
            after = {**served.auth(), "Last-Event-ID": f"{served.epoch}--1"}
            async with client.stream("GET", f"{url}/events/stream", headers=after) as response:
                text = ""
                async for part in response.aiter_text():
                    text += part
                    if "over tls" in text:
                        break
        # Someone who connects and never shakes hands holds nothing for long.
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.transport.abort()


async def test_beyond_loopback_needs_tls_or_a_plain_word(tmp_path):
    with pytest.raises(ConfigError, match="beyond loopback"):
        async with rig(tmp_path / "a", host="0.0.0.0"):  # noqa: S104
            pass
    async with rig(tmp_path / "b", host="0.0.0.0", insecure=True) as served:  # noqa: S104
        answer = await served.client.get(f"http://127.0.0.1:{served.port}{ROOT}/health")
        assert answer.status_code == 200


async def test_a_configured_origin_may_ask_and_read_and_no_other(tmp_path):
    page = "https://ops.example.com"
    async with rig(tmp_path, allowed_origins=[page], allowed_hosts=["logs.example.com"]) as served:
        asks = {"Origin": page, "Access-Control-Request-Method": "GET"}
        url = f"{served.server.url}{ROOT}/stats"
        answer = await served.client.options(url, headers=asks)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == page
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert (
            await served.client.options(url, headers={**asks, "Origin": "https://evil"})
        ).status_code == 403
        answer = await served.get("/stats", headers={"Origin": page, "Host": "logs.example.com"})
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == page
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Access-Control-Allow-Origin" not in (await served.get("/stats")).headers
        same = {"Origin": served.server.url}
        assert (await served.get("/stats", headers=same)).status_code == 200


def test_the_bounds_of_the_configuration_are_checked():
    with pytest.raises(ValueError, match="port"):
        ApiSettings(port=70_000)
