"""structlog into a running logmon, beside what it prints anyway.

pip install structlog
LOGMON_URL=http://127.0.0.1:8787 LOGMON_API_TOKEN=… python structlog_events.py
"""

import os

import structlog

from logmon import LogmonProcessor

to_logmon = LogmonProcessor(os.environ["LOGMON_URL"], service="checkout")
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        to_logmon,
        structlog.processors.JSONRenderer(),
    ]
)
logger = structlog.get_logger()

logger.info("cart opened", user="bob", parts=3)
logger.error("card declined", order=812)
to_logmon.producer.close()
