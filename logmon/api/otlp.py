"""`POST /v1/logs`: OTLP/HTTP, protobuf or JSON, gzip or not, answered once the log holds it.

Status codes and bodies are those of the OTLP specification 1.x, "OTLP/HTTP Response": 200 with
what was rejected, 400 for what will never be read, 429 and 503 with `Retry-After` for what may
be sent again. Nothing that was answered with 200 is lost.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from logmon.api.refused import Refused, try_later
from logmon.errors import MalformedEvent
from logmon.formats.json_lines import read_object
from logmon.sources.otlp import OtlpSource
from logmon.sources.push import SourceBusy

if TYPE_CHECKING:
    from starlette.requests import Request

    from logmon.api.door import Api
    from logmon.sources.otlp import Export

BODY_BYTES = 4 << 20
"""The largest request, as it is sent and as it is unpacked."""
READ_BYTES = 4 * BODY_BYTES
"""So much is read of one that is too large: a connection that is closed unread is reset, and the
sender would not see why, and send it again."""
PROTOBUF, JSON = "application/x-protobuf", "application/json"


async def logs(api: Api, request: Request) -> Response:
    """Take in an export request.

    Raises:
        Refused: no source of the type takes it in, or it is neither protobuf nor JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (PROTOBUF, JSON):
        raise Refused(415, f"the body must be {PROTOBUF} or {JSON}")
    try:
        source = _source(api)
        body = _unpacked(await _whole(request), request.headers.get("content-encoding", ""))
        peer = request.client.host if request.client else ""
        export = await asyncio.to_thread(_read, source, kind, body, f"/v1/logs from {peer}")
        await _accept(source, export)
    except Refused as refused:
        return _refusal(refused, kind)
    return _answer(export, kind)


def _source(api: Api) -> OtlpSource:
    """Return the source that takes requests in, if it can now.

    Raises:
        Refused: 404 there is none; 503 it cannot now.
    """
    service = api.service
    source = next((s for s in service.sources if isinstance(s, OtlpSource)), None)
    if source is None:
        raise Refused(404, 'no source of type "otlp" is enabled')
    if service.store is not None and not service.store.writes:
        raise try_later(503, "another logmon writes into the store; send it there", 30)
    if service.hub.store_trouble:
        raise try_later(503, "the store is full", 10)
    return source


async def _whole(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= BODY_BYTES:
            parts.append(part)
    if size > BODY_BYTES:
        raise Refused(413, f"the body is longer than {BODY_BYTES} bytes")
    return b"".join(parts)


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() != "gzip":
        raise Refused(
            415, "the body may be packed with gzip only", headers={"Accept-Encoding": "gzip"}
        )
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(body, BODY_BYTES + 1)
    except zlib.error as error:
        raise Refused(400, f"the body is no gzip: {error}") from None
    if len(data) > BODY_BYTES:
        raise Refused(413, f"the body is longer than {BODY_BYTES} bytes when unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise Refused(400, "the body is no whole gzip stream")
    return data


def _read(source: OtlpSource, kind: str, body: bytes, peer: str) -> Export:
    """Return what a body holds; runs in a thread.

    Raises:
        Refused: 400 it is no export request; 415 protobuf cannot be read here.
    """
    try:
        if kind == JSON:
            document = read_object(body)
        else:
            try:
                from logmon.formats.otlp_protobuf import read_request
            except ImportError:
                raise Refused(415, "send JSON, or see logmon doctor here: extra otlp") from None
            document = read_request(body)
        return source.read(document, peer=peer, now_ns=time.time_ns())
    except MalformedEvent as error:
        raise Refused(400, f"{error.reason}: {error.detail}") from None


async def _accept(source: OtlpSource, export: Export) -> None:
    """Wait until the log holds it.

    Raises:
        Refused: 429 too much waits already; 503 it takes too long.
    """
    try:
        async with asyncio.timeout(source.accepted_within_s):
            await source.accept(export)
    except SourceBusy:
        raise try_later(429, "more is sent than can be taken in") from None
    except TimeoutError:
        raise try_later(503, "it could not be taken in in time", 5) from None


def _answer(export: Export, kind: str) -> Response:
    """Say how many records were rejected, and why the first one was."""
    rejected = len(export.rejected)
    reason = ""
    if rejected:
        first = export.rejected[0]
        reason = f"{first.reason}: {first.detail} (kept as a dead letter)"
    if kind == PROTOBUF:
        from logmon.formats.otlp_protobuf import write_response

        return Response(write_response(rejected, reason), media_type=PROTOBUF)
    partial = {"rejectedLogRecords": str(rejected), "errorMessage": reason}
    return Response(
        msgspec.json.encode({"partialSuccess": partial} if rejected else {}), media_type=JSON
    )


def _refusal(refused: Refused, kind: str) -> Response:
    """Return a refusal as a google.rpc.Status, as the specification wants it."""
    if kind == JSON:
        body = msgspec.json.encode({"error": refused.reason, "message": refused.reason})
    else:  # field 2, a text: the only one a client may rely on
        text = refused.reason.encode("ascii", "backslashreplace")[:127]
        body = bytes([0x12, len(text)]) + text
    return Response(body, refused.status, refused.headers, kind)
