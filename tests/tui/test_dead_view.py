"""Dead letters on the screen: seen with their bytes, read again, thrown away after asking."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from logmon.config import Config, load_config
from logmon.configured import configured_source
from logmon.dead_letter import DeadLetter
from logmon.errors import StoreError
from logmon.hub import LogEventHub
from logmon.runtime import LogMonitorService, SourceEntry
from logmon.screen_letters import RunLetters, StoredLetters, letters_for
from logmon.source import Arrival
from logmon.store.journal import open_writer
from logmon.testing import NOON, arrival_of, make_event
from logmon.tui.confirm import Question
from logmon.tui.dead_view import LetterList, LetterPage
from logmon.tui.header import Header, KeyHints
from tests.hostile import ATTACKS
from tests.tui.stage import Stage, all_lines_are_text, compare, stage
from tests.tui.test_views import lines, portrait_time, settled

ODD = b'{"timestamp":"2026-11-23T12:00:01Z","level":"spicy","source":"app","message":"odd"}'
BROKEN = b'{"timestamp":"2026-11-23T12:00:02Z"'


def letter(raw: bytes, reason="unknown_level", **fields) -> DeadLetter:
    fields = {
        "source": "mock",
        "origin": "app.log",
        "offset": 812,
        "parser": "canonical",
        "seen_at": NOON,
        "length": len(raw),
        **fields,
    }
    return DeadLetter(raw=raw, reason=reason, **fields)


async def refused(s: Stage, *letters: DeadLetter) -> None:
    await s.accept(Arrival(rejected=letters))


async def worked(s: Stage, pilot) -> None:
    await pilot.pause()
    await s.app.workers.wait_for_complete()
    await settled(s, pilot)
    await s.app.workers.wait_for_complete()
    await pilot.pause()


async def opened(s: Stage, pilot, config: Config | None = None) -> None:
    s.app.letters = RunLetters(s.hub, lambda: config or Config())
    await pilot.press("f5")
    await worked(s, pilot)


def notices(s: Stage) -> list[str]:
    return [notice.message for notice in s.app._notifications]


async def test_each_letter_is_listed_with_reason_source_place_and_parser():
    async with stage() as (s, pilot):
        await refused(s, letter(ODD), letter(BROKEN, "invalid_json", offset=1_204, parser="json"))
        await opened(s, pilot)
        rows = lines(s, LetterList)
        assert "dead letters · 2 · of this run" in rows[0]
        assert rows[2].split()[1:6] == ["mock", "invalid_json", "1,204", "35", "json"]
        assert rows[3].split()[2:4] == ["unknown_level", "812"]
        page = "\n".join(lines(s, LetterPage))
        assert "refused by json" in " ".join(page.split())
        assert "mock · app.log at byte 1,204" in page
        assert BROKEN.decode() in page
        await pilot.pause(1.1)
        assert "dead 2" in s.line(Header)
        assert "r retry" in s.line(KeyHints)


async def test_capital_x_shows_the_bytes_in_hexadecimal_and_back():
    async with stage() as (s, pilot):
        await refused(s, letter(b"{\xff\x00\x1b[2J"))
        await opened(s, pilot)
        assert "{\\xff\\x00\\x1b[2J" in "\n".join(lines(s, LetterPage))
        await pilot.press("X")
        page = "\n".join(lines(s, LetterPage))
        assert "00000000  7b ff 00 1b 5b 32 4a" in page
        assert "|{...[2J|" in page
        assert "hexadecimal" in page
        await pilot.press("X")
        assert "00000000" not in "\n".join(lines(s, LetterPage))


async def test_r_reads_a_letter_again_with_the_configuration_of_now():
    async with stage() as (s, pilot):
        await refused(s, letter(ODD), letter(BROKEN, "invalid_json"))
        taught = Config.model_validate({"levels": {"spicy": "error"}})
        configs = [Config()]
        s.app.letters = RunLetters(s.hub, lambda: configs[-1])
        await pilot.press("f5")
        await worked(s, pilot)
        await pilot.press("j", "r")
        await worked(s, pilot)
        assert notices(s)[-1].startswith("1 still refused: unknown_level")
        configs.append(taught)
        await pilot.press("r")
        await worked(s, pilot)
        assert notices(s)[-1] == "1 restored"
        assert [kept.letter.raw for kept in s.app.main.query_one(LetterList).letters] == [BROKEN]
        assert s.hub.log.recent(1)[0].event.message == "odd"
        account = s.intake.statistics
        assert (account.dead_lettered, account.stored, account.difference) == (1, 1, 0)


async def test_capital_r_reads_all_of_them_again():
    async with stage() as (s, pilot):
        await refused(
            s, letter(ODD), letter(ODD.replace(b"odd", b"even")), letter(BROKEN, "invalid_json")
        )
        await opened(s, pilot, Config.model_validate({"levels": {"spicy": "error"}}))
        await pilot.press("R")
        await worked(s, pilot)
        assert notices(s)[-1] == "2 restored · 1 still refused"
        assert s.app.main.query_one(LetterList).length() == 1


async def test_capital_p_asks_and_throws_all_away_d_only_one():
    async with stage() as (s, pilot):
        await refused(s, *[letter(b"%d" % n) for n in range(5)])
        await opened(s, pilot)
        await pilot.press("d")
        await pilot.pause()
        assert "throw 1 dead letter away for good?" in s.app.screen.query_one(Question).line(0).text
        await pilot.press("y")
        await worked(s, pilot)
        assert s.app.main.query_one(LetterList).length() == 4
        await pilot.press("P", "escape")
        await worked(s, pilot)
        assert s.app.main.query_one(LetterList).length() == 4
        await pilot.press("P", "y")
        await worked(s, pilot)
        assert s.app.main.query_one(LetterList).length() == 0
        assert "none: every record became an event" in lines(s, LetterList)[2]
        assert s.intake.statistics.dead_lettered == 5


async def test_new_letters_come_in_and_the_selected_one_stays():
    async with stage() as (s, pilot):
        await refused(s, letter(b"one"), letter(b"two"))
        await opened(s, pilot)
        await pilot.press("j")
        view = s.app.main.query_one(LetterList)
        assert view.letter.letter.raw == b"one"
        await refused(s, letter(b"three"))
        await settled(s, pilot)
        await worked(s, pilot)
        assert [kept.letter.raw for kept in view.letters] == [b"three", b"two", b"one"]
        assert view.letter.letter.raw == b"one"


async def test_a_store_that_cannot_be_read_is_said():
    class Broken:
        where = "in the store"

        async def latest(self):
            raise StoreError("logmon.db: not a database \x1b[2J")

    async with stage() as (s, pilot):
        s.app.letters = Broken()
        await pilot.press("f5")
        await worked(s, pilot)
        assert "logmon.db: not a database \\x1b[2J" in lines(s, LetterList)[2]


@pytest.mark.parametrize("size", [(60, 20), (120, 34)])
async def test_hostile_bytes_are_shown_and_do_nothing(size):
    async with stage(size=size) as (s, pilot):
        for text in ATTACKS.values():
            raw = text.encode("utf-8", "surrogatepass")
            await refused(
                s,
                letter(
                    raw,
                    text[:60] or "x",
                    detail=text,
                    origin=text[:80],
                    parser=text[:40],
                    source=text[:60],
                ),
            )
        await opened(s, pilot)
        view = s.app.main.query_one(LetterList)
        for place in range(view.length()):
            view.select(place)
            s.app.main.query_one(LetterPage).show(view.letter)
            s.app.main.query_one(LetterPage).toggle_hex()
            all_lines_are_text(s)


async def test_a_stores_letters_are_settled_while_it_runs(tmp_path):
    """Real SQLite: the running process grants what its own screen asks for."""
    (tmp_path / "app.log").write_bytes(ODD + b"\n" + BROKEN + b"\n")
    path = tmp_path / "config.toml"
    text = (
        f'[sources.app]\ntype = "file"\npaths = ["{tmp_path}/app.log"]\n'
        f'[store]\nenabled = true\npath = "{tmp_path}/state/logmon.db"\n'
    )
    path.write_text(text)
    path.chmod(0o600)
    config = load_config(path, {})
    store = open_writer(tmp_path / "state" / "logmon.db")
    hub = LogEventHub(journal=store)
    source = configured_source("app", config.sources["app"], config)
    service = LogMonitorService(hub, [SourceEntry(source)], store=store)
    running = asyncio.create_task(service.run())
    try:
        letters = letters_for(service, lambda: load_config(path, {}))
        assert isinstance(letters, StoredLetters)
        async with asyncio.timeout(20):
            found = await letters.latest()
            for _ in range(200):
                if len(found) == 2:
                    break
                await asyncio.sleep(0.05)
                found = await letters.latest()
            assert [kept.letter.raw for kept in found] == [BROKEN, ODD]
            path.write_text(text + '[levels]\nspicy = "error"\n')
            said = await letters.retry([kept.number for kept in found])
            assert said == "1 restored · 1 still refused"
            assert hub.log.recent(1)[0].event.message == "odd"
            (left,) = await letters.latest()
            assert "1 dead letters thrown away" in await letters.purge([left.number])
            assert await letters.latest() == []
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        service.close_store()


async def test_a_run_without_a_store_shows_its_own_letters():
    hub = LogEventHub()
    await hub.intake("mock").accept(arrival_of(make_event("x")))
    assert isinstance(letters_for(LogMonitorService(hub, []), Config), RunLetters)


SCENES = {
    "dead-letters": {}, "dead-letters-narrow": {"size": (60, 20)},
    "dead-letters-light": {"theme": "textual-light"},
}  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
async def test_the_view_looks_as_its_picture(name):
    options = dict(SCENES[name])
    async with stage(size=options.pop("size", (120, 34)), **options) as (s, pilot):
        await s.give(make_event("fine"))
        await refused(
            s,
            letter(ODD, detail="no level is called spicy"),
            letter(BROKEN, "invalid_json", offset=1_204, detail="unexpected end at byte 35"),
            letter(
                b"{\xff\xfe\x1b[2J garbage \x00\x01 from a torn disk block",
                "invalid_json",
                offset=9_812,
                parser="json",
            ),
        )
        await opened(s, pilot)
        if not name.endswith("light"):
            await pilot.press("X")
        await portrait_time(s, pilot)
        await worked(s, pilot)
        compare(name, s.app)
