"""Every exception logmon raises on purpose.

LogmonError
├── ConfigError              a file or a flag is wrong; the user can fix it (exit code 2)
├── SourceError              a source stopped
│   ├── TransientSourceError     try again later; may carry `retry_after_s`
│   └── PermanentSourceError     the same request will always fail (exit code 3)
│       └── CredentialsError     every credential was refused (exit code 4)
│           └── NoCredentialsError   there is none
├── StoreError               the store cannot be opened, read or written (exit code 3)
│   ├── StoreUnavailable         it cannot be written now; nothing was, try again later
│   │   └── StoreFull                no room
│   └── NoStore                  nothing was ever kept: an empty list, else exit code 2
├── ExportError              the shown rows could not be written to a file; no file is left
├── MalformedEvent           one record could not become a LogEvent; it goes to the dead letters
└── PatternTooSlow           a regular expression ran out of its time
"""


class LogmonError(Exception):
    """The root: catch this to catch everything logmon raises on purpose."""


class ConfigError(LogmonError):
    """A configuration value or a flag is missing or wrong.

    `where` is the place the user must edit, e.g. `config.toml:7: sources.prod.site` or `--since`.
    `hint` says what to do, e.g. `did you mean 'mock'?`.
    """

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        self.message = message
        self.where = where
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}; {self.hint}" if self.hint else text


class SourceError(LogmonError):
    """A source stopped before it was asked to."""


class TransientSourceError(SourceError):
    """The source may work later. `retry_after_s` is the other side's own advice, in seconds."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class PermanentSourceError(SourceError):
    """Trying again cannot help: a missing file, a refused request, a wrong setting."""


class CredentialsError(PermanentSourceError):
    """The other side refused every credential that is configured."""


class NoCredentialsError(CredentialsError):
    """None is configured, so nobody was asked."""


class ExportError(LogmonError):
    """The rows could not be written to a file; nothing is left of it."""


class StoreError(LogmonError):
    """The store cannot be opened, read or written; nothing was written in part."""


class StoreUnavailable(StoreError):
    """Locked by another program, or damaged: nothing of the commit is there; try again later."""


class StoreFull(StoreUnavailable):
    """The disk is full: nothing of the commit is there, and it may be tried again."""


class NoStore(StoreError):
    """There is no store, or nothing was stored in it yet; a list of what it holds is empty."""


class ItemError(ConfigError):
    """A work item cannot be changed as asked: a newer one of its cause is open, for example."""


class UnknownItem(ItemError):
    """There is no work item with that id."""


class MalformedEvent(LogmonError):
    """One record is no event. `reason` is a short machine word, e.g. `not_an_object`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class PatternTooSlow(LogmonError):
    """A regular expression ran longer than it may."""
