"""Every action of the screen, with its keys: the one table that bindings, help and palette read.

An action is one row: its name (what `[tail.keys]` and `logmon keys` say), its keys, and the method
that does it, as `owner.method`; owners are in `controls.py`. Knows no Textual.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from logmon.errors import ConfigError
from logmon.tui.keys import key_sequence, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Keymap = dict[str, tuple[str, ...]]
"""Each action's keys, as Textual names them."""


class Action(msgspec.Struct, frozen=True):
    """Something a key, the palette and the command line can do."""

    name: str
    keys: tuple[str, ...]
    """As people write them: `j`, `ctrl+f`, `f3`; two keys with a blank are pressed in turn."""
    does: str
    """`owner.method`"""
    text: str
    args: tuple[Any, ...] = ()
    panel: str = "tail"
    """Where the keys work: `app` everywhere, `tail` on the page of the tail, else that panel."""
    counted: bool = False
    """Whether the method takes `count`, the number typed before the key, or None."""
    hint: str = ""
    """A word for the last line of the screen."""


MOVING = (
    Action("down", ("j", "down"), "tail.move", "Down", (1,), counted=True),
    Action("up", ("k", "up"), "tail.move", "Up", (-1,), counted=True),
    Action("page_down", ("space", "pagedown"), "tail.page", "Page down", (1,), counted=True),
    Action("page_up", ("b", "pageup", "ctrl+b"), "tail.page", "Page up", (-1,), counted=True),
    Action("half_page_down", ("ctrl+d",), "tail.half_page", "Half page down", (1,), counted=True),
    Action("half_page_up", ("ctrl+u",), "tail.half_page", "Half page up", (-1,), counted=True),
    Action("first", ("g", "home"), "tail.first", "Oldest row, or row N", counted=True),
    Action("last", ("G", "end"), "tail.last", "Newest row, or row N", counted=True),
    Action("left", ("h", "left"), "tail.sideways", "Left", (-1,), counted=True),
    Action("right", ("l", "right"), "tail.sideways", "Right", (1,), counted=True),
    Action("follow", ("F",), "tail.follow", "Follow", hint="follow"),
    Action(
        "freeze",
        ("=",),
        "playing.pause_or_freeze",
        "Freeze drawing, recording goes on; play or pause a replay",
        hint="freeze",
    ),
)

FINDING = (
    Action("search", ("/",), "searches.open", "Search messages", panel="app", hint="search"),
    Action("next_hit", ("n",), "searches.next", "Next hit", (1,), panel="app", counted=True),
    Action("previous_hit", ("N",), "searches.next", "Previous hit", (-1,), panel="app",
           counted=True),
    Action("filter", ("&", "\\"), "filters.open", "Type a filter", panel="app", hint="filter"),
    Action("level_down", ("[",), "filters.level", "More levels", (-1,), panel="app"),
    Action("level_up", ("]",), "filters.level", "Fewer levels", (1,), panel="app"),
    Action("pick_level", ("L",), "filters.pick_level", "Pick a level", panel="app", hint="level"),
    Action("pick_sources", ("S",), "filters.pick_sources", "Pick sources", panel="app",
           hint="source"),
    Action("toggle_filters", ("ctrl+f",), "filters.toggle", "Filters on or off", panel="app"),
)  # fmt: skip

JUMPING = (
    Action("next_error", ("e",), "jumps.level", "Next error", ("error", 1), counted=True),
    Action("previous_error", ("E",), "jumps.level", "Previous error", ("error", -1), counted=True),
    Action("next_warning", ("w",), "jumps.level", "Next warning", ("warn", 1), counted=True),
    Action("previous_warning", ("W",), "jumps.level", "Previous warning", ("warn", -1),
           counted=True),
    Action("next_item", ("a",), "jumps.item", "Next row of a work item", (1,), counted=True,
           hint="work items"),
    Action("previous_item", ("A",), "jumps.item", "Previous row of a work item", (-1,),
           counted=True),
    Action("next_in_trace", ("o",), "jumps.trace", "Next row of this trace", (1,), counted=True),
    Action("previous_in_trace", ("O",), "jumps.trace", "Previous row of this trace", (-1,),
           counted=True),
    Action("next_alike", ("*",), "jumps.template", "Next row with this template", (1,),
           counted=True),
    Action("previous_alike", ("#",), "jumps.template", "Previous row with this template", (-1,),
           counted=True),
    Action("mark", ("m",), "jumps.toggle_mark", "Mark, or take the mark off"),
    Action("next_mark", ("u",), "jumps.mark", "Next mark", (1,), counted=True),
    Action("previous_mark", ("U",), "jumps.mark", "Previous mark", (-1,), counted=True),
    Action("clear_marks", ("C",), "jumps.clear_marks", "Clear all marks"),
    Action("jump_back", ("' '",), "jumps.back", "Back to where the last jump began"),
)  # fmt: skip

