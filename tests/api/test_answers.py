"""What each door answers: pages of events, accounts, items, letters, health, the page, tokens."""

import json
import os
import stat
import subprocess
import sys
from http.cookies import SimpleCookie
from importlib.resources import files

import pytest

from logmon.api.doors import doors
from logmon.api.tokens import Tokens, add_token, read_tokens, revoke_token
from logmon.dead_letter import DeadLetter
from logmon.errors import ConfigError
from logmon.hub import LogEventHub
from logmon.journal import Commit
from logmon.level import Level
from logmon.redaction import Redactor
from logmon.sentinel.pipeline import Sentinel
from logmon.store.journal import open_writer
from logmon.testing import FakeClock, make_event
from tests.api.rig import rig

TOKEN = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"


async def pages(served, query="", limit=7):
    """Return every page from the newest back."""
    found, before = [], ""
    while True:
        answer = await served.get(f"/events/recent?limit={limit}{query}{before}")
        page = answer.json()
        found.append(page["events"])
        if page["next"] is None:
            return found
        before = f"&before={page['next']}"


async def test_pages_go_back_through_everything_once_and_in_order(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish(*(f"row {n}" for n in range(30)))
        found = await pages(served)
        rows = [row for page in reversed(found) for row in page]
        assert [row["message"] for row in rows] == [f"row {n}" for n in range(30)]
        assert [row["seq"] for row in rows] == list(range(30))


async def test_pages_go_on_into_the_journal(tmp_path):
    store = open_writer(tmp_path / "log.db")
    hub = LogEventHub(max_rows=100, journal=store)
    try:
        async with rig(tmp_path, hub=hub, store=store) as served:
            for n in range(60):
                level = Level.WARN if n % 7 == 0 else Level.INFO
                await served.publish(*(make_event(f"{n} {m}", level=level) for m in range(10)))
            found = await pages(served, "&level=warn", limit=13)
            rows = [row["message"] for page in reversed(found) for row in page]
            assert rows == [f"{n} {m}" for n in range(0, 60, 7) for m in range(10)]
            everything = [row for page in await pages(served, limit=1000) for row in page]
            assert len(everything) == 600
    finally:
        store.close()


async def test_a_page_of_huge_rows_is_cut_short_and_goes_on(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish(*(f"{n} {'x' * 1_000_000}" for n in range(20)))
        answer = await served.get("/events/recent?limit=1000")
        assert len(answer.content) < 10 << 20
        rest = await served.get(f"/events/recent?limit=1000&before={answer.json()['next']}")
        both = rest.json()["events"] + answer.json()["events"]
        assert [row["seq"] for row in both][-16:] == list(range(4, 20))


async def test_a_page_takes_the_filters_of_the_command_line(tmp_path):
    async with rig(tmp_path) as served:
        await served.publish(
            make_event("a", level=Level.ERROR, source="api-1", attributes={"n": 5}),
            make_event("b", level=Level.CRITICAL, source="api-2"),
            make_event("c", level=Level.WARN, source="db"),
        )

        async def found(**given):
            page = (await served.get("/events/recent", params=given)).json()
            return [row["message"] for row in page["events"]]

        assert await found(level="warn") == ["a", "b", "c"]
        assert await found(level="error,warn") == ["a", "c"]
        assert await found(level="!error") == ["b", "c"]
        assert await found(source=["api*", "!api-2"]) == ["a"]
        assert await found(q="@n:>4 OR status:critical") == ["a", "b"]


async def test_a_bad_query_names_its_column(tmp_path):
    async with rig(tmp_path) as served:
        answer = await served.get("/events/recent", params={"q": "status:error ("})
        assert answer.status_code == 422
        assert answer.json()["column"] == 14
        assert answer.json()["caret"] == ["status:error (", " " * 13 + "^"]
        answer = await served.get("/events/stream", params={"lvl": "warn"})
        assert answer.status_code == 422
        assert "did you mean 'level'" in answer.json()["error"]


async def test_stats_hold_the_identity_and_every_reader(tmp_path):
    async with rig(tmp_path) as served, served.stream() as sse:
        await sse.next()
        served.hub.intake("app").statistics.state = "live"
        await served.publish("x", origin="app")
        await sse.next()
        stats = (await served.get("/stats")).json()
        account = stats["sources"]["app"]
        parts = ("stored", "filtered", "dropped", "dead_lettered", "in_flight")
        assert account["received"] == sum(account[part] for part in parts)
        assert account["state"] == "live"
        assert [reader["passed"] for reader in stats["readers"]] == [1]


async def test_health_needs_no_token_and_says_nothing_else(tmp_path):
    async with rig(tmp_path) as served:
        answer = await served.get("/health", scope=None)
        assert set(answer.json()) == {"status", "version"}


async def test_dead_letters_are_paged_and_redacted(tmp_path):
    async with rig(tmp_path, redactor=Redactor()) as served:
        letters = tuple(
            DeadLetter(source="app", reason="invalid_json", raw=raw, length=len(raw), offset=n)
            for n, raw in enumerate([b'{"a": \xff', f"{{token={TOKEN}".encode(), b"{third"])
        )
        await served.hub.commit(Commit(origin="app", rejected=letters))
        served.hub.intake("app").statistics.dead_lettered = 3
        page = (await served.get("/dead-letters?limit=2")).json()
        assert [letter["offset"] for letter in page["dead_letters"]] == [2, 1]
        rest = (await served.get(f"/dead-letters?before={page['next']}")).json()
        assert [letter["raw"] for letter in rest["dead_letters"]] == ['{"a": \\xff']
        assert TOKEN not in json.dumps([page, rest])


async def test_what_is_served_is_redacted_and_a_query_cannot_find_what_was_taken_out(tmp_path):
    async with rig(tmp_path, redactor=Redactor()) as served, served.stream("?q=login") as sse:
        await sse.next()
        await served.publish(make_event(f"login with {TOKEN}", attributes={"password": "hunter22"}))
        row = (await sse.events(1))[0]["data"]
        page = (await served.get("/events/recent")).text
        for text in (row, page):
            assert TOKEN not in text
            assert "hunter22" not in text
        for query in (f"*{TOKEN[:12]}*", "@password:hunter22"):
            found = (await served.get("/events/recent", params={"q": query})).json()
            assert found["events"] == []
        for query in (f"login -*{TOKEN[:12]}*", "login -@password:hunter22"):
            found = (await served.get("/events/recent", params={"q": query})).json()
            assert len(found["events"]) == 1


async def test_work_items_are_listed_as_the_contract_says(tmp_path):
    sentinel = Sentinel()
    async with rig(tmp_path, sentinel=sentinel) as served:
        event = make_event(f"disk full {TOKEN}", level=Level.ERROR)
        await served.publish(event)
        sentinel.process(served.hub.recent(1))
        item = (await served.get("/work-items")).json()["items"][0]
        assert (item["id"], item["status"], item["priority"]) == ("WI-1", "new", "high")
        assert (await served.get("/work-items?limit=0")).status_code == 422


async def test_an_admin_changes_an_items_status_and_the_change_is_an_event(tmp_path):
    sentinel = Sentinel()
    async with rig(tmp_path, sentinel=sentinel) as served:
        await served.publish(make_event("disk full", level=Level.ERROR))
        sentinel.process(served.hub.recent(1))

        async def change(item="WI-1", scope="admin", kind="application/json", body=b""):
            return await served.client.post(
                f"{served.server.url}/api/log-monitor/work-items/{item}",
                headers={**served.auth(scope), "Content-Type": kind},
                content=body or b'{"status":"done"}',
            )

        assert (await change(scope="read")).status_code == 403
        assert (await change(scope="ingest")).status_code == 403
        assert (await change(kind="text/plain")).status_code == 415
        assert (await change(item="WI-99")).status_code == 404
        assert (await change(item="WI-1%2Fx")).status_code == 404
        for body in (
            b"{}",
            b'{"status":"lost"}',
            b'{"status":"done","x":1}',
            b"[" * 3_000,
            b"\xff",
        ):
            assert (await change(body=body)).status_code == 422
        assert (await change(body=b" " * 5_000)).status_code == 413
        answer = await change()
        assert (answer.status_code, answer.json()["status"]) == (200, "done")
        said = (await served.get("/events/recent?source=sentinel")).json()["events"]
        assert said[-1]["message"].startswith("WI-1 done")
        assert (await served.get("/work-items")).json()["items"][0]["status"] == "done"


async def test_an_admin_marks_an_item_as_useful_or_noise_and_its_rule_counts_it(tmp_path):
    sentinel = Sentinel()
    async with rig(tmp_path, sentinel=sentinel) as served:
        await served.publish(make_event("disk full", level=Level.ERROR))
        sentinel.process(served.hub.recent(1))

        async def mark(item="WI-1", scope="admin", kind="application/json", body=b""):
            return await served.client.post(
                f"{served.server.url}/api/log-monitor/work-items/{item}/feedback",
                headers={**served.auth(scope), "Content-Type": kind},
                content=body or b'{"feedback":"noise"}',
            )

        for scope in ("read", "ingest"):
            assert (await mark(scope=scope)).status_code == 403
        assert (await mark(kind="text/plain")).status_code == 415
        assert (await mark(item="WI-99")).status_code == 404
        for body in (b"{}", b'{"feedback":"fine"}', b'{"status":"done"}', b'{"feedback":null}'):
            answer = await mark(body=body)
            assert answer.status_code == 422
            assert "feedback" in answer.text
        answer = await mark()
        assert (answer.status_code, answer.json()["feedback"]) == (200, "noise")
        assert sentinel.statistics()["default"].noise == 1
        assert (await served.get("/work-items")).json()["items"][0]["feedback"] == "noise"
        answer = await mark(body=b'{"feedback":""}')
        assert "feedback" not in answer.json()
        assert sentinel.statistics()["default"].noise == 0


# The page


async def test_the_page_is_static_and_runs_its_own_script_alone(tmp_path):
    async with rig(tmp_path) as served:
        answer = await served.client.get(f"{served.server.url}/")
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "'unsafe" not in policy
        assert answer.headers["X-Frame-Options"] == "DENY"
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert word not in answer.text
        assert "://" not in answer.text


async def test_a_token_is_exchanged_for_a_cookie_that_can_only_read(tmp_path):
    async with rig(tmp_path) as served:
        url = f"{served.server.url}/api/log-monitor"
        answer = await served.client.post(f"{url}/session", headers=served.auth())
        assert answer.status_code == 204
        given = answer.headers["Set-Cookie"]
        assert "HttpOnly" in given
        assert "SameSite=Strict" in given
        name, morsel = next(iter(SimpleCookie(given).items()))
        served.client.cookies.clear()
        cookie = {"Cookie": f"{name}={morsel.value}"}
        assert (await served.get("/stats", scope=None, headers=cookie)).status_code == 200
        assert (await served.client.post(f"{url}/session", headers=cookie)).status_code == 401
        admin = await served.client.post(f"{url}/session", headers=served.auth("admin"))
        cookie = {"Cookie": admin.headers["Set-Cookie"].partition(";")[0]}
        served.client.cookies.clear()
        post = served.client.post(f"{url}/work-items/WI-1", headers=cookie, json={"status": "done"})
        assert (await post).status_code == 401
        ingest = await served.client.post(f"{url}/session", headers=served.auth("ingest"))
        assert ingest.status_code == 403


def test_the_published_description_names_every_door():
    described = json.loads(files("logmon.api").joinpath("openapi.json").read_text("utf-8"))
    listed = {
        (method.upper(), path) for path, methods in described["paths"].items() for method in methods
    }
    assert {(door.method, door.path) for door in doors()} <= listed


# Tokens


def test_tokens_are_kept_as_hashes_in_a_private_file(tmp_path):
    path = tmp_path / "state" / "tokens.json"
    one, text = add_token(path, ["read"])
    two, other = add_token(path, ["ingest", "read"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert text not in path.read_text()
    tokens = Tokens(path)
    assert tokens.find(text).id == one.id
    assert tokens.find(other).scopes == ("read", "ingest")
    assert tokens.find(text[:-1]) is None
    assert revoke_token(path, one.id) == one
    assert [token.id for token in read_tokens(path)] == [two.id]


def test_a_revoked_token_is_refused_within_a_second(tmp_path):
    path = tmp_path / "tokens.json"
    token, text = add_token(path, ["read"])
    clock = FakeClock()
    tokens = Tokens(path, monotonic=clock.monotonic)
    assert tokens.find(text)
    revoke_token(path, token.id)
    clock.advance(1.0)
    assert tokens.find(text) is None


def test_a_token_that_was_just_made_is_valid_at_once(tmp_path):
    """Also to a server that looked at the file a moment ago: what asks next may give up for good."""
    path = tmp_path / "tokens.json"
    add_token(path, ["ingest"])
    clock = FakeClock()
    tokens = Tokens(path, monotonic=clock.monotonic)
    assert tokens.find("lm_nobody's") is None
    token, text = add_token(path, ["read"])
    assert tokens.find(text) == token


def test_a_token_file_that_others_may_write_makes_nobody_valid(tmp_path):
    path = tmp_path / "tokens.json"
    _, text = add_token(path, ["read"])
    path.chmod(0o666)
    assert Tokens(path).find(text) is None
    with pytest.raises(ConfigError, match="written by others"):
        read_tokens(path)


def test_two_tokens_that_are_added_at_once_are_both_kept(tmp_path):
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    add = [sys.executable, "-m", "logmon", "serve", "token", "add", "--scope", "read"]
    running = [subprocess.Popen(add, env=env, stdout=subprocess.PIPE) for _ in range(4)]
    texts = {process.communicate(timeout=30)[0] for process in running}
    assert len(texts) == 4
    assert len(read_tokens(tmp_path / "logmon" / "tokens.json")) == 4
