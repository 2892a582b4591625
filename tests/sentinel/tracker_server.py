"""A small HTTP server that behaves like a webhook's receiver, and like GitHub's issues."""

import asyncio
import hmac
import json
import re
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit


class TrackerServer:
    """Answers on a socket of its own; what goes wrong comes from a script, one entry a request.

    A fault is a status (`429`, `500`, `422`), `"hang"` (takes the request in, never answers),
    `"drop"` (closes the connection before it looks at the request), or None (all is well).
    """

    def __init__(self, secret: bytes = b"s3cret", page_size: int = 2) -> None:
        self.faults: list[object] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.issues: list[dict] = []
        self.posts: dict[str, dict] = {}
        self.bad_signatures = 0
        self._tasks: set[asyncio.Task] = set()
        self._secret = secret
        self._page_size = page_size

    async def __aenter__(self) -> "TrackerServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (one.partition(":") for one in lines if one)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        fault = self.faults.pop(0) if self.faults else None
        if fault == "drop":
            return False
        self.requests.append((method, target, headers, body))
        if isinstance(fault, int):
            more = {"Retry-After": "7"} if fault == 429 else {}
            await self._answer(writer, fault, {"message": "no"}, more)
            return True
        status, answer, more = self._take(method, target, headers, body)
        if fault == "hang":
            await asyncio.sleep(60)
        await self._answer(writer, status, answer, more)
        return True

    async def _answer(self, writer, status: int, answer: object, more: dict[str, str]) -> None:
        body = json.dumps(answer).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in more.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    def _take(self, method: str, target: str, headers: dict[str, str], body: bytes):
        parts = urlsplit(target)
        if parts.path == "/hook":
            return self._hook(headers, body)
        issue = re.fullmatch(r"/repos/o/r/issues/(\d+)", parts.path)
        if method == "POST" and parts.path == "/repos/o/r/issues":
            made = {"number": len(self.issues) + 1, "state": "open", **json.loads(body)}
            self.issues.append(made)
            return 201, made, {}
        if method == "PATCH" and issue:
            found = self.issues[int(issue[1]) - 1]
            found.update(json.loads(body))
            return 200, found, {}
        if method == "GET" and parts.path == "/repos/o/r/issues":
            page = int(parse_qs(parts.query)["page"][0])
            newest = self.issues[::-1]
            shown = newest[(page - 1) * self._page_size : page * self._page_size]
            more = len(newest) > page * self._page_size
            return 200, shown, {"Link": '<http://x>; rel="next"'} if more else {}
        return 404, {"message": "Not Found"}, {}

    def _hook(self, headers: dict[str, str], body: bytes):
        stamp = headers["x-logmon-timestamp"]
        wanted = hmac.new(self._secret, stamp.encode() + b"." + body, sha256).hexdigest()
        if headers.get("x-logmon-signature") != f"sha256={wanted}":
            self.bad_signatures += 1
            return 401, {}, {}
        self.posts.setdefault(headers["idempotency-key"], json.loads(body))
        return 200, {}, {}
