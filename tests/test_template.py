"""Templates: deterministic, bounded, true to their messages, saved and restored, re-keyed."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.template import HOLE, TemplateMiner, template_id

VOCABULARY = (
    "job queue worker done failed started in for user=ann user=bob state: (ok) 'x y' a.b.C 17"
)
WORDS = VOCABULARY.split(" ")
MESSAGES = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join), max_size=60
)


def test_messages_that_differ_in_numbers_paths_or_addresses_share_a_template():
    miner = TemplateMiner()
    found = {
        miner.template("took 5 ms for /a/7/b from 10.0.0.1:80"),
        miner.template("took 1234 ms for /var/log/x from 192.168.1.250:65000"),
    }
    assert found == {"took <*> for <*> from <*>"}


def test_messages_that_say_different_things_have_different_templates():
    miner = TemplateMiner()
    found = [miner.template(f"{word} connection to db") for word in ("opened", "closed", "lost")]
    assert len(set(found)) == 3


def test_many_words_in_one_place_become_a_value_and_the_old_templates_are_told():
    miner = TemplateMiner()
    names = ["ann", "bob", "carl", "dora", "eve", "fay"]
    old = [miner.template(f"cannot find module {name} in cache") for name in names]
    merges = miner.merges()
    final = {merges.get(template, template) for template in old}
    assert final == {"cannot find module <*> in cache"}
    assert old[0] == "cannot find module ann in cache"
    assert miner.merges() == {}


def test_a_chain_of_merges_is_told_by_its_end():
    miner = TemplateMiner()
    names = ["ann", "bob", "carl", "dora", "eve", "fay"]
    for name in names:
        for other in names:
            miner.template(f"message sent to {name} about {other} by mail")
    merges = miner.merges()
    assert set(merges.values()) == {"message sent to <*> about <*> by mail"}


@given(MESSAGES)
def test_the_same_messages_give_the_same_templates(messages):
    one, two = TemplateMiner(), TemplateMiner()
    assert [one.template(m) for m in messages] == [two.template(m) for m in messages]
    assert one.state() == two.state()


@given(MESSAGES, MESSAGES, st.sampled_from([3, 10_000]))
def test_a_restored_miner_answers_as_the_saved_one(before, after, bound):
    miner = TemplateMiner(max_groups=bound)
    for message in before:
        miner.template(message)
    restored = TemplateMiner.restore(miner.state(), max_groups=bound)
    assert [miner.template(m) for m in after] == [restored.template(m) for m in after]
    assert miner.merges() == restored.merges()
    assert miner.state() == restored.state()


@given(MESSAGES)
def test_every_old_template_leads_to_the_one_its_message_has_now(messages):
    miner = TemplateMiner()
    old = [miner.template(message) for message in messages]
    merges = miner.merges()
    now = [miner.template(message) for message in messages]
    assert [merges.get(template, template) for template in old] == now
    assert miner.merges() == {}


@given(MESSAGES)
def test_the_words_of_a_template_stand_in_its_message_in_their_order(messages):
    miner = TemplateMiner()
    for message in messages:
        parts = re.findall(r"[A-Za-z]+", miner.template(message))
        assert re.search(".*".join(map(re.escape, parts)), message), message


def test_20_000_templates_stay_within_the_bound():
    miner = TemplateMiner(max_groups=200)
    for n in range(20_000):
        miner.template(_spelled(n))
    assert len(miner) <= 200
    assert len(miner.state()) < 10_000_000
    assert len(miner.merges()) <= 200


def _spelled(n: int) -> str:
    """Write a number as words that are no values, so that each message is its own template."""
    letters = "abcdefghij"
    words = [
        "".join(letters[int(d)] * (place % 3 + 1) for d in pair)
        for place, pair in enumerate(re.findall("..", f"{n:06}"))
    ]
    return " ".join(f"{word} {word[::-1]}x" for word in words)


def test_the_template_unused_longest_is_forgotten_and_comes_back_the_same():
    miner = TemplateMiner(max_groups=2)
    first = miner.template("first of all messages")
    miner.template("second thing that came")
    miner.template("first of all messages")
    miner.template("third and last words")
    assert len(miner) == 2
    assert miner.template("second thing that came") == "second thing that came"
    assert miner.template("first of all messages") == first


def test_templates_are_the_same_in_every_process():
    code = (
        "from logmon.template import TemplateMiner\n"
        "m = TemplateMiner()\n"
        "for a in 'kilo lima mike november oscar papa'.split():\n"
        "    for b in 'x=red x=green x=blue x=grey y=1'.split():\n"
        "        print(m.template(f'sending {a} with {b} to the others'))\n"
        "print(m.state())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(outputs) == 1


@given(st.text(max_size=300))
def test_any_text_has_a_template_that_can_be_saved(text):
    miner = TemplateMiner()
    template = miner.template(text)
    assert miner.template(text) == template
    assert TemplateMiner.restore(miner.state()).template(text) == template
    assert len(template_id(template)) == 12


def test_what_is_no_state_is_refused():
    with pytest.raises(ValueError, match=r"."):
        TemplateMiner.restore(b"\xc1")


def test_a_hole_in_a_message_is_no_danger():
    assert TemplateMiner().template(f"a {HOLE} b") == "a <*> b"