READING = (
    Action("detail", ("enter", "p"), "panels.toggle_detail", "All of the selected row",
           hint="detail"),
    Action("context", ("x",), "filters.context", "This row in context, or back"),
    Action("wrap", ("ctrl+w",), "tail.wrap", "Wrap long messages, or cut them"),
    Action("fold", ("z",), "folding.toggle", "Fold repeats by template, or show all"),
    Action("unfold", ("+",), "folding.unfold", "Show the repeats of this row", (True,)),
    Action("fold_again", ("-",), "folding.unfold", "Fold the repeats of this row", (False,)),
    Action("time", ("t",), "tail.next_time_mode", "Show times in the next way"),
    Action("delta", ("T",), "tail.deltas", "Show the time since the row above"),
)  # fmt: skip

DETAIL = (
    Action("field_down", ("j", "down"), "detail.move", "Next field", (1,), "detail", counted=True),
    Action("field_up", ("k", "up"), "detail.move", "Previous field", (-1,), "detail",
           counted=True),
    Action("first_field", ("g", "home"), "detail.ends", "First field", (-1,), "detail"),
    Action("last_field", ("G", "end"), "detail.ends", "Last field", (1,), "detail"),
    Action("add_to_filter", ("+",), "detail.narrow", "Ask for this value in the filter", (False,),
           "detail"),
    Action("exclude", ("-",), "detail.narrow", "Leave this value out", (True,), "detail"),
    Action("branch", ("enter", "space"), "detail.branch", "Fold or open a branch", (), "detail"),
    Action("raw", ("r",), "detail.raw", "Show or hide the bytes", (), "detail"),
)  # fmt: skip

DEAD = (
    Action("retry_letter", ("r",), "dead.retry", "Read it again", panel="dead", hint="retry"),
    Action("retry_all", ("R",), "dead.retry_all", "Read all again", panel="dead",
           hint="retry all"),
    Action("hex", ("X",), "dead.hex", "Bytes in hexadecimal or as text", panel="dead", hint="hex"),
    Action("purge_one", ("d",), "dead.purge_one", "Throw it away; asks first", panel="dead"),
    Action("purge", ("P",), "dead.purge", "Throw all away; asks first", panel="dead",
           hint="purge"),
)  # fmt: skip

REPLAY = (
    Action("step_back", (",",), "playing.step", "Replay: a row back", (-1,), counted=True),
    Action("step_on", (".",), "playing.step", "Replay: a row on", (1,), counted=True),
    Action("slower", ("<",), "playing.speed", "Replay: half as fast", (0.5,)),
    Action("faster", (">",), "playing.speed", "Replay: twice as fast", (2,)),
)

TAKING_OUT = (
    Action("copy", ("c", "y"), "taking_out.copy", "Copy the row, or the marked ones", hint="copy"),
    Action("copy_as", ("Y",), "taking_out.pick", "Copy as raw, JSON, command, curl, query"),
    Action("export_stop", (), "taking_out.stop", "Call an export off", panel="app"),
)

ITEMS = (
    Action(
        "toggle_items", ("I",), "panels.toggle_items", "Work items beside the tail", panel="app"
    ),
    Action(
        "start_item", ("s",), "item_keys.start", "Start work on it", panel="items", hint="start"
    ),
    Action("finish_item", ("d",), "item_keys.done", "Done; asks first", panel="items", hint="done"),
    Action("reopen_item", ("o",), "item_keys.reopen", "Reopen", panel="items", hint="reopen"),
    Action("mark_useful", ("u",), "item_keys.useful", "Worth having; again: unmark", panel="items"),
    Action("mark_noise", ("z",), "item_keys.noise", "Noise; again: unmark", panel="items"),
)

