"""The OpenTelemetry SDK into a running logmon: nothing of logmon is imported.

pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
LOGMON_URL=http://127.0.0.1:8787 LOGMON_API_TOKEN=… python otel.py
"""

import os

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

exporter = OTLPLogExporter(
    endpoint=os.environ["LOGMON_URL"] + "/v1/logs",
    headers={"Authorization": f"Bearer {os.environ['LOGMON_API_TOKEN']}"},
)
provider = LoggerProvider(resource=Resource.create({"service.name": "checkout"}))
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
provider.get_logger("checkout.cart").emit(
    LogRecord(
        severity_number=SeverityNumber.ERROR,
        body="card declined for order 812",
        attributes={"message.template": "card declined for order {order}", "order": 812},
    )
)
provider.shutdown()
