"""Trackers: told once, in order, whatever goes wrong on the way; nothing unless enabled."""

import asyncio
import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from logmon.cli import app
from logmon.config import load_config
from logmon.courier import Addressee, Courier
from logmon.errors import ConfigError
from logmon.hub import LogEventHub
from logmon.item_desk import ItemDesk
from logmon.level import Level
from logmon.segment import Delivery
from logmon.sentinel.pipeline import Sentinel
from logmon.store.journal import open_writer
from logmon.testing import NOON, make_event
from logmon.tracker_setup import addressees
from logmon.trackers.github import GitHubIssues, block, body, title
from logmon.trackers.webhook import Webhook
from tests.sentinel.tracker_server import TrackerServer

WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "omikron",
]


class Office:
    """A store, Sentinel, and a courier whose clock is moved by hand; taken up again at will."""

    def __init__(self, path: Path, make, **settings) -> None:
        self._path, self._make, self._settings = path, make, settings
        self.now_s = 1_000_000.0
        self.seq = 0
        self.open()

    def open(self) -> None:
        store = open_writer(self._path)
        assert store is not None
        self.store = store
        self.hub = LogEventHub(journal=store)
        self.sentinel = Sentinel()
        records = sorted(store.work_items(), key=lambda pair: pair[0])
        self.sentinel.restore([record for _, record in records], store.values("sentinel"))
        self.to = Addressee(
            "t", self._make(), **{"enabled": True, "per_hour": 1_000} | self._settings
        )
        self.desk = ItemDesk(self.hub, self.sentinel, store)
        self.courier = Courier(
            self.hub, store, [self.to], now_ns=lambda: round(self.now_s * 1e9), rng=random.Random(1)
        )
        self.desk.courier = self.courier

    async def close(self) -> None:
        await self.to.tracker.close()
        self.store.close()

    async def again(self) -> None:
        """As after a kill: everything but the store is gone."""
        await self.close()
        self.open()

    async def happen(self, message: str, level: Level = Level.ERROR, **fields) -> None:
        self.seq += 1
        at = NOON + timedelta(seconds=self.seq)
        event = make_event(message, level=level, id=f"e{self.seq}", timestamp=at, **fields)
        effects = self.sentinel.process([Delivery(self.seq, event, "app", None)])
        await self.desk.keep(effects, self.seq + 1)

    async def rounds(self, most: int = 50) -> float:
        """Let time pass until nothing waits; return how long that took, in seconds."""
        began = self.now_s
        for _ in range(most):
            wait_s = await self.courier.round(self.to)
            if not self.store.outbox("t"):
                return self.now_s - began
            self.now_s += wait_s
        raise AssertionError(self.store.outbox("t"))


def github(server: TrackerServer):
    return lambda: GitHubIssues("o/r", "tok", ["logmon"], server.url, whole_s=0.3)


def webhook(server: TrackerServer):
    return lambda: Webhook(f"{server.url}/hook", "s3cret", whole_s=0.3)


FAULTS = [[], [429], [500, 503], ["hang"], ["drop"], ["hang", 500, "drop", 429], [None, "hang"]]


@pytest.mark.parametrize("faults", FAULTS)
async def test_an_issue_is_made_once_whatever_goes_wrong(tmp_path: Path, faults):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", github(server))
        server.faults = list(faults)
        await office.happen("disk full")
        await office.rounds()
        assert len(server.issues) == 1
        (issue,) = server.issues
        assert (issue["title"], issue["state"]) == ("disk full (tests)", "open")
        assert issue["labels"] == ["logmon"]
        await office.close()


@pytest.mark.parametrize("faults", FAULTS)
async def test_a_webhook_hears_of_each_change_once_whatever_goes_wrong(tmp_path: Path, faults):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", webhook(server))
        server.faults = list(faults)
        await office.happen("disk full", Level.WARN)
        await office.happen("disk full")
        await office.desk.change("WI-1", "done", "test")
        await office.rounds()
        heard = [(post["event"], post["item"]["id"]) for post in server.posts.values()]
        assert heard == [("opened", "WI-1"), ("raised", "WI-1"), ("done", "WI-1")]
        assert server.bad_signatures == 0
        await office.close()


