"""`logmon dead`: list, show, read again, throw away and export a store's dead letters."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from datetime import UTC
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.configured import configured_source, store_path
from logmon.dead_letter import EXCERPT_BYTES, KeptLetter, hex_lines, kept_document
from logmon.errors import ConfigError, MalformedEvent, NoStore
from logmon.event import encode_json
from logmon.filter import build_filter
from logmon.intake import filter_of
from logmon.journal import LetterRequest
from logmon.letter_desk import commit_of
from logmon.redaction_setup import redactor_of
from logmon.sources.replay import ReplayOptions, ReplaySource
from logmon.store.journal import StoreOptions, open_reader, open_writer
from logmon.store.letters import request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from logmon.config import Config
    from logmon.dead_letter import DeadLetter
    from logmon.event import LogEvent
    from logmon.source import LogEventSource
    from logmon.store.journal import Store

AT_ONCE = 1_000
"""Letters that are dealt with in one transaction."""
GRANTED_WITHIN_S = 5.0
"""How long to wait for the process that writes to do what it is asked."""
LOOK_EVERY_S = 0.05
EXCERPT_CHARACTERS = 60


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters are meant; nothing said means all."""

    numbers: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    """Names, as globs; `!name` excludes."""
    reasons: tuple[str, ...] = ()

    def has(self, kept: KeptLetter) -> bool:
        """Whether a letter is meant."""
        letter = kept.letter
        return (
            (not self.numbers or kept.number in self.numbers)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.sources or _globbed(self.sources, letter.source))
        )


class Outcome(msgspec.Struct, frozen=True):
    """What became of one letter that was read again."""

    number: int
    result: str
    """`restored`, `refused`, `filtered` by the source's options, or `cut`: not kept whole."""
    reason: str = ""
    detail: str = ""
    ids: tuple[str, ...] = ()
    """Ids of the events it became."""


def chosen(config: Config, choice: Choice, *, most: int | None = None) -> list[KeptLetter]:
    """Return the letters of the configured store that are meant, the oldest first.

    `most` keeps the newest so many.

    Raises:
        ConfigError: a number that was named is not there.
        NoStore: there is none, and no number was named.
        StoreError: it cannot be read.
    """
    try:
        store = open_reader(store_path(config))
    except NoStore as error:
        if not choice.numbers:
            raise
        raise ConfigError(f"there is no dead letter {choice.numbers[0]}", hint=str(error)) from None
    try:
        found = []
        for kept in _newest_first(store):
            if choice.has(kept):
                found.append(kept)
            if len(found) == most:
                break
    finally:
        store.close()
    if missing := sorted(set(choice.numbers) - {kept.number for kept in found}):
        raise ConfigError(f"there is no dead letter {missing[0]}", hint="see logmon dead list")
    return found[::-1]


def _newest_first(store: Store) -> Iterator[KeptLetter]:
    before: int | None = None
    while page := store.dead_letters(limit=AT_ONCE, before=before):
        yield from page
        before = page[-1].number


def _globbed(patterns: tuple[str, ...], name: str) -> bool:
    from logmon.batch import Columns

    columns = Columns.of([0], [0], [name])
    return bool(build_filter(sources=patterns).mask(columns)[0])


# Showing


def as_lines(found: Iterable[KeptLetter], *, json: bool) -> Iterator[str]:
    """Yield a line for each letter: JSON, or columns for people."""
    for kept in found:
        if json:
            yield encode_json(kept_document(kept)).decode()
            continue
        letter = kept.letter
        raw = letter.raw[:EXCERPT_CHARACTERS].decode("utf-8", "backslashreplace")
        yield (
            f"{kept.number:<6} {kept.kept_at:%Y-%m-%d %H:%M:%S}  {letter.source:<12} "
            f"{letter.reason:<16} {_place(letter):<24} {letter.length:>8} B  {raw}"
        )


def details(kept: KeptLetter, *, as_hex: bool) -> Iterator[str]:
    """Yield the lines that tell all about one letter, its bytes at the end."""
    letter = kept.letter
    for key, value in kept_document(kept).items():
        if key not in ("raw", "raw_base64") and value not in (None, ""):
            yield f"{key:<9} {value}"
    if not letter.is_whole:
        yield f"{'kept':<9} the first {len(letter.raw)} bytes"
    yield ""
    if as_hex:
        yield from hex_lines(letter.raw)
    else:
        yield from letter.raw.decode("utf-8", "backslashreplace").split("\n")


def _place(letter: DeadLetter) -> str:
    return letter.origin if letter.offset is None else f"{letter.origin}:{letter.offset}"


def export(config: Config, found: Iterable[KeptLetter], path: Path, *, overwrite: bool) -> int:
    """Write letters as JSON lines into a new file for the owner alone; return how many.

    The file appears whole or not at all, and holds no secret, whenever the letters were kept.

    Raises:
        ConfigError: there is a file of this name, or it cannot be written.
    """
    count = 0
    redactor = redactor_of(config.redaction, store=store_path(config))
    try:
        if not overwrite and (path.exists() or path.is_symlink()):
            raise FileExistsError
        # Made with mode 0600, under a name nobody else can know.
        file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(file, "wb") as out:
                for kept in found:
                    letter = kept.letter if redactor is None else redactor.dead_letter(kept.letter)
                    shown = msgspec.structs.replace(kept, letter=letter)
                    out.write(encode_json(kept_document(shown)) + b"\n")
                    count += 1
                out.flush()
                os.fsync(out.fileno())
            _put_in_place(Path(name), path, overwrite=overwrite)
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()
    except FileExistsError:
        hint = "name another one, or say --force"
        raise ConfigError("is there already", where=str(path), hint=hint) from None
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(path)) from None
    return count


