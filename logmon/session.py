"""One run in one terminal: the screen or line output, with signals, exit codes and a clean end.

Exit codes: 0 done, also on `q` and a closed pipe · 2 usage · 3 a source failed for good ·
4 credentials refused · 130 SIGINT in line mode · 143 SIGTERM · 129 SIGHUP · 1 a defect, or a
stdout that cannot be written.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from logmon.console import Console, ConsoleOptions, quiet_stdout
from logmon.errors import LogmonError, StoreError
from logmon.filter import Clause, LogFilter
from logmon.level import Level
from logmon.newest_lines import NewestLines
from logmon.serving import ApiRun, served
from logmon.source import LookBack
from logmon.starting import collector_paused
from logmon.tui.copy_forms import Started
from logmon.tui.look import Look
from logmon.visible import visible

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from logmon.hub import LogEventHub
    from logmon.runtime import LogMonitorService
    from logmon.subscription import Subscription
    from logmon.tui.app import LogmonApp
    from logmon.tui.transport import Transport

logger = logging.getLogger(__name__)

ORPHANED = "the logmon that wrote into the store has ended: nothing comes until one starts"
TROUBLE_EVERY_S = 0.5
FORCED_AFTER_S = 1.8
"""A run that was told to stop and has not after this long is ended without asking."""


class LineRun(msgspec.Struct, frozen=True, kw_only=True):
    """What line output prints and when it ends."""

    log_filter: LogFilter
    options: ConsoleOptions
    look_back: LookBack
    """How much of what the store kept is printed first."""
    last: int | None = None
    """Of what is there at the start print only the last so many rows that pass; None: all."""
    follow: bool
    """Whether anything is printed that comes after that."""
    tell_repeats: bool = False
    """Say at the end how many records the store had already: a replay prints nothing of them."""
    api: ApiRun | None = None
    """What is served meanwhile."""


class Playback(msgspec.Struct, frozen=True):
    """How a replay is played on the screen."""

    speed: float | None
    """Times the recorded pace, from the first row on; None shows everything at once."""
    max_gap_s: float


class ScreenRun(msgspec.Struct, frozen=True, kw_only=True):
    """What the screen starts with."""

    levels: frozenset[Level]
    sources: tuple[str, ...]
    text: str
    fixed: tuple[Clause, ...]
    look_back: LookBack
    """How much of what the store kept is held at the start."""
    look: Look
    redraw_hz: float
    theme: str
    theme_where: str
    """Where the theme's name was set, as errors name it."""
    keys: dict[str, tuple[str, ...]]
    """Each action's keys, as `logmon.tui.actions.keymap` returns them."""
    api: ApiRun | None = None
    """What is served meanwhile."""
    started: Started | None = None
    """How this run was started, for copies of it."""
    redactor: Callable[[], Any] = lambda: None
    """Makes what takes secrets out of exported rows, where the run itself has none."""
    letters: Callable[[Any], Any] | None = None
    """Makes what the Dead letters view shows, from the service."""
    playback: Playback | None = None
    """How a replay is played; None where there is no playhead."""
    welcome: str = ""
    """What somebody who has configured nothing yet is told."""
    drawn: asyncio.Event | None = None
    """Set when the first rows are on the screen: work that can wait until then waits for it."""


def run_lines(build: Callable[[], LogMonitorService], run: LineRun) -> int:
    """Print lines until the input or the reader ends, or a signal comes; return the exit code."""
    return _run(_lines(build, run))


def run_screen(build: Callable[[], LogMonitorService], run: ScreenRun) -> int:
    """Show the screen until the user leaves it or a signal comes; return the exit code."""
    # Textual holds a repaint back up to two of these periods (8.2.8); read at its import.
    os.environ.setdefault("TEXTUAL_FPS", "1000")
    # Textual writes in a thread, which prints a traceback when the terminal is gone (8.2.8).
    threading.excepthook = lambda failed: logger.debug(
        "%s", failed.thread, exc_info=failed.exc_value
    )
    return _run(_screen(build, run))


def run_serve(build: Callable[[], LogMonitorService], run: ApiRun, look_back: LookBack) -> int:
    """Serve, and show nothing, until a signal comes or every source has failed for good."""
    return _run(_serve(build, run, look_back))


def _run(main: Coroutine[None, None, int]) -> int:
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(_note)
        try:
            return runner.run(main)
        except LogmonError as error:
            sys.stderr.write(f"logmon: {visible(str(error))}\n")
            return 3 if isinstance(error, StoreError) else 2
        except Exception as error:  # a defect, or a stdout that takes no more: one line, no trace
            if os.environ.get("LOGMON_DEBUG"):
                raise
            quiet_stdout()
            sys.stderr.write(f"logmon: {defect(error)}\n")
            return 1


