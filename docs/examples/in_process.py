"""A program that logs into a hub of its own, and reads it: no server, no socket."""

import asyncio
import logging

from logmon import LogmonHandler
from logmon.filter import build_filter
from logmon.hub import LogEventHub
from logmon.level import Level

logger = logging.getLogger("checkout.cart")


async def main() -> None:
    """Log from the loop and from a thread, and read what is a warning or worse."""
    hub = LogEventHub(max_rows=10_000)
    handler = LogmonHandler(hub, service="checkout")
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    warnings = build_filter(levels=frozenset({Level.WARN, Level.ERROR}))
    reader = hub.subscribe(warnings, name="example")

    logger.info("cart of %s holds %d parts", "bob", 3)
    await asyncio.to_thread(logger.warning, "stock of %s is low", "A-17")
    async for rows in reader.batches():
        for row in rows:
            print(row.event.level.label, row.event.message, row.event.attributes["arg0"])
        break
    handler.close()


asyncio.run(main())