RULES = (
    Action("explain", ("!",), "verdicts.explain", "Why this row became work, or not", hint="why"),
    Action("draft_rule", ("R",), "rule_drafts.draft", "Draft a rule from this row"),
    Action("switch_rule", ("d",), "rules.switch", "Switch it off or on; asks first",
           panel="rules", hint="off/on"),
)  # fmt: skip

VIEWS = (
    Action("view_tail", ("f3", "` t"), "views.show", "The tail", ("tail",), panel="app"),
    Action("view_items", ("f4", "` i"), "views.show", "Work items", ("items",), panel="app"),
    Action("view_dead", ("f5", "` d"), "views.show", "Dead letters", ("dead",), panel="app"),
    Action("view_patterns", ("f6", "` p"), "views.show", "Patterns", ("patterns",), panel="app"),
    Action("view_sources", ("f7", "` s"), "views.show", "Sources", ("sources",), panel="app"),
    Action("view_stats", ("f8", "` a"), "views.show", "Stats: the account of every row",
           ("stats",), panel="app"),
    Action("view_rules", ("f9", "` r"), "views.show", "Rules: what each did, edit, off and on",
           ("rules",), panel="app"),
)  # fmt: skip

OVERVIEW = (
    Action("histogram", ("i",), "overview.toggle", "Histogram: figures, hidden, one line",
           panel="app"),
    Action("earlier_bucket", ("h", "left"), "histogram.move", "Earlier", (-1,), panel="histogram"),
    Action("later_bucket", ("l", "right"), "histogram.move", "Later", (1,), panel="histogram",
           hint="bucket"),
    Action("first_bucket", ("g", "home"), "histogram.to_end", "Earliest", (-1,),
           panel="histogram"),
    Action("last_bucket", ("G", "end"), "histogram.to_end", "Latest", (1,), panel="histogram"),
    Action("next_bad_bucket", ("e",), "histogram.severe", "Next with errors", (1,),
           panel="histogram", hint="errors"),
    Action("previous_bad_bucket", ("E",), "histogram.severe", "Previous with errors", (-1,),
           panel="histogram"),
    Action("go_to_bucket", ("enter",), "histogram.jump", "Go to its first row",
           panel="histogram", hint="go there"),
)  # fmt: skip

LISTS = (
    Action("list_down", ("j", "down"), "list.move", "Down", (1,), panel="list"),
    Action("list_up", ("k", "up"), "list.move", "Up", (-1,), panel="list"),
    Action("list_page_down", ("space", "pagedown", "ctrl+d"), "list.page", "Page down", (1,),
           panel="list"),
    Action("list_page_up", ("b", "pageup", "ctrl+b", "ctrl+u"), "list.page", "Page up", (-1,),
           panel="list"),
    Action("list_first", ("g", "home"), "list.end", "First", (-1,), panel="list"),
    Action("list_last", ("G", "end"), "list.end", "Last", (1,), panel="list"),
    Action("list_open", ("enter",), "list.choose", "Open", panel="list", hint="open"),
    Action("exclude_pattern", ("-",), "patterns.exclude", "All but this pattern",
           panel="patterns", hint="all but this"),
)  # fmt: skip

PROGRAM = (
    Action("command", (":",), "commands.open", "Type a command", panel="app", hint="command"),
    Action("palette", ("ctrl+p",), "panels.palette", "Search all actions", panel="app"),
    Action("help", ("?", "f1"), "panels.help", "Help for this panel", panel="app", hint="help"),
    Action("mouse", ("f2",), "panels.mouse", "Mouse: logmon's or the terminal's",
           panel="app"),
    Action("next_panel", ("tab",), "panels.next", "Next panel", (1,), panel="app"),
    Action("previous_panel", ("shift+tab",), "panels.next", "Previous panel", (-1,),
           panel="app"),
    Action("back", ("escape",), "panels.escape", "Close what is open", panel="app"),
    Action("leave", ("q",), "panels.leave", "Leave the view, then quit", panel="app", hint="quit"),
    Action("quit", ("ctrl+c", "Z Z"), "app.exit", "Quit", panel="app"),
)  # fmt: skip

