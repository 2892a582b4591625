"""The table of actions: each is done by somebody, no two share a key, and keys can be changed."""

from __future__ import annotations

from importlib import import_module

import pytest
from textual.keys import _character_to_key

from logmon.errors import ConfigError
from logmon.tui.actions import ACTIONS, describe, keymap
from logmon.tui.app import LogmonApp
from logmon.tui.commands import all_commands
from logmon.tui.controls import OWNERS
from logmon.tui.keys import key_name, key_sequence, shown
from logmon.tui.views import VIEWS, View

PRINTABLE = [chr(code) for code in range(33, 127)]


@pytest.mark.parametrize("name", ACTIONS)
def test_each_action_is_done_by_a_method_of_its_owner(name):
    owner, _, method = ACTIONS[name].does.partition(".")
    if owner == "app":
        assert callable(getattr(LogmonApp, method))
        return
    module, _, kind = OWNERS[owner].partition(":")
    assert callable(getattr(getattr(import_module(module), kind), method))


@pytest.mark.parametrize("name", VIEWS)
def test_each_view_is_a_view_and_an_action_shows_it(name):
    module, _, kind = VIEWS[name].made_by.partition(":")
    assert issubclass(getattr(import_module(module), kind), View)
    assert any(a.does == "views.show" and a.args == (name,) for a in ACTIONS.values())


def test_each_command_says_what_it_does():
    assert all(command.text and command.name == name for name, command in all_commands().items())


@pytest.mark.parametrize("char", PRINTABLE)
def test_keys_are_named_as_textual_names_them_and_shown_as_they_are(char):
    assert key_name(char) == _character_to_key(char)
    assert shown(key_name(char)) == char


def test_no_two_actions_share_a_key_by_default():
    keys = keymap({})
    assert keys["follow"] == ("F",)
    assert keys["filter"][0] == "ampersand"


def test_changed_keys_take_the_place_of_the_default_ones():
    assert keymap({"follow": ["ctrl+g", "' f"]})["follow"] == ("ctrl+g", "apostrophe f")
    assert keymap({"follow": ["E"], "previous_error": ["F"]})["follow"] == ("E",)
    assert keymap({"follow": []})["follow"] == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"follow": ["j"]}, "j is the key of 'down' too, beside 'follow'"),
        ({"leave": ["F"]}, "F is the key of 'follow' too, beside 'leave'"),
        ({"follow": ["Z"]}, "Z begins keys of 'quit' too, beside 'follow'"),
        ({"follow": ["5"]}, "5 begins a count such as 5j"),
        ({"folow": ["x"]}, "did you mean 'follow'?"),
        ({"follow": ["hyper+x"]}, "'hyper+x' is no key"),
        ({"follow": ["a b c"]}, "neither one key nor two"),
    ],
)
def test_a_keymap_that_cannot_work_is_refused_with_both_names(changes, said):
    with pytest.raises(ConfigError, match=r"tail\.keys") as refused:
        keymap(changes)
    assert said in str(refused.value)


def test_the_printed_table_names_every_action():
    lines = list(describe(keymap({})))
    assert all(any(f" {name} " in line for line in lines) for name in ACTIONS)


def test_a_sequence_is_two_keys_with_a_blank():
    assert key_sequence("` t") == "grave_accent t"
    assert shown("grave_accent t") == "` t"
