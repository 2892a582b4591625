"""The fake's own paths, for tests in another process: what is true, what was asked, what to do.

| path | |
|---|---|
| `GET /fake/events` | the truth: `{"id", "time_ms", "visible_ms", "event"}` of all to be seen |
| `GET /fake/requests` | the request journal |
| `POST /fake/behaviour` | fields of `Behaviour` to change, as JSON |
| `POST /fake/on` | `{"number", "fault", "endpoint"}`: what befalls one request to come |
| `POST /fake/keys` | `{"add" or "revoke": "API:APP" or token, "answer"}` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from logmon.testing.fake_datadog.behaviour import Behaviour
from logmon.testing.fake_datadog.reply import Reply, json_reply, refusal

if TYPE_CHECKING:
    from logmon.testing.fake_datadog.server import FakeDatadog


def answer_control(fake: FakeDatadog, path: str, body: bytes) -> Reply:
    """Answer a request to one of the fake's own paths."""
    try:
        sent = msgspec.json.decode(body) if body else {}
        return json_reply(_control(fake, path.removeprefix("/fake/"), sent))
    except (msgspec.ValidationError, msgspec.DecodeError, LookupError, TypeError, ValueError) as e:
        return refusal(400, f"{type(e).__name__}: {e}")


def _control(fake: FakeDatadog, name: str, sent: Any) -> Any:
    if name == "events":
        return [
            {
                "id": event.id,
                "time_ms": event.time_ms,
                "visible_ms": event.visible_ms,
                "event": msgspec.Raw(event.body),
            }
            for event in fake.visible()
        ]
    if name == "requests":
        return list(fake.journal)
    if name == "behaviour":
        merged = msgspec.to_builtins(fake.behaviour) | sent
        fake.behaviour = msgspec.convert(merged, Behaviour, strict=True)
    elif name == "on":
        fake.on(sent["number"], sent["fault"], endpoint=sent.get("endpoint", "search"))
    elif name == "keys":
        _change_keys(fake, sent)
    else:
        raise LookupError(name)
    return {"ok": True}


def _change_keys(fake: FakeDatadog, sent: Any) -> None:
    if revoked := sent.get("revoke"):
        fake.access.revoke(revoked, sent.get("answer", "403"))
    if added := sent.get("add"):
        valid_from_s = fake.now_ms() / 1000 + sent.get("spreads_s", 0)
        api_key, pair, app_key = added.partition(":")
        if pair:
            fake.access.add_pair(api_key, app_key, valid_from_s=valid_from_s)
        else:
            fake.access.add_token(added, valid_from_s=valid_from_s)
