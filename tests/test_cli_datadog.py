"""Datadog from the command line: two tails on one store, refused keys, and no secret anywhere."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from logmon.testing.fake_datadog import Behaviour, FakeDatadog, RateLimit, Traffic, serving

LOGMON = [sys.executable, "-m", "logmon"]
API, APP = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3"
OTHER = "11112222333344445555666677778888aaaabbbb"
QUICK = RateLimit(limit=600, period_s=10)


def write_config(folder: Path, url: str, **settings: str) -> Path:
    keys = "".join(f'{key} = "{value}"\n' for key, value in settings.items())
    path = folder / "config.toml"
    path.write_text(
        f'[sources.prod]\ntype = "datadog"\nsite = "{url}"\n{keys}'
        f'[store]\npath = "{folder}/state/logmon.db"\n[sentinel]\nenabled = false\n'
    )
    path.chmod(0o600)
    return path


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DD_")}
    return kept | {"DD_API_KEY": API, "DD_APP_KEY": APP} | more


async def start(*arguments: str, env: dict[str, str] | None = None) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *LOGMON, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=env or environment(), limit=1 << 22,
    )  # fmt: skip


async def run(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    process = await start(*arguments, env=env)
    out, err = await asyncio.wait_for(process.communicate(), 50)
    return process.returncode or 0, out.decode(), err.decode()


async def ids(process: asyncio.subprocess.Process, count: int) -> list[str]:
    assert process.stdout is not None
    return [json.loads(await process.stdout.readline())["id"] for _ in range(count)]


def fake_of(per_second: float = 20, *, history_s: float = 30) -> FakeDatadog:
    behaviour = Behaviour(search_rate=QUICK, aggregate_rate=QUICK)
    return FakeDatadog(
        traffic=Traffic(per_second=per_second), history_s=history_s, behaviour=behaviour
    )


async def test_of_two_tails_on_one_store_one_polls_and_the_other_reads_along(tmp_path):
    fake = fake_of()
    async with serving(fake) as url:
        config = str(write_config(tmp_path, url))
        first = await start("tail", "-c", config, "-o", "json")
        shown = await ids(first, 300)
        second = await start(
            "tail", "-c", config, "-o", "json", "-n", "0", env=environment(DD_APP_KEY=OTHER)
        )
        seen = await ids(second, 60)
        for process in (second, first):
            process.send_signal(signal.SIGINT)
        said = (await second.communicate())[1].decode()
        rest = (await first.communicate())[0].decode()
    shown += [json.loads(line)["id"] for line in rest.splitlines()]
    assert first.returncode == second.returncode == 130
    assert "reading along" in said
    assert set(seen) <= set(shown)
    assert {asked.credential for asked in fake.journal} == {APP[-4:]}
    assert fake.journal.before_reset() == []


async def test_no_keys_at_all_say_what_to_set(tmp_path):
    config = str(write_config(tmp_path, "http://127.0.0.1:9"))
    bare = {name: value for name, value in environment().items() if not name.startswith("DD_")}
    code, _, err = await run("tail", "-c", config, "--plain", env=bare)
    assert code == 4
    assert "set DD_API_KEY and DD_APP_KEY" in err
    code, out, _ = await run("sources", "check", "prod", "-c", config, env=bare)
    assert code == 4
    assert "set DD_API_KEY and DD_APP_KEY" in out
    assert "a new key may need" not in out  # nobody was asked


async def test_a_query_that_is_none_ends_with_exit_code_3(tmp_path):
    async with serving(fake_of()) as url:
        config = str(write_config(tmp_path, url, query="(unclosed"))
        code, out, err = await run("tail", "-c", config, "--plain")
    assert code == 3
    assert "filter.query" in err
    assert "Traceback" not in out + err


async def test_the_doctor_measures_what_the_fake_does(tmp_path):
    fake = fake_of(per_second=5, history_s=900)
    fake.behaviour.bounds = "(]"
    async with serving(fake) as url:
        config = str(write_config(tmp_path, url))
        code, out, err = await run("doctor", "datadog", "-c", config, "-o", "json")
    assert code == 0, err
    found = [json.loads(line) for line in out.splitlines()]
    texts = {finding["subject"].strip(): finding["text"] for finding in found}
    assert texts["bounds"] == "`from` is left out, `to` is included"
    assert texts["counts"].startswith("6 of 6 buckets")
    assert "600 in 10 s" in " ".join(finding["text"] for finding in found)
    assert any("made-up keys" in finding["text"] for finding in found)
    assert "checkout" not in out


async def test_the_list_names_the_sources(tmp_path):
    config = str(write_config(tmp_path, "http://127.0.0.1:9"))
    code, out, _ = await run("sources", "list", "-c", config, "-o", "json")
    assert (code, json.loads(out)) == (0, {"name": "prod", "type": "datadog", "enabled": True})
    code, _, err = await run("sources", "check", "nobody", "-c", config)
    assert code == 2
    assert "there is no source 'nobody'" in err


# Planted secrets


def forms(secret: str) -> set[bytes]:
    raw = secret.encode()
    encoded = {base64.b64encode(b"\0" * pad + raw)[(8 * pad + 5) // 6 :] for pad in range(3)}
    found = {raw, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(),
             "".join(f"\\u{ord(char):04x}" for char in secret).encode(),
             "".join(f"%{byte:02X}" for byte in raw).encode()}  # fmt: skip
    return found | {form.rstrip(b"=")[:-1] for form in encoded}


STATUSES = (b"400 Bad Request", b"401 Unauthorized", b"302 Found", b"200 OK")


@asynccontextmanager
async def echoing(status: bytes):
    """A server that repeats what it was sent, keys in every form, in header and body."""

    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        sent = b" ".join(
            line.partition(b": ")[2]
            for line in head.splitlines()
            if line.lower().startswith((b"dd-", b"authorization"))
        )
        told = [form.decode() for word in sent.decode().split() for form in forms(word)]
        body = json.dumps({"errors": [*told, {"title": sent.decode(), "detail": told[0]}]}).encode()
        writer.write(
            b"HTTP/1.1 %s\r\nx-ratelimit-name: %s\r\nx-ratelimit-limit: 100\r\n"
            b"x-ratelimit-period: 10\r\nx-ratelimit-remaining: 90\r\nx-ratelimit-reset: 1\r\nlocation: https://elsewhere.invalid/?%s\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%s"
            % (status, told[-1].encode(), told[-2].encode(), len(body), body)
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


RUNS = (
    (("tail", "-o", "json"), True), (("sources", "check"), False),
    (("doctor", "datadog"), True), (("doctor", "datadog"), False),
)  # fmt: skip
"""Commands, and whether the secrets stand in the configuration itself or a token in a file."""


def written(folder: Path) -> list[bytes]:
    """Take away what held the secrets on purpose; return what all other files hold."""
    for planted in ("config.toml", "token"):
        (folder / planted).unlink()
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def plant(folder: Path, url: str, secrets: list[str], *, literal: bool) -> Path:
    folder.mkdir()
    token = folder / "token"
    token.write_text(secrets[2])
    if literal:
        return write_config(folder, url, api_key=secrets[0], app_key=secrets[1])
    return write_config(folder, url, token_file=str(token))


def command_line(process: asyncio.subprocess.Process) -> bytes:
    return Path(f"/proc/{process.pid}/cmdline").read_bytes()


async def told_by(process: asyncio.subprocess.Process) -> bytes:
    """Stop a process that still runs; return all it said, and how it looked to others."""
    seen = b""
    if process.returncode is None:
        seen = command_line(process)
        process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 20)
    return b"\n".join([seen, out, err])


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status.decode())
async def test_planted_secrets_are_nowhere(tmp_path, status):
    """After commands that succeed, fail and wait; keys as literals, and a token from a file."""
    secrets = [API, APP, "ddsat_Q+7/w=_0123456789abcdefghijk"]
    folders = [tmp_path / str(number) for number in range(len(RUNS))]
    async with echoing(status) as (url, asked):
        processes = [
            await start(
                *arguments, "-c", str(plant(folder, url, secrets, literal=literal)),
                env=environment(LOGMON_DEBUG="1", HOME=str(folder)),
            )
            for folder, (arguments, literal) in zip(folders, RUNS, strict=True)
        ]  # fmt: skip
        for _ in range(200):
            running = [process for process in processes if process.returncode is None]
            if not running or len(asked) >= 2 * len(RUNS):
                break
            await asyncio.sleep(0.1)
        told = await asyncio.gather(*map(told_by, processes))
    assert len(asked) >= len(RUNS)
    for run_, said, folder in zip(RUNS, told, folders, strict=True):
        place = b"\n".join([said, *written(folder)])
        for secret in secrets:
            found = [form for form in forms(secret) if form in place]
            assert found == [], (run_, place[:2000])


async def test_commands_that_ask_nothing_show_no_secret(tmp_path):
    secrets = [API, APP, OTHER]
    config = str(plant(tmp_path / "home", "http://127.0.0.1:9", secrets, literal=True))
    for arguments in (
        ("sources", "list"), ("config", "show"), ("config", "check"), ("doctor",), ("items", "list"),
    ):  # fmt: skip
        _, out, err = await run(*arguments, "-c", config, env=environment(LOGMON_DEBUG="1"))
        place = (out + err).encode()
        assert not any(form in place for secret in secrets for form in forms(secret)), arguments
    _, out, _ = await run("doctor", "datadog", "--help")
    assert API not in out
