"""Which redactor a run has: `[redaction]`, the flags, and the key of the store in use."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from logmon.redaction import RedactionOptions, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from logmon.config import RedactionSettings


def redactor_of(
    settings: RedactionSettings,
    *,
    store: Path | None = None,
    asked: bool = False,
    key: bytes = b"",
) -> Redactor | None:
    """Return the redactor with the key of a store, or with `key`, or with one for this run alone.

    None when redaction is switched off, unless it is `asked` for.

    Raises:
        StoreError: the store's key cannot be read or made.
    """
    if not settings.enabled and not asked:
        return None
    if store is not None:
        from logmon.store.place import redaction_key

        key = redaction_key(store)
    options = RedactionOptions(
        keys=tuple(settings.keys),
        allow_keys=tuple(settings.allow_keys),
        email=settings.email,
        ip=settings.ip,
    )
    return Redactor(options, key=key)


def redact_own_logs(redactor: Redactor) -> None:
    """See that no record of Python's logging, ours or a library's, holds a secret from now on."""
    logging.setLogRecordFactory(_Records(redactor, logging.LogRecord))


class _Records:
    def __init__(self, redactor: Redactor, make: Callable[..., logging.LogRecord]) -> None:
        self._redactor = redactor
        self._make = make

    def __call__(self, *args: Any, **named: Any) -> logging.LogRecord:
        record = self._make(*args, **named)
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # logging itself says so when it formats the record
            return record
        record.msg, record.args = self._redactor.text(message), None
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_text = self._redactor.text(text)
        return record