async def test_killed_between_the_answer_and_the_note_of_it_nothing_is_told_twice(tmp_path: Path):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", github(server))
        for word in WORDS[:5]:
            await office.happen(f"{word} lost")
        for entry in office.store.outbox("t")[:3]:  # told, and killed before that was written down
            await office.to.tracker.deliver(entry, "")
        await office.again()
        await office.rounds()
        assert len(server.issues) == 5
        assert sorted(issue["title"] for issue in server.issues) == sorted(
            f"{word} lost (tests)" for word in WORDS[:5]
        )
        await office.close()


async def test_an_outage_loses_and_repeats_nothing(tmp_path: Path):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", github(server))
        server.faults = [500] * 12
        for word in WORDS[:4]:
            await office.happen(f"{word} lost")
            await office.courier.round(office.to)
        await office.desk.change("WI-2", "done", "test")
        await office.again()
        assert office.store.tracker_statistics("t")["waiting"] == 5
        assert office.store.tracker_statistics("t")["error"] == "answered 500"
        await office.rounds()
        states = {issue["title"]: issue["state"] for issue in server.issues}
        assert states == {f"{word} lost (tests)": "open" for word in WORDS[:4]} | {
            "beta lost (tests)": "closed"
        }
        said = [row.event.message for row in office.hub.recent(100) if row.event.source == "logmon"]
        assert said.count("tracker t: answered 500; what it is to be told waits") == 1
        await office.close()


async def test_the_other_sides_advice_to_wait_is_kept(tmp_path: Path):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", github(server))
        server.faults = [429]
        await office.happen("disk full")
        wait_s = await office.courier.round(office.to)
        assert 6.9 <= wait_s <= 7.1
        await office.close()


async def test_what_is_refused_for_good_waits_for_a_person_and_holds_nothing_up(tmp_path: Path):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", github(server))
        await office.happen("alpha lost")
        server.faults = [None, 422]
        await office.courier.round(office.to)
        await office.happen("beta lost")
        await office.courier.round(office.to)
        assert [issue["title"] for issue in server.issues] == ["beta lost (tests)"]
        (waiting,) = office.store.outbox("t")
        assert (waiting.item, waiting.error, waiting.attempts) == ("WI-1", "answered 422", 1)
        await office.close()


async def test_a_rule_is_held_to_so_many_new_items_an_hour(tmp_path: Path):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", github(server), per_hour=3, storm=100)
        for word in WORDS[:7]:
            await office.happen(f"{word} lost")
        await office.courier.round(office.to)
        assert len(server.issues) == 3
        took_s = await office.rounds(500)
        assert len(server.issues) == 7
        assert took_s >= 2 * 3_600
        await office.close()


@pytest.mark.parametrize("faults", [[], [None, "hang", 500]])
async def test_a_storm_is_told_in_one_issue_that_names_every_item(tmp_path: Path, faults):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", github(server), per_hour=3, storm=5)
        server.faults = list(faults)
        for word in WORDS:
            await office.happen(f"{word} lost")
        await office.rounds()
        (issue,) = server.issues
        assert issue["title"] == f"{len(WORDS)} new work items of rule default (tests)"
        assert all(f"{word} lost" in issue["body"] for word in WORDS)
        await office.desk.change("WI-3", "done", "test")
        await office.rounds()
        assert len(server.issues) == 1
        assert server.issues[0]["state"] == "open"
        await office.close()


async def test_nothing_is_sent_by_a_tracker_that_is_not_enabled(tmp_path: Path):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", webhook(server), enabled=False)
        await office.happen("disk full")
        await office.hub.drained()
        assert office.store.outbox("t") == []
        assert server.requests == []
        said = [row.event.message for row in office.hub.recent(9) if row.event.source == "logmon"]
        assert said == ["tracker t: would be told: WI-1 opened (dry run)"]
        await office.close()


async def test_a_tracker_is_told_of_its_rules_and_priorities_alone(tmp_path: Path):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", webhook(server), minimum_priority="high")
        await office.happen("mild", Level.WARN)
        await office.happen("bad", Level.ERROR)
        await office.rounds()
        assert [post["item"]["title"] for post in server.posts.values()] == ["bad"]
        assert not Addressee("x", office.to.tracker, rules=("other*",)).wants(
            office.sentinel.items.all()[0]
        )
        await office.close()


async def test_a_request_can_be_looked_at_without_its_secrets(tmp_path: Path):
    async with TrackerServer() as server:
        for make in (github(server), webhook(server)):
            office = Office(tmp_path / f"{make.__qualname__}.db", make)
            await office.happen("disk full")
            (entry,) = office.store.outbox("t")
            shown = office.to.tracker.preview(entry, "")
            assert shown.startswith("POST http://127.0.0.1:")
            assert "disk full" in shown
            assert "tok" not in shown.replace("template", "")
            assert "sha256=" not in shown
            assert server.requests == []
            await office.close()


