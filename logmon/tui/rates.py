"""Events a second of each source over the last minute, from its account; no Textual here."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logmon.intake import SourceStatistics

SAMPLES = 60


class Rates:
    """Sampled once a second by `sample`; a source that was not there before begins at nothing."""

    def __init__(self) -> None:
        self._received: dict[str, int] = {}
        self._then_s: float | None = None
        self._samples: dict[str, deque[float]] = {}

    def sample(self, sources: Mapping[str, SourceStatistics], monotonic_s: float) -> None:
        """Take the difference to the last sample."""
        then, self._then_s = self._then_s, monotonic_s
        for name, source in sources.items():
            before = self._received.get(name, source.received)
            self._received[name] = source.received
            if then is not None and monotonic_s > then:
                rate = (source.received - before) / (monotonic_s - then)
                self.of(name).append(max(0.0, rate))

    def of(self, name: str) -> deque[float]:
        """Return a source's rates, in events a second, the newest last."""
        return self._samples.setdefault(name, deque([0.0] * SAMPLES, maxlen=SAMPLES))
