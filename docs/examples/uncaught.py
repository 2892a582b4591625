"""Exceptions that nobody caught, sent before the program dies of them.

LOGMON_URL=http://127.0.0.1:8787 LOGMON_API_TOKEN=… python uncaught.py
"""

import os

from logmon import LogmonHandler, install_excepthook

install_excepthook(LogmonHandler(os.environ["LOGMON_URL"], service="checkout"))

raise RuntimeError("the card reader is gone")
