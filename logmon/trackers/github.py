"""GitHub Issues: an item is an issue; its end closes it, its reopening opens it again.

The last line of an issue's body is a comment with the item's key, which nobody can guess. Before
an issue is made, those that changed since the entry was written are searched for it: so a request
whose answer was lost makes no second one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.trackers.tracker import WHOLE_S, Answer, DeliveryError, client, send, shown_request
from logmon.visible import visible

if TYPE_CHECKING:
    from logmon.journal import OutboxEntry

API = "https://api.github.com"
TITLE_CHARS = 200
BODY_CHARS = 50_000
"""GitHub takes 65,536 characters (docs.github.com, issues)."""
PAGES = 20
"""Pages of 100 issues that are searched for a key; as many were changed since the entry."""
SKEW = timedelta(minutes=10)
"""How far GitHub's clock may be off ours."""


class GitHubIssues:
    """A tracker that keeps issues in one repository."""

    tells_all = False

    def __init__(
        self,
        repository: str,
        token: str,
        labels: list[str],
        api: str = API,
        *,
        whole_s: float = WHOLE_S,
    ) -> None:
        self._whole_s = whole_s
        self._issues = f"{api.rstrip('/')}/repos/{repository}/issues"
        self._token = token
        self._labels = labels
        self._http = client(self._issues)

    async def deliver(self, entry: OutboxEntry, ref: str) -> str:
        """Make the issue or bring it up to date, and return its number (see `Tracker`)."""
        if not ref:
            ref = await self._find(entry)
        method, url, body = self._request(entry, ref)
        answer = await self._send(method, url, body)
        number = (answer.json() or {}).get("number")
        if not isinstance(number, int):
            raise DeliveryError("answered without an issue's number")
        return str(number)

    def preview(self, entry: OutboxEntry, ref: str) -> str:
        """Return the request as text."""
        method, url, body = self._request(entry, ref)
        return shown_request(method, url, self._headers(), body)

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    async def _send(self, method: str, url: str, body: bytes = b"") -> Answer:
        return await send(self._http, self._whole_s, method, url, self._headers(), body)

    def _request(self, entry: OutboxEntry, ref: str) -> tuple[str, str, bytes]:
        item = msgspec.json.decode(entry.document)
        issue: dict[str, Any] = {"title": title(item), "body": body(item, entry.item_key)}
        if not ref:
            issue["labels"] = self._labels
            return "POST", self._issues, msgspec.json.encode(issue)
        issue["state"] = "closed" if item.get("status") == "done" else "open"
        return "PATCH", f"{self._issues}/{ref}", msgspec.json.encode(issue)

    async def _find(self, entry: OutboxEntry) -> str:
        """Return the number of the issue that has the entry's item, or an empty text."""
        since = datetime.fromtimestamp(entry.written_ns / 1e9, UTC) - SKEW
        query = "?state=all&per_page=100&sort=created&direction=desc"
        query += f"&since={since:%Y-%m-%dT%H:%M:%SZ}"
        for page in range(1, PAGES + 1):
            answer = await self._send("GET", f"{self._issues}{query}&page={page}")
            found = answer.json()
            if not isinstance(found, list):
                raise DeliveryError("answered no list of issues")
            for issue in found:
                if str(issue.get("body") or "").rstrip().endswith(marker(entry.item_key)):
                    return str(issue["number"])
            if 'rel="next"' not in answer.headers.get("link", ""):
                return ""
        raise DeliveryError(f"more than {PAGES * 100} issues changed since it was written")


def marker(key: str) -> str:
    """Return the line that names an item in an issue, invisible to readers."""
    return f"<!-- logmon {key} -->"


def title(item: dict[str, Any]) -> str:
    """Return an issue's title: plain text, which mentions and links nothing."""
    text = f"{item['title']} ({item['source']})"
    return visible(" ".join(text.split()))[:TITLE_CHARS]


def body(item: dict[str, Any], key: str) -> str:
    """Return an issue's body: what came from logs stands in a block that cannot be left."""
    samples = item.get("source_data", {}).get("samples", [])
    lines = [
        f"{item['id']} · {item['priority']} · {item['level']} · {item['status']}",
        f"seen {item['count']} times, from {item['first_seen']} to {item['last_seen']}",
        f"rule {item['rule']}, source {item['source']}",
        "",
        str(item["template"]),
        "",
        str(item["description"]),
        *(f"{one.get('timestamp')} {one.get('message')}" for one in samples),
    ]
    return f"{block(chr(10).join(lines))}\n\n{marker(key)}"


def block(text: str) -> str:
    """Return text as a code block: its fence is longer than any run of backticks in it."""
    shown = "\n".join(visible(line) for line in text.splitlines())[:BODY_CHARS]
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{shown}\n{fence}"
