"""OTLP in protobuf as the same document that OTLP/JSON is, so that one mapping reads both.

Ids become hex, as OTLP/JSON has them; protobuf's own JSON form would have base64.
Needs `opentelemetry-proto` (extra `otlp`).
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from logmon.errors import MalformedEvent


def read_request(data: bytes) -> dict[str, Any]:
    """Return an export request.

    Raises:
        MalformedEvent: the bytes are none.
    """
    request = ExportLogsServiceRequest()
    try:
        request.ParseFromString(data)
    except DecodeError as error:
        raise MalformedEvent("invalid_protobuf", str(error)[:200]) from None
    return {"resourceLogs": [_resource_logs(logs) for logs in request.resource_logs]}


def write_response(rejected: int, reason: str) -> bytes:
    """Return the answer to an export request; without rejected records it is empty."""
    if not rejected:
        return b""
    partial = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=reason)
    answer = ExportLogsServiceResponse(partial_success=partial)
    return bytes(answer.SerializeToString())


def _resource_logs(logs: Any) -> dict[str, Any]:
    return {
        "resource": {"attributes": _pairs(logs.resource.attributes)},
        "scopeLogs": [
            {
                "scope": {
                    **({"name": scope_logs.scope.name} if scope_logs.scope.name else {}),
                    "attributes": _pairs(scope_logs.scope.attributes),
                },
                "logRecords": [_record(record) for record in scope_logs.log_records],
            }
            for scope_logs in logs.scope_logs
        ],
    }


def _record(record: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "timeUnixNano": record.time_unix_nano,
        "observedTimeUnixNano": record.observed_time_unix_nano,
        "severityNumber": record.severity_number,
        "severityText": record.severity_text,
        "attributes": _pairs(record.attributes),
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
    }
    if name := getattr(record, "event_name", ""):  # since protocol 1.5
        found["eventName"] = name
    if record.HasField("body"):
        found["body"] = _value(record.body)
    return found


def _pairs(pairs: Any) -> list[dict[str, Any]]:
    return [{"key": pair.key, "value": _value(pair.value)} for pair in pairs]


def _value(value: Any) -> dict[str, Any]:
    """Return an AnyValue as OTLP/JSON writes it."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return {"arrayValue": {"values": [_value(item) for item in value.array_value.values]}}
    if kind == "kvlist_value":
        return {"kvlistValue": {"values": _pairs(value.kvlist_value.values)}}
    if kind == "bytes_value":
        return {"bytesValue": b64encode(value.bytes_value).decode()}
    return {} if kind is None else {_NAMES[kind]: getattr(value, kind)}


_NAMES = {
    "string_value": "stringValue",
    "bool_value": "boolValue",
    "int_value": "intValue",
    "double_value": "doubleValue",
}
