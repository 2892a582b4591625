"""Planted secrets are in no file and no output, but for the user's own screen and replay."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from logmon.store.journal import open_reader
from tests.planted_secrets import PLANTED as ALL_PLANTED

LOGMON = [sys.executable, "-m", "logmon"]
PLANTED = ALL_PLANTED[::3]
"""A third of them: every kind of token and every form is still there."""
SECRETS = sorted({planted.secret for planted in PLANTED}, key=len, reverse=True)


def leaks(data: bytes) -> list[str]:
    """Return the planted secrets that are in some bytes, as they are or escaped as JSON."""
    return [
        secret
        for secret in SECRETS
        if secret.encode() in data or json.dumps(secret)[1:-1].encode() in data
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planted")


@pytest.fixture(scope="module")
def recorded(folder: Path) -> Path:
    """A file with each planted secret as text, as JSON, as an attribute and in a broken line."""
    path = folder / "app.log"
    path.write_text(
        "".join(
            line
            for place, planted in enumerate(PLANTED)
            for text in [planted.text.replace("\n", "\\n")]
            for line in (
                f"2026-11-23T14:02:30Z ERROR {text}\n",
                json.dumps({"level": "error", "message": planted.text, "n": place}) + "\n",
                json.dumps(
                    {"level": "warn", "message": f"no {place}", "deep": [{"note": planted.text}]}
                )
                + "\n",
                json.dumps({"level": "unheard-of", "message": planted.text}) + "\n",
                '{"level": "error", "message": ' + json.dumps(planted.text) + ",\n",
            )
        )
    )
    return path


@pytest.fixture(scope="module")
def config(folder: Path) -> Path:
    path = folder / "config.toml"
    path.write_text(f'[store]\npath = "{folder}/state/logmon.db"\n')
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def stored(recorded: Path, config: Path) -> Path:
    """The configuration of a store that the file was replayed into."""
    run("replay", str(recorded), "--store", "-c", str(config), "-o", "json")
    return config


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run([*LOGMON, *arguments], capture_output=True, timeout=50, env=os.environ)
    assert done.returncode == 0, done.stderr
    return done


def contents(database: Path) -> Iterator[bytes]:
    """Yield every value in every table of a store, compressed ones unpacked."""
    connection = sqlite3.connect(database)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'"):
        for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608
            for value in row:
                data = value if isinstance(value, bytes) else str(value).encode()
                yield data
                with suppress(zlib.error):
                    yield zlib.decompress(data)
    connection.close()


def test_what_is_kept_holds_no_secret(stored: Path, folder: Path) -> None:
    state = folder / "state"
    held = list(contents(state / "logmon.db"))
    assert sum(map(len, held)) > 100_000
    assert not [found for data in held if (found := leaks(data))]
    for file in state.iterdir():
        assert not leaks(file.read_bytes()), file


@pytest.mark.parametrize(
    "command",
    [
        ["items", "list", "--all"],
        ["items", "list", "-o", "json"],
        ["dead", "list"],
        ["dead", "list", "-o", "json"],
    ],
)
def test_what_is_listed_from_the_store_holds_no_secret(stored: Path, command: list[str]) -> None:
    done = run(*command, "-c", str(stored))
    assert len(done.stdout.splitlines()) > 10
    assert not leaks(done.stdout + done.stderr)


def test_what_is_exported_holds_no_secret(stored: Path, tmp_path: Path) -> None:
    run("dead", "export", str(tmp_path / "dead.jsonl"), "-c", str(stored))
    data = (tmp_path / "dead.jsonl").read_bytes()
    assert data.count(b"\n") > len(PLANTED)
    assert not leaks(data)


def test_a_replay_shows_what_the_file_holds(recorded: Path, config: Path) -> None:
    shown = run("replay", str(recorded), "-c", str(config), "-o", "json").stdout
    assert len(leaks(shown)) > 0.9 * len(SECRETS)


@pytest.mark.parametrize("output", ["text", "json", "raw"])
def test_a_replay_that_is_told_to_redact_shows_no_secret(
    recorded: Path, config: Path, output: str
) -> None:
    redacted = run("replay", str(recorded), "-c", str(config), "-o", output, "--redact")
    assert not leaks(redacted.stdout + redacted.stderr)
    assert redacted.stdout.count(b"[redacted:") > len(PLANTED)
    assert redacted.stdout.count(b"\n") >= 3 * len(PLANTED)


def test_equal_secrets_are_equal_in_one_store_over_runs(recorded: Path, stored: Path) -> None:
    command = ("replay", str(recorded), "--store", "--redact", "-c", str(stored), "-o", "json")
    pattern = re.compile(rb"\[redacted:[a-z-]+#[0-9a-f]{12}\]")
    store = open_reader(stored.parent / "state" / "logmon.db")
    kept = b"".join(
        block.batch.raw(row)
        for block in store.read_now(-1, 10**6)
        for row in range(len(block.batch))
    )
    store.close()
    shown = run(*command).stdout
    assert set(pattern.findall(shown)) <= set(pattern.findall(kept))


@contextmanager
def tracker() -> Iterator[tuple[str, list[bytes]]]:
    """Listen as a tracker does; gives its URL and what it is told."""
    told: list[bytes] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_what_is_served_and_told_to_a_tracker_holds_no_secret(
    recorded: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    with tracker() as (hook, told):
        config.write_text(
            f'[sentinel.trackers.hook]\ntype = "webhook"\nenabled = true\nurl = "{hook}"\n'
            "per_hour = 10000\nstorm = 10000\n"
            f'[sources.app]\ntype = "file"\npaths = ["{recorded}"]\nlines = 1000000\n'
            f'[store]\nenabled = true\npath = "{tmp_path}/state/logmon.db"\n'
        )
        config.chmod(0o600)
        answers, said = await served(config, told)
    assert answers.count(b"[redacted:") > 3 * len(PLANTED)
    assert len(told) >= 15
    assert not leaks(answers + said + b"".join(told))


async def served(config: Path, told: list[bytes]) -> tuple[bytes, bytes]:
    """Serve until the tracker was told much; return what can be asked for, and what stderr said."""
    environment = os.environ | {"LOGMON_API_TOKEN": "a-token-for-this-test-alone"}
    serving = await asyncio.create_subprocess_exec(
        *LOGMON, "serve", "-c", str(config), "--port", "0", env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert serving.stderr is not None
    try:
        said = await serving.stderr.readline()
        url = re.findall(rb"http://[\d.:]+", said)[0].decode() + "/api/log-monitor"
        headers = {"Authorization": "Bearer a-token-for-this-test-alone"}
        async with httpx2.AsyncClient(headers=headers, timeout=20) as client:
            answers = await all_that_is_served(client, url)
        async with asyncio.timeout(20):
            while len(told) < 15:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        serving.terminate()
        said += await serving.stderr.read()
        await serving.wait()
    return answers, said


async def all_that_is_served(client: httpx2.AsyncClient, url: str) -> bytes:
    """Return every event, item and dead letter, and the stream from its beginning."""
    rows = 3 * len(PLANTED)
    async with asyncio.timeout(20):
        while (await stats(client, url)).get("stored", 0) < rows:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    found = [(await client.get(f"{url}/stats")).content]
    for path, limit in (("events/recent", 1_000), ("dead-letters", 1_000), ("work-items", 1_000)):
        before: int | None = None
        while True:
            asked = {"limit": limit} | ({} if before is None else {"before": before})
            answer = await client.get(f"{url}/{path}", params=asked)
            assert answer.status_code == 200, (path, answer.text)
            found.append(answer.content)
            before = answer.json().get("next")
            if before is None:
                break
    count = 0
    async with client.stream(
        "GET", f"{url}/events/stream", headers={"Last-Event-ID": "x-0"}
    ) as sse:
        async for line in sse.aiter_lines():
            found.append(line.encode())
            count += line.startswith("data:")
            if count >= rows:
                break
    return b"\n".join(found)


async def stats(client: httpx2.AsyncClient, url: str) -> dict[str, int]:
    account: dict[str, int] = (await client.get(f"{url}/stats")).json()["sources"].get("app", {})
    return account
