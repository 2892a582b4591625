"""The dead letters that the screen shows, and what it can do with them.

With a store they are the store's, settled as `logmon dead` settles them; without one they are those
of this run. The configuration is read anew for each retry, so that what it teaches counts.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from logmon.dead_letter import KeptLetter
from logmon.journal import LetterRequest
from logmon.letter_commands import Choice, Outcome, Rereading, chosen, purge, retry, summary
from logmon.letter_desk import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from logmon.config import Config
    from logmon.dead_letter import DeadLetter
    from logmon.hub import LogEventHub
    from logmon.runtime import LogMonitorService

MOST_SHOWN = 1_000
SHOWN_BYTES = 16_384
"""How much of a stored record the screen holds, in bytes."""


class StoredLetters:
    """The store's dead letters; reads and settles them on a thread."""

    where = "in the store"

    def __init__(self, load: Callable[[], Config]) -> None:
        self._load = load

    async def latest(self) -> list[KeptLetter]:
        """Return the newest letters, the newest first, each with the beginning of its bytes.

        Raises:
            LogmonError: the configuration or the store cannot be read.
        """
        return await asyncio.to_thread(self._latest)

    def _latest(self) -> list[KeptLetter]:
        found = chosen(self._load(), Choice(), most=MOST_SHOWN)[::-1]
        return [_shortened(kept) for kept in found]

    async def retry(self, numbers: Sequence[int]) -> str:
        """Read letters again with the configuration of now, and say what became of them.

        Raises:
            LogmonError: the configuration is wrong, or the store cannot be written.
        """
        return await asyncio.to_thread(self._retry, tuple(numbers))

    def _retry(self, numbers: tuple[int, ...]) -> str:
        config = self._load()
        found = chosen(config, Choice(numbers=numbers))
        return told(retry(config, found, input_format="auto"))

    async def purge(self, numbers: Sequence[int]) -> str:
        """Throw letters away.

        Raises:
            LogmonError: the store cannot be written.
        """
        return await asyncio.to_thread(self._purge, tuple(numbers))

    def _purge(self, numbers: tuple[int, ...]) -> str:
        config = self._load()
        return purge(config, chosen(config, Choice(numbers=numbers)))


class RunLetters:
    """The dead letters of this run, as the hub holds them."""

    where = "of this run"

    def __init__(self, hub: LogEventHub, load: Callable[[], Config]) -> None:
        self._hub = hub
        self._load = load
        self._numbers: dict[int, int] = {}
        self._kept: dict[int, DeadLetter] = {}
        self._next = 1

    async def latest(self) -> list[KeptLetter]:
        """Return the newest letters, the newest first."""
        letters = list(self._hub.dead_letters)
        held = {id(letter) for letter in letters}
        self._numbers = {name: n for name, n in self._numbers.items() if name in held}
        for letter in letters:
            if id(letter) not in self._numbers:
                self._numbers[id(letter)] = self._next
                self._next += 1
        self._kept = {self._numbers[id(letter)]: letter for letter in letters}
        shown = list(self._kept.items())[-MOST_SHOWN:]
        return [_kept(number, letter) for number, letter in reversed(shown)]

    async def retry(self, numbers: Sequence[int]) -> str:
        """Read letters again with the configuration of now, and say what became of them.

        Raises:
            LogmonError: the configuration is wrong.
        """
        config = self._load()
        outcomes: list[Outcome] = []
        for number in numbers:
            letter = self._kept.get(number)
            if letter is None:
                continue
            rereading = Rereading(config, letter.source, "auto")
            outcome, events = rereading.outcome(_kept(number, letter))
            outcomes.append(outcome)
            if outcome.result in ("restored", "filtered"):
                wish = LetterRequest(origin=letter.source, settled=(number,), events=tuple(events))
                await settle(self._hub, wish)
                self._hub.dead_letters.forget(letter)
        return told(outcomes)

    async def purge(self, numbers: Sequence[int]) -> str:
        """Throw letters away; their count in the account stays."""
        found = [self._kept[number] for number in numbers if number in self._kept]
        for letter in found:
            self._hub.dead_letters.forget(letter)
        return f"{len(found)} dead letters thrown away"


def told(outcomes: list[Outcome]) -> str:
    """Say what became of letters that were read again; of a single one also why."""
    said = summary(outcomes)
    if len(outcomes) == 1 and outcomes[0].result not in ("restored", "filtered"):
        outcome = outcomes[0]
        return f"{said}: {outcome.reason} {outcome.detail}".rstrip()
    return said


def _kept(number: int, letter: DeadLetter) -> KeptLetter:
    return KeptLetter(number, letter.seen_at or datetime.now(UTC), letter)


def _shortened(kept: KeptLetter) -> KeptLetter:
    if len(kept.letter.raw) <= SHOWN_BYTES:
        return kept
    letter = msgspec.structs.replace(kept.letter, raw=kept.letter.raw[:SHOWN_BYTES])
    return msgspec.structs.replace(kept, letter=letter)


def letters_for(
    service: LogMonitorService, load: Callable[[], Config]
) -> StoredLetters | RunLetters:
    """Return the store's dead letters where the run has a store, else those of the run."""
    return RunLetters(service.hub, load) if service.store is None else StoredLetters(load)
