"""Rules in a file: refused with line and column, read again without losing state, added to."""

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmon.config import load_config
from logmon.errors import ConfigError
from logmon.hub import LogEventHub
from logmon.level import Level
from logmon.rule_files import RuleFile, read_rules, rules_of, to_toml
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.sentinel.pipeline import Sentinel
from logmon.sentinel.rule import Rule
from logmon.testing import ScriptedSource, arrival_of, hang, make_event

FULL = Rule(
    name='say "hi"\x7f',
    when='@http.status:>=500 -service:batch "a b"',
    minimum_level=Level.INFO,
    sources=("api*", "!api-test"),
    group_by=("@region", "host.name"),
    threshold=5,
    window_s=120,
    cooldown_s=5400,
    priority="high",
    title="Ünïcode\nand \\ more",
)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("line", "wrong", "column"),
    [
        ('when = "status:(error"', "bracket is never closed", 16),
        ("when   =  'a:b OR OR c'", "not expected", 19),
        ('window = "-5m"', "no duration", 10),
        ('windwo = "5m"', "did you mean 'window'?", 1),
        ("  threshold = 0", "greater than or equal to 1", 15),
        ('minimum_level = "wran"', "not a level", 17),
        ('when = "timestamp:>now-1h"', "no now", 9),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line_and_column(tmp_path: Path, line, wrong, column):
    path = write(tmp_path / "c.toml", f'[[sentinel.rules]]\nname = "x"\n{line}\n')
    with pytest.raises(ConfigError) as refused:
        load_config(path, {})
    assert str(refused.value).startswith(f"{path}:3: sentinel.rules.")
    assert wrong in str(refused.value)
    assert f"(column {column})" in str(refused.value)
    text, caret = refused.value.caret()  # type: ignore[attr-defined]
    assert text == line
    assert len(caret) == column


def test_two_rules_of_one_name_are_refused(tmp_path: Path):
    path = write(tmp_path / "c.toml", '[[sentinel.rules]]\nname = "x"\n' * 2)
    with pytest.raises(ConfigError, match="two rules 'x'"):
        load_config(path, {})


def test_a_rule_is_written_as_it_is_read(tmp_path: Path):
    path = write(tmp_path / "c.toml", to_toml(FULL, "drafted\nfrom a row") + to_toml(Rule()))
    assert read_rules(path) == (FULL, Rule())


def test_a_rule_is_added_and_the_rest_of_the_file_stays(tmp_path: Path):
    before = "# mine\n[tail]\nhistory = 5000  # enough\n"
    path = write(tmp_path / "c.toml", before)
    file = RuleFile(load_config(path, {}), path, {})
    assert file.add(FULL, "drafted") == path
    assert path.read_text().startswith(before)
    assert read_rules(path) == (Rule(), FULL), "the built-in rule is written down, or it would end"
    assert path.stat().st_mode & 0o777 == 0o600
    assert file.changed() == (Rule(), FULL)
    with pytest.raises(ConfigError, match="already"):
        file.add(FULL)
    file.add(Rule(name="third"))
    assert [rule.name for rule in read_rules(path)] == ["default", FULL.name, "third"]


def test_without_a_file_the_users_own_is_made(tmp_path: Path):
    path = tmp_path / "new" / "config.toml"
    env = {"LOGMON_CONFIG": str(path)}
    config = load_config(None, {"LOGMON_CONFIG": str(write(tmp_path / "none.toml", ""))})
    file = RuleFile(config, None, env)
    file.path = None
    assert file.add(FULL) == path
    assert rules_of(load_config(path, {}).sentinel)[-1] == FULL


class Live:
    """A service that runs over a file of rules, fed by hand."""

    def __init__(self, path: Path) -> None:
        self.config = load_config(path, {})
        self.hub = LogEventHub()
        self.sentinel = Sentinel(rules_of(self.config.sentinel))
        self.service = LogMonitorService(
            self.hub,
            [SourceEntry(ScriptedSource("app", [hang]))],
            sentinel=self.sentinel,
            rule_file=RuleFile(self.config, path, {}),
        )

    async def __aenter__(self) -> "Live":
        self._task = asyncio.create_task(self.service.run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def feed(self, *events) -> None:
        batch = arrival_of(*events).batch
        assert batch is not None
        await self.hub.publish(batch, origin="app")
        await self.hub.drained()

    def said(self) -> list[str]:
        rows = self.hub.recent(100)
        return [row.event.message for row in rows if row.event.source == "logmon"]


async def test_rules_change_while_it_runs_and_nothing_of_before_is_lost(tmp_path: Path):
    path = write(tmp_path / "c.toml", '[[sentinel.rules]]\nname = "a"\nthreshold = 3\n')
    async with Live(path) as live:
        one = [make_event("disk full", level=Level.WARN, id=f"e{n}") for n in range(4)]
        await live.feed(*one[:2])
        write(path, path.read_text() + to_toml(Rule(name="b", minimum_level=Level.INFO)))
        live.service.reload_rules()
        await live.feed(one[2], make_event("hello", id="i"))
        items = {(item.rule, item.count) for item in live.sentinel.items.all()}
        assert items == {("a", 3), ("b", 1), ("b", 1)}
        assert live.said() == ["rules changed: a, b"]
        assert live.service.rule_statistics()["a"].suppressed == 2


async def test_a_wrong_file_is_refused_while_the_old_rules_go_on(tmp_path: Path):
    good = '[[sentinel.rules]]\nname = "a"\n'
    path = write(tmp_path / "c.toml", good)
    async with Live(path) as live:
        write(path, good + 'when = "status:(error"\n')
        live.service.reload_rules()
        live.service.reload_rules()
        (said,) = live.said()
        assert said.startswith(f"rules not changed: {path}:3: sentinel.rules.when: ")
        assert "(column 16)" in said
        await live.feed(make_event("disk full", level=Level.WARN, id="e1"))
        assert [item.rule for item in live.sentinel.items.all()] == ["a"]
        write(path, good + 'title = "t"\n')
        live.service.reload_rules()
        assert live.sentinel.rules == (Rule(name="a", title="t"),)


async def test_the_file_is_watched(tmp_path: Path):
    path = write(tmp_path / "c.toml", '[[sentinel.rules]]\nname = "a"\n')
    async with Live(path) as live:
        write(path, '[[sentinel.rules]]\nname = "bb"\n')
        async with asyncio.timeout(5):
            subscription = live.hub.subscribe(after=-1)
            async for event in subscription:
                if event.source == "logmon":
                    break
        assert live.said() == ["rules changed: bb"]


COMMENTED = """\
# mine
[sentinel]
enabled = true

# about a
[[sentinel.rules]]   # head
name = "a"  # its name
when = "x"  # why
group_by = [
  "r",  # one
]

# about b
[[sentinel.rules]]
name = "b"

# about the tail
[tail]
history = 5000  # enough
"""


def test_a_rule_is_changed_where_it_stands_and_every_comment_stays(tmp_path: Path):
    path = write(tmp_path / "c.toml", COMMENTED)
    file = RuleFile(load_config(path, {}), path, {})
    a, b = read_rules(path)
    other = msgspec.structs.replace(a, when='"y" \x7f é', threshold=3, enabled=False)
    assert file.change(a, other) == path
    assert path.read_text() == COMMENTED.replace(
        'name = "a"  # its name\nwhen = "x"  # why',
        'name = "a"  # its name\nenabled = false\nthreshold = 3\nwhen = "\\"y\\" \\u007f é"  # why',
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert file.changed() == (other, b)
    file.change(b, msgspec.structs.replace(b, title="T"))
    assert 'name = "b"\ntitle = "T"\n\n# about the tail\n[tail]' in path.read_text()
    file.change(other, a)
    assert read_rules(path)[0] == a, "what became usual again is written as such"


@given(
    st.builds(
        Rule,
        name=st.just("a"),
        enabled=st.booleans(),
        title=st.text(max_size=20),
        threshold=st.integers(1, 9),
        group_by=st.lists(st.text(max_size=5), max_size=3).map(tuple),
        priority=st.sampled_from(["", "high"]),
        window_s=st.sampled_from([0.5, 60.0, 600.0]),
    )
)
def test_whatever_a_rule_becomes_it_is_read_back_as_that_and_the_others_stay(after):
    with TemporaryDirectory() as folder:
        path = write(Path(folder) / "c.toml", COMMENTED)
        file = RuleFile(load_config(path, {}), path, {})
        a, b = read_rules(path)
        file.change(a, after)
        assert read_rules(path) == (after, b)
        left = {line for line in COMMENTED.splitlines() if line.startswith("#")}
        assert left <= set(path.read_text().splitlines())


def test_lines_end_as_they_did(tmp_path: Path):
    path = tmp_path / "c.toml"
    path.write_bytes(COMMENTED.replace("\n", "\r\n").encode())
    path.chmod(0o600)
    file = RuleFile(load_config(path, {}), path, {})
    a, b = read_rules(path)
    off = msgspec.structs.replace(a, enabled=False)
    file.change(a, off)
    assert read_rules(path) == (off, b)
    assert path.read_bytes().count(b"\r\n") == path.read_bytes().count(b"\n")


def test_rules_in_one_line_are_changed_too(tmp_path: Path):
    path = write(tmp_path / "c.toml", '[sentinel]\nrules = [{name="a"}, {name="b", when="x"}]\n')
    file = RuleFile(load_config(path, {}), path, {})
    a, b = read_rules(path)
    off = msgspec.structs.replace(b, enabled=False)
    file.change(b, off)
    assert read_rules(path) == (a, off)


def test_the_built_in_rule_is_written_down_when_it_is_changed(tmp_path: Path):
    path = write(tmp_path / "c.toml", "# mine\n")
    file = RuleFile(load_config(path, {}), path, {})
    file.change(Rule(), Rule(threshold=5))
    assert path.read_text().startswith("# mine\n")
    assert read_rules(path) == (Rule(threshold=5),)


def test_a_rule_that_somebody_else_changed_meanwhile_is_not_written_over(tmp_path: Path):
    path = write(tmp_path / "c.toml", COMMENTED)
    file = RuleFile(load_config(path, {}), path, {})
    a, _ = read_rules(path)
    write(path, COMMENTED.replace('"x"', '"z"'))
    with pytest.raises(ConfigError, match="another one in it by now"):
        file.change(a, Rule(name="a", threshold=3))
    assert read_rules(path)[0].when == "z"


def test_a_write_protected_file_is_refused_and_stays(tmp_path: Path):
    path = write(tmp_path / "c.toml", COMMENTED)
    path.chmod(0o400)
    file = RuleFile(load_config(path, {}), path, {})
    a, _ = read_rules(path)
    for change in (lambda: file.change(a, Rule(name="a")), lambda: file.add(Rule(name="c"))):
        with pytest.raises(ConfigError, match="write-protected, so rules are not saved"):
            change()
    assert path.read_text() == COMMENTED
    assert [one.name for one in tmp_path.iterdir()] == ["c.toml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_is_refused_and_stays(tmp_path: Path):
    path = write(tmp_path / "c.toml", COMMENTED)
    file = RuleFile(load_config(path, {}), path, {})
    a, _ = read_rules(path)
    os.chown(path, 12345, -1)
    with pytest.raises(ConfigError, match="another user"):
        file.change(a, Rule(name="a"))
    assert path.read_text() == COMMENTED


async def test_a_rule_is_switched_off_and_on_while_its_items_and_counts_stay(tmp_path: Path):
    path = write(tmp_path / "c.toml", '[[sentinel.rules]]\nname = "a"\nthreshold = 2\n')
    async with Live(path) as live:
        rows = [make_event("disk full", level=Level.WARN, id=f"e{n}") for n in range(5)]
        await live.feed(rows[0])
        (on,) = live.service.rules()
        off = msgspec.structs.replace(on, enabled=False)
        live.service.change_rule(on, off)
        assert live.service.rules() == (off,)
        await live.feed(rows[1])
        assert live.sentinel.items.all() == [], "off, it hears nothing"
        live.service.change_rule(off, on)
        await live.feed(rows[2], rows[3])
        (item,) = live.sentinel.items.all()
        assert item.count == 3, "what its window held before it was off still counts"
        live.service.change_rule(on, off)
        await live.feed(rows[4])
        assert [one.count for one in live.sentinel.items.all()] == [3]
        counts = live.service.rule_statistics()["a"]
        assert (counts.matched, counts.fired, counts.joined, counts.suppressed) == (3, 1, 1, 1)