def _note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep what asyncio has to say off the terminal."""
    logger.debug("%s", context.get("message"), exc_info=context.get("exception"))


def defect(error: Exception) -> str:
    """Name an unexpected error in one printable line."""
    if isinstance(error, OSError) and error.strerror:
        return visible(error.strerror)
    return visible(f"{type(error).__name__}: {error}")


async def _lines(build: Callable[[], LogMonitorService], run: LineRun) -> int:
    service = build()
    if run.log_filter.asks_new:
        service.look_for_news()
    first_seq = await service.warm(run.look_back)
    live_from = service.hub.log.snapshot.next_seq
    stop = _on_signals({signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129})
    serving = asyncio.create_task(service.run())
    console = Console(sys.stdout.buffer, run.options, live_from=live_from)
    printing = asyncio.create_task(_print(service, run, first_seq, console))
    telling = asyncio.create_task(console.tell(service.hub, first_seq))
    narrating = asyncio.create_task(_narrate(service))
    try:
        async with served(run.api, service):
            await _first(printing, stop)
        if not printing.done():
            return stop.result()
        printing.result()
        await asyncio.wait({telling}, timeout=TROUBLE_EVERY_S)
    except BrokenPipeError:
        quiet_stdout()
        return 0
    finally:
        _force_after(FORCED_AFTER_S, stop.result() if stop.done() else 0)
        for task in (printing, serving, narrating, telling):
            task.cancel()
        await asyncio.wait({printing, serving, narrating, telling})
        service.close_store()
    _raise_failure(serving)
    dead = sum(source.dead_lettered for source in service.hub.sources.values())
    if dead:
        sys.stderr.write(f"logmon: {dead} malformed records became dead letters\n")
    repeats = sum(source.duplicates for source in service.hub.sources.values())
    if repeats and run.tell_repeats:
        sys.stderr.write(f"logmon: {repeats} records were in the store already\n")
    _bury(service, console)
    return service.exit_code


def _bury(service: LogMonitorService, console: Console) -> None:
    """Say why sources failed for good, where no row has said so."""
    for text in map(visible, service.obituaries):
        if text not in console.narrated:
            sys.stderr.write(f"logmon: {text}\n")


async def _narrate(service: LogMonitorService) -> None:
    """Say on stderr what is wrong with the store meanwhile."""
    said, orphan = "", False
    while True:
        trouble = service.hub.store_trouble
        if trouble and trouble != said:
            text = f"the store takes nothing, nothing is lost, trying again: {trouble}"
            sys.stderr.write(f"logmon: {visible(text)}\n")
        said = trouble
        if service.is_orphan and not orphan:
            sys.stderr.write(f"logmon: {ORPHANED}\n")
        orphan = service.is_orphan
        await asyncio.sleep(TROUBLE_EVERY_S)


async def _serve(build: Callable[[], LogMonitorService], run: ApiRun, look_back: LookBack) -> int:
    service = build()
    await service.warm(look_back)
    stop = _on_signals({signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129})
    running = asyncio.create_task(service.run())
    console = Console(sys.stdout.buffer, ConsoleOptions(zone=UTC))
    telling = asyncio.create_task(console.tell(service.hub, service.hub.log.snapshot.next_seq))
    narrating = asyncio.create_task(_narrate(service))
    try:
        async with served(run, service):
            await _first(running, stop)
            if not stop.done():
                _raise_failure(running)
            if not stop.done() and len(service.failures) == len(service.sources) > 0:
                await asyncio.wait({telling}, timeout=TROUBLE_EVERY_S)
                _bury(service, console)
                return service.exit_code  # nothing will ever come: a supervisor must see it
            return await stop
    finally:
        _force_after(FORCED_AFTER_S, stop.result() if stop.done() else service.exit_code)
        for task in (running, telling, narrating):
            task.cancel()
        await asyncio.wait({running, telling, narrating})
        service.close_store()


async def _print(
    service: LogMonitorService, run: LineRun, first_seq: int, console: Console
) -> None:
    reader = service.hub.subscribe(
        run.log_filter, name="console", after=first_seq - 1, when_full="block", settled=True
    )
    reader.position = reader.acknowledged = first_seq  # row 0 may be the store's
    # What came since the store was left is new, not history: it is shown whole.
    if run.last is not None and not (run.follow and service.store is not None):
        console.hold(NewestLines(run.last, run.log_filter))
    if not run.follow:
        await console.follow(reader)
        return await console.release()
    following = asyncio.create_task(console.follow(reader))
    releasing = asyncio.create_task(_release(service, reader, console))
    try:
        await _first(following, releasing)
        if releasing.done():
            releasing.result()
        await following
        await console.release()
    finally:
        for task in (following, releasing):
            task.cancel()
        await asyncio.wait({following, releasing})


async def _release(service: LogMonitorService, reader: Subscription, console: Console) -> None:
    """Let the console write when it has what was there at the start."""
    behind = await service.caught_up()
    while reader.acknowledged < behind:
        await service.hub.moved()
    await console.release()


async def _screen(build: Callable[[], LogMonitorService], run: ScreenRun) -> int:
    service = build()
    await service.warm(run.look_back)
    app = _app(service, run)
    stop = _on_signals({signal.SIGINT: 0, signal.SIGTERM: 143, signal.SIGHUP: 129})
    serving = asyncio.create_task(service.run())
    terminal = TerminalModes()
    async with served(run.api, service, on_screen=True):
        drawing = asyncio.create_task(app.run_async())
        await _first(drawing, stop)
    code = stop.result() if stop.done() else 0
    _force_after(FORCED_AFTER_S, code, terminal)
    if not drawing.done():
        await app.ready.wait()
        app.exit()
        await asyncio.wait({drawing})
    serving.cancel()
    await asyncio.wait({serving})
    service.close_store()
    drawing.result()
    if app.failure is not None:
        raise app.failure
    _raise_failure(serving)
    return code or (app.return_code or 0)


def _app(service: LogMonitorService, run: ScreenRun) -> LogmonApp:
    with collector_paused():
        from logmon.tui.app import LogmonApp
    from logmon.tui.filter_state import FilterState
    from logmon.tui.themes import check_theme

    sentinel = service.sentinel
    return LogmonApp(
        service.hub,
        items=sentinel.items if sentinel else None,
        service=service,
        started=run.started,
        letters=None if run.letters is None else run.letters(service),
        redactor=lambda: service.redactor or run.redactor(),
        transport=None if run.playback is None else _transport(service.hub, run.playback),
        state=FilterState(levels=run.levels, sources=run.sources, text=run.text, fixed=run.fixed),
        look=run.look,
        redraw_hz=run.redraw_hz,
        theme=check_theme(run.theme, where=run.theme_where),
        keys=run.keys,
        drawn=run.drawn,
        welcome=run.welcome,
    )


def _transport(hub: LogEventHub, playback: Playback) -> Transport:
    """Return the playhead of a replay; it waits for rows while the file is still being read."""
    from logmon.tui.transport import Transport

    def ended() -> bool:
        states = [source.state for source in hub.sources.values()]
        return bool(states) and all(state in ("ended", "failed") for state in states)

    return Transport(hub.log, speed=playback.speed, max_gap_s=playback.max_gap_s, ended=ended)


def _raise_failure(serving: asyncio.Task[None]) -> None:
    """Raise what ended the service, unless it ended well or was told to stop."""
    if not serving.cancelled() and (error := serving.exception()) is not None:
        raise error


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def _on_signals(codes: dict[signal.Signals, int]) -> asyncio.Future[int]:
    """Return a future that holds the exit code once one of these signals came."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def came(code: int) -> None:
        if not stop.done():
            stop.set_result(code)

    for number, code in codes.items():
        loop.add_signal_handler(number, came, code)
    return stop


class TerminalModes:
    """The terminal as it was found, so that even a forced end leaves it so."""

    # Leave the alternate screen; mouse, focus, paste and extended key reports off; cursor on.
    RESET = (
        "\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?1015l\x1b[?1016l"
        "\x1b[?2004l\x1b[?2048l\x1b[<u\x1b[?25h\x1b[0m"
    )

    def __init__(self) -> None:
        self._modes: list[object] | None = None
        with suppress(OSError, ValueError, ImportError, termios.error):
            self._modes = termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]

    def restore(self) -> None:
        """Put everything back as it was."""
        with suppress(OSError, ValueError):
            os.write(2, self.RESET.encode())
        if self._modes is not None:
            with suppress(OSError, ValueError, termios.error):
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, self._modes)  # type: ignore[union-attr,arg-type]


def _force_after(seconds: float, code: int, terminal: TerminalModes | None = None) -> None:
    """End the process if it still runs then: a source or a reader may never let go."""

    def force() -> None:
        if terminal is not None:
            terminal.restore()
        os._exit(code)

    timer = threading.Timer(seconds, force)
    timer.daemon = True
    timer.start()