GROUPS: dict[str, tuple[Action, ...]] = {
    "Moving": MOVING,
    "Finding": FINDING,
    "Jumping": JUMPING,
    "Reading": READING,
    "Detail": DETAIL,
    "Taking out": TAKING_OUT,
    "Dead letters": DEAD,
    "Replay": REPLAY,
    "Work items": ITEMS,
    "Rules": RULES,
    "Views": VIEWS,
    "Overview": OVERVIEW,
    "Lists": LISTS,
    "Program": PROGRAM,
}
ACTIONS: dict[str, Action] = {action.name: action for group in GROUPS.values() for action in group}
DIGITS = "0123456789"
"""Keys of the tail that build a count; no action can have them there."""


def keymap(
    changes: Mapping[str, Iterable[str]],
    where: Callable[[str], str] = "tail.keys.{}".format,
) -> Keymap:
    """Return each action's keys, as Textual names them, with the user's changes laid over.

    Raises:
        ConfigError: an unknown action or key, or one key for two actions that can both hear it.
    """
    keys: Keymap = {}
    for name in changes:
        if name not in ACTIONS:
            raise ConfigError("is no action", where=where(name), hint=_near(name))
    for name, action in ACTIONS.items():
        try:
            keys[name] = tuple(map(key_sequence, changes.get(name, action.keys)))
        except ValueError as error:
            raise ConfigError(str(error), where=where(name)) from None
    _refuse_clashes(keys, changes, where)
    return keys


def _near(name: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, ACTIONS, n=1)
    return f"did you mean '{found[0]}'?" if found else "`logmon keys` prints them"


def _refuse_clashes(
    keys: Keymap, changes: Mapping[str, Iterable[str]], where: Callable[[str], str]
) -> None:
    taken: dict[str, list[Action]] = {}
    for name, sequences in keys.items():
        action = ACTIONS[name]
        for sequence in sequences:
            for other in taken.setdefault(sequence, []):
                if action.panel == other.panel or "app" in (action.panel, other.panel):
                    first, second = sorted((other.name, name), key=lambda n: n in changes)
                    raise ConfigError(
                        f"{shown(sequence)} is the key of '{first}' too, beside '{second}'",
                        where=where(second if second in changes else first),
                        hint=f"give '{first}' another key",
                    )
            taken[sequence].append(action)
            _refuse_taken_starts(sequence, keys, name, where)
            if sequence in DIGITS and action.panel in ("app", "tail"):
                raise ConfigError(
                    f"{sequence} begins a count such as 5j", where=where(name), hint="take another"
                )


def _refuse_taken_starts(
    sequence: str, keys: Keymap, name: str, where: Callable[[str], str]
) -> None:
    """Refuse a key of its own that begins somebody's sequence of two."""
    for other, sequences in keys.items():
        if any(found.startswith(f"{sequence} ") for found in sequences):
            raise ConfigError(
                f"{shown(sequence)} begins keys of '{other}' too, beside '{name}'",
                where=where(name),
                hint=f"give '{other}' another key",
            )


def documents(keys: Keymap) -> Iterable[dict[str, object]]:
    """Yield what `logmon keys -o json` prints: action, keys, text, group and panel of each."""
    for title, group in GROUPS.items():
        for action in group:
            yield {
                "action": action.name,
                "keys": [shown(sequence) for sequence in keys[action.name]],
                "text": action.text,
                "group": title,
                "panel": action.panel,
            }


def describe(keys: Keymap) -> Iterable[str]:
    """Yield the lines that `logmon keys` prints."""
    for title, group in GROUPS.items():
        yield f"{title}"
        for action in group:
            names = "  ".join(shown(sequence) for sequence in keys[action.name])
            where = "" if action.panel in ("app", "tail") else f"  ({action.panel})"
            yield f"  {names:<20} {action.name:<18} {action.text}{where}"
