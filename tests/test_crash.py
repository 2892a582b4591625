"""Killed at any moment while Datadog is at its worst: every event once, every count exact."""

from pathlib import Path

import pytest

from tests.crash import FAULTS, Outcome, crash


def check(outcome: Outcome) -> None:
    """Nothing missing, nothing twice, and every kind of trouble really happened."""
    assert outcome.missing == set(), str(outcome)
    assert outcome.doubled == 0, str(outcome)
    assert outcome.work == outcome.worth_work, str(outcome)
    assert outcome.dead == 0
    assert outcome.integrity == "ok"
    assert outcome.requests.strayed() == []
    assert outcome.requests.relative() == []
    met = {asked.fault for asked in outcome.requests}
    assert met >= set(FAULTS), f"not met: {set(FAULTS) - met}"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_killed_31_times_no_event_is_lost_or_doubled_and_work_counts_are_exact(tmp_path: Path):
    check(crash(tmp_path, events=6_200, per_second=200, kills=31))


@pytest.mark.long
@pytest.mark.timeout(120)
def test_without_the_overlap_the_same_run_loses_events(tmp_path: Path):
    """So the test above can fail: late events lie behind the place that was read to."""
    outcome = crash(tmp_path, events=4_500, per_second=300, kills=1, overlap="0s", drain_s=4.0)
    assert len(outcome.missing) > 50, str(outcome)
    assert outcome.doubled == 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_killed_1000_times_no_event_is_lost_or_doubled(tmp_path: Path):
    check(crash(tmp_path, events=200_000, per_second=170, kills=1_000, drain_s=120.0))
