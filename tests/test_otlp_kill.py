"""`kill -9` while records come in: every request that was answered is in the store, once."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from logmon.batch import events_of
from logmon.store.journal import open_reader

LOGMON = [sys.executable, "-m", "logmon"]
TOKEN = "a-token-for-this-test-alone"  # noqa: S105


def export(place: int) -> dict[str, Any]:
    records = [
        {"timeUnixNano": str(10**18 + place * 100 + n), "body": {"stringValue": f"{place}-{n}"}}
        for n in range(5)
    ]
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}


async def serve(config: Path) -> tuple[asyncio.subprocess.Process, str]:
    process = await asyncio.create_subprocess_exec(
        *LOGMON, "serve", "-c", str(config), "--port", "0",
        env=os.environ | {"LOGMON_API_TOKEN": TOKEN},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = await process.stderr.readline()
    return process, re.findall(rb"http://[\d.:]+", said)[0].decode() + "/v1/logs"


async def send(client: httpx2.AsyncClient, url: str, place: int, answered: list[int]) -> None:
    answer = await client.post(
        url, content=json.dumps(export(place)), headers={"Content-Type": "application/json"}
    )
    if answer.status_code == 200:
        answered.append(place)


@pytest.mark.long
async def test_every_answered_request_is_kept_once(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        '[sources.otlp]\ntype = "otlp"\n[sentinel]\nenabled = false\n'
        f'[api]\nrequests_per_second = 100000.0\n[store]\npath = "{tmp_path}/state/log.db"\n'
    )
    config.chmod(0o600)
    answered: list[int] = []
    asked = 0
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for _ in range(2):
        process, url = await serve(config)
        async with httpx2.AsyncClient(headers=headers) as client:
            sending = [
                asyncio.create_task(send(client, url, place, answered))
                for place in range(asked, asked + 60)
            ]
            asked += 60
            while len(answered) < asked - 40:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            await asyncio.wait(sending)
    process, url = await serve(config)
    async with httpx2.AsyncClient(headers=headers) as client:  # what got no answer is sent again
        again: list[int] = []
        for place in range(asked):
            await send(client, url, place, again)
    process.send_signal(signal.SIGTERM)
    await process.wait()
    store = open_reader(tmp_path / "state" / "log.db")
    blocks = store.read_now(-1, 10**6)
    kept = [event.message for block in blocks for event in events_of(block.batch)]
    store.close()
    wanted = {f"{place}-{n}" for place in range(asked) for n in range(5)}
    assert len(answered) >= 40
    assert sorted(message for message in kept if message in wanted) == sorted(wanted)