def _put_in_place(written: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        written.replace(path)
    else:
        os.link(written, path)  # unlike a rename it fails where something is


# Changing


def purge(config: Config, found: list[KeptLetter]) -> str:
    """Throw letters away; return a line that says so.

    Raises:
        StoreError: the store cannot be written.
    """
    wishes = [
        LetterRequest(origin=source, settled=tuple(kept.number for kept in part))
        for source, part in _by_source(found)
    ]
    done = _settle(config, wishes)
    return f"{len(found)} dead letters thrown away" if done else _asked(config)


def retry(config: Config, found: list[KeptLetter], *, input_format: str) -> list[Outcome]:
    """Read letters again with the configuration of now; what is an event goes into the log.

    Raises:
        ConfigError: the configuration is wrong, or the process that writes did not answer.
        StoreError: the store cannot be written.
    """
    outcomes: list[Outcome] = []
    wishes: list[LetterRequest] = []
    for name, part in _by_source(found):
        rereading = Rereading(config, name, input_format)
        events: list[LogEvent] = []
        settled: list[int] = []
        for kept in part:
            outcome, became = rereading.outcome(kept)
            outcomes.append(outcome)
            if outcome.result in ("restored", "filtered"):
                settled.append(kept.number)
                events += became
        if settled:
            wishes.append(LetterRequest(origin=name, settled=tuple(settled), events=tuple(events)))
    if wishes and not _settle(config, wishes):
        raise ConfigError(_asked(config))
    return outcomes


class Rereading:
    """Reads the dead letters of one source as the source would now."""

    def __init__(self, config: Config, name: str, input_format: str) -> None:
        table = config.sources.get(name)
        self._source: LogEventSource | None = None
        if table is not None:
            self._source = configured_source(name, table, config)
        reading = ReplayOptions(input_format=input_format, levels=config.levels)
        files = ReplaySource((), name=name, reading=reading)
        own: Any = getattr(self._source, "reread", None)
        self._reread = own if own is not None and input_format == "auto" else files.reread
        self._filter = None if self._source is None else filter_of(self._source.options)
        self._tags = () if table is None else tuple(table.add_tags)

    def outcome(self, kept: KeptLetter) -> tuple[Outcome, list[LogEvent]]:
        """Return what becomes of a letter, and the events it is now."""
        letter = kept.letter
        if not letter.is_whole:
            text = f"{EXCERPT_BYTES} of {letter.length} bytes were kept"
            return Outcome(kept.number, "cut", letter.reason, text), []
        seen_at = letter.seen_at or kept.kept_at.astimezone(UTC)
        try:
            events = self._reread(msgspec.structs.replace(letter, seen_at=seen_at))
        except MalformedEvent as error:
            return Outcome(kept.number, "refused", error.reason, error.detail), []
        wanted = [self._tagged(e) for e in events if not self._filter or self._filter.matches(e)]
        ids = tuple(event.id for event in wanted)
        return Outcome(kept.number, "restored" if wanted else "filtered", ids=ids), wanted

    def _tagged(self, event: LogEvent) -> LogEvent:
        new = tuple(tag for tag in self._tags if tag not in event.tags)
        return msgspec.structs.replace(event, tags=event.tags + new) if new else event


def summary(outcomes: list[Outcome]) -> str:
    """Say in a line what became of letters that were read again."""
    words = {
        "restored": "restored",
        "refused": "still refused",
        "filtered": "left out by the source's own options",
        "cut": "not kept whole",
    }
    counts = [(sum(o.result == result for o in outcomes), words[result]) for result in words]
    said = [f"{count} {word}" for count, word in counts if count]
    return " · ".join(said) or "no dead letters"


def _by_source(found: list[KeptLetter]) -> Iterator[tuple[str, list[KeptLetter]]]:
    """Yield letters by their source, not too many at once."""
    ordered = sorted(found, key=lambda kept: kept.letter.source)
    for source, group in groupby(ordered, key=lambda kept: kept.letter.source):
        part = list(group)
        for start in range(0, len(part), AT_ONCE):
            yield source, part[start : start + AT_ONCE]


def _settle(config: Config, wishes: list[LetterRequest]) -> bool:
    """Write what is wished, or ask the process that writes to; False when it does not answer."""
    path = store_path(config)
    store = open_writer(path, StoreOptions(redactor=redactor_of(config.redaction, store=path)))
    if store is not None:
        try:
            for wish in wishes:
                store.commit_now(commit_of(wish))
        finally:
            store.close()
        return True
    numbers = {request(path, wish) for wish in wishes}
    reader = open_reader(path)
    try:
        for _ in range(round(GRANTED_WITHIN_S / LOOK_EVERY_S)):
            time.sleep(LOOK_EVERY_S)
            if not numbers & {wish.number for wish in reader.letter_requests()}:
                return True
        return False
    finally:
        reader.close()


def _asked(config: Config) -> str:
    path = store_path(config)
    return f"the process that writes into {path} was asked, and has not answered yet"
