"""Commands for reading: go to a time or a row, choose columns, highlight, save and load views."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from logmon.event import to_ns
from logmon.level import Level
from logmon.moments import parse_moment, parse_zone
from logmon.patterns import Pattern, compile_pattern
from logmon.query import QueryError
from logmon.tui.commands import Command, CommandError
from logmon.tui.confirm import Confirm
from logmon.tui.look import COLUMNS, parse_columns
from logmon.tui.pickers import ColumnPicker
from logmon.tui.saved_views import SavedView, check_name, read_views, views_path, write_view
from logmon.tui.seen import Seen
from logmon.tui.tail_view import TailView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from logmon.tui.app import LogmonApp
    from logmon.tui.look import Look


def _view(app: LogmonApp) -> TailView:
    return app.main.query_one(TailView)


def _change(app: LogmonApp, look: Look) -> None:
    _view(app).change_look(look)


# Going somewhere


def _goto(app: LogmonApp, text: str) -> str | None:
    """Go to a time: of the day the rows are of, or before the newest one."""
    if text.isdecimal():
        return _row(app, text)
    zone = _view(app).look.zone
    moment = parse_moment(text, now=app.event_clock(), zone=zone, where="goto")
    app.views.show("tail")
    if not app.jumps.time(to_ns(moment)):
        raise CommandError("there are no rows to go to")
    return None


def _row(app: LogmonApp, text: str) -> str | None:
    if not text.isdecimal() or not int(text):
        raise CommandError("write a row's number")
    _view(app).first(int(text))
    return None


# How rows look


def _columns(app: LogmonApp, text: str) -> str | None:
    view = _view(app)
    if text:
        _change(app, msgspec.structs.replace(view.look, columns=parse_columns(text)))
        return f"columns {' '.join(view.look.columns)}"

    def taken(columns: tuple[str, ...] | None) -> None:
        if columns is not None:
            _change(app, msgspec.structs.replace(view.look, columns=columns))

    seen = Seen()
    seen.look(app.model.snapshot)
    fields = [name for name, _ in seen.fields.most_common() if name.startswith("@")]
    names = tuple(dict.fromkeys([*view.look.columns, *COLUMNS, *fields[:100]]))
    app.push_screen(ColumnPicker(names, view.look.columns), taken)
    return None


def _column_names(app: LogmonApp, typed: str) -> Iterable[str]:
    *before, last = typed.replace(",", " ").split(" ")
    seen = Seen()
    seen.look(app.model.snapshot)
    names = [*COLUMNS, *(name for name, _ in seen.fields.most_common() if name[0] == "@")]
    return (" ".join([*before, name]) for name in names if name.startswith(last))


def _highlight(app: LogmonApp, text: str) -> str:
    if not text:
        raise CommandError("write what to highlight, as a regular expression")
    pattern = compile_pattern(text, where="highlight")
    look = _view(app).look
    kept = tuple(known for known in look.highlights if known != pattern)
    _change(app, msgspec.structs.replace(look, highlights=(*kept, pattern)))
    return f"highlighted; `:unhighlight {text}` takes it off"


def _unhighlight(app: LogmonApp, text: str) -> str:
    look = _view(app).look
    kept = tuple(known for known in look.highlights if text and known != Pattern(text))
    if len(kept) == len(look.highlights):
        raise CommandError("that is not highlighted" if text else "nothing is highlighted")
    _change(app, msgspec.structs.replace(look, highlights=kept))
    return f"{len(look.highlights) - len(kept)} highlights taken off"


def _highlighted(app: LogmonApp, typed: str) -> Iterable[str]:
    texts = (pattern.text for pattern in _view(app).look.highlights)
    return (text for text in texts if text.startswith(typed))


def _timezone(app: LogmonApp, text: str) -> str:
    zone = parse_zone(text, where="timezone")
    app.change_zone(zone)
    return f"times are shown in {text}"


def _query(app: LogmonApp, text: str) -> str | None:
    mistake = app.filters.take(text)
    if mistake is not None:
        raise CommandError(mistake.message)
    return None


# Saved views


def _save(app: LogmonApp, text: str) -> str | None:
    name, path = check_name(text), views_path()
    state, look = app.state, _view(app).look
    view = SavedView(
        query=state.text,
        levels=tuple(level.label for level in Level if level in state.levels),
        sources=state.sources,
        columns=look.columns,
        theme=app.theme,
    )
    if name not in read_views(path):
        write_view(path, name, view)
        return f"saved as {name} in {path}"

    def answered(yes: bool | None) -> None:
        if yes:
            write_view(path, name, view)
            app.notify(f"saved as {name} in {path}", markup=False)

    question = f"There is a view {name} already. Overwrite it?"
    app.push_screen(Confirm(question, app.palette()), answered)
    return None


def _load(app: LogmonApp, name: str) -> str:
    views = read_views(views_path())
    if name not in views:
        known = ", ".join(views) or "none is saved yet"
        raise CommandError(f"no saved view {name!r}; there are: {known}")
    view = views[name]
    columns = parse_columns(" ".join(view.columns), where=f"view {name}")
    levels = frozenset(level for level in Level if level.label in view.levels)
    try:
        app.state.set_text(view.query)
    except QueryError as error:
        raise CommandError(f"view {name}: {error}") from None
    app.state.levels, app.state.sources = levels, view.sources
    app.filters.apply()
    if view.theme in app.available_themes:
        app.theme = view.theme
    _change(app, msgspec.structs.replace(_view(app).look, columns=columns))
    return f"view {name}"


def _saved(_app: LogmonApp, typed: str) -> Iterable[str]:
    return (name for name in read_views(views_path()) if re.match(re.escape(typed), name))


COMMANDS = (
    Command("goto", "TIME", "Go to 14:32, -10m, 2026-11-24T14:30:00Z, or row 1200", _goto),
    Command("row", "NUMBER", "Go to a row among those shown; :1200 is the same", _row),
    Command("columns", "[NAME…]", "Choose columns: time level source @http.status", _columns,
            _column_names),
    Command("highlight", "REGEX", "Mark a text wherever it occurs", _highlight),
    Command("unhighlight", "[REGEX]", "Take one highlight off, or all", _unhighlight, _highlighted),
    Command("timezone", "ZONE", "Show times in UTC, local, Europe/Berlin, +02:00", _timezone),
    Command("query", "[QUERY]", "Put a filter into force; without one, none", _query),
    Command("save", "NAME", "Keep filter, columns and theme under a name", _save),
    Command("load", "NAME", "Bring back a saved view", _load, _saved),
)  # fmt: skip
