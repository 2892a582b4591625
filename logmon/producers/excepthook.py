"""`install_excepthook`: exceptions that nobody caught are sent before the program dies of them."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from logmon.producers.producer import CLOSE_WITHIN_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from logmon.producers.handler import LogmonHandler


def install_excepthook(handler: LogmonHandler) -> Callable[[], None]:
    """Send what nobody catches, in any thread, at level critical; then do what was done before.

    Waits up to 2 s for it to be sent when the main thread dies. Ctrl+C and `SystemExit` are no
    faults. Returns what takes the hooks away again.
    """
    before, before_in_thread = sys.excepthook, threading.excepthook

    def say(info: Any, where: str) -> None:
        if issubclass(info[0], KeyboardInterrupt | SystemExit):
            return
        text = f"uncaught {info[0].__name__} in {where}: {info[1]}"
        record = logging.LogRecord("uncaught", logging.CRITICAL, "", 0, text, None, info)
        trace = info[2]
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            record.pathname, record.lineno = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            record.funcName = trace.tb_frame.f_code.co_name
        handler.handle(record)

    def hook(kind: Any, error: Any, trace: Any) -> None:
        say((kind, error, trace), "the main thread")
        handler.producer.flush(CLOSE_WITHIN_S)
        before(kind, error, trace)

    def hook_in_thread(args: Any) -> None:
        name = args.thread.name if args.thread is not None else "a thread"
        say((args.exc_type, args.exc_value, args.exc_traceback), name)
        before_in_thread(args)

    def uninstall() -> None:
        if sys.excepthook is hook:
            sys.excepthook = before
        if threading.excepthook is hook_in_thread:
            threading.excepthook = before_in_thread

    sys.excepthook, threading.excepthook = hook, hook_in_thread
    return uninstall
