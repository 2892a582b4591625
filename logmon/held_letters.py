"""The newest dead letters, held in memory to look at: bounded in number and in bytes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from logmon.dead_letter import DeadLetter

LETTERS_HELD = 10_000
"""How many are held; the count of them goes on past it."""
BYTES_HELD = 64 << 20


class HeldLetters:
    """Dead letters, oldest first; what is held at one moment can be looked at from any thread."""

    def __init__(self) -> None:
        self._letters: deque[DeadLetter] = deque()
        self._nbytes = 0

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(list(self._letters))

    def hold(self, letters: Iterable[DeadLetter]) -> None:
        """Take in new ones; the oldest go when there are too many."""
        held = self._letters
        for letter in letters:
            held.append(letter)
            self._nbytes += len(letter.raw)
        while len(held) > LETTERS_HELD or self._nbytes > BYTES_HELD:
            self._nbytes -= len(held.popleft().raw)

    def forget(self, letter: DeadLetter) -> None:
        """Hold one no more: it was read again, or thrown away."""
        kept = [one for one in self._letters if one is not letter]
        self._nbytes = sum(len(one.raw) for one in kept)
        self._letters = deque(kept)
