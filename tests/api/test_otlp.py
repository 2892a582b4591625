"""OTLP/HTTP: the real SDK's exporters deliver, what is bad is refused, what is answered is kept."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter as JsonExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as ProtoExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from logmon.level import Level
from logmon.source import LogStreamOptions
from logmon.sources.otlp import OtlpSource
from logmon.store.journal import open_writer
from tests.api.otlp_rig import receiving, rows
from tests.api.rig import Rig, rig

NANOS = 1_700_000_000_123_456_789


async def post(
    served: Rig, body: Any, *, kind: str = "application/json", scope: str = "ingest", **headers: str
) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {**served.auth(scope), "Content-Type": kind, **headers}
    return await served.client.post(f"{served.server.url}/v1/logs", content=content, headers=sent)


def record(**fields: Any) -> dict[str, Any]:
    return {"timeUnixNano": str(NANOS), "body": {"stringValue": "hello"}, **fields}


def request(*records: dict[str, Any], service: str = "shop") -> dict[str, Any]:
    named = [{"key": "service.name", "value": {"stringValue": service}}]
    return {
        "resourceLogs": [
            {"resource": {"attributes": named}, "scopeLogs": [{"logRecords": list(records)}]}
        ]
    }


# The real SDK


@contextmanager
def sdk(exporter: Any) -> Iterator[LoggerProvider]:
    resource = Resource.create({"service.name": "checkout", "host.name": "i-0abc"})
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    try:
        yield provider
    finally:
        provider.shutdown()


def emit(exporter: Any) -> tuple[str, str]:
    """Log through the SDK inside a span; return its ids once everything was exported."""
    tracer = TracerProvider().get_tracer("tests")
    with sdk(exporter) as provider:
        logger = provider.get_logger("shop.cart", "1.0")
        with tracer.start_as_current_span("order") as span:
            logger.emit(
                LogRecord(
                    timestamp=NANOS,
                    severity_number=SeverityNumber.ERROR,
                    severity_text="ERROR",
                    body="Card declined for order 812",
                    attributes={
                        "message.template": "Card declined for order {order}",
                        "order": 812,
                        "ratio": 0.5,
                        "retry": True,
                        "parts": ["a", "b"],
                        "user": {"name": "bob", "age": 41},
                    },
                )
            )
            logger.emit(
                LogRecord(
                    timestamp=NANOS + 1000,
                    severity_number=SeverityNumber.WARN2,
                    body={"what": "slow", "ms": 1200},
                )
            )
        assert provider.force_flush()
        context = span.get_span_context()
        return f"{context.trace_id:032x}", f"{context.span_id:016x}"


@pytest.mark.parametrize("make", [ProtoExporter, JsonExporter], ids=["protobuf", "json"])
@pytest.mark.parametrize("packed", ["gzip", "none"])
async def test_what_the_sdk_exports_arrives_with_all_it_says(
    tmp_path: Path, make: Any, packed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", packed)
    async with receiving(tmp_path) as served:
        exporter = make(
            endpoint=f"{served.server.url}/v1/logs", headers=served.auth("ingest"), timeout=5
        )
        trace_id, span_id = await asyncio.to_thread(emit, exporter)
        declined, slow = rows(served)
    assert declined.message == "Card declined for order 812"
    assert declined.message_template == "Card declined for order {order}"
    assert (declined.level, slow.level) == (Level.ERROR, Level.WARN)
    assert (declined.source, declined.host) == ("checkout", "i-0abc")
    assert (declined.trace_id, declined.span_id) == (trace_id, span_id)
    assert declined.timestamp.isoformat() == "2023-11-14T22:13:20.123456+00:00"
    found = declined.attributes
    assert (found["order"], found["ratio"], found["retry"]) == (812, 0.5, True)
    assert (found["parts"], found["user"]) == (["a", "b"], {"name": "bob", "age": 41})
    assert found["logger"] == "shop.cart"
    assert json.loads(slow.message) == {"what": "slow", "ms": 1200}
    assert slow.attributes["body"] == {"what": "slow", "ms": 1200}


async def test_protobuf_and_json_make_the_same_events(tmp_path: Path) -> None:
    document = request(
        record(severityNumber=17, traceId="5b8efff798038103d269b633813fc60c"),
        record(severityNumber=9, attributes=[{"key": "n", "value": {"intValue": "-5"}}]),
    )
    message = ExportLogsServiceRequest()
    logs = message.resource_logs.add()
    logs.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = logs.scope_logs.add()
    one = scope.log_records.add(time_unix_nano=NANOS, severity_number=17)
    one.body.string_value = "hello"
    one.trace_id = bytes.fromhex("5b8efff798038103d269b633813fc60c")
    two = scope.log_records.add(time_unix_nano=NANOS, severity_number=9)
    two.body.string_value = "hello"
    two.attributes.add(key="n").value.int_value = -5
    async with receiving(tmp_path) as served:
        assert (await post(served, document)).json() == {}
        kind = "application/x-protobuf"
        answer = await post(served, message.SerializeToString(), kind=kind)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == kind
        found = [(e.message, e.level, e.trace_id, e.attributes) for e in rows(served)]
    assert found[:2] == found[2:]


# What is bad


async def test_records_that_are_none_become_dead_letters_and_the_rest_is_kept(
    tmp_path: Path,
) -> None:
    document = request(record(), record(severityNumber=99), record(timeUnixNano="yesterday"))
    async with receiving(tmp_path) as served:
        answer = await post(served, document)
        partial = answer.json()["partialSuccess"]
        assert (answer.status_code, partial["rejectedLogRecords"]) == (200, "2")
        assert "unknown_level" in partial["errorMessage"]
        assert [event.message for event in rows(served)] == ["hello"]
        letters = (await served.get("/dead-letters")).json()["dead_letters"]
        assert [letter["reason"] for letter in letters] == ["bad_time", "unknown_level"]
        assert letters[0]["source"] == "otlp"
        account = served.hub.sources["otlp"]
        assert (account.received, account.stored, account.dead_lettered) == (3, 1, 2)
        assert account.difference == 0
        packed = ExportLogsServiceRequest()
        bad = packed.resource_logs.add().scope_logs.add().log_records.add(severity_number=99)
        bad.time_unix_nano = NANOS
        answer = await post(served, packed.SerializeToString(), kind="application/x-protobuf")
        said = ExportLogsServiceResponse.FromString(answer.content).partial_success
        assert said.rejected_log_records == 1
        assert "unknown_level" in said.error_message


NESTED = b'{"resourceLogs":' + b"[" * 5_000 + b"]" * 5_000 + b"}"


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b"", {}),
        (400, b"not json", {}),
        (400, b"[]", {}),
        (400, b'{"resourceLogs": 5}', {}),
        (400, b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [7]}]}]}', {}),
        (400, NESTED, {}),
        (400, b"\xff\xfe", {}),
        (400, b"\xff\xff\xff", {"kind": "application/x-protobuf"}),
        (400, b"\x08", {"kind": "application/x-protobuf"}),
        (415, b"{}", {"kind": "text/plain"}),
        (415, b"{}", {"Content-Encoding": "br"}),
        (400, b"{}", {"Content-Encoding": "gzip"}),
        (400, gzip.compress(b"{}", mtime=0)[:-3], {"Content-Encoding": "gzip"}),
        (413, gzip.compress(b" " * (5 << 20)), {"Content-Encoding": "gzip"}),
        (413, b" " * (5 << 20), {}),
        (403, b"{}", {"scope": "read"}),
    ],
)
async def test_what_is_no_export_request_is_refused_and_harms_nothing(
    tmp_path: Path, status: int, body: bytes, headers: dict[str, Any]
) -> None:
    async with receiving(tmp_path) as served:
        assert (await post(served, body, **headers)).status_code == status
        assert (await post(served, request(record()))).status_code == 200
        assert len(rows(served)) == 1
        assert served.said == []


async def test_without_a_token_or_a_source_nothing_is_taken_in(tmp_path: Path) -> None:
    async with rig(tmp_path) as served:
        url = f"{served.server.url}/v1/logs"
        sent = {"Content-Type": "application/json"}
        assert (await served.client.post(url, content=b"{}", headers=sent)).status_code == 401
        answer = await post(served, request(record()))
        assert answer.status_code == 404
        assert "otlp" in answer.json()["error"]


async def test_a_refusal_is_a_status_in_the_clients_own_form(tmp_path: Path) -> None:
    async with receiving(tmp_path) as served:
        assert (await post(served, b"x")).json()["message"]
        answer = await post(served, b"\x08", kind="application/x-protobuf")
        assert answer.content[0] == 0x12
        assert answer.content[2:].decode().startswith("invalid_protobuf")


# What is answered is kept


async def test_what_is_sent_again_is_taken_in_once(tmp_path: Path) -> None:
    store = open_writer(tmp_path / "state" / "log.db")
    assert store is not None
    document = request(record(), record(), record(body={"stringValue": "other"}))
    try:
        async with receiving(tmp_path, store=store) as served:
            for _ in range(3):
                assert (await post(served, document)).status_code == 200
            assert [event.message for event in rows(served)] == ["hello", "hello", "other"]
            account = served.hub.sources["otlp"]
            assert (account.received, account.stored, account.duplicates) == (3, 3, 6)
    finally:
        store.close()


async def test_an_answer_comes_after_the_commit(tmp_path: Path) -> None:
    store = open_writer(tmp_path / "state" / "log.db")
    assert store is not None
    try:
        async with receiving(tmp_path, store=store) as served:
            many = [record(body={"stringValue": f"row {n}"}) for n in range(2_500)]
            for place in range(5):
                part = many[place * 500 : (place + 1) * 500]
                assert (await post(served, request(*part))).status_code == 200
                kept = sum(len(block.batch) for block in store.read_now(-1, 10**6))
                assert kept == (place + 1) * 500
            assert (await post(served, request(*many, service="other"))).status_code == 200
    finally:
        store.close()


async def test_more_than_can_be_taken_in_is_refused_with_a_time_to_come_back(
    tmp_path: Path,
) -> None:
    source = OtlpSource("otlp", LogStreamOptions(), most_waiting=2, accepted_within_s=0.3)
    async with receiving(tmp_path, running=False, source=source) as served:
        answers = await asyncio.gather(
            *(post(served, request(record(severityNumber=n + 1))) for n in range(6))
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert set(statuses) == {429, 503}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        serving = asyncio.create_task(served.service.run())
        for number in range(6):
            answer = await post(served, request(record(severityNumber=number + 1)))
            assert answer.status_code == 200
        assert len(rows(served)) == 6
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def test_a_full_store_answers_503_and_takes_it_in_later(tmp_path: Path) -> None:
    async with receiving(tmp_path) as served:
        served.hub.store_trouble = "disk full"
        answer = await post(served, request(record()))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        served.hub.store_trouble = ""
        assert (await post(served, request(record()))).status_code == 200
