"""Python's logging into a running logmon: `logmon serve` with [sources.otlp] enabled.

LOGMON_URL=http://127.0.0.1:8787 LOGMON_API_TOKEN=… python handler.py
"""

import logging
import os

from logmon import LogmonHandler

handler = LogmonHandler(os.environ["LOGMON_URL"], service="checkout")
logging.basicConfig(level=logging.INFO, handlers=[handler])
logger = logging.getLogger("checkout.cart")

logger.info("cart of %s holds %d parts", "bob", 3)
logger.warning("stock of %(part)s is low", {"part": "A-17"}, extra={"left": 2})
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("no discount for %s", "bob")
# When the program ends logging closes the handler, which sends what still waits.
