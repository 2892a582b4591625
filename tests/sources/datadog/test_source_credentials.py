"""Keys that are revoked, replaced, slow to spread or refused: what the Datadog source does."""

from pathlib import Path

import pytest

from logmon.errors import CredentialsError
from logmon.testing.fake_datadog import Traffic
from tests.sources.datadog.world import API_KEY, APP_KEY, World

OTHER_APP = "0000111122223333444455556666777788889999"


def world_of(file: Path, *app_keys: str) -> World:
    """Return a world that knows two application keys; its source has those in a file."""
    file.write_text("\n".join(app_keys))
    world = World(
        traffic=Traffic(per_second=2), history_s=60,
        settings={"app_key": "", "app_key_file": str(file)},
    )  # fmt: skip
    for key in (APP_KEY, OTHER_APP):
        world.fake.access.add_pair(API_KEY, key)
    return world


async def test_a_key_that_is_revoked_in_flight_fails_no_poll(tmp_path):
    world = world_of(tmp_path / "app", APP_KEY, OTHER_APP)
    world.began_ms = world.fake.now_ms()
    await world.read(60)
    world.fake.access.revoke(f"{API_KEY}:{APP_KEY}")
    await world.read(60)
    assert world.missing(visible_for_s=40) == []
    (told,) = [text for text in world.notices if "refused" in text]
    assert told == "prod: keys …cdef …ba98 refused (403 Forbidden), using keys …cdef …9999"
    assert not any("away" in text for text in world.notices)
    asked = [asked for asked in world.fake.journal.of("search") if asked.status == 403]
    assert len(asked) == 1


async def test_a_file_replaced_before_the_old_key_is_revoked_is_never_refused(tmp_path):
    keys = tmp_path / "app"
    world = world_of(keys, APP_KEY)
    rotated = []

    def rotate(_arrival) -> bool:
        if world.clock.monotonic() > 60 and not rotated:
            keys.write_text(OTHER_APP)
            rotated.append(True)
            world.fake.access.revoke(f"{API_KEY}:{APP_KEY}", "401")
        return False

    await world.read(120, until=rotate)
    assert rotated
    assert {asked.status for asked in world.fake.journal.of("search")} == {200}
    assert {asked.credential for asked in world.fake.journal.of("search")} == {
        APP_KEY[-4:], OTHER_APP[-4:],
    }  # fmt: skip


async def test_a_new_key_that_is_not_known_everywhere_yet_is_tried_again():
    world = World(traffic=Traffic(per_second=2), history_s=60)
    begins_s = world.fake.now_ms() / 1000 + 3
    world.fake.access.add_pair(API_KEY, APP_KEY, valid_from_s=begins_s)
    await world.read(30)
    assert world.events


@pytest.mark.parametrize("answer", ["401", "403", "scope"])
async def test_credentials_that_are_refused_for_good_end_the_source(answer):
    world = World(traffic=Traffic(per_second=2))
    world.fake.access.revoke(f"{API_KEY}:{APP_KEY}", answer)
    with pytest.raises(CredentialsError, match=r"…cdef …ba98: 40[13]"):
        await world.read(60)
    assert world.clock.monotonic() < 30


async def test_keys_that_worked_are_waited_for_without_a_request(tmp_path):
    keys = tmp_path / "app"
    world = world_of(keys, APP_KEY)
    await world.read(30)
    world.began_ms = world.fake.now_ms()
    world.fake.access.revoke(f"{API_KEY}:{APP_KEY}")
    asleep = len(world.clock.slept)

    async def later(seconds: float) -> None:
        if world.clock.monotonic() > 400:
            keys.write_text(OTHER_APP)
        await plain_sleep(seconds)

    plain_sleep, world.clock.sleep = world.clock.sleep, later
    await world.read(600)
    assert world.missing(visible_for_s=60) == []
    refused = [asked for asked in world.fake.journal.of("search") if asked.status == 403]
    assert len(refused) == 4
    assert world.clock.slept[asleep:].count(30) > 5
