"""Events of this program to `POST /v1/logs` of a logmon, or of any OpenTelemetry collector.

One daemon thread sends OTLP/JSON with the standard library alone. What the other side cannot take
now is sent again, at the time it says; ids make that harmless.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from logmon.addresses import is_loopback
from logmon.event import LogEvent
from logmon.level import Level
from logmon.producers.otlp_json import encode_export
from logmon.producers.producer import CAPACITY, CLOSE_WITHIN_S, ProducerStatistics

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH_ROWS = 500
BATCH_WITHIN_S = 0.2
"""How long an event waits for others to be sent with."""
TIMEOUT_S = 10.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
AGAIN = frozenset({408, 425, 429, 502, 503, 504})


class HttpProducer:
    """Sends to a URL; see `logmon.producers.producer.Producer` for what it promises."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        service: str = "",
        capacity: int = CAPACITY,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._token = os.environ.get("LOGMON_API_TOKEN", "") if token is None else token
        self._url = url
        self._service = service
        self._capacity = capacity
        self._rng = rng
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._target = _Target(self._url, self._token)
        self._events: deque[LogEvent] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._give_up_at: float | None = None
        self._thread: threading.Thread | None = None
        self._put = self._sent = self._dropped = self._refused = 0
        self._sending = 0
        self._dropped_unsaid = 0
        self._last_error = ""

    def _ours(self) -> threading.Condition:
        """Return the lock; a forked child begins anew: what waited is its parent's to send."""
        if os.getpid() != self._pid:
            self._begin()
        return self._changed

    def put(self, event: LogEvent) -> None:
        """Take an event; never blocks and never raises."""
        with self._ours():
            self._put += 1
            if self._closing or len(self._events) + self._sending >= self._capacity:
                self._dropped += 1
                self._dropped_unsaid += 1
                return
            self._events.append(event)
            self._started()
            self._changed.notify_all()

    def _started(self) -> None:
        """See that the thread runs."""
        if self._thread is None or not self._thread.is_alive():
            self._dropped += self._sending
            self._sending = 0
            self._thread = threading.Thread(target=self._run, name="logmon producer", daemon=True)
            self._thread.start()

    def flush(self, within_s: float = CLOSE_WITHIN_S) -> bool:
        """Wait until all that was put is sent; return whether it was, in time."""
        with self._ours():
            return self._changed.wait_for(lambda: not self._events and not self._sending, within_s)

    def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Send what waits, at most so long, and end the thread; what is left is dropped."""
        with self._ours():
            self._closing = True
            self._give_up_at = time.monotonic() + within_s
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(within_s + 0.1)
        with self._changed:
            self._dropped += len(self._events)
            self._events.clear()
            self._changed.notify_all()

    def statistics(self) -> ProducerStatistics:
        """Return the account."""
        with self._ours():
            waiting = len(self._events) + self._sending
            return ProducerStatistics(
                self._put, self._sent, self._dropped, self._refused, waiting, self._last_error
            )

    # The thread

    def _run(self) -> None:
        while batch := self._next():
            self._deliver(batch)
        self._target.close()

    def _next(self) -> list[LogEvent]:
        """Wait for events and return some; [] when the producer is closed and nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._closing)
            self._changed.wait_for(
                lambda: len(self._events) >= BATCH_ROWS or self._closing, BATCH_WITHIN_S
            )
            if self._is_over():
                return []
            batch = [self._events.popleft() for _ in range(min(len(self._events), BATCH_ROWS))]
            self._sending = len(batch)
            dropped, self._dropped_unsaid = self._dropped_unsaid, 0
        if dropped and batch:
            batch.append(_said(dropped))
        return batch

    def _is_over(self) -> bool:
        return self._give_up_at is not None and time.monotonic() >= self._give_up_at

    def _deliver(self, batch: list[LogEvent]) -> None:
        """Send a batch, again and again while the other side says that makes sense."""
        body = encode_export(batch, self._service)
        wait_s = FIRST_WAIT_S
        while True:
            status, advised_s, reason = self._target.post(body)
            if 200 <= status < 300:
                self._done(refused=_rejected(reason), reason="")
                return
            if status not in AGAIN and status != 0:
                self._done(refused=len(batch), reason=reason)
                return
            self._last_error = reason
            pause_s = advised_s if advised_s is not None else wait_s * (0.5 + self._rng() / 2)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)
            if not self._pause(pause_s):
                self._done(dropped=len(batch), reason=reason)
                return

    def _pause(self, seconds: float) -> bool:
        """Wait; return False when it is time to give up."""
        with self._changed:
            until = time.monotonic() + seconds
            self._changed.wait_for(lambda: self._closing, seconds)
            if self._give_up_at is not None and not self._is_over():
                left = min(until, self._give_up_at) - time.monotonic()
                self._changed.wait_for(self._is_over, max(0.0, left))
            return not self._is_over()

    def _done(self, *, refused: int = 0, dropped: int = 0, reason: str) -> None:
        with self._changed:
            count, self._sending = self._sending, 0
            self._dropped += min(dropped, count)
            self._refused += min(refused, count)
            self._sent += max(0, count - dropped - refused)
            self._last_error = reason
            self._changed.notify_all()


def _rejected(answer: str) -> int:
    """Return how many records of an accepted request were rejected (`partialSuccess`)."""
    found = re.search(r'"rejectedLogRecords":\s*"?(\d+)', answer)
    return int(found[1]) if found else 0


class _Target:
    """One connection to one place, opened again when it broke. Belongs to one thread."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no URL of a logmon, such as http://127.0.0.1:8787")
        if parts.scheme == "http" and token and not is_loopback(parts.hostname):
            raise ValueError(f"{url!r}: a token goes over https, or http on loopback, only")
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        path = parts.path.rstrip("/")
        self._path = path if path.endswith("/v1/logs") else f"{path}/v1/logs"
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes) -> tuple[int, float | None, str]:
        """Return the status (0: no answer), the advised wait in seconds, and the reason."""
        try:
            if self._connection is None:
                kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
                self._connection = kind(self._host, self._port, timeout=TIMEOUT_S)
            self._connection.request("POST", self._path, body, self._headers)
            answer = self._connection.getresponse()
            text = answer.read(10_000)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, None, f"{type(error).__name__}: {error}"
        after = answer.headers.get("Retry-After", "")
        advised = min(float(after), LONGEST_WAIT_S) if after.isdecimal() else None
        reason = f"{answer.status}: {text[:200].decode('utf-8', 'replace')}"
        return answer.status, advised, reason

    def close(self) -> None:
        """Close the connection; the next request opens one again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _said(dropped: int) -> LogEvent:
    """Return what the other side is told about events that were dropped here."""
    return LogEvent(
        timestamp=datetime.now(UTC),
        level=Level.WARN,
        source="",
        message=f"{dropped} records were dropped: more was logged than could be sent",
        message_template="{dropped} records were dropped: more was logged than could be sent",
        attributes={"dropped": dropped},
        id=f"dropped-{os.getpid()}-{time.time_ns()}",
    )
