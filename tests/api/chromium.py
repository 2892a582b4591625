"""A headless Chromium from the system's own package, driven over its debugging port."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-port=0", "--window-size=1400,900", "about:blank",
)  # fmt: skip
MOST_BYTES = 256 << 20


class Chromium:
    """One page of one browser."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._last = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.requests: list[str] = []
        """Every URL the page asked for."""
        self.problems: list[str] = []
        """What stands in the console as an error or an exception."""

    async def listen(self) -> None:
        """Take in what the browser says, until it is gone."""
        while True:
            said = json.loads(await self._socket.receive_text())
            given = said.get("params", {})
            if said.get("id") in self._answers:
                self._answers.pop(said["id"]).set_result(said)
            elif said.get("method") == "Network.requestWillBeSent":
                self.requests.append(given["request"]["url"])
            elif said.get("method") == "Runtime.exceptionThrown":
                self.problems.append(json.dumps(given["exceptionDetails"]))
            elif said.get("method") == "Log.entryAdded" and given["entry"]["level"] == "error":
                self.problems.append(given["entry"]["text"])

    async def do(self, method: str, **given: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._last += 1
        answer = self._answers[self._last] = asyncio.get_running_loop().create_future()
        await self._socket.send_text(
            json.dumps({"id": self._last, "method": method, "params": given})
        )
        said = await asyncio.wait_for(answer, 30)
        assert "error" not in said, said
        return said["result"]

    async def run(self, script: str) -> Any:
        """Run a script in the page and return what it evaluates to."""
        result = await self.do(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, script: str, within_s: float = 10.0) -> None:
        """Wait until a script evaluates to something true."""
        async with asyncio.timeout(within_s):
            while not await self.run(script):  # noqa: ASYNC110 - the page tells nobody
                await asyncio.sleep(0.05)

    async def picture(self, path: Path) -> None:
        """Save what the page looks like."""
        shot = await self.do("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Chromium]:
    """Start a browser with a folder of its own, and end it afterwards."""
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(
        PROGRAM, f"--user-data-dir={folder}", *FLAGS,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with httpx2.AsyncClient(timeout=None, trust_env=False) as client:
            url = await _page(client, folder / "DevToolsActivePort")
            async with client.websocket(
                url, max_message_size_bytes=MOST_BYTES, keepalive_ping_interval_seconds=None
            ) as socket:
                page = Chromium(socket)
                listening = asyncio.create_task(page.listen())
                for domain in ("Page", "Network", "Runtime", "Log"):
                    await page.do(f"{domain}.enable")
                try:
                    yield page
                finally:
                    listening.cancel()
                    with suppress(asyncio.CancelledError):
                        await listening
    finally:
        process.kill()
        await process.wait()


async def _page(client: httpx2.AsyncClient, port_file: Path) -> str:
    """Return the address at which the browser's one page takes commands."""
    async with asyncio.timeout(20):
        while not (port_file.exists() and port_file.read_text().count("\n")):  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.05)
        port = port_file.read_text().split()[0]  # noqa: ASYNC240
        while True:
            targets = (await client.get(f"http://127.0.0.1:{port}/json/list")).json()
            for target in targets:
                if target["type"] == "page":
                    return str(target["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)
