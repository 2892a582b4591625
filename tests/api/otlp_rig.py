"""A served hub that takes in OTLP."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from logmon.hub import LogEventHub
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.source import LogStreamOptions
from logmon.sources.otlp import OtlpSource
from tests.api.rig import Rig, rig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from logmon.event import LogEvent
    from logmon.store.journal import Store


@asynccontextmanager
async def receiving(
    folder: Path,
    *,
    store: Store | None = None,
    running: bool = True,
    source: OtlpSource | None = None,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """A served hub with a source of type otlp."""
    hub = LogEventHub(journal=store)
    source = source or OtlpSource("otlp", LogStreamOptions())
    service = LogMonitorService(hub, [SourceEntry(source)], store=store)
    serving = asyncio.create_task(service.run()) if running else None
    try:
        async with rig(folder, service=service, **settings) as served:
            yield served
    finally:
        if serving is not None:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


def rows(served: Rig) -> list[LogEvent]:
    return [row.event for row in served.hub.recent(100_000, outside=True)]
