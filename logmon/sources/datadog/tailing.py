"""The rule by which Datadog is asked, so that every event is read whenever it becomes visible.

At once: the newest page, so that there is something to see. Then windows in order of time, each
beginning a little before the end of the last one; what comes later than that overlap is found by
comparing counts (`reconcile`). Behind by much, windows are chunks, and every second request is
for the newest page, so that the view stays live. Events are told apart by id, never by time.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from logmon.errors import TransientSourceError
from logmon.level import Level
from logmon.source import Notice
from logmon.sources.datadog.absence import Absence, partial, skipped, span_text
from logmon.sources.datadog.api import MOST_ROWS, CountsUnavailable, CursorRefused, Page, Record
from logmon.sources.datadog.ledger import FINE_MS, Ledger
from logmon.sources.datadog.reconcile import Reconciler, Span
from logmon.sources.datadog.rhythm import SHORTEST_INTERVAL_S, Rhythm, backoff_s
from logmon.sources.datadog.tail_state import Step, TailOptions, TailState, Window, encode_state

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from logmon.sources.datadog.api import LogsApi

BEHIND_MS = 120_000
"""Further behind than this is catching up: in chunks, and in two lanes."""
TROUBLE_AFTER = 3
"""Failures in a row before a row says so."""
PARTIAL_TRIES = 3
"""Times a window is read again because an answer was partial."""
PARTIAL_AGAIN_S = 1.0
REOPENINGS = 3
"""Times a window is opened again at one and the same moment."""


class Tail:
    """Reads one query from one organisation. `state` is None at the very first start."""

    def __init__(
        self,
        api: LogsApi,
        options: TailOptions,
        state: TailState | None,
        *,
        key: str,
        name: str,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        rng: random.Random,
    ) -> None:
        self._api = api
        self._options = options
        self._key = key
        self._name = name
        self._monotonic = monotonic
        self._sleep = sleep
        self._rng = rng
        self._state = state
        self._ledger = Ledger(state.counts if state else None)
        self._reconciler = Reconciler(self._ledger)
        self._again: deque[Window] = deque()
        self._again_left = 0
        self._looked = False
        shorten = options.reconcile
        self._rhythm = Rhythm(
            api, options.overlap_s, may_shorten=shorten, monotonic=monotonic, sleep=sleep
        )
        self._live_next = True
        self._next_poll_s = 0.0
        self._partial_tries = self._reopenings = 0
        self._failures = 0
        self._hold_s = self._hold_until_s = 0.0
        self.trouble = ""
        """What went wrong with the last request; empty when nothing did."""
        self._away: Absence | None = None
        self._ends_at_ms = 0
        self.ended = False

    # What the screen says

    @property
    def catching_up(self) -> bool:
        """Whether the tail is further behind than an ordinary poll makes up for."""
        return self.behind_s() * 1000 > BEHIND_MS

    def behind_s(self) -> float:
        """Return how far behind Datadog's now everything has been read, in seconds."""
        if self._state is None:
            return 0.0
        return max(0, self._api.now_ms() - self._state.read_to_ms) / 1000

    def next_poll_in_s(self) -> float:
        """Return how soon the next window is opened; 0 while one is read."""
        return max(0.0, self._next_poll_s - self._monotonic())

    def retry_in_s(self) -> float:
        """Return when the next request is made after one that failed, in seconds from now."""
        return max(0.0, self._hold_until_s - self._monotonic())

    def progress(self) -> float:
        """Return how much of what was missed has been read since it was last complete, 0 to 1."""
        if self._away is None or self._state is None:
            return 1.0
        return self._away.progress(self._state.read_to_ms, self._api.now_ms())

    @property
    def blind(self) -> bool:
        """Whether everything is read again because counts are not to be had."""
        return self._options.reconcile and self._reconciler.is_blind(self._api.now_ms())

    # Reading

    async def steps(self) -> AsyncGenerator[Step, None]:
        """Yield what each request brings, for ever, or until everything is read (`ends`).

        Raises:
            PermanentSourceError: Datadog refuses the query or the credentials for good.
        """
        while not self.ended:
            try:
                step = await self._request()
            except TransientSourceError as error:
                self._hold_s = self._failed(error)
                step = self._trouble(error) if self._failures == TROUBLE_AFTER else None
            if step is not None:
                yield step
            if self._hold_s:
                hold_s, self._hold_s = self._hold_s, 0.0
                self._hold_until_s = self._monotonic() + hold_s
                await self._sleep(hold_s)

    async def _request(self) -> Step | None:
        try:
            return await self._turn()
        except CursorRefused as error:
            self._reopen(error)
            return None

    async def _turn(self) -> Step | None:
        """Make the one request that matters most now, or wait for the next."""
        if not self._looked:
            return await self._look()
        state = self._known
        now_ms = self._api.now_ms()
        if state.window is None and self._monotonic() >= self._next_poll_s:
            self._open(state, now_ms)
        if state.window is not None:
            if self.catching_up and not self._options.ends:
                await self._rhythm.pace()
                self._live_next = not self._live_next
                if self._live_next:
                    return await self._look_live(self._api.now_ms())
            return await self._read(state.window)
        if self._again and self._again_left > 0:
            self._again_left -= 1
            return await self._read_again(self._again[0])
        if await self._reconcile(state, now_ms):
            return None
        await self._sleep(self._pause_s(now_ms))
        return None

    @property
    def _known(self) -> TailState:
        assert self._state is not None  # noqa: S101 - the first look comes before all else
        return self._state

    def _pause_s(self, now_ms: int) -> float:
        """Return how long there is nothing to do."""
        wait_s = self._next_poll_s - self._monotonic()
        if self._options.reconcile and not self.blind and not self._again:
            due_s = (self._reconciler.due_ms(pressed=self._rhythm.pressed) - now_ms) / 1000
            wait_s = min(wait_s, max(due_s, self._api.ready_in_s("count")))
        return max(wait_s, 0.01)

    async def _look(self) -> Step:
        """Read the newest page, learn the time, and find out where to begin."""
        page = await self._api.fetch_newest(int(self._options.lookback_s * 1000), MOST_ROWS)
        self._looked = True
        now_ms = self._api.now_ms()
        notices = []
        if self._state is None:
            began_ms = now_ms - int(self._options.lookback_s * 1000)
            self._state = TailState(key=self._key, began_ms=began_ms, read_to_ms=began_ms)
        else:
            notices += self._skip(self._state, now_ms)
        state = self._state
        self._away = Absence(state.read_to_ms, self._away.word if self._away else "")
        self._ends_at_ms = now_ms
        if self.catching_up and state.read_to_ms > state.began_ms:
            text = f"{self._name} is catching up on {span_text(self.behind_s())}"
            notices.append(Notice(text=text))
            self._away.word = self._away.word or "caught up"
        new = self._new(page.records[::-1], 0, now_ms)
        return self._step(new, len(page.records), notices)

    def _skip(self, state: TailState, now_ms: int) -> list[Notice]:
        """Leave out what is too long ago, and say so."""
        oldest_ms = now_ms - int(self._options.max_catch_up_s * 1000)
        if state.read_to_ms >= oldest_ms:
            return []
        notice = skipped(self._name, state.read_to_ms, oldest_ms)
        state.read_to_ms = state.began_ms = oldest_ms
        state.window = None
        return [notice]

    async def _look_live(self, now_ms: int) -> Step:
        """While catching up: the newest page, which moves nothing forward but the view."""
        start_ms = max(self._known.read_to_ms, now_ms - BEHIND_MS)
        page = await self._api.fetch_page(start_ms, now_ms, newest_first=True)
        new = self._new(page.records[::-1], start_ms, now_ms)
        return self._step(new, len(page.records))

    # Windows, one after the other

    def _open(self, state: TailState, now_ms: int) -> None:
        # A clock was set back: nothing after its now can have been read.
        start_ms = state.read_to_ms = min(state.read_to_ms, now_ms)
        if self._rhythm.overlap_ms:  # whole buckets, so that a restart need not count them anew
            start_ms -= self._rhythm.overlap_ms
            start_ms = max(state.began_ms, start_ms - start_ms % FINE_MS)
        end_ms = now_ms
        if now_ms - state.read_to_ms > BEHIND_MS:
            end_ms = min(now_ms, state.read_to_ms + self._rhythm.chunk_ms)
        if start_ms < end_ms:
            state.window = Window(start_ms, end_ms)
        else:
            self._next_poll_s = self._monotonic() + SHORTEST_INTERVAL_S

    async def _read(self, window: Window) -> Step:
        page = await self._api.fetch_page(window.start_ms, window.end_ms, cursor=window.cursor)
        state = self._known
        before_ms = state.read_to_ms
        behind = self.catching_up
        new = self._new(page.records, window.start_ms, window.end_ms)
        done, notices = self._advance(window, page)
        if done:
            self._close(state, window)
            notices += self._caught_up()
        if not behind:
            self._rhythm.came(max(0, before_ms - record.time_ms) for record in new)
        return self._step(new, len(page.records), notices)

    def _advance(self, window: Window, page: Page) -> tuple[bool, list[Notice]]:
        """Move on in a window; return whether it is read to its end, and what to say."""
        window.pages += 1
        window.rows += len(page.records)
        if window.reached(page.records):
            self._reopenings = 0
        window.cursor = page.after
        if page.partial:
            return self._partial(window, page)
        if page.after is not None:
            return False, []
        self._partial_tries = 0
        return True, []

    def _partial(self, window: Window, page: Page) -> tuple[bool, list[Notice]]:
        """Read a window again whose answer lacked something, a few times; then go on behind it."""
        self._partial_tries += 1
        if self._partial_tries <= PARTIAL_TRIES:
            window.again()
            self._hold_s = PARTIAL_AGAIN_S * self._partial_tries
            return False, []
        first = self._partial_tries == PARTIAL_TRIES + 1
        notices = [partial(self._name, page.partial)] if first else []
        if window.reopen():  # what lies behind it may be whole
            self._partial_tries = 0
            return False, notices
        window.cursor = page.after
        if page.after is None:
            self._partial_tries = 0
        return page.after is None, notices

    def _close(self, state: TailState, window: Window) -> None:
        """Note that everything up to the window's end was read, and plan the next."""
        state.read_to_ms = max(state.read_to_ms, window.end_ms)
        state.window = None
        self._ledger.fold(state.read_to_ms)
        if self._options.ends and state.read_to_ms >= self._ends_at_ms:
            self.ended = True
        if self.catching_up:
            self._rhythm.chunk_read(window.pages)
            self._next_poll_s = 0.0
        else:
            interval_s = self._rhythm.polled(window.rows, window.length_ms)
            self._next_poll_s = self._monotonic() + interval_s
            self._again_left = self._rhythm.spare(window.pages, interval_s)

    def _caught_up(self) -> list[Notice]:
        """Say what was made up for, once all of it is there."""
        if (away := self._away) is None or self.catching_up:
            return []
        self._away = None
        return away.over(self._name)

    # What came late

    async def _reconcile(self, state: TailState, now_ms: int) -> bool:
        """Compare some counts, if that is due; return whether there is something to do now."""
        if not self._options.reconcile or self.catching_up or self._again:
            return False
        if self._reconciler.is_blind(now_ms):
            ranges = self._reconciler.blind_ranges(now_ms, state, self._rhythm.overlap_ms)
            self._again.extend(Window(start, end) for start, end in ranges)
            return bool(ranges)
        span = self._reconciler.next_span(
            now_ms, state, self._rhythm.overlap_ms, pressed=self._rhythm.pressed
        )
        if span is None or self._api.ready_in_s("count") > 0:
            return False
        await self._compare(span, now_ms)
        return True

    async def _compare(self, span: Span, now_ms: int) -> None:
        try:
            counted = await self._api.count_buckets(span.start_ms, span.end_ms, span.width_ms)
        except CountsUnavailable:
            self._reconciler.go_blind(now_ms)
            return
        except TransientSourceError:  # the search alone decides whether Datadog is there
            self._reconciler.skip(now_ms)
            return
        # A bucket's ends may be left out by the search: begin and end a moment beside it.
        self._again.extend(
            Window(start - 1, end + 1)
            for start, end in self._reconciler.compare(span, counted, now_ms)
        )

    async def _read_again(self, window: Window) -> Step:
        page = await self._api.fetch_page(window.start_ms, window.end_ms, cursor=window.cursor)
        window.pages += 1
        window.cursor = page.after
        window.reached(page.records)
        new = self._new(page.records, window.start_ms, window.end_ms)
        if page.after is None:
            self._again.popleft()
            self._ledger.close(window.start_ms, window.end_ms)
        return self._step(new, len(page.records))

    # One answer

    def _new(self, records: list[Record], low_ms: int, high_ms: int) -> list[Record]:
        """Return the records that are not known, and note them as read."""
        new = [
            record
            for record in records
            if self._ledger.add(min(max(record.time_ms, low_ms), high_ms), record.id)
        ]
        if self._away is not None:
            self._away.rows += len(new)
        return new

    def _step(self, new: list[Record], rows: int, notices: list[Notice] | None = None) -> Step:
        """Return what an answer of so many `rows` brought, with the place it leads to."""
        self._failures = 0
        self.trouble = ""
        state = self._known
        state.counts = self._ledger.counts()
        return Step(
            records=new,
            duplicates=rows - len(new),
            checkpoint=encode_state(state),
            notices=tuple(notices or ()),
        )

    # What goes wrong

    def _reopen(self, error: CursorRefused) -> None:
        """Go on from the last event when a cursor is refused.

        Raises:
            TransientSourceError: that did not help: more events than a page at one moment.
        """
        window = self._known.window or (self._again[0] if self._again else None)
        if window is None or window.cursor is None:
            raise TransientSourceError(str(error)) from error
        self._reopenings += 0 if window.reopen() else 1
        if self._reopenings > REOPENINGS:
            self._reopenings = 0
            raise TransientSourceError(f"the cursor is refused again and again: {error}")

    def _failed(self, error: TransientSourceError) -> float:
        """Note a failure; return how long to wait, in seconds."""
        self._failures += 1
        self.trouble = str(error)
        if error.retry_after_s is not None:
            return error.retry_after_s
        return backoff_s(self._failures, self._rng)

    def _trouble(self, error: TransientSourceError) -> Step:
        """Say that the source is away; what comes when it is back will be counted."""
        self._away = self._away or Absence(self._state.read_to_ms if self._state else 0)
        self._away.word = "reconnected"
        return Step(notices=(Notice(text=f"{self._name} is away: {error}", level=Level.WARN),))
