"""Programs that tests start: none outlives its test, and none is waited for in vain."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a program and wait for its end, as `subprocess.Popen` does; kill it when the test fails.

    A program that waits to be told would be waited for without end: a test's time is up only once.
    """
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