def test_log_text_is_no_markup_in_an_issue():
    item = {
        "id": "WI-1", "title": "@octocat see #1\x1b[31m\nnow", "source": "app", "priority": "high",
        "level": "error", "status": "new", "count": 1, "first_seen": "x", "last_seen": "y",
        "rule": "r", "template": "````\n@team\n````", "description": "<!-- logmon 0 -->",
    }  # fmt: skip
    shown = body(item, "k" * 32)
    assert shown.splitlines()[0] == "`````text"
    assert shown.splitlines()[-3] == "`````"
    assert shown.endswith(f"<!-- logmon {'k' * 32} -->")
    assert "\x1b" not in title(item) + shown
    assert "\n" not in title(item)
    assert block("a" * 100_000).count("a") == 50_000


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ('type = "webhook"', "a webhook needs url"),
        ('type = "webhook"\nurl = "http://example.com/x"', "write https://"),
        ('type = "webhook"\nurl = "https://u:p@example.com/x"', "must not hold a password"),
        ('type = "github"', "a github needs repository"),
        ('type = "github"\nrepository = "x"', "write owner/name"),
        ('type = "jira"', "'webhook' or 'github'"),
    ],
)
def test_a_tracker_that_cannot_work_is_refused_with_its_line(tmp_path: Path, lines, wrong):
    path = tmp_path / "c.toml"
    path.write_text(f"[sentinel.trackers.x]\n{lines}\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=wrong) as refused:
        load_config(path, {})
    assert str(refused.value).startswith(f"{path}:")


def test_secrets_come_from_files_and_the_environment(tmp_path: Path):
    path, secret = tmp_path / "c.toml", tmp_path / "token"
    secret.write_text("tok\n")
    path.write_text(
        '[sentinel.trackers.x]\ntype = "github"\nenabled = true\nrepository = "o/r"\n'
        f'token_file = "{secret}"\n'
    )
    path.chmod(0o600)
    (found,) = addressees(load_config(path, {}).sentinel)
    assert found.enabled
    secret.unlink()
    with pytest.raises(ConfigError, match="token_file"):
        list(addressees(load_config(path, {}).sentinel))
    env = {"LOGMON_SENTINEL__TRACKERS__X__TOKEN": "tok"}
    assert len(list(addressees(load_config(path, env).sentinel))) == 1


async def test_the_shell_shows_what_waits_and_the_request_of_an_item(tmp_path: Path):
    async with TrackerServer() as server:
        path = tmp_path / "c.toml"
        path.write_text(
            f'[store]\npath = "{tmp_path}/s.db"\n[sentinel.trackers.t]\ntype = "webhook"\n'
            f'enabled = true\nurl = "{server.url}/hook"\n'
        )
        path.chmod(0o600)
        office = Office(tmp_path / "s.db", webhook(server))
        await office.happen("disk full")
        await office.close()

    def ask(*args):
        return CliRunner().invoke(app, ["sentinel", "trackers", *args, "-c", str(path)]).output

    shown = await asyncio.to_thread(ask, "WI-1")
    assert "disk full" in shown
    assert f"POST {server.url}/hook" in shown
    listed = json.loads(await asyncio.to_thread(ask, "-o", "json"))
    assert (listed["tracker"], listed["enabled"], listed["waiting"]) == ("t", True, 1)
    assert "t                enabled       1 waiting      0 told" in await asyncio.to_thread(ask)
    assert "no work item 'WI-9'" in (await asyncio.to_thread(ask, "WI-9"))


class SlowDisk:
    """A journal whose every commit takes its time."""

    def __init__(self, store) -> None:
        self._store = store

    def __getattr__(self, name: str):
        return getattr(self._store, name)

    async def commit(self, commit):
        await asyncio.sleep(0.05)
        return await self._store.commit(commit)


async def test_an_idle_courier_hears_of_an_item_once_it_is_kept_however_slow_the_disk(
    tmp_path: Path,
):
    async with TrackerServer() as server:
        office = Office(tmp_path / "s.db", webhook(server))
        office.hub.journal = SlowDisk(office.store)
        running = asyncio.create_task(office.courier.run())
        await asyncio.sleep(0.01)
        await office.happen("disk full")
        async with asyncio.timeout(5):
            while not server.posts:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait({running})
        office.store.close()
